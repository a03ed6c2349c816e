/** Logging in and out, and the language: what somebody can do who is nobody yet. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.ts'
import { explain } from '../messages/explain.ts'
import { LANGUAGES, say } from '../messages/say.ts'
import { fieldOf, goTo, logAction, type Page, queryOf } from './page.ts'
import { TooManyLogins } from './password.ts'
import { Refusal } from './refusal.ts'

/** Tries, and the time in which they are counted: from one address, and for one user name. */
const LIMITS = {
  address: { max: 10, timeWindow: '5 minutes' },
  username: { max: 20, timeWindow: '5 minutes' },
} as const
/** Milliseconds. */
const LANGUAGE_KEPT = 365 * 86_400_000

export function loginRoutes(page: Page): void {
  const { app, ground, visitors, show, origins } = page
  const config = { isPublic: true }
  const ofAddress = app.createRateLimit(LIMITS.address)
  const ofUsername = app.createRateLimit({
    ...LIMITS.username,
    keyGenerator: request => `name ${fieldOf(request, 'username').trim().toLowerCase().slice(0, 100)}`,
  })
  const form = (request: FastifyRequest, reply: FastifyReply, fault: string | null, next: string): string =>
    show(request, reply, 'login', { title: 'web.login', fault, next, username: fieldOf(request, 'username') })

  app.get('/login', { config }, (request, reply) => {
    const next = ownPath(queryOf(request, 'next'))
    return request.visitor === null ? form(request, reply, null, next) : goTo(page, reply, next)
  })

  app.post('/login', { config }, async (request, reply) => {
    const next = ownPath(fieldOf(request, 'next'))
    const refuse = (status: number, fault: string): string => {
      void reply.code(status)
      return form(request, reply, fault, next)
    }
    const { lang } = request
    if (ground.current.value.web.proxyHeader !== null) throw new Refusal('not-administrator')
    // One after the other: what one address tries in vain counts for nobody else who logs in with that name.
    for (const count of [ofAddress, ofUsername]) {
      const limit = await count(request)
      if (limit.isAllowed || !limit.isExceeded) continue
      void reply.header('retry-after', limit.ttlInSeconds)
      return refuse(429, say(lang, 'web.login-too-often', { minutes: Math.ceil(limit.ttlInSeconds / 60) }))
    }
    try {
      const username = fieldOf(request, 'username')
      const why = await visitors.logIn(request, reply, username, fieldOf(request, 'password'))
      if (why !== null) {
        ground.log.warn({ event: 'login-failed', why, address: request.ip }, 'nobody was let in')
        return refuse(401, say(lang, 'web.login-wrong'))
      }
      ground.log.info({ event: 'web-action', action: 'login', user: username.trim().toLowerCase() }, 'logged in')
      return goTo(page, reply, next)
    } catch (error) {
      if (error instanceof TooManyLogins) return refuse(503, say(lang, 'web.login-too-many'))
      if (error instanceof Problem) return refuse(503, explain(lang, error))
      throw error
    }
  })

  app.post('/logout', async (request, reply) => {
    await visitors.logOut(request.visitor!, reply)
    logAction(page, request, 'logout')
    return goTo(page, reply, '/login')
  })

  app.post('/language', { config }, (request, reply) => {
    const lang = LANGUAGES.find(each => each === fieldOf(request, 'lang'))
    const { path, secure } = origins.cookie(false)
    if (lang !== undefined) {
      const maxAge = LANGUAGE_KEPT / 1000
      void reply.setCookie('moodle-syncd-lang', lang, { path, secure, httpOnly: true, sameSite: 'lax', maxAge })
    }
    return goTo(page, reply, ownPath(fieldOf(request, 'next')))
  })
}

/** A path of the page, and nothing that a browser takes for another site. */
const ownPath = (path: string): string => (/^\/(?![/\\])[\x21-\x7e]*$/.test(path) ? path : '/')
