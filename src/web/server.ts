/**
 * The page: who may ask, what every answer has, and where each of its parts is. Nothing is done on GET; everything that is done
 * needs a form of our own, and is in the log with who did it. The runs are the queue's affair, and know nothing of a page.
 */
import { type AddressInfo, isIPv6 } from 'node:net'
import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import serveStatic from '@fastify/static'
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { CurrentConfig } from '../config/current.ts'
import type { Listen } from '../config/kinds.ts'
import { EXIT, Problem } from '../errors.ts'
import { explain } from '../messages/explain.ts'
import { LANGUAGES, type Lang, say } from '../messages/say.ts'
import { storeProblem } from '../store/store.ts'
import { enrolmentRoutes } from './enrolments.ts'
import { fileRoutes } from './files.ts'
import type { PageGround } from './ground.ts'
import { heldRoutes } from './held.ts'
import { loginRoutes } from './login.ts'
import { type Origins, originsOf } from './origins.ts'
import { type Page, STATIC_FOLDER, type View, viewer } from './page.ts'
import { Refusal } from './refusal.ts'
import { runByHandRoutes } from './run-by-hand.ts'
import { runRoutes } from './runs.ts'
import { openSecret } from './secret.ts'
import { statusRoutes } from './status.ts'
import { openVisitors, userInfoOf, type Visitor, type Visitors } from './visitor.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** null: nobody, or not known yet. */
    visitor: Visitor | null
    lang: Lang
  }
  interface FastifyContextConfig {
    /** Anybody may ask for it. */
    readonly isPublic?: boolean
    /** The form is sent with a file: whoever reads it has to look at its token first. */
    readonly checksToken?: boolean
  }
}

/** How the router calls what looks the same to everybody. */
const STATIC = '/static/*'
/** Of a form without a file, in bytes. */
const FORM_BYTES = 65_536
/** Connections at a time: browsers open six each. */
const MOST_CONNECTIONS = 256
/** Milliseconds in which something has to come, or go. */
const LONGEST_SILENCE = 60_000
/** Milliseconds that one request may take: a large file over a slow line. */
const LONGEST_REQUEST = 1_800_000
/** Milliseconds that who is still sending has to read the answer. */
const ANSWER_WITHIN = 1_000
/** Milliseconds until it is tried again to listen where somebody else does. */
const LISTEN_AGAIN_AFTER = 5_000

/**
 * Serves the page until it is closed. Where the port is taken, that is said once, and tried again: files are taken all the same.
 * @returns what closes it
 */
export async function servePage(ground: PageGround): Promise<() => Promise<void>> {
  const listen = ground.current.value.web.listen!
  const { log } = ground
  let app: FastifyInstance | undefined
  let again: NodeJS.Timeout | undefined
  let isTold = false
  let isOver = false
  const start = async (): Promise<void> => {
    let tried: FastifyInstance | undefined
    try {
      tried = await buildPage(ground)
      await tried.listen({ host: listen.host, port: listen.port })
      app = tried
      log.info({ event: 'web-listening', address: addressOf(app, listen) }, 'the page is served')
    } catch (error) {
      await tried?.close()
      if (!isTold) {
        log.error(
          { event: 'web-listen-failed', ...listen, err: error },
          'the page is not served (web.listen); tried again until it can be. Files are taken all the same',
        )
      }
      isTold = true
      if (isOver) return
      again = setTimeout(() => {
        starting = start()
      }, LISTEN_AGAIN_AFTER)
    }
  }
  let starting = start()
  await starting
  return async () => {
    isOver = true
    clearTimeout(again)
    await starting
    await app?.close()
  }
}

function addressOf(app: FastifyInstance, { host }: Listen): string {
  const { port } = app.server.address() as AddressInfo
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}/`
}

async function buildPage(ground: PageGround): Promise<FastifyInstance> {
  const { current } = ground
  const origins = originsOf(current.value.web)
  const secret = await openSecret(ground.store)
  const visitors = openVisitors(ground, secret, origins)
  const app = fastify({
    logger: false,
    bodyLimit: FORM_BYTES,
    requestTimeout: LONGEST_REQUEST,
    connectionTimeout: LONGEST_SILENCE,
    forceCloseConnections: true,
    trustProxy: address => origins.isTrusted(address),
    routerOptions: { maxParamLength: 512 },
  })
  app.server.maxConnections = MOST_CONNECTIONS
  app.addHook('onClose', visitors.close)
  app.decorateRequest('visitor', null)
  app.decorateRequest('lang', 'en')

  await registerPlugins(app, secret.secret, origins)
  admitVisitors(app, current, visitors, origins)
  answerBeforeTheEnd(app)

  const show = viewer(ground, origins)
  app.setErrorHandler((error: FastifyError, request, reply) => tellError(show, ground, error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    void reply.code(404)
    return show(request, reply, 'problem', { title: 'web.not-found', sentence: null })
  })

  await app.register(serveStatic, { root: STATIC_FOLDER, prefix: '/static/', index: false, logLevel: 'silent' })
  const page: Page = { app, ground, origins, visitors, show }
  loginRoutes(page)
  statusRoutes(page)
  runByHandRoutes(page)
  runRoutes(page)
  heldRoutes(page)
  fileRoutes(page)
  enrolmentRoutes(page)
  return app
}

/** Cookies, headers, forms, files, and the tokens of forms. @param secret what signs cookies and tokens */
async function registerPlugins(app: FastifyInstance, secret: string, origins: Origins): Promise<void> {
  await app.register(cookie, { secret })
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // With no referrer at all, browsers do not tell the origin of a form either.
    referrerPolicy: { policy: 'same-origin' },
    // Whether the site is to be had by https alone is for the web server before the page to say.
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  })
  await app.register(formbody, { bodyLimit: FORM_BYTES })
  // A file is cut off, not read to its end, when it is too large: its size is the affair of who receives it.
  await app.register(multipart, {
    limits: { files: 1, fields: 5, fieldSize: 1_000, headerPairs: 50, fileSize: Number.MAX_SAFE_INTEGER },
    throwFileSizeLimit: false,
  })
  await app.register(rateLimit, { global: false, cache: 5_000 })
  await app.register(csrf, {
    cookieKey: 'moodle-syncd-form',
    cookieOpts: { ...origins.cookie(false), sameSite: 'strict' },
    getToken: request => (request.body as { readonly _csrf?: string } | undefined)?._csrf ?? '',
    getUserInfo: userInfoOf,
    csrfOpts: { userInfo: true, hmacKey: secret },
  })
}

/** Who may ask for what: looked at before any part of the page hears of it. */
function admitVisitors(app: FastifyInstance, current: CurrentConfig, visitors: Visitors, origins: Origins): void {
  app.addHook('onRequest', async (request, reply) => {
    request.lang = languageOf(request)
    void reply.header('cache-control', 'no-store')
    if (!origins.isOwnHost(request)) throw new Refusal('foreign-host', { host: request.hostname })
    const isPublic = request.routeOptions.config.isPublic === true || request.routeOptions.url === STATIC
    if (request.method !== 'GET' && request.method !== 'HEAD' && !origins.isOwnForm(request)) throw foreignForm()
    request.visitor = await visitors.of(request)
    if (request.visitor !== null || isPublic) return
    if (request.method !== 'GET') throw foreignForm()
    if (current.value.web.proxyHeader !== null) throw new Refusal('not-administrator')
    return reply.redirect(`${origins.base}/login?next=${encodeURIComponent(request.url)}`, 303)
  })
  app.addHook('preHandler', (request, reply, done) => {
    if (request.method === 'GET' || request.method === 'HEAD' || request.routeOptions.config.checksToken) done()
    else app.csrfProtection(request, reply, done)
  })
}

/** An answer may come before all of what is sent, as to a file that is too large. The rest is not waited for. */
function answerBeforeTheEnd(app: FastifyInstance): void {
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.complete) return
    // Cut off at once, as with `Connection: close`, what was answered might not arrive.
    raw.unpipe()
    raw.resume()
    setTimeout(() => raw.destroy(), ANSWER_WITHIN).unref()
  })
}

const foreignForm = (): Refusal => new Refusal('foreign-form')

/** As the switch on the page says, else as the browser does. */
function languageOf({ cookies, headers }: FastifyRequest): Lang {
  const chosen = LANGUAGES.find(lang => lang === cookies['moodle-syncd-lang'])
  if (chosen !== undefined) return chosen
  const wanted = (headers['accept-language'] ?? '').split(',').map(one => one.trim().slice(0, 2).toLowerCase())
  return wanted.find((one): one is Lang => LANGUAGES.some(lang => lang === one)) ?? 'en'
}

async function tellError(
  show: View,
  { log, store }: PageGround,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<string> {
  const refused = asRefusal(error)
  const problem = error instanceof Problem ? error : storeProblem(error, store)
  if (refused === null && problem !== error) {
    const { method, routeOptions } = request
    log.error({ event: 'web-failed', method, route: routeOptions.url, err: error }, 'a page failed')
  }
  if (refused === null && problem === null) {
    void reply.code(500)
    return show(request, reply, 'problem', { title: 'web.failed', sentence: null })
  }
  const { lang } = request
  const sentence = problem === null ? say(lang, `web.refusal.${refused!.code}`, refused!.args) : explain(lang, problem)
  void reply.code(refused?.status ?? (problem!.exit === EXIT.usage || problem!.exit === EXIT.fileRefused ? 409 : 503))
  return show(request, reply, 'problem', { title: 'web.problem', sentence })
}

/** null: it is no fault of who asks. */
function asRefusal(error: FastifyError): Refusal | null {
  if (error instanceof Refusal) return error
  if (error.code?.startsWith('FST_CSRF')) return foreignForm()
  const status = error.statusCode ?? 500
  return status >= 400 && status < 500 ? new Refusal('bad-request', { reason: error.message }, error) : null
}
