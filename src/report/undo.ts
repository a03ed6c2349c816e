/** What an undo has done, as plain data, as text, as JSON and as a page: in the shape of other reports, as far as it goes. */
import { onOneLine } from '../messages/one-line.ts'
import { type Lang, localTime, say } from '../messages/say.ts'
import type { Left, LeftCode, Undone, UndoWord } from '../moodle/undo-outcome.ts'
import { heading, leftOut, list, tiles } from './html.ts'
import { html, PAGE_END, pageHead } from './html-text.ts'
import { toJson } from './json.ts'
import type { StartedBy } from './report.ts'
import { changeSentences, runSentence } from './sentences.ts'

export interface UndoSummary {
  /** Rows of the database, not of the file. */
  rows: number
  /** As before the run again. */
  applied: number
  /** So already. */
  unchanged: number
  /** Left as they are. */
  failed: number
  readonly changes: Record<UndoWord, number>
  /** Rows that were left, by the reason. */
  readonly errors: Partial<Record<LeftCode, number>>
}

export interface UndoReport {
  /** The id of this run. */
  readonly run: string
  /** The run that it takes back. */
  readonly undoes: { readonly id: string; readonly startedAt: Date }
  readonly simulated: boolean
  readonly startedBy?: StartedBy
  readonly startedAt: Date
  readonly finishedAt: Date
  /** The command file of the run that is taken back. */
  readonly file: { readonly name: string; readonly sha256: string }
  readonly summary: UndoSummary
  readonly canBeUndone: boolean
}

export const emptyUndoSummary = (): UndoSummary => ({
  rows: 0,
  applied: 0,
  unchanged: 0,
  failed: 0,
  changes: {
    enrolled: 0,
    enrolmentsUpdated: 0,
    suspended: 0,
    reactivated: 0,
    unenrolled: 0,
    rolesAssigned: 0,
    rolesRemoved: 0,
    groupsCreated: 0,
    groupsRemoved: 0,
    groupMembersAdded: 0,
    groupMembersRemoved: 0,
    gradesRestored: 0,
    gradesRemoved: 0,
    otherRows: 0,
  },
  errors: {},
})

/** Counts what became of a lot into the summary. */
export function countUndone(summary: UndoSummary, { applied, unchanged, changes, left }: Undone): void {
  summary.rows += applied + unchanged + left.length
  summary.applied += applied
  summary.unchanged += unchanged
  summary.failed += left.length
  for (const [word, number] of Object.entries(changes)) summary.changes[word as UndoWord] += number
  for (const { code } of left) summary.errors[code] = (summary.errors[code] ?? 0) + 1
}

/** Tables whose rows have a name of their own in the sentences. */
const NAMED: ReadonlySet<string> = new Set([
  'communication_user',
  'course_modules_completion',
  'forum_subscriptions',
  'grade_grades',
  'groups',
  'groups_members',
  'quiz_attempts',
  'role_assignments',
  'user_enrolments',
  'user_lastaccess',
])

/** The sentence about a row that stays as it is. */
function sentenceOf({ table, id, code, args }: Left, lang: Lang): string {
  const what = say(lang, `undo.what.${NAMED.has(table) ? table : 'other'}`, { ...args, table, id: String(id) })
  return say(lang, `undo.left.${code}`, { what, reason: args.reason ?? '' })
}

/** The lines of the report, each with its line end. @param lots what became of each, in the order in which they were done */
export async function* undoAsText(report: UndoReport, lots: AsyncIterable<Undone>, lang: Lang): AsyncGenerator<string> {
  const { undoes, file, summary } = report
  yield `${say(lang, report.simulated ? 'undo.title-simulated' : 'undo.title', {
    run: undoes.id,
    name: onOneLine(file.name),
    started: localTime(undoes.startedAt, lang),
  })}\n`
  yield `${runSentence(report, lang)}\n\n`
  const { applied, unchanged, failed } = summary
  yield `${say(lang, 'undo.outcomes', { applied, unchanged, failed })}\n`
  for (const { sentence } of changeSentences(summary.changes, lang)) yield `  ${sentence}\n`
  if (report.simulated) yield `${say(lang, 'report.simulated')}\n`
  else if (applied > 0) {
    yield `\n${say(lang, report.canBeUndone ? 'undo.again' : 'report.cannot-be-undone', { run: report.run })}\n`
  }
  if (failed === 0) return
  yield `\n${say(lang, 'undo.left')}\n`
  for await (const { left } of lots) for (const one of left) yield `  ${onOneLine(sentenceOf(one, lang))}\n`
}

/** Rows that are left, and shown on a page. */
const MOST_SHOWN = 1_000

/** The pieces of the page. @param json where all of it is; undefined: nowhere */
export async function* undoAsHtml(
  report: UndoReport,
  lots: () => AsyncIterable<Undone>,
  lang: Lang,
  json?: string,
): AsyncGenerator<string> {
  const { undoes, file, summary, simulated } = report
  const title = say(lang, simulated ? 'undo.title-simulated' : 'undo.title', {
    run: undoes.id,
    name: file.name,
    started: localTime(undoes.startedAt, lang),
  })
  const { applied, unchanged, failed } = summary
  const verdict = simulated ? 'simulated' : failed > 0 ? 'some-left' : 'done'
  const again = report.canBeUndone ? 'undo.again' : 'report.cannot-be-undone'
  const changes = changeSentences(summary.changes, lang).map(({ sentence }) => sentence)
  yield pageHead(title, lang)
  yield html`<header>
<h1>${title}</h1>
<p class="badge ${verdict === 'done' ? 'good' : 'warn'}">${say(lang, `report.verdict.${verdict}`)}</p>
<p class="quiet">${runSentence(report, lang)}</p>
</header>
${tiles({ back: applied, 'back-already': unchanged, left: failed }, failed > 0 ? 'warn' : '', lang)}
${list(changes)}
${simulated ? html`<p>${say(lang, 'report.simulated')}</p>` : applied > 0 ? html`<p>${say(lang, again, { run: report.run })}</p>` : ''}
`.text
  if (failed > 0) {
    const sentences: string[] = []
    for await (const { left } of lots()) {
      sentences.push(...left.map(one => sentenceOf(one, lang)))
      if (sentences.length >= MOST_SHOWN) break
    }
    const shown = sentences.slice(0, MOST_SHOWN)
    yield html`<h2>${heading('undo.left', lang)}</h2>\n${list(shown)}\n`.text
    if (failed > shown.length) yield leftOut(failed - shown.length, lang, json).text
  }
  yield PAGE_END
}

/** The pieces of the object, one row a line: those that stay as they are. */
export async function* undoAsJson(report: UndoReport, lots: AsyncIterable<Undone>, lang: Lang): AsyncGenerator<string> {
  const { changes, errors, ...outcomes } = report.summary
  const head = {
    run: report.run,
    undoes: report.undoes.id,
    simulated: report.simulated,
    ...(report.startedBy === undefined ? {} : { startedBy: report.startedBy }),
    startedAt: report.startedAt.toISOString(),
    finishedAt: report.finishedAt.toISOString(),
    file: { ...report.file, outcome: 'processed', errors: [], warnings: [] },
    summary: { ...outcomes, passedOver: 0, ...changes, errors, warnings: {} },
    canBeUndone: report.canBeUndone,
  }
  yield `${toJson(head).slice(0, -1)},"rows":[`
  let separator = '\n'
  for await (const { left } of lots) {
    for (const one of left) {
      yield separator + toJson(leftAsJson(one, lang))
      separator = ',\n'
    }
  }
  yield ']}\n'
}

const leftAsJson = (left: Left, lang: Lang): object => ({
  outcome: 'failed',
  code: left.code,
  table: left.table,
  id: left.id,
  ...(left.userId === null ? {} : { userId: left.userId }),
  ...(left.courseId === null ? {} : { courseId: left.courseId }),
  message: sentenceOf(left, lang),
})
