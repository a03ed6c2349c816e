/** What all parts of the page share: showing a template, going to another page with a word about what was done. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { MessageArguments } from '../errors.ts'
import { LANGUAGES, type Lang, localTime, say } from '../messages/say.ts'
import type { StartedBy } from '../report/report.ts'
import type { PersonsRequest } from '../store/running.ts'
import type { PageGround } from './ground.ts'
import { isSecure, type Origins } from './origins.ts'
import { fromCookie, toCookie } from './signed-cookie.ts'
import { userInfoOf, type Visitors } from './visitor.ts'

/** Shows a template of `web/templates/`. @returns HTML */
export type View = (
  request: FastifyRequest,
  reply: FastifyReply,
  template: string,
  data: { readonly title: string; readonly [key: string]: unknown },
) => string

export interface Page {
  readonly app: FastifyInstance
  readonly ground: PageGround
  readonly origins: Origins
  readonly visitors: Visitors
  readonly show: View
}

// The same from src/web/ and from dist/web/.
const FOLDER = new URL('../../web/', import.meta.url)
export const STATIC_FOLDER = fileURLToPath(new URL('static/', FOLDER))

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

/** The parts of the page, in the order of the navigation: path and name. */
const PARTS = [
  ['/', 'status'],
  ['/run', 'run'],
  ['/runs', 'runs'],
  ['/held', 'held'],
  ['/files', 'files'],
  ['/enrolments', 'enrolments'],
] as const

const NOTICE = 'moodle-syncd-notice'

/** What was done, for the next page to say. */
interface Notice {
  readonly key: string
  readonly args: MessageArguments
}

export function viewer({ current }: PageGround, origins: Origins): View {
  // Whatever stands in a value is text: names of files, cells of a command file.
  const eta = new Eta({ views: fileURLToPath(new URL('templates/', FOLDER)), cache: true, autoEscape: true })
  const { base } = origins
  return (request, reply, template, data) => {
    const { lang, visitor } = request
    const notice = takeNotice(request, reply, origins)
    void reply.type('text/html; charset=utf-8')
    return eta.render(template, {
      ...data,
      lang,
      base,
      version,
      visitor,
      languages: LANGUAGES,
      parts: PARTS.map(([path, name]) => ({ path, name, isCurrent: data.part === name })),
      site: current.value.moodle.wwwroot,
      here: request.method === 'GET' ? request.url : '/',
      notice: notice === null ? null : say(lang, notice.key, notice.args),
      csrf: reply.generateCsrf({ userInfo: userInfoOf(request), secure: origins.cookie(isSecure(request)).secure }),
      t: (key: string, args: MessageArguments = {}) => say(lang, key, args),
      time: (time: Date | string | number) => localTime(new Date(time), lang, 'medium'),
      iso: (time: Date | string | number) => new Date(time).toISOString(),
      figure: (value: number) => new Intl.NumberFormat(lang).format(value),
      bytes: (size: number) => bytesIn(lang, size),
      who: (startedBy: StartedBy | null | undefined) => whoIn(lang, startedBy),
    })
  }
}

/** Goes on to another page of ours. */
export function goTo(
  page: Page,
  reply: FastifyReply,
  path: string,
  key?: string,
  args: MessageArguments = {},
): FastifyReply {
  if (key !== undefined) {
    const text = toCookie(NOTICE, { key, args } satisfies Notice)
    void reply.setCookie(NOTICE, text, { ...page.origins.cookie(false), sameSite: 'lax', maxAge: 60 })
  }
  return reply.redirect(page.origins.base + path, 303)
}

function takeNotice(request: FastifyRequest, reply: FastifyReply, origins: Origins): Notice | null {
  if (request.cookies[NOTICE] === undefined) return null
  void reply.clearCookie(NOTICE, { path: origins.cookie(false).path })
  return fromCookie<Notice>(request, NOTICE)
}

/** What is asked for by who asks. */
export function requestOf({ visitor, lang }: FastifyRequest, isApproved = false): PersonsRequest {
  return { startedBy: { by: 'page', user: visitor!.username }, lang, isApproved }
}

/** Notes what somebody has done, or had done. */
export function logAction({ ground }: Page, { visitor }: FastifyRequest, action: string, fields: object = {}): void {
  ground.log.info({ event: 'web-action', action, user: visitor?.username, ...fields }, 'done on the page')
}

/** A field of a form; '' where it is not there. */
export function fieldOf({ body }: FastifyRequest, name: string): string {
  const value = (body as Readonly<Record<string, unknown>> | undefined)?.[name]
  return typeof value === 'string' ? value : ''
}

/** Whether a form has this field, once. */
export const hasField = ({ body }: FastifyRequest, name: string): boolean =>
  typeof (body as Readonly<Record<string, unknown>> | undefined)?.[name] === 'string'

/** A parameter behind the question mark; '' where it is not there. */
export function queryOf({ query }: FastifyRequest, name: string): string {
  const value = (query as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'string' ? value : ''
}

/** Which page of a list is asked for, from 1. */
export const pageNumber = (request: FastifyRequest): number =>
  Math.max(1, Math.min(1_000_000, Number.parseInt(queryOf(request, 'page'), 10) || 1))

/** So many of a list as one page shows: those of the page that is asked for. */
export function pageOf<Item>(
  request: FastifyRequest,
  all: readonly Item[],
  size: number,
): { readonly shown: readonly Item[]; readonly number: number; readonly pages: number } {
  const number = pageNumber(request)
  const shown = all.slice((number - 1) * size, number * size)
  return { shown, number, pages: Math.max(1, Math.ceil(all.length / size)) }
}

function bytesIn(lang: Lang, size: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const
  let value = size
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const form = { style: 'unit', unit: units[unit]!, maximumFractionDigits: unit === 0 ? 0 : 1 } as const
  return new Intl.NumberFormat(lang, form).format(value)
}

const whoIn = (lang: Lang, startedBy: StartedBy | null | undefined): string => {
  if (!startedBy) return ''
  return say(lang, `web.started-by.${startedBy.by}`, { user: startedBy.by === 'daemon' ? '' : startedBy.user })
}
