/** The report as text for a terminal, a mail, an archive: the summary first, then the rows that someone must look at. */
import { eachOnOneLine, onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { RowResult } from '../plan/outcome.ts'
import { heldLines } from './held.ts'
import { sentencesOf } from './json.ts'
import type { Report } from './report.ts'

/** The lines of the report, each with its line end. Rows in file order; only those that failed or were warned are told. */
export async function* reportAsText(
  report: Report,
  rows: AsyncIterable<RowResult>,
  lang: Lang,
): AsyncGenerator<string> {
  const { file, summary } = report
  yield `${say(lang, report.simulated ? 'report.title-simulated' : 'report.title', { name: onOneLine(file.name) })}\n`
  yield `${say(lang, 'report.run', {
    run: report.run,
    started: localTime(report.startedAt, lang),
    seconds: Math.max(0, (report.finishedAt.getTime() - report.startedAt.getTime()) / 1000),
  })}\n\n`
  if (file.outcome === 'refused') {
    yield `${say(lang, 'report.refused')}\n`
    for (const { code, args } of file.errors) yield `  ${say(lang, `file-error.${code}`, eachOnOneLine(args))}\n`
    return
  }
  if (file.outcome === 'held') for (const line of heldLines(file, lang)) yield `${onOneLine(line)}\n`
  yield `${say(lang, 'report.outcomes', { ...outcomesOf(summary) }).trimEnd()}\n`
  for (const [name, number] of Object.entries(summary.changes)) {
    if (number > 0) yield `  ${say(lang, `report.change.${name}`, { number })}\n`
  }
  if (report.simulated) yield `${say(lang, 'report.simulated')}\n`
  for (const { code, column } of file.warnings) yield `${say(lang, `file-warning.${code}`, { column })}\n`
  yield* causes('report.causes', 'report.cause.', summary.errors, lang)
  yield* causes('report.warning-causes', 'report.warning-cause.', summary.warnings, lang)
  if (!report.canBeUndone && !report.simulated && file.outcome === 'processed')
    yield `\n${say(lang, 'report.cannot-be-undone')}\n`
  if (report.retryFile !== null) yield `\n${say(lang, 'report.retry', { path: onOneLine(report.retryFile) })}\n`
  if (summary.failed === 0 && Object.keys(summary.warnings).length === 0) return
  yield '\n'
  for await (const row of rows) {
    const mark = row.error === undefined ? 'report.row-warned' : 'report.row-failed'
    for (const sentence of sentencesOf(row, lang)) {
      yield `${say(lang, mark, { line: row.place.line, sentence: onOneLine(sentence) })}\n`
    }
  }
}

const outcomesOf = ({ rows, applied, unchanged, failed, passedOver }: Report['summary']) => ({
  rows,
  applied,
  unchanged,
  failed,
  passedOver,
})

/** What went wrong how often, the most frequent first. */
function* causes(
  title: string,
  sentence: string,
  counts: Readonly<Record<string, number>>,
  lang: Lang,
): Generator<string> {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a)
  if (sorted.length === 0) return
  yield `\n${say(lang, title)}\n`
  for (const [code, number] of sorted) yield `  ${say(lang, sentence + code, { number })}\n`
}

/** In the time zone of the server, as the names of files in the store are. */
export function localTime(time: Date, lang: Lang): string {
  return new Intl.DateTimeFormat(lang === 'fr' ? 'fr-FR' : 'en-GB', { dateStyle: 'long', timeStyle: 'medium' }).format(
    time,
  )
}
