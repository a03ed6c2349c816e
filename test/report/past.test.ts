/** Past runs, read from their reports. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type PastRun, pastRuns, readReportHead, rowsWith, undoneBy } from '../../src/report/past.ts'
import { openStore } from '../../src/store/store.ts'
import { temporaryFolder } from '../store/folder.ts'

async function gathered<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of from) all.push(one)
  return all
}

const head = (run: string, startedAt: string, more: object = {}) => ({
  run,
  startedAt,
  finishedAt: startedAt,
  file: { name: 'a.csv', outcome: 'processed' },
  summary: { rows: 1, applied: 1, unchanged: 0, failed: 0 },
  ...more,
})

describe('pastRuns', () => {
  test('the newest first, those of one second too, whatever their files are called', async () => {
    const store = await openStore(join(await temporaryFolder(), 'store'))
    const reports: Record<string, string> = {
      '20250901-070000_a.csv.json': `${JSON.stringify(head('b', '2025-09-01T07:00:00.500Z')).slice(0, -1)},"rows":[\n]}\n`,
      '20250901-070000_b.csv.json': `${JSON.stringify(head('a', '2025-09-01T07:00:00.100Z'))}\n`,
      '20250901-070001_a.csv.json': `${JSON.stringify(head('c', '2025-09-01T07:00:01.000Z', { undoes: 'a' }))}\n`,
      '20250901-070002_a.csv.json': '{"run":',
      '20250901-070003_a.csv.json': '[]\n',
      '20250901-070003_a.csv.txt': 'a',
    }
    for (const [name, content] of Object.entries(reports)) await writeFile(join(store.folder.reports, name), content)
    const runs = await gathered(pastRuns(store))
    expect(runs.map(({ run }) => run)).toEqual(['c', 'b', 'a'])
    expect(runs[0]).toMatchObject({ undoes: 'a', canBeUndone: false, retryFile: null })
    expect(runs[1]!.text).toBe(join(store.folder.reports, '20250901-070000_a.csv.txt'))
  })

  test('a head of any length is read; no path in it leads out of the store', async () => {
    const store = await openStore(join(await temporaryFolder(), 'store'))
    const errors = Array.from({ length: 5_000 }, () => ({ code: 'header-empty-column' }))
    const more = { file: { name: 'a.csv', outcome: 'refused', errors }, retryFile: '/etc/../etc/passwd' }
    await writeFile(
      join(store.folder.reports, '20250901-070000_a.csv.json'),
      `${JSON.stringify(head('a', '2025-09-01T07:00:00Z', more))}\n`,
    )
    const [run] = await gathered(pastRuns(store))
    expect(run).toMatchObject({ file: { outcome: 'refused' }, retryFile: join(store.folder.retry, 'passwd') })
  })
})

test('undoneBy: an undo that was taken back does not count', () => {
  const run = (id: string, undoes: string | null = null) => ({ run: id, undoes }) as PastRun
  const of = (...runs: PastRun[]) => undoneBy(runs)('a')?.run
  expect(of(run('a'))).toBeUndefined()
  expect(of(run('b', 'a'), run('a'))).toBe('b')
  expect(of(run('c', 'b'), run('b', 'a'), run('a'))).toBeUndefined()
  expect(of(run('d', 'c'), run('c', 'b'), run('b', 'a'), run('a'))).toBe('b')
  expect(of(run('d', 'a'), run('c', 'b'), run('b', 'a'), run('a'))).toBe('d')
})

test('rowsWith finds rows wherever they stand, also where two reads meet', async () => {
  const path = join(await temporaryFolder(), 'report.json')
  const rows = Array.from({ length: 60_000 }, (_, i) => ({
    line: i,
    userId: i % 1_000,
    courseId: i % 7,
    message: 'é'.repeat(i % 40),
  }))
  await writeFile(path, `{"run":"a","rows":[\n${rows.map(row => JSON.stringify(row)).join(',\n')}]}\n`)
  const needle = '"userId":999,"courseId":'
  expect(await gathered(rowsWith(path, needle))).toEqual(rows.filter(({ userId }) => userId === 999))
  expect(await gathered(rowsWith(path, '"userId":1000,'))).toEqual([])
})

describe('a report with causes', () => {
  const cause = (code: string) => `{"code":"${code}","outcome":"failed","rows":1,"message":"m","values":[]}`
  const row = (line: number, code: string) => `{"line":${line},"outcome":"failed","code":"${code}","warnings":[]}`
  const report = (causes: readonly string[], rows: readonly string[]) =>
    `${JSON.stringify(head('a', '2025-09-01T07:00:00Z')).slice(0, -1)},"causes":[${causes.map(one => `\n${one}`).join(',')}],"rows":[${rows.map(one => `\n${one}`).join(',')}]}\n`

  test.each([
    [[], []],
    [[], [row(2, 'b')]],
    [[cause('b')], []],
    [
      [cause('b'), cause('c')],
      [row(2, 'b'), row(3, 'c')],
    ],
  ])('is read up to its rows, and its rows without what stands before: %#', async (causes, rows) => {
    const path = join(await temporaryFolder(), 'a.json')
    await writeFile(path, report(causes, rows))
    const found = await readReportHead(path)
    expect(found).toMatchObject({ run: 'a' })
    expect(found!.causes.map(({ code }) => code)).toEqual(causes.map(one => JSON.parse(one).code))
    expect(await gathered(rowsWith(path, '"outcome":"'))).toEqual(rows.map(one => JSON.parse(one)))
  })
})
