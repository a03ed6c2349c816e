/**
 * From where the page may be asked for, and under which addresses. A name that somebody has made point at this machine is
 * refused, so that no other site's scripts can speak to it (DNS rebinding); so are forms of other sites.
 */
import { BlockList, isIP } from 'node:net'
import { hostname } from 'node:os'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

export interface Origins {
  /** What stands before every path, where the page lies below another one: `/syncd`; or empty. */
  readonly base: string
  /** Whether an address is that of a web server before the page. */
  readonly isTrusted: (address: string | undefined) => boolean
  /** Whether the request names this machine by a name that it has. */
  readonly isOwnHost: (request: FastifyRequest) => boolean
  /** Whether the request comes from one of the page's own forms, as far as the browser tells. */
  readonly isOwnForm: (request: FastifyRequest) => boolean
  /** What all cookies have. */
  readonly cookie: (isSecure: boolean) => {
    readonly path: string
    readonly httpOnly: true
    readonly signed: true
    readonly secure: boolean
  }
}

/** By https, as the browser sees it. */
export const isSecure = (request: FastifyRequest): boolean => request.protocol === 'https'

export function originsOf({ listen, url, trustedProxies }: Config['web']): Origins {
  const outside = url === null ? null : new URL(url)
  const proxies = new BlockList()
  for (const proxy of trustedProxies) {
    const [address = '', bits] = proxy.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) proxies.addAddress(address, family)
    else proxies.addSubnet(address, Number(bits), family)
  }
  const names = new Set(['localhost', hostname(), listen?.host, outside?.hostname].map(name => name?.toLowerCase()))
  const base = outside?.pathname.replace(/\/$/, '') ?? ''
  return {
    base,
    isTrusted: address => address !== undefined && proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
    // A name can be made to point anywhere; an address is what it is.
    isOwnHost: request =>
      isIP(request.hostname.replace(/^\[|\]$/g, '')) !== 0 || names.has(request.hostname.toLowerCase()),
    isOwnForm: ({ headers, host }) => {
      const { origin } = headers
      const site = headers['sec-fetch-site']
      if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
      if (origin === undefined) return true
      return URL.canParse(origin) && [host, outside?.host].includes(new URL(origin).host)
    },
    cookie: secure => ({
      path: `${base}/`,
      httpOnly: true,
      signed: true,
      secure: secure || outside?.protocol === 'https:',
    }),
  }
}
