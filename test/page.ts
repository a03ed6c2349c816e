/** The page as a daemon serves it, and somebody who speaks to it without a browser. */
import { encrypt } from 'unixcrypt'
import type { Overrides, TestSchool } from './database.ts'
import { newSite, type Site, startDaemon, type TestDaemon } from './process/daemon.ts'

export const PASSWORD = 'Wanderfalke 7'
/** As Moodle keeps it, with as little work as it allows. */
export const HASH = encrypt(PASSWORD, '$6$rounds=1000$abcdefghijklmnop')

export interface TestPage {
  readonly site: Site
  readonly daemon: TestDaemon
  /** Without a slash at its end. */
  readonly url: string
}

/** A site whose administrator, `admin`, has a password, and whose page listens on any port. */
export async function newPageSite(overrides: Overrides = {}, on?: TestSchool): Promise<Site> {
  const { web = {}, ...others } = overrides as { readonly web?: object }
  const site = await newSite({ web: { listen: '127.0.0.1:0', ...web }, ...others }, on)
  await site.school.query('UPDATE {user} SET password = ?, confirmed = 1 WHERE id = 2', [HASH])
  return site
}

export async function startPage(site: Site): Promise<TestPage> {
  const daemon = await startDaemon(site.config)
  const { address } = await daemon.tells('web-listening')
  return { site, daemon, url: String(address).replace(/\/$/, '') }
}

/** Somebody with a cookie jar, who follows no redirection by themselves. */
export interface Client {
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>
  /** Sends a form, with the token of another page before it. */
  readonly post: (
    path: string,
    fields?: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>
  /** Sends a file, as a browser does. */
  readonly upload: (name: string, content: string, fields?: Readonly<Record<string, string>>) => Promise<Response>
  /** A token for a form, from a page. */
  readonly token: (path?: string) => Promise<string>
  readonly cookies: Map<string, string>
}

export function newClient(url: string): Client {
  const cookies = new Map<string, string>()
  const send = async (path: string, options: RequestInit): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url + path, {
      ...options,
      redirect: 'manual',
      headers: { cookie, 'accept-language': 'en', ...options.headers },
    })
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!
      if (value === '') cookies.delete(name!)
      else cookies.set(name!, value!)
    }
    return answer
  }
  const client: Client = {
    cookies,
    get: (path, headers = {}) => send(path, { headers }),
    token: async (path = '/run') => {
      const text = await (await client.get(path)).text()
      return /name="_csrf" value="([^"]+)"/.exec(text)![1]!
    },
    post: async (path, fields = {}, headers = {}) => {
      const body = new URLSearchParams({
        _csrf: await client.token(cookies.has('moodle-syncd') ? '/run' : '/login'),
        ...fields,
      })
      return send(path, { method: 'POST', body, headers })
    },
    upload: async (name, content, fields = {}) => {
      const body = new FormData()
      body.set('_csrf', await client.token())
      for (const [field, value] of Object.entries(fields)) body.set(field, value)
      body.set('file', new Blob([content]), name)
      return send('/run/upload', { method: 'POST', body })
    },
  }
  return client
}

export const logIn = (client: Client, username = 'admin', password = PASSWORD): Promise<Response> =>
  client.post('/login', { username, password })

/** The administrator, logged in. */
export async function administrator({ url }: TestPage): Promise<Client> {
  const client = newClient(url)
  const { status } = await logIn(client)
  if (status !== 303) throw new Error(`not let in: ${status}`)
  return client
}
