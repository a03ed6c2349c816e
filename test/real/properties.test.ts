/** What must hold of a run on a database, whatever a file says and whatever is in the school: beside a model that is plain. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { RowResult } from '../../src/plan/outcome.ts'
import type { TestSchool } from '../database.ts'
import { applyFile, type CommandFile, type Result, type Rules } from '../plan/naive-model.ts'
import {
  type Cast,
  commandFile,
  GROUP_NAMES_IN_FILES,
  type Settings,
  school as schoolOf,
  settings,
} from '../plan/random.ts'
import { naturally, rowsOf } from '../plan/worlds.ts'
import { applyInChunks, withGround } from './chunk.ts'
import { type Delta, deltaOf } from './delta.ts'
import { openRandomSchool, type RandomSchool } from './random-school.ts'
import { type Snapshot, snapshot } from './snapshot.ts'

const NOW = 1_790_000_000
let school: TestSchool
let cast: Cast
let readTables: RandomSchool['readTables']
let arrange: RandomSchool['arrange']
let equal: (one: string, other: string) => boolean

beforeAll(async () => {
  const opened = await openRandomSchool()
  school = opened.school
  cast = opened.cast
  readTables = opened.readTables
  arrange = opened.arrange
  equal = await equalityOfServer()
})

/** Asks the server itself which of all names that may come up it holds equal. */
async function equalityOfServer(): Promise<typeof equal> {
  const names = Object.values(cast.names).flatMap(({ usual, odd }) => [...usual, ...odd])
  const all = new Set([
    ...names,
    ...GROUP_NAMES_IN_FILES,
    ...[cast.tables.user, cast.tables.course, cast.tables.role, cast.tables.groups].flatMap(rows =>
      rows.map(row => ('idnumber' in row ? row.idnumber : 'shortname' in row ? row.shortname : row.name)),
    ),
  ])
  await school.query(
    'CREATE TEMPORARY TABLE {names} AS SELECT name FROM {groups} LIMIT 0; CREATE TEMPORARY TABLE {others} LIKE {names}',
  )
  for (const table of ['names', 'others'])
    await school.query(`INSERT INTO {${table}} VALUES ?`, [[...all].map(name => [name])])
  const pairs = await school.query<{ one: string; other: string }>(
    'SELECT n.name AS one, o.name AS other FROM {names} n JOIN {others} o ON n.name = o.name',
  )
  await school.query('DROP TEMPORARY TABLE {names}; DROP TEMPORARY TABLE {others}')
  const known = new Set(pairs.map(({ one, other }) => `${one}\0${other}`))
  return (one, other) => known.has(`${one}\0${other}`)
}

interface Ran {
  readonly results: Result[]
  readonly changes: readonly (readonly string[])[]
}

function run(file: CommandFile, chosen: Settings, chunkRows: number, simulate = false): Promise<Ran> {
  const { defaultCommand, protectManualGroups, allowDisabledInstances, allowedRoles } = chosen
  const config = { enrol: { defaultCommand, protectManualGroups, allowDisabledInstances, allowedRoles } }
  return withGround(school, { config, simulate }, async ground => {
    const results = await applyInChunks(ground, rowsOf(file, defaultCommand), chunkRows, NOW)
    return { results: results.map(told), changes: results.map(({ changes }) => changes) }
  })
}

const told = ({ outcome, error, warnings }: RowResult): Result => ({
  outcome,
  code: error?.code ?? null,
  warnings: warnings.map(({ code }) => code).sort(),
})

const rulesOf = (chosen: Settings): Rules => ({
  ...chosen,
  now: NOW,
  actor: 2,
  guest: 1,
  sessionTimeout: 28_800,
  maxGroupName: 254,
  equal,
})

async function checksums(): Promise<unknown[]> {
  const names = await school.query<Record<string, string>>('SHOW TABLES')
  return school.query(`CHECKSUM TABLE ${names.map(row => `\`${Object.values(row)[0]}\``).join(', ')}`)
}

const delta = async (before: Snapshot): Promise<Delta> =>
  deltaOf(before, await snapshot(school), { from: NOW, to: NOW })

const chunkSize = fc.constantFrom(1, 7, 1_000)

describe('a run', () => {
  test('does what the plain model does, and a simulated one says so beforehand and writes nothing', async () => {
    const everything = [schoolOf(cast), commandFile(cast), settings(cast), chunkSize, chunkSize] as const
    await fc.assert(
      fc.asyncProperty(...everything, async (tables, file, chosen, chunkRows, simulatedChunkRows) => {
        await arrange(tables, chosen)
        const sums = await checksums()
        const simulated = await run(file, chosen, simulatedChunkRows, true)
        expect(await checksums()).toEqual(sums)

        const real = await run(file, chosen, chunkRows)
        const plain = structuredClone(tables)
        expect(real.results).toEqual(applyFile(file, plain, rulesOf(chosen)))
        expect(naturally(await readTables(), tables)).toEqual(naturally(plain, tables))
        expect(simulated).toEqual(real)
      }),
      { numRuns: 40 },
    )
  })

  test('leaves the same in every table, however it is cut into chunks, and a simulated one says the same', async () => {
    const everything = [schoolOf(cast), commandFile(cast), settings(cast), links, chunkSize] as const
    await fc.assert(
      fc.asyncProperty(...everything, async (tables, file, chosen, linked, simulatedChunkRows) => {
        const school = { ...chosen, enabledMethods: [...chosen.enabledMethods, 'meta'] }
        const left: { ran: Ran; delta: Delta }[] = []
        for (const chunkRows of [1, 7, 1_000]) {
          await arrange(tables, school)
          const before = await link(linked)
          left.push({ ran: await run(file, school, chunkRows), delta: await delta(before) })
        }
        expect(left[1]).toEqual(left[0])
        expect(left[2]).toEqual(left[0])
        await arrange(tables, school)
        await link(linked)
        expect(await run(file, school, simulatedChunkRows, true)).toEqual(left[0]!.ran)
      }),
      { numRuns: 15 },
    )
  })
})

/** How courses follow each other: BIO-2 is followed by DEBAT, and that by ENG-A1. */
interface Links {
  readonly unenrolaction: number
  readonly syncall: number
  readonly nosyncroleids: string
  /** Whether who comes to DEBAT by the link joins a group there. */
  readonly group: boolean
}

const links: fc.Arbitrary<Links> = fc.record({
  unenrolaction: fc.integer({ min: 0, max: 3 }),
  syncall: fc.integer({ min: 0, max: 1 }),
  nosyncroleids: fc.constantFrom('', '4'),
  group: fc.boolean(),
})

async function link({ group, ...settings }: Links): Promise<Snapshot> {
  await school.query(
    `INSERT INTO {groups} (id, courseid, name) VALUES (900, 7, 'Linked');
     INSERT INTO {enrol} (id, enrol, courseid, customint1, customint2) VALUES (900, 'meta', 7, 2, ?), (901, 'meta', 5, 7, NULL)`,
    [group ? 900 : 0],
  )
  for (const [name, value] of Object.entries(settings)) {
    await school.query(`UPDATE {config_plugins} SET value = ? WHERE plugin = 'enrol_meta' AND name = ?`, [
      String(value),
      name,
    ])
  }
  return snapshot(school)
}
