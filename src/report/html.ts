/**
 * The report as one page that needs no other file: the summary first, then what went wrong by its causes, then the rows, as
 * many as a person reads. All of them are in the JSON.
 */
import type { Fault, FaultValue } from '../hints/faults.ts'
import { eachOnOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { RowErrorCode, RowResult } from '../plan/outcome.ts'
import { heldLines } from './held.ts'
import { type Html, html, NOTHING, PAGE_END, pageHead } from './html-text.ts'
import { isTrial, type Report } from './report.ts'
import {
  causeTitle,
  cellsOf,
  changeSentences,
  changesSentence,
  findings,
  hintSentence,
  linesOf,
  patternSentence,
  remedyOf,
  runSentence,
} from './sentences.ts'

/** Rows that are shown: of a million, nobody reads all, and no browser shows them. */
const SHOWN = { failed: 1_000, warned: 500, others: 200 } as const
type Kind = keyof typeof SHOWN

/**
 * The pieces of the page.
 * @param rows in file order
 * @param json where all rows are; undefined: nowhere, as of a run that is only shown
 */
export async function* reportAsHtml(
  report: Report,
  rows: () => AsyncIterable<RowResult>,
  lang: Lang,
  json?: string,
): AsyncGenerator<string> {
  const { file, faults } = report
  const title = say(lang, isTrial(report) ? 'report.title-simulated' : 'report.title', { name: file.name })
  yield pageHead(title, lang)
  yield opening(title, report, lang).text
  if (file.outcome === 'refused') {
    const errors = file.errors.map(({ code, args }) => say(lang, `file-error.${code}`, eachOnOneLine(args)))
    yield html`<section class="card"><p class="bad">${say(lang, 'report.refused')}</p>${list(errors)}</section>`.text
    yield PAGE_END
    return
  }
  if (file.outcome === 'held') yield heldCard(report, lang).text
  yield summaryOf(report, lang).text
  yield causes('report.causes', 'cause', faults.errors, lang).text
  yield causes('report.warning-causes', 'warning-cause', faults.warnings, lang).text
  const shown = await sample(report, rows())
  yield failedRows(report, shown.failed, lang).text
  yield warnedRows(report, shown.warned, lang).text
  yield otherRows(shown.others, lang).text
  const left = report.summary.rows - shown.failed.length - shown.warned.length - shown.others.length
  if (left > 0) yield leftOut(left, lang, json).text
  yield html`<p class="quiet">${say(lang, 'report.sha256', { sha256: file.sha256 })}</p>\n`.text
  yield PAGE_END
}

/** How many rows are not shown, and where they are. */
export function leftOut(left: number, lang: Lang, json?: string): Html {
  const args = { left, where: json === undefined ? 'none' : 'json', path: json ?? '' }
  return html`<p class="quiet">${say(lang, 'report.rows-left-out', args)}</p>\n`
}

/** How the run has ended, in a word, and whether that is well. */
function verdict({ file, summary, simulated }: Report): { readonly code: string; readonly tone: string } {
  if (file.outcome === 'refused') return { code: 'refused', tone: 'bad' }
  if (file.outcome === 'held') return { code: file.release === null ? 'would-be-held' : 'held', tone: 'warn' }
  if (simulated) return { code: 'simulated', tone: 'warn' }
  return summary.failed > 0 ? { code: 'some-failed', tone: 'bad' } : { code: 'done', tone: 'good' }
}

function opening(title: string, report: Report, lang: Lang): Html {
  const { code, tone } = verdict(report)
  return html`<header>
<h1>${title}</h1>
<p class="badge ${tone}">${say(lang, `report.verdict.${code}`)}</p>
<p class="quiet">${runSentence(report, lang)}</p>
</header>
`
}

function heldCard({ file }: Report, lang: Lang): Html {
  const lines = [...heldLines(file, lang)].filter(line => line !== '').map(line => html`<p>${line.trim()}</p>\n`)
  return html`<section class="card">${lines}</section>\n`
}

function summaryOf(report: Report, lang: Lang): Html {
  const { file, summary } = report
  const { applied, unchanged, failed, passedOver } = summary
  const changes = changeSentences(summary.changes, lang).map(({ sentence }) => sentence)
  const notes = [
    ...(isTrial(report) ? [say(lang, 'report.simulated')] : []),
    ...(passedOver > 0 ? [say(lang, 'report.passed-over', { passedOver })] : []),
    ...file.warnings.map(({ code, column }) => say(lang, `file-warning.${code}`, { column })),
    ...(!report.canBeUndone && !report.simulated && file.outcome === 'processed'
      ? [say(lang, 'report.cannot-be-undone')]
      : []),
    ...(report.retryFile === null ? [] : [say(lang, 'report.retry', { path: report.retryFile })]),
  ]
  return html`${tiles({ applied, unchanged, failed }, failed > 0 ? 'bad' : '', lang)}
${list(changes)}
${notes.map(note => html`<p>${note}</p>\n`)}`
}

const classed = (name: string): Html => (name === '' ? NOTHING : html` class="${name}"`)

/** Numbers that are to be seen first. @param tone of the last */
export function tiles(numbers: Readonly<Record<string, number>>, tone: string, lang: Lang): Html {
  const names = Object.keys(numbers)
  const all = names.map(
    name =>
      html`<li${classed(name === names.at(-1) ? tone : '')}><b>${say(lang, 'report.number', { number: numbers[name]! })}</b>${say(lang, `report.tile.${name}`, { number: numbers[name]! })}</li>\n`,
  )
  return html`<ul class="tiles">
${all}</ul>\n`
}

export const list = (sentences: readonly string[]): Html =>
  sentences.length === 0 ? NOTHING : html`<ul>${sentences.map(sentence => html`<li>${sentence}</li>\n`)}</ul>`

/** A sentence that goes on in lines below is a heading here. */
export const heading = (key: string, lang: Lang): string => say(lang, key).replace(/\s*:$/, '')

function causes(title: string, family: 'cause' | 'warning-cause', faults: readonly Fault[], lang: Lang): Html {
  if (faults.length === 0) return NOTHING
  return html`<h2>${heading(title, lang)}</h2>\n${faults.map(fault => causeCard(fault, family, lang))}`
}

function causeCard(fault: Fault, family: 'cause' | 'warning-cause', lang: Lang): Html {
  const pattern = patternSentence(fault, lang)
  const remedy = family === 'cause' ? remedyOf(fault.code as RowErrorCode, lang) : ''
  const values = fault.values.filter(value => cellsOf(value) !== '' || value.hint !== null)
  return html`<section class="card">
<h3>${causeTitle(fault, family, lang)}</h3>
<p class="quiet">${linesOf(fault.lines, lang)}</p>
${pattern === '' ? NOTHING : html`<p><span class="hint">${pattern}</span></p>\n`}${remedy === '' ? NOTHING : html`<p class="todo">${remedy}</p>\n`}${valueTable(values, lang)}${
  fault.otherRows === 0
    ? NOTHING
    : html`<p class="quiet">${say(lang, 'report.other-values', { rows: fault.otherRows })}</p>\n`
}</section>
`
}

function valueTable(values: readonly FaultValue[], lang: Lang): Html {
  if (values.length === 0) return NOTHING
  const row = (value: FaultValue): Html => {
    const cells = cellsOf(value)
    const found = cells === '' ? NOTHING : html`<code>${cells}</code>`
    const rows = say(lang, 'report.number', { number: value.rows })
    const hint = value.hint === null ? NOTHING : html`<span class="hint">${hintSentence(value.hint, lang)}</span>`
    const lines = linesOf(value.lines, lang)
    return html`<tr><td>${found}</td><td class="number">${rows}</td><td class="lines">${lines}</td><td>${hint}</td></tr>\n`
  }
  const heads = ['found', 'rows', 'lines', 'hint'].map(
    name => html`<th scope="col"${classed(name === 'rows' ? 'number' : '')}>${say(lang, `report.column.${name}`)}</th>`,
  )
  return html`<table class="values"><thead><tr>${heads}</tr></thead><tbody>
${values.map(row)}</tbody></table>\n`
}

/** The first rows of each kind, in file order. */
async function sample(
  { summary }: Report,
  rows: AsyncIterable<RowResult>,
): Promise<Readonly<Record<Kind, readonly RowResult[]>>> {
  const found: Record<Kind, RowResult[]> = { failed: [], warned: [], others: [] }
  // Rows that are wanted, but cannot be looked for in vain: those that failed are counted.
  const wanted = (): boolean =>
    found.failed.length < Math.min(SHOWN.failed, summary.failed) || !isFull('warned') || !isFull('others')
  const isFull = (kind: Kind): boolean => found[kind].length >= SHOWN[kind]
  for await (const row of rows) {
    const kind = row.error !== undefined ? 'failed' : row.warnings.length > 0 ? 'warned' : 'others'
    if (!isFull(kind)) found[kind].push(row)
    if (!wanted()) break
  }
  return found
}

/** Failed rows below their causes, the most frequent cause first. */
function failedRows({ faults }: Report, rows: readonly RowResult[], lang: Lang): Html {
  if (rows.length === 0) return NOTHING
  const tables = faults.errors.map(fault => {
    const own = rows.filter(({ error }) => error?.code === fault.code)
    return own.length === 0
      ? NOTHING
      : rowTable(
          causeTitle(fault, 'cause', lang),
          own.map(row => [row, findings(row, faults, lang)]),
          lang,
        )
  })
  return html`<h2>${say(lang, 'report.failed-rows')}</h2>\n${tables}`
}

function warnedRows({ faults }: Report, rows: readonly RowResult[], lang: Lang): Html {
  if (rows.length === 0) return NOTHING
  const title = say(lang, 'report.warned-rows')
  return html`<h2>${title}</h2>\n${rowTable(
    '',
    rows.map(row => [row, findings(row, faults, lang)]),
    lang,
  )}`
}

function otherRows(rows: readonly RowResult[], lang: Lang): Html {
  if (rows.length === 0) return NOTHING
  return html`<h2>${say(lang, 'report.other-rows')}</h2>
${rowTable(
  '',
  rows.map(row => [row, [changesSentence(row, lang)]]),
  lang,
)}`
}

type Told = readonly [row: RowResult, sentences: readonly string[]]

function rowTable(caption: string, rows: readonly Told[], lang: Lang): Html {
  const lines = rows.map(
    ([{ place }, sentences]) => html`<tr><td class="number">${place.line}</td><td>${sentences.join(' ')}</td></tr>\n`,
  )
  return html`<table>${caption === '' ? NOTHING : html`<caption>${caption}</caption>`}<thead><tr><th scope="col" class="number">${say(
    lang,
    'report.column.line',
  )}</th><th scope="col">${say(lang, 'report.column.what')}</th></tr></thead><tbody>
${lines}</tbody></table>\n`
}
