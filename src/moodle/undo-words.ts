/** What rows are about, for people: whose they are, in which course, by which names. Reads only. */
import type { Config } from '../config/config.ts'
import { type Moodle, select, table } from './connect.ts'
import type { Row } from './undo-facts.ts'
import { TABLES } from './undo-tables.ts'

/** A row of a table, without prefix. */
export interface RowOf {
  readonly table: string
  readonly row: Row
}

/** The course that each row is about, by its id; rows about none, or one that is gone, are left out. */
export async function findCourses<One extends RowOf>(moodle: Moodle, rows: readonly One[]): Promise<Map<One, number>> {
  const found = new Map<One, number>()
  const byTable = new Map<string, One[]>()
  for (const one of rows) {
    const own = byTable.get(one.table)
    if (own === undefined) byTable.set(one.table, [one])
    else own.push(one)
  }
  for (const [name, own] of byTable) {
    const by = TABLES[name]?.course
    if (by === undefined) continue
    const column = 'contextColumn' in by ? by.contextColumn : by.column
    const values = [...new Set(own.flatMap(({ row }) => (row[column] == null ? [] : [Number(row[column])])))]
    if (values.length === 0) continue
    const courses =
      'contextColumn' in by
        ? await coursesOfContexts(moodle, values)
        : 'through' in by
          ? await coursesThrough(moodle, by.through, by.courseColumn, values)
          : new Map(values.map(id => [id, id]))
    for (const one of own) {
      const courseId = courses.get(Number(one.row[column]))
      if (courseId !== undefined) found.set(one, courseId)
    }
  }
  return found
}

async function coursesThrough(
  moodle: Moodle,
  name: string,
  column: string,
  ids: readonly number[],
): Promise<Map<number, number>> {
  return new Map(
    await select<[number, number]>(moodle, `SELECT id, ${column} FROM ${table(moodle, name)} WHERE id IN (?)`, [ids]),
  )
}

/** A context below a course has the course's in its path. */
async function coursesOfContexts(moodle: Moodle, ids: readonly number[]): Promise<Map<number, number>> {
  const paths = await select<[number, string | null]>(
    moodle,
    `SELECT id, path FROM ${table(moodle, 'context')} WHERE id IN (?)`,
    [ids],
  )
  const above = new Map(paths.map(([id, path]) => [id, (path ?? '').split('/').filter(Boolean).map(Number)]))
  const all = [...new Set([...above.values()].flat())]
  if (all.length === 0) return new Map()
  const courses = new Map(
    await select<[number, number]>(
      moodle,
      `SELECT id, instanceid FROM ${table(moodle, 'context')} WHERE contextlevel = 50 AND id IN (?)`,
      [all],
    ),
  )
  const found = new Map<number, number>()
  for (const [id, path] of above) {
    const context = path.find(one => courses.has(one))
    if (context !== undefined) found.set(id, courses.get(context)!)
  }
  return found
}

/** What fills the sentences about a row. Who or what has no name any more is named by its id. */
export interface Names {
  readonly user: string
  readonly course: string
  readonly role: string
  readonly group: string
  readonly method: string
}

/** The names of whom and what rows are about, by the identifiers that command files use. */
export async function findNames<One extends RowOf>(
  { moodle, config }: { readonly moodle: Moodle; readonly config: Config },
  rows: readonly One[],
  courses: ReadonlyMap<RowOf, number>,
): Promise<Map<One, Names>> {
  const nameOf = async (name: string, column: string, ids: Iterable<unknown>): Promise<(id: unknown) => string> => {
    const wanted = [...new Set(ids)].filter(id => id !== undefined && id !== null)
    const found =
      wanted.length === 0
        ? []
        : await select<[number, string | number]>(
            moodle,
            `SELECT id, ${column} FROM ${table(moodle, name)} WHERE id IN (?)`,
            [wanted],
          )
    const names = new Map(found.map(([id, value]) => [String(id), String(value)]))
    return id => (id === undefined || id === null ? '' : names.get(String(id)) || `#${id}`)
  }
  const { courseIdentifier, userIdentifier } = config.enrol
  const user = await nameOf(
    'user',
    userIdentifier,
    rows.map(({ row }) => row.userid),
  )
  const course = await nameOf('course', courseIdentifier, courses.values())
  const role = await nameOf(
    'role',
    'shortname',
    rows.map(({ row }) => row.roleid),
  )
  const group = await nameOf(
    'groups',
    'name',
    rows.map(({ row }) => row.groupid),
  )
  const method = await nameOf(
    'enrol',
    'enrol',
    rows.map(({ row }) => row.enrolid),
  )
  return new Map(
    rows.map(one => {
      const { row } = one
      const names = {
        user: user(row.userid),
        course: course(courses.get(one)),
        role: role(row.roleid),
        group: one.table === 'groups' ? String(row.name ?? `#${row.id}`) : group(row.groupid),
        method: method(row.enrolid),
      }
      return [one, names]
    }),
  )
}
