/** Hints that the cell alone gives, whatever is in Moodle: a date in another form, a word in another language. Pure. */
import type { MessageArguments } from '../errors.ts'
import { COMMAND_WORDS, GROUP_COMMAND_WORDS } from '../file/rows.ts'
import { parseTime } from '../file/time.ts'
import type { RowErrorCode, RowWarningCode } from '../plan/outcome.ts'
import { type Hint, wordHint } from './hint.ts'
import { cleaned, comparables, folded, nearest } from './spelling.ts'

/** Words that other programs, and people who speak French, write for a command. */
const COMMANDS_BY_OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ...named('add', 'enrol', 'enroll', 'insert', 'create', 'inscrire', 'ajouter', 'ajout', 'a'),
  ...named('del', 'unenrol', 'unenroll', 'remove', 'drop', 'desinscrire', 'supprimer', 'retirer', 'd'),
  ...named('suspend', 'suspendre', 'inactive', 'desactiver'),
  ...named('enable', 'activate', 'active', 'reactivate', 'activer', 'reactiver'),
  ...named('shift', 'replace', 'move', 'remplacer', 'deplacer'),
])

function named(command: string, ...words: readonly string[]): [string, string][] {
  return words.map(word => [word, command])
}

/** What an error's arguments tell of what was meant; null: nothing. */
export function hintOfCell(code: RowErrorCode | RowWarningCode, args: MessageArguments): Hint | null {
  const found = String(args.found ?? '')
  switch (code) {
    case 'bad-command': {
      const word = folded(cleaned(found))
      const meant = COMMANDS_BY_OTHER_WORDS.get(word)
      return wordHint(meant === undefined ? nearestWord(word, COMMAND_WORDS) : [meant])
    }
    case 'bad-group-command':
      return wordHint(nearestWord(folded(cleaned(found)), GROUP_COMMAND_WORDS))
    case 'bad-time':
      return hintOfTime(cleaned(found))
    case 'wrong-number-of-cells':
      return hintOfCells(args)
    case 'not-enrolled':
      return args.others === '' ? null : { code: 'enrolled-by', args: { methods: args.others! } }
    case 'user-not-found':
    case 'course-not-found':
      return hintOfIdentifier(found)
    case 'role-not-found':
    case 'group-not-found':
      return isInOtherEncoding(found) ? { code: 'wrong-encoding', args: {} } : null
    default:
      return null
  }
}

function nearestWord(word: string, words: readonly string[]): string[] {
  return words.includes(word) ? [word] : nearest(word, comparables(words)).values
}

const shown = (separator: string): string => (separator === '\t' ? 'tab' : separator)

function hintOfCells({ likely, separator, other }: MessageArguments): Hint | null {
  if (likely === 'separator')
    return { code: 'other-separator', args: { separator: shown(String(separator)), other: shown(String(other)) } }
  if (likely === 'quoted') return { code: 'quoted-line', args: {} }
  if (likely === 'more') return { code: 'unquoted-separator', args: { separator: shown(String(separator)) } }
  return null
}

/** An identifier that a program has spoilt so that nobody can tell what it was. */
function hintOfIdentifier(found: string): Hint | null {
  if (/^\d+([.,]\d+)?e[+-]?\d+$/i.test(found)) return { code: 'rounded-number', args: {} }
  return isInOtherEncoding(found) ? { code: 'wrong-encoding', args: {} } : null
}

/** UTF-8 that was read as Windows-1252, and what stands for a sign that could not be read. */
const isInOtherEncoding = (text: string): boolean =>
  /[ÃÂ][\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€|\ufffd/.test(text)

const two = (part: string): string => part.padStart(2, '0')

/** A day as people write it, with a time of day behind it or not. */
const DAY_FIRST = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T]+(\d{1,2})[:h](\d\d)(?::(\d\d))?)?$/
const YEAR_FIRST = /^(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?:[ T]+(\d{1,2})[:h](\d\d)(?::(\d\d))?)?$/

function hintOfTime(found: string): Hint | null {
  if (/^\d{13}$/.test(found)) return { code: 'milliseconds', args: { near: found.slice(0, 10) } }
  const yearFirst = YEAR_FIRST.exec(found)
  if (yearFirst !== null) {
    const [, year, month, day, ...clock] = yearFirst
    const near = timeOf(year!, month!, day!, clock)
    return near === null ? { code: 'no-such-day', args: {} } : { code: 'time-near', args: { near } }
  }
  const dayFirst = DAY_FIRST.exec(found)
  if (dayFirst === null) return null
  const [, first, second, year, ...clock] = dayFirst
  const european = timeOf(year!, second!, first!, clock)
  const american = timeOf(year!, first!, second!, clock)
  const [near, other] = [european, american].filter(time => time !== null)
  if (near === undefined) return { code: 'no-such-day', args: {} }
  if (other === undefined || other === near) return { code: 'time-near', args: { near } }
  return { code: 'time-two', args: { near, other } }
}

/** In the form in which times are read; null: there is no such day, or time of day. */
function timeOf(year: string, month: string, day: string, clock: readonly (string | undefined)[]): string | null {
  const [hour, minute, second] = clock
  const ofDay = hour === undefined ? '' : ` ${two(hour)}:${minute}${second === undefined ? '' : `:${second}`}`
  const time = `${year}-${two(month)}-${two(day)}${ofDay}`
  return parseTime(time, 'UTC') === null ? null : time
}
