/** All rows of a school's database: what there was before, to be compared with what there is after, and to be put back. */
import type { RowDataPacket } from 'mysql2/promise'
import { inject } from 'vitest'
import type { TestSchool } from '../database.ts'

export type Value = string | number | null
/** Values by column. */
export type Row = Readonly<Record<string, Value>>
/** Rows by table (without prefix) and id. Of a table without `id`, there is none here. */
export type Snapshot = ReadonlyMap<string, ReadonlyMap<number, Row>>

/** Reads every table of Moodle, at one moment. */
export async function snapshot({ connection, database }: TestSchool): Promise<Snapshot> {
  const names = (await tableNames(connection, database.name)).filter(name => name.startsWith(database.prefix))
  const reads = names.map(name => `SELECT * FROM ${connection.escapeId(name)} ORDER BY id;`)
  const [answers] = await connection.query<RowDataPacket[][]>(
    `START TRANSACTION WITH CONSISTENT SNAPSHOT; ${reads.join(' ')} COMMIT`,
  )
  return new Map(
    names.map((name, i) => [
      name.slice(database.prefix.length),
      new Map(answers[i + 1]!.map(row => [Number(row.id), { ...row } as Row])),
    ]),
  )
}

async function tableNames(connection: TestSchool['connection'], database: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>('SHOW TABLES FROM ??', [database])
  return rows.map(row => String(Object.values(row)[0]))
}

/** The tables of which two snapshots differ, those that only one of them has included, but for some. */
export function differing(before: Snapshot, after: Snapshot, { butFor = [] as readonly string[] } = {}): string[] {
  const told = (rows: ReadonlyMap<number, Row> | undefined): string =>
    rows === undefined ? 'no such table' : JSON.stringify([...rows.values()])
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(table => !butFor.includes(table))
  return names.filter(table => told(before.get(table)) !== told(after.get(table)))
}

/** Makes these tables of a cloned school as they were when it was cloned. */
export async function restore({ connection, database }: TestSchool, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return
  const template = connection.escapeId(inject('template'))
  const statements = tables
    .map(table => connection.escapeId(database.prefix + table))
    .flatMap(name => [
      `CREATE TABLE IF NOT EXISTS ${name} LIKE ${template}.${name};`,
      `DELETE FROM ${name};`,
      `INSERT INTO ${name} SELECT * FROM ${template}.${name};`,
    ])
  await connection.query(statements.join('\n'))
}
