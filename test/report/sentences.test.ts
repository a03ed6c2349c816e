/** Sentences about rows and causes, whatever the rows are like. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gatherFaults, NO_FAULTS, patternOf } from '../../src/hints/faults.ts'
import { LANGUAGES } from '../../src/messages/say.ts'
import type { RowResult } from '../../src/plan/outcome.ts'
import { linesOf, rowSentences } from '../../src/report/sentences.ts'

const failed = (line: number, found: string, code = 'user-not-found' as const): RowResult => ({
  place: { line, offset: 0, length: 0 },
  outcome: 'failed',
  error: { code, args: { found, identifier: 'idnumber' } },
  warnings: [],
  changes: [],
})

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items
}

test('a row that an earlier version has written, without what is told since, is told as well', () => {
  const row: RowResult = { ...failed(2, 'E1'), error: { code: 'user-not-found', args: { found: 'E1' } } }
  expect(rowSentences(row, NO_FAULTS, 'en')).toEqual([
    'No user has the identifier “E1” (deleted accounts do not count). Correct uid, or create the account in Moodle.',
  ])
})

test('a cell as long as a record makes no long sentence', () => {
  for (const lang of LANGUAGES) {
    expect(rowSentences(failed(2, 'x'.repeat(1_000_000)), NO_FAULTS, lang).join('').length).toBeLessThan(400)
  }
})

describe('gatherFaults', () => {
  test('counts every row, and tells lines in ranges', async () => {
    const lines = fc
      .uniqueArray(fc.integer({ min: 2, max: 400 }), { minLength: 1 })
      .map(all => all.sort((a, b) => a - b))
    await fc.assert(
      fc.asyncProperty(lines, async lines => {
        const [fault] = (await gatherFaults(each(lines.map(line => failed(line, `E${line % 7}`))))).errors
        expect(fault!.rows).toBe(lines.length)
        const { ranges, more } = fault!.lines
        const told = ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
        expect(told).toEqual(lines.slice(0, told.length))
        expect(told.length + more).toBe(lines.length)
        expect(fault!.values.reduce((sum, { rows }) => sum + rows, 0)).toBe(lines.length)
      }),
    )
  })

  test('keeps little of a million rows, each with a value of its own', async () => {
    function* rows(): Generator<RowResult> {
      for (let n = 0; n < 1_000_000; n++) yield failed(2 * n + 2, `E${n}`)
    }
    const [fault] = (await gatherFaults(each(rows()))).errors
    expect(fault).toMatchObject({ rows: 1_000_000, otherRows: 1_000_000 - 200 })
    expect(fault!.values.length).toBe(200)
    expect(linesOf(fault!.lines, 'en').length).toBeLessThan(200)
  })
})

test('lines, as people write them', () => {
  expect(linesOf({ ranges: [[2, 2]], more: 0 }, 'en')).toBe('line 2')
  expect(
    linesOf(
      {
        ranges: [
          [2, 4],
          [7, 7],
        ],
        more: 0,
      },
      'en',
    ),
  ).toBe('lines 2–4, 7')
  expect(linesOf({ ranges: [[2, 4]], more: 12 }, 'en')).toBe('lines 2–4 and 12 more')
  expect(linesOf({ ranges: [[2, 4]], more: 1 }, 'fr')).toBe('lignes 2–4 et 1 autre')
})

test('what most values have in common is told, what few have is not', () => {
  const value = (code: 'near' | 'leading-zeros') => ({
    args: {},
    rows: 1,
    lines: { ranges: [], more: 0 },
    hint: { code, args: { near: 'x' } },
  })
  expect(patternOf([value('leading-zeros'), value('leading-zeros'), value('near')])).toBeNull()
  expect(
    patternOf(['leading-zeros', 'leading-zeros', 'leading-zeros', 'near'].map(code => value(code as 'near'))),
  ).toMatchObject({
    code: 'leading-zeros',
    count: 3,
    of: 4,
  })
  expect(patternOf(Array.from({ length: 9 }, () => value('near')))).toBeNull()
})
