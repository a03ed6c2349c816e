/** What must hold of planning whatever a file says and whatever is in the school: `src/plan` beside a model that is plain. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planRow } from '../../src/plan/plan-row.ts'
import { CAST, rulesOf } from './cast.ts'
import { applyFile, type CommandFile, type Result, type Rules, type Tables } from './naive-model.ts'
import { commandFile, school, settings } from './random.ts'
import { IDENTIFIERS, keyOf, naturally, rowsOf, worldOf, writeBack } from './worlds.ts'

/** Runs a file as the program does, chunk by chunk, each against what the one before has left. Changes the tables. */
function run(file: CommandFile, tables: Tables, rules: Rules, chunkRows = 1_000): Result[] {
  const rows = rowsOf(file, rules.defaultCommand)
  const results: Result[] = []
  for (let from = 0; from < rows.length; from += chunkRows) {
    const chunk = rows.slice(from, from + chunkRows)
    const world = worldOf(tables, chunk, rules)
    for (const row of chunk) {
      const { outcome, error, warnings, changes } = planRow(row, world, { ...rules, ...IDENTIFIERS })
      expect(changes.length > 0).toBe(outcome === 'applied')
      results.push({ outcome, code: error?.code ?? null, warnings: warnings.map(({ code }) => code).sort() })
    }
    writeBack(world, tables)
  }
  return results
}

/**
 * The file without what undoes or awaits another of its rows: everybody once in a course, and no group named before the row
 * that creates it.
 */
function settled(file: CommandFile): CommandFile {
  const cell = (line: readonly string[], column: string): string => line[file.columns.indexOf(column)] ?? ''
  const pairs = file.lines.map(line => `${keyOf(cell(line, 'uid'))}/${keyOf(cell(line, 'cid'))}`)
  const once = file.lines.filter((_, i) => pairs.indexOf(pairs[i]!) === i)
  const creates = (line: readonly string[]): boolean => cell(line, 'gcmd').endsWith('create')
  return { ...file, lines: [...once.filter(creates), ...once.filter(line => !creates(line))] }
}

const RUNS = { numRuns: 500 }
const everything = [school(CAST), commandFile(CAST), settings(CAST).map(rulesOf)] as const

describe('planning', () => {
  test('does what the plain model does: outcomes, errors, warnings, and every row that is left', () => {
    fc.assert(
      fc.property(...everything, (before, file, rules) => {
        const [planned, plain] = [structuredClone(before), structuredClone(before)]
        expect(run(file, planned, rules)).toEqual(applyFile(file, plain, rules))
        expect(naturally(planned, before)).toEqual(naturally(plain, before))
      }),
      RUNS,
    )
  })

  test.for([1, 7])('cutting into chunks of %d rows changes nothing', size => {
    fc.assert(
      fc.property(...everything, (before, file, rules) => {
        const [whole, cut] = [structuredClone(before), structuredClone(before)]
        expect(run(file, cut, rules, size)).toEqual(run(file, whole, rules))
        expect(naturally(cut, before)).toEqual(naturally(whole, before))
      }),
      RUNS,
    )
  })

  test('a second run changes nothing, where no row undoes another', () => {
    fc.assert(
      fc.property(...everything, (tables, anyFile, rules) => {
        const file = settled(anyFile)
        const first = run(file, tables, rules)
        const between = structuredClone(tables)
        const second = run(file, tables, { ...rules, now: rules.now + 3_600 })
        expect(second).toEqual(first.map(result => ({ ...result, outcome: again[result.outcome] })))
        expect(tables).toEqual(between)
      }),
      RUNS,
    )
  })

  test('a row that fails changes nothing, and a row that is unchanged no enrolment, role or group', () => {
    fc.assert(
      fc.property(...everything, (tables, file, rules) => {
        for (const line of file.lines) {
          const between = structuredClone(tables)
          const [result] = run({ ...file, lines: [line] }, tables, rules)
          if (result!.outcome === 'failed') expect(tables).toEqual(between)
          if (result!.outcome !== 'unchanged') continue
          const { role_assignments, ...others } = tables
          const { role_assignments: were, ...othersWere } = between
          expect(others).toEqual(othersWere)
          // Moodle tidies up duplicates, and nothing else.
          expect(kinds(role_assignments)).toEqual(kinds(were))
        }
      }),
      RUNS,
    )
  })

  test('the random files come by every rule', () => {
    const seen = new Set<string>()
    for (const [tables, file, rules] of fc.sample(fc.tuple(...everything), { seed: 1, numRuns: 3_000 })) {
      const rows = rowsOf(file, rules.defaultCommand)
      for (const [i, { outcome, code, warnings }] of run(file, tables, rules).entries()) {
        const row = rows[i]!
        for (const word of [code, ...warnings]) if (word !== null) seen.add(word)
        if (outcome === 'failed' || row.error !== undefined) continue
        seen.add(`${row.command}${row.method === null ? ' of roles' : ''}: ${outcome}`)
        if (row.groupCommand !== null) seen.add(`${row.groupCommand}: ${outcome}`)
      }
    }
    const commands = ['add', 'shift', 'del', 'disable', 'enable'].flatMap(word => [word, `${word} of roles`])
    const groupCommands = ['gadd', 'gaddcreate', 'greplace', 'greplacecreate', 'gdel']
    const outcomes = [...commands, ...groupCommands].flatMap(word => [`${word}: applied`, `${word}: unchanged`])
    expect([...seen].sort()).toEqual([...outcomes, ...ERRORS, ...WARNINGS].sort())
  })
})

const again = { applied: 'unchanged', unchanged: 'unchanged', failed: 'failed' } as const

const kinds = (rows: Tables['role_assignments']): Set<string> =>
  new Set(rows.map(row => JSON.stringify([row.roleid, row.contextid, row.userid, row.component, row.itemid])))

/** All but those of quoting and of a database. */
const ERRORS = [
  'wrong-number-of-cells',
  'bad-command',
  'empty-user',
  'empty-course',
  'bad-time',
  'user-not-found',
  'user-ambiguous',
  'guest-user',
  'course-not-found',
  'course-ambiguous',
  'site-course',
  'empty-role',
  'role-not-found',
  'role-not-assignable',
  'role-not-allowed',
  'method-managed-by-moodle',
  'method-not-available',
  'not-enrolled',
  'end-before-start',
]

const WARNINGS = [
  'matched-approximately',
  'group-command-empty',
  'bad-group-command',
  'group-not-enrolled',
  'group-not-found',
  'group-ambiguous',
  'group-name-too-long',
]
