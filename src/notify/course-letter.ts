/** What a teacher reads of what a file has changed in a course. Pure: facts and a language make a letter. */
import { type Lang, say } from '../messages/say.ts'
import { userDate } from '../moodle/text.ts'
import { NET_MOVES, type NetMove } from '../plan/moves.ts'
import type { Letter } from './letter.ts'

export interface PersonNews {
  readonly name: string
  /** What they are called in the language of the letter. */
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  /** Unix times in seconds; 0: none. */
  readonly from: number
  readonly until: number
}

export interface CourseNews {
  readonly shortname: string
  readonly fullname: string
  /** How many people, and the first of them by name. */
  readonly moves: Readonly<Partial<Record<NetMove, { readonly count: number; readonly people: readonly PersonNews[] }>>>
  /** The list of participants; null: where the site is is not known. */
  readonly participantsUrl: string | null
  /** Where people choose what they are told; null as above. */
  readonly preferencesUrl: string | null
  /** The command file, and when its run began. */
  readonly file: string
  readonly startedAt: Date
  /** That run takes back what the file did. */
  readonly isUndo: boolean
  readonly timeZone: string
}

const DAY = '%d %B %Y'
const DAY_AND_TIME = '%d %B %Y, %H:%M'

/** So many people are told by name of each kind of move; of the others, how many they are. */
export const TOLD_BY_NAME = 50

/** What stands in the list of mails: the course, and how many came and went. */
export function subjectOf({ shortname, moves }: CourseNews, lang: Lang): string {
  return say(lang, 'teacher-mail.subject', { course: shortname, counts: countsOf(moves, lang) })
}

function countsOf(moves: CourseNews['moves'], lang: Lang): string {
  return NET_MOVES.flatMap(move => {
    const number = moves[move]?.count ?? 0
    return number === 0 ? [] : [say(lang, `teacher-mail.count.${move}`, { number })]
  }).join(', ')
}

export function courseLetter(news: CourseNews, lang: Lang): Letter {
  const { fullname, moves, participantsUrl, preferencesUrl, file, startedAt, isUndo, timeZone } = news
  const sections = NET_MOVES.flatMap(move => {
    const told = moves[move]
    if (told === undefined || told.count === 0) return []
    const others = told.count - told.people.length
    return {
      heading: say(lang, `teacher-mail.heading.${move}`, { number: told.count }),
      items: told.people.map(person => ({ name: person.name, details: detailsOf(person, move, timeZone, lang) })),
      more: others === 0 ? '' : say(lang, 'teacher-mail.more', { number: others }),
    }
  })
  const at = day(Math.floor(startedAt.getTime() / 1000), timeZone, lang, DAY_AND_TIME)
  return {
    lang,
    heading: fullname,
    lead: say(lang, 'teacher-mail.lead', { counts: countsOf(moves, lang) }),
    link: participantsUrl === null ? null : { url: participantsUrl, label: say(lang, 'teacher-mail.participants') },
    sections,
    quoted: [],
    foot: [
      say(lang, isUndo ? 'teacher-mail.by-undo' : 'teacher-mail.by-file', { file, at }),
      say(lang, 'teacher-mail.why'),
      ...(preferencesUrl === null ? [] : [say(lang, 'teacher-mail.preferences', { url: preferencesUrl })]),
    ],
  }
}

function detailsOf({ roles, groups, from, until }: PersonNews, move: NetMove, timeZone: string, lang: Lang): string[] {
  // Who is gone has nothing any more.
  if (move === 'left') return []
  return [
    ...(roles.length === 0 ? [] : [roles.join(', ')]),
    ...(groups.length === 0
      ? []
      : [say(lang, 'teacher-mail.groups', { number: groups.length, groups: groups.join(', ') })]),
    ...(from === 0 ? [] : [say(lang, 'teacher-mail.from', { date: day(from, timeZone, lang) })]),
    ...(until === 0 ? [] : [say(lang, 'teacher-mail.until', { date: day(until, timeZone, lang) })]),
  ]
}

/** @param time Unix time in seconds */
function day(time: number, timeZone: string, lang: Lang, format = DAY): string {
  const written = userDate(time, format, timeZone, lang)
  return lang === 'fr' ? written.replace(/^1 /, '1er ') : written
}
