/** The report as one JSON object, written piece by piece: a file of a million rows makes a report of a million. */
import { type Lang, say } from '../messages/say.ts'
import type { Remark, RowResult } from '../plan/outcome.ts'
import { commandOf, sentenceOf } from './held.ts'
import type { Report } from './report.ts'

const ROWS_A_PIECE = 500

/**
 * The pieces of the object, one row a line. Its shape is a contract with programs that read it.
 * @param rows in file order; of a refused file none, and then there is no member `rows`
 */
export async function* reportAsJson(
  report: Report,
  rows: AsyncIterable<RowResult>,
  lang: Lang,
): AsyncGenerator<string> {
  const { file, summary } = report
  const { changes, errors, warnings, ...outcomes } = summary
  const head = {
    run: report.run,
    simulated: report.simulated,
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
    yield `${JSON.stringify(head)}\n`
    return
  }
  yield `${JSON.stringify(head).slice(0, -1)},"rows":[`
  let piece: string[] = []
  let separator = '\n'
  for await (const row of rows) {
    piece.push(separator, JSON.stringify(rowAsJson(row, lang)))
    separator = ',\n'
    if (piece.length >= 2 * ROWS_A_PIECE) {
      yield piece.join('')
      piece = []
    }
  }
  yield `${piece.join('')}]}\n`
}

function rowAsJson(result: RowResult, lang: Lang): object {
  const { place, outcome, error, warnings, changes, about, explanation } = result
  const messages = sentencesOf(result, lang)
  return {
    line: place.line,
    outcome,
    ...(error === undefined ? {} : { code: error.code }),
    warnings: warnings.map(({ code }) => code),
    changes,
    ...about,
    ...(messages.length === 0 ? {} : { message: messages.join(' ') }),
    ...(explanation === undefined
      ? {}
      : {
          meaning: explanation.meaning.map(one => meaningOf(one, lang)).join(' '),
          toolSync: explanation.differences.map(one => ({ code: one.code, message: differenceOf(one, lang) })),
        }),
  }
}

/** What there is to say of a row: its error, or its warnings. */
export function sentencesOf({ error, warnings }: RowResult, lang: Lang): string[] {
  return error === undefined
    ? warnings.map(({ code, args }) => say(lang, `row-warning.${code}`, args))
    : [say(lang, `row-error.${error.code}`, error.args)]
}

/** The sentence for what a row means. */
export const meaningOf = ({ code, args }: Remark, lang: Lang): string => say(lang, `meaning.${code}`, args)

/** The sentence for what `tool_sync` would have done with a row. */
export const differenceOf = ({ code, args }: Remark, lang: Lang): string => say(lang, `tool-sync.${code}`, args)
