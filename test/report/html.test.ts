/** The page of a report that is too long for a page. */
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { gatherFaults } from '../../src/hints/faults.ts'
import type { RowResult } from '../../src/plan/outcome.ts'
import { reportAsHtml } from '../../src/report/html.ts'
import { count, emptySummary, type Report } from '../../src/report/report.ts'

/** Rows of which the first ones are applied, the next ones warned, and the last ones fail. */
async function* rowsOf(applied: number, warned: number, failed: number): AsyncGenerator<RowResult> {
  for (let line = 2; line < applied + warned + failed + 2; line++) {
    const row = { place: { line, offset: 0, length: 0 }, warnings: [], changes: [] } as const
    if (line < applied + 2) yield { ...row, outcome: 'applied', changes: ['enrolled'] }
    else if (line < applied + warned + 2)
      yield { ...row, outcome: 'unchanged', warnings: [{ code: 'group-command-empty', args: {} }] }
    else yield { ...row, outcome: 'failed', error: { code: 'empty-user', args: {} } }
  }
}

async function pageOf(rows: () => AsyncIterable<RowResult>, json?: string): Promise<string> {
  const summary = emptySummary()
  for await (const row of rows()) count(summary, row)
  const report: Report = {
    run: '27a26c4f-0000-4000-8000-000000000000',
    simulated: false,
    startedAt: new Date(0),
    finishedAt: new Date(1_000),
    file: {
      name: 'enrols.csv',
      sha256: 'abc',
      outcome: 'processed',
      errors: [],
      warnings: [],
      held: [],
      release: null,
    },
    summary,
    faults: await gatherFaults(rows()),
    retryFile: null,
    canBeUndone: true,
  }
  return text(reportAsHtml(report, rows, 'en', json))
}

const lines = (page: string): number => page.match(/<tr><td class="number">\d+<\/td>/g)?.length ?? 0

test('a short one shows every row, and says nothing of others', async () => {
  const page = await pageOf(() => rowsOf(3, 2, 4), '/store/reports/a.json')
  expect(lines(page)).toBe(9)
  expect(page).not.toContain('not shown here')
})

test('a long one shows the first rows of each kind, those that failed behind all others too, and says where the rest is', async () => {
  const page = await pageOf(() => rowsOf(20_000, 2_000, 1_500), '/store/reports/a.json')
  expect(lines(page)).toBe(1_000 + 500 + 200)
  expect(page).toContain('21,800 more rows are not shown here. All of them are in /store/reports/a.json.')
  expect(page).toContain('1,500 × uid is empty')
  expect(page.length).toBeLessThan(500_000)
  expect(await pageOf(() => rowsOf(20_000, 2_000, 1_500))).toContain('--format json shows all of them.')
})
