/** Who a file takes out of courses, beside a comparison of the tables before and after it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CommandRow } from '../../src/file/types.ts'
import { canTakeOut, watchDepartures } from '../../src/plan/departures.ts'
import { planRow } from '../../src/plan/plan-row.ts'
import { CAST, NOW, rulesOf } from './cast.ts'
import type { CommandFile, Rules, Tables } from './naive-model.ts'
import { commandFile, school, settings } from './random.ts'
import { IDENTIFIERS, rowsOf, worldOf, writeBack } from './worlds.ts'

const RUNS = { numRuns: 1_000 }
const everything = [school(CAST), commandFile(CAST), settings(CAST).map(rulesOf)] as const

/** Plans a whole file, changes the tables, and says who was counted, by course. */
function departuresOf(file: CommandFile, tables: Tables, rules: Rules): Record<string, number> {
  const departures = watchDepartures(new Date(NOW * 1000))
  const rows = rowsOf(file, rules.defaultCommand)
  const world = worldOf(tables, rows, rules, [departures.observer])
  for (const row of rows) planRow(row, world, { ...rules, ...IDENTIFIERS })
  writeBack(world, tables)
  return Object.fromEntries([...departures.count()].map(([{ id }, count]) => [id, count]))
}

/** What everybody is in every course: enrolled at all, and by an enrolment that counts. */
function presences(tables: Tables): Map<string, { course: number; isActive: boolean }> {
  const found = new Map<string, { course: number; isActive: boolean }>()
  for (const { enrolid, userid, status, timeend } of tables.user_enrolments) {
    const course = tables.enrol.find(({ id }) => id === enrolid)!.courseid
    const key = `${course}/${userid}`
    const isActive = status === 0 && (timeend === 0 || timeend > NOW)
    found.set(key, { course, isActive: isActive || found.get(key)?.isActive === true })
  }
  return found
}

test('those are counted who were in a course and are not, or have no active enrolment left', () => {
  let counted = 0
  fc.assert(
    fc.property(...everything, (school, file, rules) => {
      const before = presences(school)
      const found = departuresOf(file, school, rules)
      const after = presences(school)
      const expected: Record<string, number> = {}
      for (const [key, { course, isActive }] of before) {
        const now = after.get(key)
        if (now === undefined || (isActive && !now.isActive)) expected[course] = (expected[course] ?? 0) + 1
      }
      expect(found).toEqual(expected)
      counted += Object.keys(expected).length
    }),
    RUNS,
  )
  expect(counted).toBeGreaterThan(30)
})

test('nobody is taken out by rows that cannot', () => {
  fc.assert(
    fc.property(...everything, (school, file, rules) => {
      const rows = rowsOf(file, rules.defaultCommand)
      const lines = file.lines.filter((_, i) => {
        const row = rows[i]!
        return row.error !== undefined || !canTakeOut(row, NOW, false)
      })
      expect(departuresOf({ ...file, lines }, school, rules)).toEqual({})
    }),
    RUNS,
  )
})

const ROW: CommandRow = {
  command: 'add',
  uid: 'u',
  cid: 'c',
  role: 'student',
  method: 'manual',
  start: undefined,
  end: undefined,
  groupCommand: null,
  groups: [],
  groupWarning: null,
  line: 2,
  offset: 0,
  length: 0,
}

test.each<[Partial<CommandRow>, boolean, boolean]>([
  [{}, false, false],
  [{ end: 0 }, false, false],
  [{ end: NOW + 1 }, false, false],
  [{ end: NOW }, false, true],
  [{ end: NOW, method: null }, false, false],
  [{ command: 'enable', end: NOW }, false, true],
  [{ command: 'enable' }, false, false],
  [{ command: 'disable' }, false, true],
  [{ command: 'disable', method: null }, false, true],
  [{ command: 'del' }, false, true],
  [{ command: 'del', method: null }, false, false],
  [{ command: 'del', method: null }, true, true],
  [{ command: 'shift' }, false, false],
  [{ command: 'shift' }, true, true],
])('%o, with roles that count: %s, can take somebody out: %s', (row, rolesCount, expected) => {
  expect(canTakeOut({ ...ROW, ...row }, NOW, rolesCount)).toBe(expected)
})
