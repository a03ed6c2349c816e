/** Every golden case of `test/cases`, simulated, run, and run again: outcomes, and what differs in all tables. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { freshSchool, type TestSchool } from '../database.ts'
import { type Expected, nextSecond, type Outcome, readPart, runCase } from './case.ts'
import { type Delta, sorted } from './delta.ts'
import { differing, restore, type Snapshot, snapshot } from './snapshot.ts'

const FOLDER = fileURLToPath(new URL('../cases', import.meta.url))
const cases = readdirSync(FOLDER).sort()

let school: TestSchool
let pristine: Snapshot

beforeAll(async () => {
  school = await freshSchool()
  pristine = await snapshot(school)
})

describe('the file does what Moodle would have done', () => {
  test.for(cases)('%s', async name => {
    const folder = join(FOLDER, name)
    const expected = expectedOf(folder)
    await restore(school, differing(pristine, await snapshot(school)))
    const setup = await readPart(folder, 'setup.sql')
    if (setup !== '') await school.query(setup)
    const before = await snapshot(school)

    const simulated = await runCase(school, folder, before, true)
    expect(simulated.outcome).toEqual({ rows: expected.rows, logged: [], delta: {} })

    const real = await runCase(school, folder, before, false)
    expect(asExpected(real.outcome, expected)).toEqual(expected)

    const again = expected.again ?? nothingMore(expected)
    if (expected.again !== undefined) await nextSecond()
    const second = await runCase(school, folder, real.after, false)
    expect(asExpected(second.outcome, again)).toEqual({ delta: {}, ...again })
  })
})

test('every case says why it is there, in one sentence', () => {
  for (const name of cases) {
    const why = readFileSync(join(FOLDER, name, 'why.md'), 'utf8').trim()
    expect(why, name).toMatch(/^[^\n]{20,}\.$/)
  }
})

function expectedOf(folder: string): Expected & { readonly delta: Delta } {
  const { delta = {}, again, ...rest } = parse(readFileSync(join(folder, 'expect.yaml'), 'utf8')) as Expected
  return {
    ...rest,
    delta: inOrder(delta),
    ...(again === undefined ? {} : { again: { ...again, delta: inOrder(again.delta ?? {}) } }),
  }
}

/** What was done, in the words that the case uses. */
function asExpected({ rows, logged, delta }: Outcome, expected: Expected): Expected {
  const { logstore_standard_log: log, ...others } = delta
  const inFull = expected.delta?.logstore_standard_log !== undefined
  return {
    ...(expected.again === undefined ? {} : { again: expected.again }),
    rows,
    ...(inFull || logged.length === 0 ? {} : { logged }),
    delta: inFull && log !== undefined ? { ...others, logstore_standard_log: log } : others,
  }
}

const nothingMore = ({ rows }: Expected): Expected => ({
  rows: Object.fromEntries(
    Object.entries(rows).map(([line, outcome]) => [line, outcome.replace(/^applied/, 'unchanged')]),
  ),
})

const inOrder = (delta: Delta): Delta =>
  Object.fromEntries(
    Object.entries(delta).map(([table, rows]) => [
      table,
      Object.fromEntries(
        Object.entries(rows).map(([kind, some]) => [kind, table === 'logstore_standard_log' ? some : sorted(some)]),
      ),
    ]),
  )
