/** What holds a file, as a table, and what must be so of every file. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { heldByLosses, heldByNames, type Limits, type Losses } from '../../src/plan/limits.ts'

/** As they are where the configuration says nothing. */
const DEFAULTS: Limits = { maxUnenrolments: 500, maxShare: 0.3, maxUnmatched: 0.2 }
const NONE: Limits = { maxUnenrolments: null, maxShare: null, maxUnmatched: null }

const course = (enrolled: number, lost: number, name = 'A'): Losses => ({ course: name, enrolled, lost })
const manyCourses = (number: number, enrolled: number, lost: number): Losses[] =>
  Array.from({ length: number }, (_, i) => course(enrolled, lost, `C${i}`))

const codes = (holds: readonly { code: string }[]): string[] => [...new Set(holds.map(({ code }) => code))]

describe('people who are lost', () => {
  test.each<[string, Losses[], string[]]>([
    ['nobody', [], []],
    ['a term start: many come, few leave', manyCourses(60, 40, 1), []],
    ['a few leave each of many courses, 500 in all', manyCourses(100, 30, 5), []],
    ['one more', [...manyCourses(100, 30, 5), course(30, 1)], ['unenrolments']],
    ['a course of 20 is left by 6: 30%', [course(20, 6)], []],
    ['by 7', [course(20, 7)], ['share', 'course-share']],
    ['a course of 19 is emptied', [course(19, 19)], []],
    ['small courses are emptied together', [course(10, 10), course(10, 10)], ['share']],
    [
      'one course of many is emptied: what a cut export does',
      [...manyCourses(50, 40, 0), course(40, 40)],
      ['course-share'],
    ],
    [
      'all are emptied: what an empty export does',
      manyCourses(50, 40, 40),
      ['unenrolments', 'share', 'course-share', 'more-courses'],
    ],
    ['nobody was enrolled', [course(0, 0)], []],
  ])('%s', (_, losses, expected) => {
    expect(codes(heldByLosses(losses, DEFAULTS))).toEqual(expected)
    expect(heldByLosses(losses, NONE)).toEqual([])
  })

  test('are told with what was counted, of how many, and the limit; courses in the order of their losses', () => {
    const losses = [course(100, 31, 'A'), course(300, 300, 'B'), course(400, 200, 'C'), course(1_000, 10, 'D')]
    expect(heldByLosses(losses, DEFAULTS)).toEqual([
      { code: 'unenrolments', count: 541, of: 1_800, limit: 500 },
      { code: 'share', count: 541, of: 1_800, limit: 0.3 },
      { code: 'course-share', count: 300, of: 300, limit: 0.3, course: 'B' },
      { code: 'course-share', count: 200, of: 400, limit: 0.3, course: 'C' },
      { code: 'course-share', count: 31, of: 100, limit: 0.3, course: 'A' },
    ])
  })

  test('are told course by course for ten courses, and then in one', () => {
    const losses = Array.from({ length: 300 }, (_, i) => course(400, i))
    const holds = heldByLosses(losses, { ...NONE, maxShare: 0.5 })
    expect(holds).toHaveLength(11)
    expect(holds[0]).toEqual({ code: 'course-share', count: 299, of: 400, limit: 0.5, course: 'A' })
    expect(holds.at(-1)).toEqual({ code: 'more-courses', count: 89, of: 300, limit: 0.5 })
  })

  test('limits are each for themselves; 0 lets nobody go', () => {
    const losses = [course(100, 31)]
    expect(codes(heldByLosses(losses, { ...NONE, maxUnenrolments: 30 }))).toEqual(['unenrolments'])
    expect(codes(heldByLosses(losses, { ...NONE, maxShare: 0.3 }))).toEqual(['share', 'course-share'])
    expect(codes(heldByLosses([course(100, 1)], { ...NONE, maxUnenrolments: 0 }))).toEqual(['unenrolments'])
    expect(codes(heldByLosses([course(100, 1)], { ...NONE, maxShare: 0 }))).toEqual(['share', 'course-share'])
    expect(heldByLosses([course(100, 0)], { maxUnenrolments: 0, maxShare: 0, maxUnmatched: 0 })).toEqual([])
  })
})

describe('names that are not there', () => {
  test.each<[string, [rows: number, users: number, courses: number], string[]]>([
    ['none', [1_000, 0, 0], []],
    ['a fifth', [100, 20, 20], []],
    ['more users', [100, 21, 0], ['unmatched-users']],
    ['more courses', [100, 0, 21], ['unmatched-courses']],
    ['all, since the identifier is another one', [20, 20, 20], ['unmatched-users', 'unmatched-courses']],
    ['all of a few', [19, 19, 19], []],
    ['no rows', [0, 0, 0], []],
  ])('%s', (_, [rows, users, courses], expected) => {
    expect(codes(heldByNames({ rows, users, courses }, DEFAULTS))).toEqual(expected)
    expect(heldByNames({ rows, users, courses }, NONE)).toEqual([])
  })
})

describe('whatever is counted', () => {
  const losses = fc.array(
    fc
      .record({ enrolled: fc.nat(60), lost: fc.nat(60) })
      .map(({ enrolled, lost }) => course(enrolled, Math.min(enrolled, lost))),
    { maxLength: 30 },
  )
  const percent = fc.integer({ min: 0, max: 100 })

  test('the share itself is never over the limit, whatever the numbers are', () => {
    fc.assert(
      fc.property(percent, fc.integer({ min: 1, max: 1_000 }), (share, hundreds) => {
        const limits = { ...NONE, maxShare: share / 100 }
        expect(heldByLosses([course(100 * hundreds, share * hundreds)], limits)).toEqual([])
        if (share < 100) expect(heldByLosses([course(100 * hundreds, share * hundreds + 1)], limits)).not.toEqual([])
      }),
    )
  })

  test('a higher limit holds no file that a lower one lets pass, and more losses pass none that fewer do not', () => {
    fc.assert(
      fc.property(losses, percent, percent, (losses, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)]
        const isHeld = (of: readonly Losses[], percent: number): boolean =>
          heldByLosses(of, { ...NONE, maxShare: percent / 100, maxUnenrolments: percent }).length > 0
        if (!isHeld(losses, low)) expect(isHeld(losses, high)).toBe(false)
        const all = losses.map(({ enrolled }) => course(enrolled, enrolled))
        if (isHeld(losses, low)) expect(isHeld(all, low)).toBe(true)
      }),
    )
  })
})
