/**
 * Telling teachers what a run has changed in their courses: a mail and a notification in Moodle for each teacher of each course.
 * Composed while the run is reported, and there to be sent, or seen, exactly when the run has ended.
 */
import { warnOnce } from '../log.ts'
import { type Lang, say } from '../messages/say.ts'
import { type Bell, NO_REPLY_USER, ringBells } from '../moodle/bells.ts'
import type { Moodle } from '../moodle/connect.ts'
import { type CourseNames, loadCourseNames, loadPersonNames, loadTies, type Ties } from '../moodle/course-people.ts'
import { type Language, loadLanguage } from '../moodle/language.ts'
import { loadRoleNames } from '../moodle/role-names.ts'
import { loadSettings, type Settings, timeZoneOf } from '../moodle/site.ts'
import { loadTeachers, type Teacher } from '../moodle/teachers.ts'
import { formatString, fullName, type PersonNames } from '../moodle/text.ts'
import { gatherMoves, type Move, NET_MOVES, type NetMove, type NetMoves } from '../plan/moves.ts'
import type { RunGround } from '../run.ts'
import { slices } from '../slices.ts'
import type { Mail, MailsOfRun, NamedMail } from '../store/outbox.ts'
import { type CourseNews, courseLetter, type PersonNews, subjectOf, TOLD_BY_NAME } from './course-letter.ts'
import { letterAsFragment, letterAsHtml, letterAsText } from './letter.ts'
import { hostOf } from './mail-settings.ts'

/** The run that is told of. */
export interface ToldRun {
  readonly id: string
  /** The command file's own name. */
  readonly file: string
  readonly startedAt: Date
  readonly isUndo: boolean
}

/** Courses whose people are loaded together. */
const COURSES = 50

/**
 * Composes the mails of a run, which are sent once it has ended (`releaseMails`), and writes the notifications.
 * In the transaction in which the run ends; done again, it comes to the same.
 * @param outcomes of the run, in the order of its rows: what it was to people in courses
 */
export async function tellTeachers(
  ground: RunGround,
  moodle: Moodle,
  run: ToldRun,
  outcomes: AsyncIterable<{ readonly moves?: readonly Move[] }>,
  mails: MailsOfRun,
): Promise<void> {
  const { config, log } = ground
  const net = gatherMoves()
  for await (const { moves = [] } of outcomes) for (const move of moves) net.add(move)
  const courseIds = net.courseIds()
  if (courseIds.length === 0) return
  const settings = await loadSettings(moodle, config)
  const telling: Telling = {
    ground,
    moodle,
    run,
    net,
    settings,
    mails,
    languages: new Map(),
    now: Math.floor(Date.now() / 1000),
  }
  const counts = { mails: 0, notifications: 0 }
  for (const some of slices(courseIds, COURSES)) {
    const told = await tellCourses(telling, some)
    counts.mails += told.mails
    counts.notifications += told.notifications
  }
  log.info({ event: 'teachers-told', courses: courseIds.length, ...counts }, 'composed what teachers are told')
}

interface Telling {
  readonly ground: RunGround
  readonly moodle: Moodle
  readonly run: ToldRun
  readonly net: NetMoves
  readonly settings: Settings
  readonly mails: MailsOfRun
  /** By Moodle's code. */
  readonly languages: Map<string, Promise<Language>>
  /** Unix time in seconds. */
  readonly now: number
}

/** A course of which something is told, with those who are told. */
interface ToldCourse {
  readonly id: number
  readonly names: CourseNames
  readonly teachers: readonly Teacher[]
  /** Who came, went, …: the first by name, and how many they are. */
  readonly people: ReadonlyMap<NetMove, { readonly count: number; readonly first: readonly Person[] }>
}

interface Person {
  readonly id: number
  readonly names: PersonNames
}

async function tellCourses(
  telling: Telling,
  courseIds: readonly number[],
): Promise<{ readonly mails: number; readonly notifications: number }> {
  const { ground, moodle, settings, mails, now } = telling
  const courses = await findTold(telling, courseIds)
  const shown = courses.flatMap(({ id, people }) =>
    [...people.values()].flatMap(({ first }) => first.map(person => ({ userId: person.id, courseId: id }))),
  )
  const tiesOf = await loadTies(moodle, shown)
  const bells: Bell[] = []
  const written: NamedMail[] = []
  const contextIds = courses.flatMap(({ names }) => names.contextId ?? [])
  for (const [code, inLanguage] of byLanguage(courses, settings)) {
    const language = await languageOf(telling, code)
    const roleName = await loadRoleNames(moodle, contextIds, language, false)
    for (const { course, teachers } of inLanguage) {
      const news = newsOf(telling, course, tiesOf, language, roleName)
      for (const teacher of teachers) {
        const { bell, mail } = compose(telling, course, news, teacher, language)
        if (teacher.wantsBell) bells.push(bell)
        if (teacher.wantsMail) written.push({ name: `${course.id}-${teacher.id}`, mail })
      }
    }
  }
  await mails.write(written)
  await ringBells(moodle, bells, ground.config.moodle.noReplyUserId ?? NO_REPLY_USER, now)
  return { mails: written.length, notifications: bells.length }
}

/** The courses in which something has changed in the end, and that have somebody who is told; with whom it is about. */
async function findTold({ moodle, net, settings, now }: Telling, courseIds: readonly number[]): Promise<ToldCourse[]> {
  const moves = new Map(courseIds.map(id => [id, net.of(id)]))
  const changed = courseIds.filter(id => moves.get(id)!.size > 0)
  const teachers = await loadTeachers(moodle, settings, changed, now)
  const told = changed.filter(id => teachers.has(id))
  if (told.length === 0) return []
  const namesOfCourses = await loadCourseNames(moodle, told)
  const names = await loadPersonNames(moodle, [...new Set(told.flatMap(id => [...moves.get(id)!.keys()]))])
  return told.flatMap(id => {
    const own = namesOfCourses.get(id)
    if (own === undefined) return []
    const people = new Map<NetMove, { count: number; first: Person[] }>()
    for (const move of NET_MOVES) {
      const all: Person[] = []
      for (const [userId, itsMove] of moves.get(id)!) {
        const known = names.get(userId)
        if (itsMove === move && known !== undefined) all.push({ id: userId, names: known })
      }
      if (all.length > 0) people.set(move, { count: all.length, first: all.sort(byName).slice(0, TOLD_BY_NAME) })
    }
    return people.size === 0 ? [] : [{ id, names: own, teachers: teachers.get(id)!, people }]
  })
}

const collator = new Intl.Collator('fr')

const byName = (a: Person, b: Person): number =>
  collator.compare(a.names.lastname, b.names.lastname) ||
  collator.compare(a.names.firstname, b.names.firstname) ||
  a.id - b.id

/** Who reads which language: Moodle's code of it, the courses, and the teachers of each who read it. */
function byLanguage(
  courses: readonly ToldCourse[],
  settings: Settings,
): Map<string, { readonly course: ToldCourse; readonly teachers: Teacher[] }[]> {
  const languages = new Map<string, { readonly course: ToldCourse; readonly teachers: Teacher[] }[]>()
  for (const course of courses) {
    for (const teacher of course.teachers) {
      const code = codeFor(teacher, settings)
      const inLanguage = languages.get(code) ?? []
      languages.set(code, inLanguage)
      const last = inLanguage.at(-1)
      if (last?.course === course) last.teachers.push(teacher)
      else inLanguage.push({ course, teachers: [teacher] })
    }
  }
  return languages
}

/** The teacher's own language, if it is one of ours, else the site's, else English. */
function codeFor({ language }: Teacher, settings: Settings): string {
  return [language, settings('', 'lang') ?? ''].find(code => /^(en|fr)(_|$)/.test(code)) ?? 'en'
}

const langOf = ({ code }: Pick<Language, 'code'>): Lang => (code.startsWith('fr') ? 'fr' : 'en')

/** What the standard roles are called, by Moodle's own identifiers. */
const ROLE_WORDS: ReadonlySet<string> = new Set([
  'manager',
  'coursecreators',
  'defaultcourseteacher',
  'noneditingteacher',
  'defaultcoursestudent',
])

/** A language of ours. Where Moodle has no language pack for it, the words of its that a mail needs are ours as well. */
async function languageOf({ ground, settings, languages }: Telling, code: string): Promise<Language> {
  const loading = languages.get(code) ?? loadLanguage(code, ground.config, settings, warnOnce(ground.log))
  languages.set(code, loading)
  const { string, code: installed } = await loading
  if (installed !== 'en') return { code, string }
  const lang = langOf({ code })
  return {
    code,
    string: (component, identifier, a) =>
      lang !== 'en' && ROLE_WORDS.has(identifier) ? say(lang, `role.${identifier}`) : string(component, identifier, a),
  }
}

function newsOf(
  { ground, run, settings }: Telling,
  { id, names, people }: ToldCourse,
  tiesOf: (userId: number, courseId: number) => Ties,
  language: Language,
  roleName: (roleId: number, contextId: number | null) => string,
): CourseNews {
  const { wwwroot } = ground.config.moodle
  const template = settings('', 'fullnamedisplay') ?? ''
  const personNews = (person: Person): PersonNews => {
    const { roleIds, groups, enrolments } = tiesOf(person.id, id)
    const active = enrolments.filter(({ status }) => status === 0)
    const isEndless = active.some(({ timeEnd }) => timeEnd === 0)
    return {
      name: fullName(person.names, template, own => language.string('moodle', 'fullnamedisplay', own)),
      roles: roleIds.map(roleId => roleName(roleId, names.contextId)),
      groups: groups.map(group => formatString(group, false)),
      from: active.length === 0 ? 0 : Math.min(...active.map(({ timeStart }) => timeStart)),
      until: active.length === 0 || isEndless ? 0 : Math.max(...active.map(({ timeEnd }) => timeEnd)),
    }
  }
  return {
    shortname: formatString(names.shortname, false),
    fullname: formatString(names.fullname, false),
    moves: Object.fromEntries(
      [...people].map(([move, { count, first }]) => [move, { count, people: first.map(personNews) }]),
    ),
    participantsUrl: wwwroot === null ? null : `${wwwroot}/user/index.php?id=${id}`,
    preferencesUrl: wwwroot === null ? null : `${wwwroot}/message/notificationpreferences.php`,
    file: run.file,
    startedAt: run.startedAt,
    isUndo: run.isUndo,
    timeZone: timeZoneOf(settings),
  }
}

function compose(
  { ground, run, settings }: Telling,
  course: ToldCourse,
  news: CourseNews,
  teacher: Teacher,
  language: Language,
): { readonly bell: Bell; readonly mail: Mail } {
  const lang = langOf(language)
  const subject = subjectOf(news, lang)
  const letter = courseLetter(news, lang)
  const text = letterAsText(letter)
  const template = settings('', 'fullnamedisplay') ?? ''
  return {
    bell: {
      userId: teacher.id,
      subject,
      text,
      html: letterAsFragment(letter),
      link: news.participantsUrl === null ? null : { url: news.participantsUrl, name: news.fullname },
    },
    mail: {
      messageId: `<${run.id}.${course.id}.${teacher.id}@${hostOf(ground.config.moodle.wwwroot)}>`,
      date: new Date().toISOString(),
      to: {
        name: fullName(teacher.names, template, own => language.string('moodle', 'fullnamedisplay', own)),
        address: teacher.email,
      },
      fromName: say(lang, 'mail.sender'),
      subject,
      text,
      html: letterAsHtml(letter),
      isNotice: false,
    },
  }
}
