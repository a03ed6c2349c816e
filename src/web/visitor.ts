/**
 * Who it is that asks: by the session in a signed cookie, after a login with the password of Moodle, or by the header of a
 * web server that is trusted. Only a site administrator of Moodle is ever somebody.
 */
import { createHmac } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.ts'
import { explain } from '../messages/explain.ts'
import { type Administrator, findAdministrator } from '../moodle/administrators.ts'
import { withMoodle } from '../moodle/connect.ts'
import type { PageGround } from './ground.ts'
import { isSecure, type Origins } from './origins.ts'
import { isSameSecret, openPasswordChecker } from './password.ts'
import type { PageSecret } from './secret.ts'
import { fromCookie, toCookie } from './signed-cookie.ts'

export interface Visitor {
  readonly id: number
  readonly username: string
  readonly fullName: string
  /** The web server has logged them in: there is nothing to log out of here. */
  readonly isByProxy: boolean
}

/** What the cookie says. Times in milliseconds. */
interface Session {
  readonly id: number
  readonly username: string
  readonly fullName: string
  readonly since: number
  /** Of the password's hash: with another password, the session ends. */
  readonly proof: string
}

/** Why somebody is not let in; for the log. What they are told does not tell accounts apart. */
type LoginFailure = 'no-administrator' | 'no-local-password' | 'wrong-password'

export interface Visitors {
  /** @throws Problem where it cannot be known, for want of a database */
  readonly of: (request: FastifyRequest) => Promise<Visitor | null>
  /** @throws TooManyLogins, or Problem where the database cannot be asked */
  readonly logIn: (
    request: FastifyRequest,
    reply: FastifyReply,
    username: string,
    password: string,
  ) => Promise<LoginFailure | null>
  readonly logOut: (visitor: Visitor, reply: FastifyReply) => Promise<void>
  readonly close: () => Promise<void>
}

/** What the token of a form is bound to, beside the browser. */
export const userInfoOf = ({ visitor }: FastifyRequest): string => String(visitor?.id ?? 'nobody')

const COOKIE = 'moodle-syncd'
const SESSION_MS = 8 * 3_600_000
/** An account that is suspended, or no administrator any more, is out after so long. */
const ASKED_AGAIN_AFTER_MS = 60_000
/** Where the database is out of reach: to be told so may take ten seconds, and each page would wait for it. */
const TRIED_AGAIN_AFTER_MS = 15_000

export function openVisitors(ground: PageGround, secret: PageSecret, origins: Origins): Visitors {
  const passwords = openPasswordChecker()
  const { current, log } = ground
  const proxyHeader = current.value.web.proxyHeader
  const asked = new Map<string, { readonly at: number; readonly administrator: Administrator | null | undefined }>()

  /** What is known of an account for a minute; undefined: the database cannot be asked, and never was. */
  const lookUp = async (username: string, withPassword: boolean): Promise<Administrator | null | undefined> => {
    const known = asked.get(username)
    const now = ground.now().getTime()
    if (known !== undefined && now - known.at < ASKED_AGAIN_AFTER_MS) return known.administrator
    try {
      const administrator = await ask(username, withPassword)
      if (asked.size > 1_000) asked.clear()
      asked.set(username, { at: now, administrator })
      return administrator
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      // That the database is away is what an administrator comes here to see.
      log.debug({ event: 'account-unknown', problem: explain('en', error) }, 'the account cannot be looked up')
      const administrator = known?.administrator
      asked.set(username, { at: now - ASKED_AGAIN_AFTER_MS + TRIED_AGAIN_AFTER_MS, administrator })
      return administrator
    }
  }
  const ask = (username: string, withPassword: boolean): Promise<Administrator | null> =>
    withMoodle(current.value, moodle => findAdministrator(moodle, current.value, username, withPassword))
  const proofOf = (administrator: Administrator): string =>
    createHmac('sha256', secret.secret).update(`${administrator.id} ${administrator.passwordHash}`).digest('base64url')

  const bySession = async (request: FastifyRequest): Promise<Visitor | null> => {
    const session = fromCookie<Session>(request, COOKIE)
    const now = ground.now().getTime()
    if (session === null || now - session.since > SESSION_MS || secret.isEnded(session.id, session.since)) return null
    const administrator = await lookUp(session.username, true)
    if (administrator === null) return null
    if (administrator !== undefined && !isSameSecret(proofOf(administrator), session.proof)) return null
    const { id, username, fullName } = session
    return { id, username, fullName, isByProxy: false }
  }

  const byProxy = async (request: FastifyRequest, header: string): Promise<Visitor | null> => {
    if (!origins.isTrusted(request.socket.remoteAddress)) return null
    const named = request.headers[header]
    if (typeof named !== 'string' || named === '') return null
    const administrator = await lookUp(named.toLowerCase(), false)
    if (!administrator) return null
    const { id, username, fullName } = administrator
    return { id, username, fullName, isByProxy: true }
  }

  return {
    of: request => (proxyHeader === null ? bySession(request) : byProxy(request, proxyHeader)),
    logIn: async (request, reply, given, password) => {
      const username = given.trim().toLowerCase()
      const administrator = username.length > 100 ? null : await ask(username, true)
      const hash = administrator?.passwordHash ?? null
      const isRight = await passwords.check(password, hash, current.value.moodle.passwordPeppers ?? [])
      if (administrator === null) return 'no-administrator'
      if (!/^\$(2y|6)\$/.test(hash ?? '')) return 'no-local-password'
      if (!isRight) return 'wrong-password'
      const { id, fullName } = administrator
      asked.delete(username)
      // After an end of all sessions in this very millisecond, too.
      const since = ground.now().getTime() + 1
      const session: Session = { id, username, fullName, since, proof: proofOf(administrator) }
      void reply.setCookie(COOKIE, toCookie(COOKIE, session), {
        ...origins.cookie(isSecure(request)),
        sameSite: 'lax',
        maxAge: SESSION_MS / 1000,
      })
      return null
    },
    logOut: async ({ id }, reply) => {
      await secret.end(id, ground.now().getTime())
      void reply.clearCookie(COOKIE, { path: origins.cookie(false).path })
    },
    close: passwords.close,
  }
}
