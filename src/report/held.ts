/** What a report says of a file that the guard holds: why, and what to do about it. */
import { escapeSign, onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { Hold } from '../plan/limits.ts'
import type { Release, Report } from './report.ts'

/** The sentence for one reason. */
export function sentenceOf(hold: Hold, lang: Lang): string {
  const { code, count, of, limit } = hold
  const course = code === 'course-share' ? hold.course : ''
  return say(lang, `hold.${code}`, { count, of, limit, share: count / of, course })
}

/** What a person types to have the file run all the same. */
export const commandOf = ({ file }: Release): string => `moodle-syncd run ${shellWord(file)} --approve`

/** The lines of the text report, which stand before what would be done. */
export function* heldLines({ held, release }: Report['file'], lang: Lang): Generator<string> {
  yield say(lang, release === null ? 'report.would-be-held' : 'report.held')
  for (const hold of held) yield `  ${sentenceOf(hold, lang)}`
  if (release !== null) {
    yield say(lang, 'report.held-release', { command: commandOf(release) })
    yield release.path === null
      ? say(lang, 'report.held-elsewhere')
      : say(lang, 'report.held-discard', { command: `rm ${shellWord(release.path)}` })
  }
  yield ''
  yield say(lang, 'report.held-preview')
}

/** A word as a shell takes it, whatever is in it. */
function shellWord(text: string): string {
  if (/^[\w./@%+=:,-]+$/.test(text)) return text
  if (onOneLine(text) === text) return `'${text.replaceAll("'", "'\\''")}'`
  const escaped = [...text].map(sign =>
    onOneLine(sign) !== sign ? escapeSign(sign) : sign === '\\' || sign === "'" ? `\\${sign}` : sign,
  )
  return `$'${escaped.join('')}'`
}
