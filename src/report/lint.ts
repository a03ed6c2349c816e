/**
 * What each line of a file means, as text: every row with its sentence, what it would change, and where `tool_sync` would have
 * done otherwise. As JSON, the report of the simulated run says the same (`json.ts`).
 */
import { type Faults, NO_FAULTS } from '../hints/faults.ts'
import { eachOnOneLine, onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { Remark, RowResult } from '../plan/outcome.ts'
import { heldLines } from './held.ts'
import type { Report } from './report.ts'
import { changedWords, differenceOf, meaningOf, rowSentences } from './sentences.ts'

/** Errors that refuse a file here, and not there. */
const DIFFERING_FILE_ERRORS: ReadonlySet<string> = new Set([
  'bad-encoding',
  'incomplete',
  'record-too-long',
  'unterminated-quote',
])

/** The lines, each with its line end. Rows in file order, all of them. */
export async function* lintAsText(
  { file, summary, faults }: Report,
  rows: AsyncIterable<RowResult>,
  lang: Lang,
): AsyncGenerator<string> {
  yield `${say(lang, 'lint.title', { name: onOneLine(file.name) })}\n\n`
  if (file.outcome === 'refused') {
    yield `${say(lang, 'report.refused')}\n`
    for (const { code, args } of file.errors) {
      yield `  ${say(lang, `file-error.${code}`, eachOnOneLine(args))}\n`
      if (DIFFERING_FILE_ERRORS.has(code)) yield `    ${ofToolSync({ code: `file-${code}`, args: {} }, lang)}\n`
    }
    return
  }
  for (const { code, column } of file.warnings) yield `${say(lang, `file-warning.${code}`, { column })}\n`
  let differing = 0
  for await (const row of rows) {
    yield* linesOf(row, faults, lang)
    if (row.explanation !== undefined && row.explanation.differences.length > 0) differing += 1
  }
  yield '\n'
  if (file.outcome === 'held') for (const line of heldLines(file, lang)) yield `${onOneLine(line)}\n`
  const { rows: of, applied, unchanged, failed, passedOver } = summary
  yield `${say(lang, 'report.outcomes', { rows: of, applied, unchanged, failed, passedOver }).trimEnd()}\n`
  yield `${differing === 0 ? say(lang, 'lint.same') : say(lang, 'lint.differing', { count: differing, of })}\n`
}

/** The lines for a file whose database is away: its rows that cannot be read, and how many there are. */
export async function* unreadableAsText(rows: AsyncIterable<RowResult>, lang: Lang): AsyncGenerator<string> {
  let count = 0
  for await (const row of rows) {
    yield* linesOf(row, NO_FAULTS, lang)
    count += 1
  }
  yield `${say(lang, 'lint.unreadable', { count })}\n`
}

function* linesOf(row: RowResult, faults: Faults, lang: Lang): Generator<string> {
  const { meaning = [], differences = [] } = row.explanation ?? {}
  const sentences = rowSentences(row, faults, lang)
  const what =
    row.error === undefined
      ? meaning.map(one => meaningOf(one, lang))
      : sentences.map(sentence => say(lang, 'lint.fails', { sentence }))
  yield `${say(lang, 'lint.line', { line: row.place.line, sentence: onOneLine(what.join(' ')) })}\n`
  if (row.error === undefined) {
    yield `  ${becomes(row, lang)}\n`
    for (const sentence of sentences) yield `  ${say(lang, 'lint.warning', { sentence: onOneLine(sentence) })}\n`
  }
  for (const one of differences) yield `  ${onOneLine(ofToolSync(one, lang))}\n`
}

function becomes({ outcome, changes }: RowResult, lang: Lang): string {
  if (outcome === 'unchanged') return say(lang, 'lint.unchanged')
  return say(lang, 'lint.changes', { changes: changedWords([...new Set(changes)], lang) })
}

const ofToolSync = (one: Remark, lang: Lang): string =>
  say(lang, 'lint.tool-sync', { sentence: differenceOf(one, lang) })
