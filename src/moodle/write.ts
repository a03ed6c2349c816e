/**
 * Writing rows that have been touched: for each table one DELETE, one UPDATE, one INSERT where it can be. Runs inside the
 * transaction of its caller.
 */
import type { ResultSetHeader } from 'mysql2/promise'
import type { Stored } from '../plan/world.ts'
import { slices } from '../slices.ts'
import { type Moodle, select, table } from './connect.ts'
import { isKept, type Keep, type Value } from './journal.ts'

/** How the rows of a table are written, and which of them have been touched. */
export interface TableRows {
  /** Without prefix. */
  readonly name: string
  /** The columns of a new row, without `id` but where the rows have one already. */
  readonly columns: readonly string[]
  /** Those of them that a change may alter. */
  readonly mutable?: readonly string[]
  /** The log tells the ids of these rows, so that even a row that came and went within the chunk must have had one. */
  readonly idsAreTold?: boolean
  readonly rows?: WritableRows
  /** Rows to be deleted that planning need not know one by one. */
  readonly deletions?: Iterable<Deletion>
}

export interface Deletion {
  /** A condition with a question mark for each of its values. */
  readonly where: string
  readonly values: readonly unknown[]
}

type Values = Readonly<Record<string, Value>>

export interface WritableRows {
  /** In the order in which planning touched them. */
  readonly touched: Iterable<Stored>
  /** Values of a row by column; asked for when everything that it refers to has its id. */
  readonly valuesOf: (row: Stored) => Values
}

/** The id of a row that has been written, or was there. */
export function idOf(row: Stored): number {
  if (row.id === null) throw new Error('a row was referred to before it was written')
  return row.id
}

/** Makes the rows of a table writable. */
export function writable<Row extends Stored>(
  { touched }: { readonly touched: Iterable<Row> },
  valuesOf: (row: Row) => Values,
): WritableRows {
  // It is asked for the values of these rows alone.
  return { touched, valuesOf: valuesOf as WritableRows['valuesOf'] }
}

/** Deletes before it inserts, so that a row that was removed and made again does not meet itself in a unique key. */
export async function writeTable(moodle: Moodle, rowsOfTable: TableRows, keepAny: Keep | null): Promise<void> {
  const { name, columns, mutable, idsAreTold, rows, deletions = [] } = rowsOfTable
  const keep = isKept(name) ? keepAny : null
  for (const deletion of deletions) await deleteWhere(moodle, name, deletion, keep)
  if (rows === undefined) return
  const { touched, valuesOf } = rows
  const removed: number[] = []
  const passing: Stored[] = []
  const changed: Stored[] = []
  const made: Stored[] = []
  for (const row of touched) {
    if (row.fate === 'removed') removed.push(row.id!)
    else if (row.fate === 'passing') passing.push(row)
    else if (row.fate === 'changed') changed.push(row)
    else if (row.fate === 'new') made.push(row)
  }
  await deleteRows(moodle, name, removed, keep)
  if (idsAreTold) {
    for (const row of passing) {
      await insertRows(moodle, name, columns, [row], valuesOf, null)
      await deleteRows(moodle, name, [idOf(row)], null)
    }
  }
  await updateRows(moodle, name, mutable ?? [], changed, valuesOf, keep)
  await insertRows(moodle, name, columns, made, valuesOf, keep)
}

async function deleteRows(moodle: Moodle, name: string, ids: readonly number[], keep: Keep | null): Promise<void> {
  for (const some of slices(ids, ROWS_A_STATEMENT)) {
    if (keep !== null) await keepBefore(moodle, name, 'id IN (?)', [some], keep)
    await moodle.connection.query(`DELETE FROM ${table(moodle, name)} WHERE id IN (?)`, [some])
  }
}

/** Where they are to be kept, exactly those are deleted that have been read: others may come meanwhile. */
async function deleteWhere(
  moodle: Moodle,
  name: string,
  { where, values }: Deletion,
  keep: Keep | null,
): Promise<void> {
  if (keep === null) {
    await moodle.connection.query(`DELETE FROM ${table(moodle, name)} WHERE ${where}`, [...values])
    return
  }
  for (;;) {
    const ids = await keepBefore(moodle, name, `${where} ORDER BY id LIMIT ${ROWS_A_STATEMENT}`, values, keep)
    if (ids.length > 0) await deleteRows(moodle, name, ids, null)
    if (ids.length < ROWS_A_STATEMENT) return
  }
}

/** Keeps rows as they are, before they are deleted or changed; from here on they are ours. @returns their ids */
async function keepBefore(
  moodle: Moodle,
  name: string,
  where: string,
  values: readonly unknown[],
  keep: Keep,
): Promise<number[]> {
  const columns = ['id', ...[...(moodle.columns.get(name)?.keys() ?? [])].filter(column => column !== 'id')]
  const rows = await select<[number, ...Value[]]>(
    moodle,
    `SELECT ${columns.map(quoted).join(', ')} FROM ${table(moodle, name)} WHERE ${where} FOR UPDATE`,
    values,
  )
  if (rows.length > 0) await keep({ table: name, did: 'deleted', columns, rows })
  return rows.map(([id]) => id)
}

/** Some of Moodle's columns have names that are words of SQL. */
const quoted = (column: string): string => `\`${column}\``

/** One statement for all rows that are to have the same values: most changes of a chunk are alike. */
async function updateRows(
  moodle: Moodle,
  name: string,
  columns: readonly string[],
  rows: readonly Stored[],
  valuesOf: WritableRows['valuesOf'],
  keep: Keep | null,
): Promise<void> {
  const alike = new Map<string, { values: Value[]; ids: number[] }>()
  for (const row of rows) {
    const all = valuesOf(row)
    const own = columns.map(column => all[column]!)
    const key = JSON.stringify(own)
    const same = alike.get(key)
    if (same === undefined) alike.set(key, { values: own, ids: [idOf(row)] })
    else same.ids.push(idOf(row))
  }
  const set = columns.map(column => `${column} = ?`).join(', ')
  for (const { values, ids } of alike.values()) {
    // In the order of the primary key, so that two writers do not wait for each other in a circle.
    ids.sort((a, b) => a - b)
    for (const some of slices(ids, ROWS_A_STATEMENT)) {
      if (keep !== null) {
        const to = Object.fromEntries(columns.map((column, at) => [column, values[at]!]))
        await keepBefore(moodle, name, 'id IN (?)', [some], change => keep({ ...change, did: 'updated', to }))
      }
      await moodle.connection.query(`UPDATE ${table(moodle, name)} SET ${set} WHERE id IN (?)`, [...values, some])
    }
  }
}

const ROWS_A_STATEMENT = 1_000

/**
 * Inserts rows and learns the ids of those that have none: InnoDB gives consecutive ones to an INSERT whose number of rows it
 * knows beforehand, in every `innodb_autoinc_lock_mode`, in steps of `auto_increment_increment`.
 * While the server works on one statement, what the one before has done is kept, and the next is put together.
 */
async function insertRows(
  moodle: Moodle,
  name: string,
  columns: readonly string[],
  rows: readonly Stored[],
  valuesOf: WritableRows['valuesOf'],
  keep: Keep | null,
): Promise<void> {
  const head = `INSERT INTO ${table(moodle, name)} (${columns.map(quoted).join(', ')}) VALUES `
  const others = columns.filter(column => column !== 'id')
  const keepInserted = async ({ rows, values }: Statement): Promise<void> => {
    if (keep === null) return
    const kept = values.map((of, i) => [idOf(rows[i]!), ...others.map(column => of[column]!)])
    await keep({ table: name, did: 'inserted', columns: ['id', ...others], rows: kept })
  }
  let before: Statement | undefined
  let underWay: Promise<void> = Promise.resolve()
  for (const statement of statements(moodle, head, columns, rows, valuesOf)) {
    await underWay
    // Without `null`, the driver would look for placeholders in all of its text.
    underWay = moodle.connection.query<ResultSetHeader>(statement.sql, null).then(([{ insertId }]) => {
      for (const [i, row] of statement.rows.entries()) row.id ??= insertId + i * moodle.idStep
    })
    // Heard at the next await of it, even where something else fails first.
    underWay.catch(() => {})
    if (before !== undefined) await keepInserted(before)
    before = statement
  }
  await underWay
  if (before !== undefined) await keepInserted(before)
}

interface Statement {
  readonly sql: string
  readonly rows: readonly Stored[]
  /** Of these rows. */
  readonly values: readonly Values[]
}

/** Bytes of UTF-8 that a character of a string has at most. */
const MOST_BYTES = 3

/** The INSERTs of rows, as many rows together as a statement may have. */
function* statements(
  moodle: Moodle,
  head: string,
  columns: readonly string[],
  rows: readonly Stored[],
  valuesOf: WritableRows['valuesOf'],
): Generator<Statement> {
  const literal = literalsOf(moodle)
  let sql = head
  let some: Stored[] = []
  let values: Values[] = []
  for (const row of rows) {
    const of = valuesOf(row)
    let tuple = ''
    for (const column of columns) tuple += `${tuple === '' ? '(' : ','}${literal(of[column]!)}`
    const isFull = (sql.length + tuple.length) * MOST_BYTES > moodle.maxStatementBytes
    if (some.length === ROWS_A_STATEMENT || (some.length > 0 && isFull)) {
      yield { sql, rows: some, values }
      sql = head
      some = []
      values = []
    }
    sql += `${some.length === 0 ? '' : ','}${tuple})`
    some.push(row)
    values.push(of)
  }
  if (some.length > 0) yield { sql, rows: some, values }
}

/** Values as SQL. Rows have the same few texts again and again: each is escaped once. */
function literalsOf({ connection }: Moodle): (value: Value) => string {
  const known = new Map<string, string>()
  return value => {
    if (typeof value === 'number') return String(value)
    if (value === null) return 'NULL'
    let literal = known.get(value)
    if (literal === undefined) {
      literal = connection.escape(value)
      known.set(value, literal)
    }
    return literal
  }
}
