/**
 * A school of its own for each test: a clone of the loaded database, a folder that is Moodle's dataroot, a configuration.
 * What a test file opens here is closed behind it, and what it leaves open fails it.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { afterAll, inject } from 'vitest'
import { stringify } from 'yaml'
import { loadSchool, type MoodleVersion } from '../src/demo/school.ts'
import { connectTo, createDatabase, PREFIX, type TestServer } from './setup.ts'
import { until } from './until.ts'

export interface TestSchool {
  /** As in the configuration, `moodle.database`. */
  readonly database: TestServer & { readonly name: string; readonly prefix: string }
  /** With every right, and several statements a query. */
  readonly connection: Connection
  /** A temporary folder, for anything. `dataroot` lies in it, and in that an empty `sync`. */
  readonly folder: string
  readonly dataroot: string
  /** Rows as objects. `{table}` is the table of that name, with Moodle's prefix. */
  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** Writes a configuration for this school, with `overrides` on top, and returns its path. */
  writeConfig(overrides?: Overrides): Promise<string>
}

/** A part of a configuration: sections, of keys. */
export type Overrides = Readonly<Record<string, unknown>>

const schools: TestSchool[] = []
let count = 0

/**
 * A school as `demo/school.sql` describes it, in a database of its own that is dropped when the test file is done.
 * Another version of Moodle, or another prefix, takes longer: it is loaded, not cloned.
 */
export async function freshSchool(
  options: { readonly version?: MoodleVersion; readonly prefix?: string } = {},
): Promise<TestSchool> {
  const { version = '4.5', prefix = PREFIX } = options
  const server = inject('server')
  const template = inject('template')
  const name = `${template}_${process.pid}_${++count}`
  const connection = await connectTo(server)
  await connection.query(createDatabase(name))
  await connection.changeUser({ database: name })
  const folder = await mkdtemp(join(tmpdir(), 'moodle-syncd-test-'))
  const dataroot = join(folder, 'moodledata')
  await mkdir(join(dataroot, 'sync'), { recursive: true })
  const database = { ...server, name, prefix }
  const school: TestSchool = {
    database,
    connection,
    folder,
    dataroot,
    query: (sql, values) => queryOf(connection, prefix, sql, values),
    async writeConfig(overrides: Overrides = {}): Promise<string> {
      const path = join(folder, `config-${++count}.yaml`)
      await writeFile(path, stringify(merged(defaults(dataroot, database), overrides)))
      return path
    },
  }
  schools.push(school)
  if (version === '4.5' && prefix === PREFIX) await clone(connection, template)
  else await loadSchool(connection, prefix, version)
  return school
}

/** Rows as objects, of a statement with `{table}` for tables of Moodle. */
export async function queryOf<Row>(
  connection: Connection,
  prefix: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const [rows] = await connection.query<RowDataPacket[]>(sql.replaceAll(/\{(\w+)\}/g, `\`${prefix}$1\``), [...values])
  return rows as Row[]
}

async function clone(connection: Connection, template: string): Promise<void> {
  const tables = await tablesOf(connection, template)
  const from = connection.escapeId(template)
  const made = tables.map(name => `CREATE TABLE ${name} LIKE ${from}.${name};`)
  const filled = tables.map(name => `INSERT INTO ${name} SELECT * FROM ${from}.${name};`)
  await connection.query([...made, ...filled].join('\n'))
}

async function tablesOf(connection: Connection, database: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[][]>({
    sql: 'SHOW TABLES FROM ??',
    values: [database],
    rowsAsArray: true,
  })
  return rows.map(([name]) => connection.escapeId(String(name)))
}

afterAll(async () => {
  for (const school of schools.splice(0)) await close(school)
})

/**
 * Drops a school. Whoever is still connected to it was forgotten by the test: the server is asked, so that connections of child
 * processes count too. They are cut off first, since one in a transaction would make the DROP wait for ever.
 */
async function close(school: TestSchool): Promise<void> {
  const { connection, database, folder } = school
  let others: number[] = []
  const error = await until(`all connections to ${database.name} to be closed`, async () => {
    const [rows] = await connection.query<RowDataPacket[]>('SHOW PROCESSLIST')
    others = rows.filter(row => row.db === database.name && row.Id !== connection.threadId).map(row => Number(row.Id))
    return others.length === 0 ? true : undefined
  }).then(
    () => undefined,
    (error: unknown) => error,
  )
  for (const id of others) await connection.query('KILL ?', [id])
  await connection.query('DROP DATABASE ??', [database.name])
  await connection.end()
  await rm(folder, { recursive: true, force: true })
  if (error !== undefined) throw error
}

/** Nothing is listened to, mailed or held back unless a test asks for it. */
export function defaults(dataroot: string, database: TestSchool['database']): Overrides {
  const { socketPath, host, port, user, password, name, prefix } = database
  const where = socketPath === null ? { host, port } : { socketPath }
  return {
    moodle: { dataroot, wwwroot: 'https://school.example', database: { ...where, user, password, name, prefix } },
    enrol: { courseIdentifier: 'shortname', userIdentifier: 'idnumber', notifyTeachers: false },
    guard: { maxUnenrolments: null, maxShare: null, maxUnmatched: null },
    web: { listen: null },
  }
}

export function merged(below: Overrides, above: Overrides): Overrides {
  const result: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const old = result[key]
    result[key] = isSection(old) && isSection(value) ? merged(old, value) : value
  }
  return result
}

function isSection(value: unknown): value is Overrides {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
