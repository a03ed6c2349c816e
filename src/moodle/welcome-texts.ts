/** How the course welcome message reads: in the language of whom all is done in the name of, with its placeholders filled. */
import type { Course, World } from '../plan/world.ts'
import { select, table } from './connect.ts'
import type { Needs } from './consequences/consequence.ts'
import { type Language, loadLanguage } from './language.ts'
import { loadRoleNames } from './role-names.ts'
import { listOf, type Settings, timeZoneOf } from './site.ts'
import { formatString, fullName, type PersonNames, replaceInTurn, textToHtml, userDate } from './text.ts'

/** From Moodle 5.1 on a text may name the course's page and its beginning. */
const COURSE_PLACEHOLDERS_FROM = 2025100600

/** Whom a message is for. */
export interface Recipient {
  readonly id: number
  readonly names: PersonNames
  readonly email: string
  readonly emailStopped: boolean
}

/** What a message is about. */
export interface Occasion {
  readonly to: Recipient
  readonly course: Course
  /** The role that the person is given. */
  readonly roleId: number
  /** The instance's own text; null: that of the language. */
  readonly text: string | null
}

/** Columns of `notifications`. */
export interface WelcomeTexts {
  readonly subject: string
  readonly fullmessage: string
  readonly fullmessagehtml: string
  readonly contexturl: string
  readonly contexturlname: string
}

/** The language and its files do not change within a run. */
const languages = new WeakMap<Settings, Promise<Language>>()

/** Loads the language of whom all is done in the name of. */
export function loadActorsLanguage(
  { moodle, config, settings, warn }: Pick<Needs, 'moodle' | 'config' | 'settings' | 'warn'>,
  actorId: number,
): Promise<Language> {
  const load = async (): Promise<Language> => {
    const [actor] = await select<[string]>(moodle, `SELECT lang FROM ${table(moodle, 'user')} WHERE id = ?`, [actorId])
    return loadLanguage(actor?.[0] || settings('', 'lang') || 'en', config, settings, warn)
  }
  const loading = languages.get(settings) ?? load()
  languages.set(settings, loading)
  return loading
}

/**
 * Loads what the messages of a chunk need to be written.
 * `enrol_plugin::send_course_welcome_message_to_user`; of a text with HTML only about what Moodle makes of it.
 * @param texts the instances' own texts
 */
export async function loadWelcomeTexts(
  needs: Needs,
  world: World,
  courses: readonly Course[],
  texts: readonly string[],
  recipients: readonly Recipient[],
): Promise<(occasion: Occasion) => WelcomeTexts> {
  const { moodle, config, settings, warn } = needs
  const language = await loadActorsLanguage(needs, world.site.actorId)
  const roleName = await loadRoleNames(
    moodle,
    courses.flatMap(({ context }) => context?.id ?? []),
    language,
    true,
  )
  const startOf = await loadStarts(needs)
  const wwwroot = config.moodle.wwwroot ?? ''
  if (wwwroot === '') {
    warn('wwwroot-unknown', 'moodle.wwwroot is not known: the links of welcome messages lack the address of the site')
  }
  if (settings('', 'filterall') === '1' && listOf(settings('', 'stringfilters')).length > 0) {
    warn('names-unfiltered', "the names of courses stand in welcome messages without Moodle's filters")
  }
  const keepsTags = settings('', 'formatstringstriptags') === '0'
  const inLanguage = (names: PersonNames): string => language.string('moodle', 'fullnamedisplay', names)
  const nameOf = (names: PersonNames, setting: string): string =>
    fullName(names, settings('', setting) ?? '', inLanguage)
  const html = await loadHtml(texts, courses, recipients)

  const aboutCourse = (course: Course, to: Recipient): Record<string, string> => {
    const coursename = formatString(course.fullname, false, keepsTags)
    const profileurl = `${wwwroot}/user/view.php?id=${to.id}&amp;course=${course.id}`
    const start = startOf(course.id)
    if (start === null) return { coursename, profileurl }
    const format = language.string('langconfig', 'strftimedatetime')
    return {
      coursename,
      courselink: `${wwwroot}/course/view.php?id=${course.id}`,
      coursestartdate: userDate(start, format, timeZoneOf(settings), language.code),
      profileurl,
    }
  }
  const messageOf = ({ to, course, roleId, text }: Occasion, about: Record<string, string>): string => {
    const { firstname, lastname } = to.names
    const fullname = nameOf(to.names, 'fullnamedisplay')
    if (text === null) {
      const alternativefullname = nameOf(to.names, 'alternativefullnameformat')
      const values = { ...about, fullname, alternativefullname, ...to.names }
      return language.string('enrol', 'customwelcomemessageplaceholder', values)
    }
    const values = {
      ...about,
      fullname,
      email: to.email,
      firstname,
      lastname,
      courserole: roleName(roleId, course.context?.id ?? null),
    }
    return replaceInTurn(
      text,
      Object.entries(values).map(([name, value]) => [`{$a->${name}}`, value]),
    )
  }
  return occasion => {
    const about = aboutCourse(occasion.course, occasion.to)
    const { coursename, profileurl } = about as { coursename: string; profileurl: string }
    const message = messageOf(occasion, about)
    const isHtml = html !== null && occasion.text !== null && message.includes('<')
    const asHtml = isHtml ? html.cleanHtml(textToHtml(message)) : textToHtml(message)
    return {
      subject: language.string('moodle', 'welcometocourse', coursename),
      fullmessage: isHtml ? html.htmlToText(asHtml) : message,
      fullmessagehtml: asHtml,
      contexturl: profileurl,
      contexturlname: coursename,
    }
  }
}

/** What turns HTML into text, where a message could hold any; else null. */
async function loadHtml(texts: readonly string[], courses: readonly Course[], recipients: readonly Recipient[]) {
  if (texts.length === 0) return null
  const parts = [
    ...texts,
    ...courses.map(({ fullname }) => fullname),
    ...recipients.flatMap(({ names, email }) => [...Object.values(names), email]),
  ]
  return parts.some(part => part.includes('<')) ? import('./html.ts') : null
}

/** The beginning of courses, where this Moodle's texts may name it; else null. */
async function loadStarts({ moodle, settings, courseIds }: Needs): Promise<(courseId: number) => number | null> {
  if (Number(settings('', 'version') ?? 0) < COURSE_PLACEHOLDERS_FROM) return () => null
  const starts = new Map(
    await select<[number, number]>(moodle, `SELECT id, startdate FROM ${table(moodle, 'course')} WHERE id IN (?)`, [
      courseIds,
    ]),
  )
  return courseId => starts.get(courseId) ?? 0
}
