/** The report as text for a terminal, a mail, an archive: the summary first, then the rows that someone must look at. */
import type { Fault, FaultValue } from '../hints/faults.ts'
import { eachOnOneLine, onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { RowErrorCode, RowResult } from '../plan/outcome.ts'
import { heldLines } from './held.ts'
import { isTrial, type Report } from './report.ts'
import {
  causeTitle,
  cellsOf,
  changeSentences,
  hintSentence,
  linesOf,
  patternSentence,
  remedyOf,
  rowSentences,
  runSentence,
} from './sentences.ts'

/** The lines of the report, each with its line end. Rows in file order; only those that failed or were warned are told, and of very many, the first. */
export async function* reportAsText(
  report: Report,
  rows: AsyncIterable<RowResult>,
  lang: Lang,
): AsyncGenerator<string> {
  const { file, summary } = report
  yield `${say(lang, isTrial(report) ? 'report.title-simulated' : 'report.title', { name: onOneLine(file.name) })}\n`
  yield `${runSentence(report, lang)}\n\n`
  if (file.outcome === 'refused') {
    yield `${say(lang, 'report.refused')}\n`
    for (const { code, args } of file.errors) yield `  ${say(lang, `file-error.${code}`, eachOnOneLine(args))}\n`
    return
  }
  if (file.outcome === 'held') for (const line of heldLines(file, lang)) yield `${onOneLine(line)}\n`
  yield `${say(lang, 'report.outcomes', outcomesOf(summary)).trimEnd()}\n`
  for (const { sentence } of changeSentences(summary.changes, lang)) yield `  ${sentence}\n`
  if (isTrial(report)) yield `${say(lang, 'report.simulated')}\n`
  for (const { code, column } of file.warnings) yield `${say(lang, `file-warning.${code}`, { column })}\n`
  yield* causes('report.causes', 'cause', report.faults.errors, lang)
  yield* causes('report.warning-causes', 'warning-cause', report.faults.warnings, lang)
  if (!report.canBeUndone && !report.simulated && file.outcome === 'processed')
    yield `\n${say(lang, 'report.cannot-be-undone')}\n`
  if (report.retryFile !== null) yield `\n${say(lang, 'report.retry', { path: onOneLine(report.retryFile) })}\n`
  if (summary.failed === 0 && Object.keys(summary.warnings).length === 0) return
  yield '\n'
  let told = 0
  let more = 0
  for await (const row of rows) {
    if (row.error === undefined && row.warnings.length === 0) continue
    if (told === ROWS_TOLD) {
      more += 1
      continue
    }
    told += 1
    const mark = row.error === undefined ? 'report.row-warned' : 'report.row-failed'
    for (const sentence of rowSentences(row, report.faults, lang)) {
      yield `${say(lang, mark, { line: row.place.line, sentence: onOneLine(sentence) })}\n`
    }
  }
  if (more > 0) yield `${say(lang, 'report.more-rows', { rows: more })}\n`
}

/** Rows that are told one by one. A file of a few bytes a row, none of them good, must not make a text a hundred times as large. */
const ROWS_TOLD = 10_000

const outcomesOf = ({ rows, applied, unchanged, failed, passedOver }: Report['summary']) => ({
  rows,
  applied,
  unchanged,
  failed,
  passedOver,
})

/** Values that are told of a cause; the JSON has more. */
const VALUES_TOLD = 20

/** What went wrong how often, the most frequent first: where, what to do, and what was found. */
function* causes(
  title: string,
  family: 'cause' | 'warning-cause',
  faults: readonly Fault[],
  lang: Lang,
): Generator<string> {
  if (faults.length === 0) return
  yield `\n${say(lang, title)}\n`
  for (const fault of faults) {
    yield `  ${causeTitle(fault, family, lang)} (${linesOf(fault.lines, lang)})\n`
    const remedy = family === 'cause' ? remedyOf(fault.code as RowErrorCode, lang) : ''
    for (const sentence of [patternSentence(fault, lang), remedy]) if (sentence !== '') yield `    ${sentence}\n`
    const values = fault.values.filter(value => cellsOf(value) !== '' || value.hint !== null)
    for (const value of values.slice(0, VALUES_TOLD)) yield `    - ${onOneLine(valueLine(value, lang))}\n`
    const others = values.slice(VALUES_TOLD).reduce((sum, { rows }) => sum + rows, fault.otherRows)
    if (others > 0) yield `    - ${say(lang, 'report.other-values', { rows: others })}\n`
  }
}

function valueLine(value: FaultValue, lang: Lang): string {
  const lines = linesOf(value.lines, lang)
  const cells = cellsOf(value)
  const what = cells === '' ? `${lines}.` : say(lang, 'report.value', { value: cells, lines })
  return value.hint === null ? what : `${what} ${hintSentence(value.hint, lang)}`
}
