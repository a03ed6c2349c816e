/**
 * What is found instead of names that are not there, on a database: that it is found, and that no table is read from end to end
 * for it.
 */
import { createHash } from 'node:crypto'
import type { QueryOptions } from 'mysql2/promise'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { MessageArguments } from '../../src/errors.ts'
import type { FaultCode } from '../../src/hints/faults.ts'
import { findFaults, type HintsGround } from '../../src/hints/find.ts'
import { type Moodle, select, withMoodle } from '../../src/moodle/connect.ts'
import { loadSettings, loadSite } from '../../src/moodle/site.ts'
import type { RowResult } from '../../src/plan/outcome.ts'
import { freshSchool, type TestSchool } from '../database.ts'

const PEOPLE = 20_000
let school: TestSchool

beforeAll(async () => {
  school = await freshSchool()
  const digits = Array.from({ length: 10 }, (_, n) => `SELECT ${n} n`).join(' UNION ALL ')
  const numbers = `SELECT a.n + 10*b.n + 100*c.n + 1000*d.n + 10000*e.n AS n FROM (${digits}) a, (${digits}) b, (${digits}) c, (${digits}) d, (${digits}) e`
  await school.query(
    `INSERT INTO {user} (id, auth, username, idnumber, firstname, lastname, email, mnethostid, deleted)
     SELECT 10000 + n, 'manual', CONCAT('student', n), CONCAT('S', 100000 + n * 3), 'A', 'B', CONCAT('student', n, '@school.example'), 1, 0
       FROM (${numbers}) numbers WHERE n < ${PEOPLE}`,
  )
  await school.query(
    `INSERT INTO {course} (id, category, sortorder, fullname, shortname, idnumber)
     SELECT 1000 + n, 1, 20000 + n, CONCAT('Course number ', n), CONCAT('COURSE-', n), CONCAT('CID', n) FROM (${numbers}) numbers WHERE n < 5000`,
  )
  // As Moodle's delete_user leaves it.
  await school.query(
    `INSERT INTO {user} (id, auth, username, idnumber, firstname, lastname, email, mnethostid, deleted)
     VALUES (9000, 'manual', 'gone@school.example.1700000000', '', 'G', 'One', ?, 1, 1)`,
    // MySQL has no MD5 any more.
    [createHash('md5').update('gone.person').digest('hex')],
  )
  await school.query('ANALYZE TABLE {user}, {course}')
})

type Identifiers = { userIdentifier?: string; courseIdentifier?: string }

/** The hints for faults, as a report would have them, and how many rows the server read for it. */
async function hints(
  faults: readonly [code: FaultCode, args: MessageArguments][],
  enrol: Identifiers = {},
  maxStatementBytes?: number,
): Promise<{ readonly found: string[]; readonly read: number }> {
  const config = await loadConfig(await school.writeConfig({ enrol }))
  return withMoodle(config, async whole => {
    const moodle = maxStatementBytes === undefined ? whole : withShortStatements(whole, maxStatementBytes)
    const settings = await loadSettings(moodle, config)
    const site = await loadSite(moodle, settings, config)
    const ground: HintsGround = { moodle, config, settings, site, startedAt: new Date() }
    const before = await rowsRead(moodle)
    const { hintOf } = await findFaults(ground, failing(faults))
    const read = (await rowsRead(moodle)) - before
    return { found: faults.map(([code, args]) => JSON.stringify(hintOf(code, args))), read }
  })
}

/** The connection of a server that takes short statements alone. */
function withShortStatements(moodle: Moodle, maxStatementBytes: number): Moodle {
  const query = (options: QueryOptions): Promise<unknown> => {
    const bytes = Buffer.byteLength(moodle.connection.format(options.sql, options.values))
    // What stands in every statement of a run is not looked at here.
    if (!/FROM `mdl_(config|role)`/.test(options.sql)) expect(bytes).toBeLessThan(maxStatementBytes)
    return moodle.connection.query(options)
  }
  return { ...moodle, maxStatementBytes, connection: { query } as unknown as Moodle['connection'] }
}

async function* failing(faults: readonly [code: FaultCode, args: MessageArguments][]): AsyncGenerator<RowResult> {
  for (const [at, [code, args]] of faults.entries()) {
    const error = { code, args } as NonNullable<RowResult['error']>
    yield { place: { line: at + 2, offset: 0, length: 0 }, outcome: 'failed', error, warnings: [], changes: [] }
  }
}

/** By this connection so far, from tables and indexes, one after the other. */
async function rowsRead(moodle: Moodle): Promise<number> {
  const rows = await select<[string, string]>(moodle, "SHOW SESSION STATUS LIKE 'Handler\\_read%'")
  return rows
    .filter(([name]) =>
      ['handler_read_rnd_next', 'handler_read_next', 'handler_read_prev'].includes(name.toLowerCase()),
    )
    .reduce((sum, [, number]) => sum + Number(number), 0)
}

const users = (identifier: string, ...names: readonly string[]) =>
  names.map((found): [FaultCode, MessageArguments] => ['user-not-found', { found, identifier }])
const courses = (identifier: string, ...names: readonly string[]) =>
  names.map((found): [FaultCode, MessageArguments] => ['course-not-found', { found, identifier }])
const codes = (found: readonly string[]) => found.map(hint => (JSON.parse(hint) as { code: string } | null)?.code)

describe('users', () => {
  test('by idnumber', async () => {
    const { found, read } = await hints(
      users('idnumber', 'S1OOOO3', 'student7', 'student7@school.example', '10007', 'nobody-like-this', 'S100O03'),
    )
    expect(codes(found)).toEqual([
      'lookalike',
      'user-other-identifier-known',
      'user-other-identifier-known',
      'user-other-identifier-known',
      'nothing-near',
      'lookalike',
    ])
    expect(found[1]).toContain('"meant":"S100021"')
    expect(read).toBeLessThan(PEOPLE / 10)
  })

  test('by username, of whom nobody’s is told', async () => {
    const enrol = { userIdentifier: 'username' }
    const { found, read } = await hints(
      users('username', 'S100021', 'studnet19999', 'gone.person', 'claire.lefevr'),
      enrol,
    )
    expect(codes(found)).toEqual(['user-other-identifier', 'near', 'user-deleted', 'near'])
    expect(found[0]).not.toContain('student7')
    expect(read).toBeLessThan(PEOPLE / 10)
  })

  test('by address', async () => {
    const enrol = { userIdentifier: 'email' }
    const { found, read } = await hints(
      users('email', 'student19999@school.exmaple', 'gone@school.example', 'student7', '%_\\'),
      enrol,
    )
    expect(codes(found)).toEqual(['near', 'user-deleted', 'user-other-identifier', 'nothing-near'])
    expect(read).toBeLessThan(PEOPLE / 10)
  })

  test('by id', async () => {
    expect(codes((await hints(users('id', '99999999', 'student7'), { userIdentifier: 'id' })).found)).toEqual([
      'nothing-near',
      'user-other-identifier-known',
    ])
  })

  test('a hundred names at once read no table from end to end', async () => {
    const names = Array.from({ length: 100 }, (_, n) => `S${100_000 + n * 3}x`)
    const { found, read } = await hints(users('idnumber', ...names))
    expect(new Set(codes(found))).toEqual(new Set(['near']))
    // Besides what is beside each name in the index.
    expect(read).toBeLessThan(PEOPLE)
  })
})

test('courses, by all that a course is called', async () => {
  const { found } = await hints(
    courses('shortname', 'COURSE-4OO1', 'CID77', 'Course number 78', 'COURSE4001', 'Nothing of it'),
  )
  expect(codes(found)).toEqual([
    'lookalike',
    'course-other-identifier',
    'course-other-identifier',
    'near',
    'nothing-near',
  ])
  const byNumber = await hints(courses('idnumber', 'COURSE-77', 'CID5OO'), { courseIdentifier: 'idnumber' })
  expect(byNumber.found[0]).toContain('"meant":"CID77"')
  expect(codes(byNumber.found)).toEqual(['course-other-identifier', 'lookalike'])
  expect(byNumber.read).toBeLessThan(PEOPLE)
})

test('roles, methods and groups, and courses whose names are long', async () => {
  const long = `Course ${'x'.repeat(200)}`
  await school.query('UPDATE {course} SET shortname = ? WHERE id = 1000', [long])
  await school.query("INSERT INTO {groups} (courseid, name) VALUES (1000, 'Groupe 1'), (1000, 'Groupe 10')")
  const of = (code: FaultCode, found: string, course = long): [FaultCode, MessageArguments] => [code, { found, course }]
  const { found } = await hints([
    of('group-not-found', 'groupe1'),
    of('group-not-found', 'Delta'),
    of('group-not-found', 'Groupe', 'no course any more'),
    of('method-not-available', 'manual'),
    of('method-not-available', 'manuel', 'BIO-2'),
    of('role-not-found', 'constructor'),
    of('role-not-found', '\u200b'),
    of('role-not-found', 'Enseignant non éditeur'),
  ])
  expect(codes(found)).toEqual(['near', 'groups', undefined, 'no-methods', 'near-word', 'roles', 'roles', 'role-named'])
  const [course] = (await hints(courses('idnumber', 'Course number 77'), { courseIdentifier: 'idnumber' })).found
  expect(course).toContain('"meant":"CID77"')
  await school.query("UPDATE {course} SET idnumber = '' WHERE id = 1077")
  const [nameless] = (await hints(courses('idnumber', 'Course number 77'), { courseIdentifier: 'idnumber' })).found
  expect(nameless).toContain('"has":"no"')
})

test('names that no column can hold, cells as long as a record, and a server that takes short statements alone, are no trouble', async () => {
  const odd = ['😀', '\0', "'; DROP TABLE", 'x'.repeat(100_000), '\ud800', '%', 'E+1']
  for (const userIdentifier of ['id', 'idnumber', 'username', 'email']) {
    const { found } = await hints([...users(userIdentifier, ...odd), ...courses('shortname', ...odd)], {
      userIdentifier,
    })
    expect(found.filter(hint => hint === 'undefined')).toEqual([])
  }
  const many = Array.from({ length: 12 }, (_, n) => `${'x'.repeat(80)}${n}`)
  const faults = [...users('idnumber', 'S1OO021', 'student7', ...many), ...courses('shortname', 'COURSE-4OO1', ...many)]
  expect(await hints(faults, {}, 1_843)).toMatchObject({ found: (await hints(faults)).found })
})
