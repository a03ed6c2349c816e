/**
 * Finding users, courses, roles and groups by the names in a file. Equality is the database's: no JavaScript knows what
 * `utf8mb4_unicode_ci` holds equal, so the server is asked, for the distinct names of a chunk at once.
 */
import type { Config } from '../config/config.ts'
import type { CommandRow } from '../file/types.ts'
import type { Found, Role } from '../plan/world.ts'
import { slices } from '../slices.ts'
import { type Moodle, select, statementLists, table } from './connect.ts'
import type { Settings } from './site.ts'

/** What looking names up takes. */
export interface NamesGround {
  readonly moodle: Moodle
  readonly config: Config
  readonly settings: Settings
}

/** Users who are not deleted; by username those of this host alone. @returns their ids, by name */
export async function findUsers(
  { moodle, config, settings }: NamesGround,
  names: readonly string[],
): Promise<Map<string, Found<number>>> {
  const column = config.enrol.userIdentifier
  const found =
    column === 'username'
      ? await findByName<[number, string]>(
          moodle,
          { table: 'user', column },
          names,
          [],
          'deleted = 0 AND mnethostid = ?',
          [Number(settings('', 'mnet_localhost_id') ?? 1)],
        )
      : await findByName<[number, string]>(moodle, { table: 'user', column }, names, [], 'deleted = 0')
  return mapFound(found, ([id]) => id)
}

/** @returns the courses' ids, by name */
export async function findCourses(
  { moodle, config }: NamesGround,
  names: readonly string[],
): Promise<Map<string, Found<{ readonly id: number }>>> {
  const column = config.enrol.courseIdentifier
  const found = await findByName<[number, string]>(moodle, { table: 'course', column }, names)
  return mapFound(found, ([id]) => ({ id }))
}

/** @returns the roles, by short name */
export async function findRoles(moodle: Moodle, rows: readonly CommandRow[]): Promise<Map<string, Found<Role>>> {
  const names = rows.map(row => row.role).filter(name => name !== '')
  const found = await findByName<[number, string, string, number]>(
    moodle,
    { table: 'role', column: 'shortname' },
    names,
    [
      'name',
      `EXISTS (SELECT 1 FROM ${table(moodle, 'role_context_levels')} l WHERE l.roleid = ${table(moodle, 'role')}.id AND l.contextlevel = 50)`,
    ],
  )
  return mapFound(found, ([id, shortname, name, inCourses]) => ({ id, shortname, name, inCourses: inCourses === 1 }))
}

/** The same names, with other things for those that were found. */
export function mapFound<A, B>(found: ReadonlyMap<string, Found<A>>, map: (thing: A) => B): Map<string, Found<B>> {
  const mapped = new Map<string, Found<B>>()
  for (const [name, one] of found) {
    if ('ambiguous' in one) mapped.set(name, one)
    else mapped.set(name, { thing: map(one.thing), approximately: one.approximately })
  }
  return mapped
}

/** A column by whose values rows are looked up. */
export interface NameColumn {
  readonly table: string
  readonly column: string
}

/**
 * Looks names up: the one row that is equal byte for byte, else the one row that the database finds equal.
 * @param columns more columns to read, after the id and the name
 * @param where more conditions, with their values
 * @returns every name's row, or that there is none, or that it is ambiguous
 */
export async function findByName<Row extends readonly [id: number, name: string | number, ...rest: unknown[]]>(
  moodle: Moodle,
  by: NameColumn,
  names: Iterable<string>,
  columns: readonly string[] = [],
  where = '1 = 1',
  values: readonly unknown[] = [],
): Promise<Map<string, Found<Row>>> {
  const wanted = [...new Set(names)]
  const found = new Map<string, Found<Row>>()
  for (const name of wanted) found.set(name, { thing: null, ambiguous: false })
  const askable = wanted.filter(name => canBeEqual(moodle, by, name))
  const rows: Row[] = []
  for (const some of statementLists(moodle, askable, bytesOf)) {
    const more = await select<Row>(
      moodle,
      `SELECT id, ${by.column}${columns.map(column => `, ${column}`).join('')}
         FROM ${table(moodle, by.table)} WHERE ${by.column} IN (?) AND ${where}`,
      [some, ...values],
    )
    rows.push(...more)
  }
  const exact = groupBy(rows, row => String(row[1]))
  const inexact = askable.filter(name => !exact.has(name))
  for (const name of askable) {
    const equal = exact.get(name)
    if (equal !== undefined) found.set(name, only(equal, false))
  }
  // What is left is not there, or is equal for the database alone; the second is rare, and worth another question.
  if (inexact.length > 0 && rows.length > 0) {
    const keys = await equalityKeys(moodle, by, [...inexact, ...exact.keys()])
    const byKey = groupBy(rows, row => keys.get(String(row[1]))!)
    for (const name of inexact) {
      const equal = byKey.get(keys.get(name)!)
      if (equal !== undefined) found.set(name, only(equal, true))
    }
  }
  return found
}

/** With its quotes and comma. */
const bytesOf = (name: string): number => Buffer.byteLength(name) + 4

function only<Row>(rows: readonly Row[], approximately: boolean): Found<Row> {
  return rows.length === 1 ? { thing: rows[0]!, approximately } : { thing: null, ambiguous: true }
}

function groupBy<Item, Key>(items: readonly Item[], key: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const of = key(item)
    const group = groups.get(of)
    if (group === undefined) groups.set(of, [item])
    else group.push(item)
  }
  return groups
}

/** How much longer than its column a name may be, and still be equal to what stands there: some characters have no weight. */
const LONGER_AT_MOST = 4

/**
 * Whether a value of the column can be equal to a name, so that the server may be asked for it.
 * By id only digits can be equal to anything: the server would take `5x` for 5. A column of three-byte characters holds no
 * name with others, and asking for one is an error there, or costs the index. A cell may be as long as a record, and a statement
 * must not be.
 */
export function canBeEqual(moodle: Moodle, by: NameColumn, name: string): boolean {
  if (by.column === 'id') return /^0{0,100}\d{1,18}$/.test(name)
  const { characterSet, maxLength } = moodle.columns.get(by.table)?.get(by.column) ?? {}
  if (typeof maxLength === 'number' && name.length > LONGER_AT_MOST * maxLength) return false
  return characterSet === 'utf8mb4' || !/[\u{10000}-\u{10FFFF}]/u.test(name)
}

const NAMES_A_QUESTION = 500
const BYTES_ABOUT_A_NAME = ' UNION ALL SELECT 500, '.length

/**
 * Keys that are the same for names that the database holds equal in this column, and only for those: the weights of the
 * names under the column's own collation (`WEIGHT_STRING`), blanks at the end left out where the collation pads.
 */
export async function equalityKeys(
  moodle: Moodle,
  by: NameColumn,
  names: Iterable<string>,
): Promise<Map<string, string>> {
  const keys = new Map<string, string>()
  const wanted = [...new Set(names)]
  if (by.column === 'id') {
    for (const name of wanted) keys.set(name, /^\d+$/.test(name) ? String(BigInt(name)) : name)
    return keys
  }
  const facts = moodle.columns.get(by.table)?.get(by.column)
  const inCollation = `CONVERT(? USING ${safeWord(facts?.characterSet)}) COLLATE ${safeWord(facts?.collation)}`
  const weight = `HEX(WEIGHT_STRING(${inCollation}))`
  const [[pads, blank, blanks] = [0, '', '']] = await select<[number, string, string]>(
    moodle,
    `SELECT ${inCollation} = ${inCollation}, ${weight}, ${weight}`,
    ['a', 'a ', ' ', '  '],
  )
  const compared = (name: string): string => (pads === 1 ? name.replace(/ +$/, '') : name)
  // Other characters may weigh as much as a blank: a no-break space does, where Moodle has kept one at the end of a name.
  // Where a collation has several levels, what stands at the end is the weights of the last, which cannot be told apart.
  const passedOver = pads === 1 && blanks === blank + blank ? blank : ''
  // Converted, a name that the column cannot hold would be equal to one with question marks. No weight looks like this.
  for (const name of wanted) if (!canBeEqual(moodle, by, name)) keys.set(name, `?${name}`)
  const askable = wanted.filter(name => !keys.has(name))
  for (const together of slices(askable, NAMES_A_QUESTION)) {
    for (const some of statementLists(moodle, together, name => bytesOf(name) + weight.length + BYTES_ABOUT_A_NAME)) {
      const rows = await select<[number, string]>(
        moodle,
        some.map((_, i) => `SELECT ${i}, ${weight}`).join(' UNION ALL '),
        some.map(compared),
      )
      for (const [i, weights] of rows) keys.set(some[i]!, withoutEnd(weights, passedOver))
    }
  }
  return keys
}

function withoutEnd(text: string, end: string): string {
  let rest = text
  while (end !== '' && rest.endsWith(end)) rest = rest.slice(0, -end.length)
  return rest
}

/** Names of character sets and collations come from `information_schema`, and cannot be parameters. */
function safeWord(word: string | null | undefined): string {
  if (!/^\w+$/.test(word ?? '')) throw new Error(`not the name of a character set or collation: ${word}`)
  return word!
}
