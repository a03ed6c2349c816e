/**
 * What must be known before rows are taken back: which are there, what is in their place, what they belong to. Reads only;
 * in a real undo it locks what it reads, so that nobody changes it before it is written.
 */
import type { RowDataPacket } from 'mysql2/promise'
import { type Moodle, select, table } from './connect.ts'
import type { Value } from './journal.ts'
import { TABLES } from './undo-tables.ts'

export type Row = Readonly<Record<string, Value>>

export interface FactsGround {
  readonly moodle: Moodle
  readonly simulate: boolean
  readonly remembered: Remembered
}

/** What a simulated undo would have changed so far, which the database does not know. Of a real one nothing. */
export interface Remembered {
  /** null: it would be gone. undefined: the database knows. */
  readonly get: (name: string, id: number) => Row | null | undefined
  readonly set: (name: string, id: number, row: Row | null) => void
  /** Rows that would be there and have this key. */
  readonly withKey: (name: string, key: string) => readonly Row[]
}

export function rememberRows(): Remembered {
  const rows = new Map<string, Map<number, Row | null>>()
  const byKey = new Map<string, Row[]>()
  return {
    get: (name, id) => rows.get(name)?.get(id),
    set: (name, id, row) => {
      rows.set(name, (rows.get(name) ?? new Map()).set(id, row))
      const columns = TABLES[name]?.key
      if (row === null || columns === undefined) return
      const key = `${name}/${keyOf(row, columns)}`
      byKey.set(key, [...(byKey.get(key) ?? []), row])
    },
    withKey: (name, key) =>
      (byKey.get(`${name}/${key}`) ?? []).filter(row => rows.get(name)?.get(Number(row.id)) != null),
  }
}

const keyOf = (row: Row, columns: readonly string[]): string =>
  JSON.stringify(columns.map(column => String(row[column])))

/** The rows of these ids that are there, by id. */
export async function findRows(
  { moodle, simulate, remembered }: FactsGround,
  name: string,
  ids: readonly number[],
): Promise<Map<number, Row>> {
  if (ids.length === 0) return new Map()
  const [rows] = await moodle.connection.query<RowDataPacket[]>(
    `SELECT * FROM ${table(moodle, name)} WHERE id IN (?) ORDER BY id${simulate ? '' : ' FOR UPDATE'}`,
    [ids],
  )
  const found = new Map(rows.map(row => [Number(row.id), row as Row]))
  for (const id of ids) {
    const changed = remembered.get(name, id)
    if (changed === null) found.delete(id)
    else if (changed !== undefined) found.set(id, changed)
  }
  return found
}

/** Those of some deleted rows in whose place another row is, that means the same. */
export async function findOtherRows(ground: FactsGround, name: string, deleted: readonly Row[]): Promise<Set<Row>> {
  const { moodle, remembered } = ground
  const { key: columns, isUnique = false } = TABLES[name] ?? {}
  if (columns === undefined || deleted.length === 0) return new Set()
  // Two columns are enough for the index; the rest is compared here.
  const narrow = columns.slice(0, 2)
  const there = await select<Value[]>(
    moodle,
    `SELECT id, ${columns.join(', ')} FROM ${table(moodle, name)}
      WHERE ${narrow.map(column => `${column} IN (?)`).join(' AND ')}`,
    narrow.map(column => [...new Set(deleted.map(row => row[column]))]),
  )
  const ids = new Map<string, number[]>()
  for (const [id, ...values] of there) {
    if (remembered.get(name, Number(id)) === null) continue
    const key = JSON.stringify(values.map(String))
    ids.set(key, [...(ids.get(key) ?? []), Number(id)])
  }
  const taken = (row: Row): boolean => {
    const key = keyOf(row, columns)
    const others = [...(ids.get(key) ?? []), ...remembered.withKey(name, key).map(({ id }) => Number(id))]
    // Where doubles may be, one that is older was there beside it.
    return others.some(id => id !== Number(row.id) && (isUnique || id > Number(row.id)))
  }
  return new Set(deleted.filter(taken))
}

/** Those of some deleted rows that belong to something which is not there any more. */
export async function findWithoutOwner(ground: FactsGround, name: string, deleted: readonly Row[]): Promise<Set<Row>> {
  const without = new Set<Row>()
  for (const [column, owner] of Object.entries(TABLES[name]?.refersTo ?? {})) {
    const ids = [...new Set(deleted.map(row => Number(row[column])))]
    const there = await findIds(ground, owner, ids)
    for (const row of deleted) if (!there.has(Number(row[column]))) without.add(row)
  }
  return without
}

async function findIds(
  { moodle, remembered }: FactsGround,
  name: string,
  ids: readonly number[],
): Promise<Set<number>> {
  if (ids.length === 0) return new Set()
  const living = name === 'user' ? ' AND deleted = 0' : ''
  const rows = await select<[number]>(moodle, `SELECT id FROM ${table(moodle, name)} WHERE id IN (?)${living}`, [ids])
  const found = new Set(rows.map(([id]) => id))
  for (const id of ids) {
    const changed = remembered.get(name, id)
    if (changed === null) found.delete(id)
    else if (changed !== undefined) found.add(id)
  }
  return found
}

/** Those of some groups that somebody needs: members, groupings, conversations, overrides of quizzes. */
export async function findUsedGroups(ground: FactsGround, ids: readonly number[]): Promise<Set<number>> {
  const { moodle, remembered } = ground
  const used = new Set<number>()
  if (ids.length === 0) return used
  const find = async (name: string, column: string, condition = '1 = 1'): Promise<void> => {
    if (!moodle.columns.has(name)) return
    const rows = await select<[number, number]>(
      moodle,
      `SELECT id, ${column} FROM ${table(moodle, name)} WHERE ${column} IN (?) AND ${condition}`,
      [ids],
    )
    for (const [id, groupId] of rows) if (remembered.get(name, id) !== null) used.add(groupId)
  }
  await find('groups_members', 'groupid')
  await find('groupings_groups', 'groupid')
  await find('message_conversations', 'itemid', "component = 'core_group' AND itemtype = 'groups'")
  await find('quiz_overrides', 'groupid')
  return used
}

/** A person and a course, by their ids. */
export interface PersonInCourse {
  readonly userId: number
  readonly courseId: number
}

/** Memberships of people who have no enrolment in the course: Moodle makes none such, and nobody sees them. */
export async function findMembersWithoutEnrolment(
  { moodle, remembered }: FactsGround,
  people: readonly PersonInCourse[],
): Promise<{ readonly table: string; readonly row: Row }[]> {
  if (people.length === 0) return []
  const userIds = [...new Set(people.map(({ userId }) => userId))]
  const courseIds = [...new Set(people.map(({ courseId }) => courseId))]
  const wanted = new Set(people.map(({ userId, courseId }) => `${userId}:${courseId}`))
  const enrolments = await select<[number, number, number]>(
    moodle,
    `SELECT ue.id, ue.userid, e.courseid FROM ${table(moodle, 'user_enrolments')} ue
       JOIN ${table(moodle, 'enrol')} e ON e.id = ue.enrolid WHERE ue.userid IN (?) AND e.courseid IN (?)`,
    [userIds, courseIds],
  )
  for (const [id, userId, courseId] of enrolments) {
    if (remembered.get('user_enrolments', id) !== null) wanted.delete(`${userId}:${courseId}`)
  }
  const members = await select<[number, number, number, number]>(
    moodle,
    `SELECT m.id, m.userid, m.groupid, g.courseid FROM ${table(moodle, 'groups_members')} m
       JOIN ${table(moodle, 'groups')} g ON g.id = m.groupid WHERE m.userid IN (?) AND g.courseid IN (?) ORDER BY m.id`,
    [userIds, courseIds],
  )
  return members
    .filter(
      ([id, userId, , courseId]) =>
        wanted.has(`${userId}:${courseId}`) && remembered.get('groups_members', id) !== null,
    )
    .map(([id, userid, groupid]) => ({ table: 'groups_members', row: { id, userid, groupid } }))
}
