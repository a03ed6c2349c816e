/** What the tables look like in this version of Moodle, and how long a statement may be: asked once for each connection. */
import type { Connection, RowDataPacket } from 'mysql2/promise'
import type { Config } from '../config/config.ts'
import { EXIT, Problem } from '../errors.ts'
import type { Moodle } from './connect.ts'
import { RIGHTS, UNDO_RIGHTS } from './rights.ts'

/** What `information_schema` says of a column. */
export interface ColumnFacts {
  readonly characterSet: string | null
  readonly collation: string | null
  /** Characters; null where the type has no such limit. */
  readonly maxLength: number | null
}

/** Bytes: the largest statement that a server must take. Ours are cut to what it takes, but the shortest is about as long. */
const LEAST_PACKET = 2_048

/** What must be known of the database before its first use: its tables' columns, and the limits of a statement. */
export async function loadSchema(
  connection: Connection,
  database: Config['moodle']['database'],
): Promise<Pick<Moodle, 'columns' | 'idStep' | 'maxStatementBytes'>> {
  const [limits] = await connection.query<RowDataPacket[]>(
    'SELECT @@auto_increment_increment AS step, @@max_allowed_packet AS packet',
  )
  const packet = Number(limits[0]?.packet ?? 1_048_576)
  if (packet < LEAST_PACKET)
    throw new Problem('packet-too-small', { bytes: packet, least: LEAST_PACKET }, EXIT.configuration)
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT table_name AS t, column_name AS c, character_set_name AS cs, collation_name AS co, character_maximum_length AS len
       FROM information_schema.columns
      WHERE table_schema = DATABASE() AND table_name IN (?)`,
    // Those that we work with: a server opens every table that it is asked about, and Moodle has five hundred.
    [[...new Set([...Object.keys(RIGHTS), ...Object.keys(UNDO_RIGHTS)])].map(name => database.prefix + name)],
  )
  const columns = new Map<string, Map<string, ColumnFacts>>()
  for (const { t, c, cs, co, len } of rows) {
    const table = String(t).slice(database.prefix.length)
    const facts = columns.get(table) ?? new Map<string, ColumnFacts>()
    columns.set(table, facts)
    facts.set(String(c), { characterSet: cs, collation: co, maxLength: len === null ? null : Number(len) })
  }
  if (!columns.has('user_enrolments')) {
    throw new Problem('not-a-moodle', { name: database.name, prefix: database.prefix }, EXIT.configuration)
  }
  ensureUnicode(columns, database.prefix)
  return {
    columns,
    idStep: Number(limits[0]?.step ?? 1),
    maxStatementBytes: Math.floor(packet * 0.9),
  }
}

/** The columns by whose values files name things. */
const NAME_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  user: ['username', 'idnumber', 'email'],
  course: ['idnumber', 'shortname'],
  role: ['shortname'],
  groups: ['name'],
}

/** Moodle works with Unicode alone; asked for a name that another character set does not have, the server fails. @throws Problem 78 */
function ensureUnicode(columns: Moodle['columns'], prefix: string): void {
  for (const [name, own] of Object.entries(NAME_COLUMNS)) {
    for (const column of own) {
      const characterSet = columns.get(name)?.get(column)?.characterSet ?? 'utf8mb4'
      if (characterSet.startsWith('utf8')) continue
      throw new Problem('database-not-unicode', { table: prefix + name, column, characterSet }, EXIT.configuration)
    }
  }
}
