/** The report as one JSON object, written piece by piece: a file of a million rows makes a report of a million. */
import { type Fault, type Faults, type FaultValue, shortened } from '../hints/faults.ts'
import { plainJson } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { RowErrorCode, RowResult } from '../plan/outcome.ts'
import { commandOf, sentenceOf } from './held.ts'
import type { Report } from './report.ts'
import {
  causeTitle,
  changesSentence,
  differenceOf,
  hintSentence,
  meaningOf,
  patternSentence,
  remedyOf,
  rowSentences,
} from './sentences.ts'

const ROWS_A_PIECE = 500

/**
 * The pieces of the object: all but causes and rows on the first line, then one cause or row a line. Its shape is a contract
 * with programs that read it.
 * @param rows in file order; of a refused file none, and then there is no member `rows`
 */
export async function* reportAsJson(
  report: Report,
  rows: AsyncIterable<RowResult>,
  lang: Lang,
): AsyncGenerator<string> {
  const { file, summary, faults } = report
  const { changes, errors, warnings, ...outcomes } = summary
  const head = {
    run: report.run,
    simulated: report.simulated,
    ...(report.startedBy === undefined ? {} : { startedBy: report.startedBy }),
    startedAt: report.startedAt.toISOString(),
    finishedAt: report.finishedAt.toISOString(),
    file: {
      name: file.name,
      sha256: file.sha256,
      outcome: file.outcome,
      errors: file.errors.map(({ args, ...error }) => ({
        ...error,
        message: say(lang, `file-error.${error.code}`, args),
      })),
      warnings: file.warnings.map(warning => ({
        ...warning,
        message: say(lang, `file-warning.${warning.code}`, { column: warning.column }),
      })),
      ...(file.outcome === 'held'
        ? { held: file.held.map(hold => ({ ...hold, message: sentenceOf(hold, lang) })) }
        : {}),
      ...(file.release === null ? {} : { approve: commandOf(file.release) }),
    },
    summary: { ...outcomes, ...changes, errors, warnings },
    ...(report.retryFile === null ? {} : { retryFile: report.retryFile }),
    canBeUndone: report.canBeUndone,
  }
  if (file.outcome === 'refused') {
    yield `${toJson(head)}\n`
    return
  }
  const causes = [
    ...faults.errors.map(fault => causeAsJson(fault, 'cause', lang)),
    ...faults.warnings.map(fault => causeAsJson(fault, 'warning-cause', lang)),
  ]
  yield `${toJson(head).slice(0, -1)},"causes":[${causes.map(cause => `\n${toJson(cause)}`).join(',')}],"rows":[`
  let piece: string[] = []
  let separator = '\n'
  for await (const row of rows) {
    piece.push(separator, toJson(rowAsJson(row, faults, lang)))
    separator = ',\n'
    if (piece.length >= 2 * ROWS_A_PIECE) {
      yield piece.join('')
      piece = []
    }
  }
  yield `${piece.join('')}]}\n`
}

/** JSON on one line. */
export const toJson = (value: object): string => plainJson(JSON.stringify(value))

function causeAsJson(fault: Fault, family: 'cause' | 'warning-cause', lang: Lang): object {
  const { code, rows, lines, values, otherRows, pattern } = fault
  const remedy = family === 'cause' ? remedyOf(code as RowErrorCode, lang) : ''
  return {
    code,
    outcome: family === 'cause' ? 'failed' : 'warned',
    rows,
    lines,
    message: causeTitle(fault, family, lang),
    ...(remedy === '' ? {} : { remedy }),
    ...(pattern === null ? {} : { pattern: { ...pattern, message: patternSentence(fault, lang) } }),
    values: values.map(value => valueAsJson(value, lang)),
    otherRows,
  }
}

const valueAsJson = ({ args, rows, lines, hint }: FaultValue, lang: Lang): object => ({
  ...shortened(args),
  rows,
  lines,
  ...(hint === null ? {} : { hint: { code: hint.code, ...hint.args, message: hintSentence(hint, lang) } }),
})

function rowAsJson(result: RowResult, faults: Faults, lang: Lang): object {
  const { place, outcome, error, warnings, changes, about, explanation } = result
  const messages = rowSentences(result, faults, lang)
  const hint = error === undefined ? null : faults.hintOf(error.code, error.args)
  return {
    line: place.line,
    outcome,
    ...(error === undefined ? {} : { code: error.code }),
    warnings: warnings.map(({ code }) => code),
    changes,
    ...about,
    ...(hint === null ? {} : { hint: { code: hint.code, ...hint.args } }),
    message: messages.length === 0 ? changesSentence(result, lang) : messages.join(' '),
    ...(explanation === undefined
      ? {}
      : {
          meaning: explanation.meaning.map(one => meaningOf(one, lang)).join(' '),
          toolSync: explanation.differences.map(one => ({ code: one.code, message: differenceOf(one, lang) })),
        }),
  }
}
