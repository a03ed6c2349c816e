/**
 * What there is in Moodle instead of what a file named in vain: spelt nearly so, or under another identifier. For some hundred
 * names at once, by as many look-ups in an index as that takes, however large the site. No table is read from end to end, but for
 * the full names of courses, once, where there are not too many. Reads only.
 */
import { createHash } from 'node:crypto'
import { LONGEST_NAME, spellingsNear } from '../hints/spelling.ts'
import { slices } from '../slices.ts'
import { type Moodle, select, statementLists, table } from './connect.ts'
import { canBeEqual, findCourses, type NameColumn, type NamesGround } from './names.ts'

/** Values of one IN: from 1,000 on, MariaDB makes a table of them, and may read ours for each. */
const VALUES_A_QUESTION = 500
/** Spellings that are asked for, of all names together. */
const SPELLINGS = 20_000
const SPELLINGS_OF_A_NAME = 400
/** Values that stand before and behind a name in the index. */
const NEIGHBOURS = 15
const NAMES_A_QUESTION = 25

/** A user by one of the identifiers that `enrol.userIdentifier` can name. */
const USER_IDENTIFIERS = ['idnumber', 'username', 'email', 'id'] as const

/** Of usernames, those of this host alone, as everywhere. */
function userCondition(
  { settings }: NamesGround,
  column: string,
): { readonly where: string; readonly values: number[] } {
  return column === 'username'
    ? { where: 'mnethostid = ?', values: [Number(settings('', 'mnet_localhost_id') ?? 1)] }
    : { where: '1 = 1', values: [] }
}

/** What the users are called whose identifiers are like these names, all together. */
export async function userNamesNear(ground: NamesGround, names: readonly string[]): Promise<string[]> {
  const column = ground.config.enrol.userIdentifier
  // By its number, any id is as near as another.
  if (column === 'id') return []
  const { where, values } = userCondition(ground, column)
  const rows = await near<[string, number]>(ground.moodle, { table: 'user', column }, names, 'deleted', where, values)
  return rows.filter(([, deleted]) => deleted === 0).map(([name]) => name)
}

export async function courseNamesNear({ moodle, config }: NamesGround, names: readonly string[]): Promise<string[]> {
  const column = config.enrol.courseIdentifier
  if (column === 'id') return []
  const rows = await near<[string, number]>(moodle, { table: 'course', column }, names, 'id', '1 = 1', [])
  return rows.map(([name]) => name)
}

/**
 * Values of a column that are like these names: those that one slip makes of them, and those beside them in the index, which
 * begin in the same way.
 * @param also another column, that is read with it
 */
async function near<Row extends readonly [string, unknown]>(
  moodle: Moodle,
  by: NameColumn,
  names: readonly string[],
  also: string,
  where: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const { column } = by
  const from = table(moodle, by.table)
  const askable = names.filter(name => name.length <= LONGEST_NAME && canBeEqual(moodle, by, name))
  if (askable.length === 0) return []
  const most = Math.min(SPELLINGS_OF_A_NAME, Math.floor(SPELLINGS / askable.length))
  const spellings = [...new Set(askable.flatMap(name => spellingsNear(name, most)))]
  const found: Row[] = []
  for (const some of lists(moodle, spellings, VALUES_A_QUESTION)) {
    const sql = `SELECT ${column}, ${also} FROM ${from} WHERE ${column} IN (?) AND ${where}`
    found.push(...(await select<Row>(moodle, sql, [some, ...values])))
  }
  // Deleted users are read with the others: to pass them over, the server might have to read any number of them.
  const behind = `(SELECT ${column}, ${also} FROM ${from} WHERE ${column} > ? AND ${where} ORDER BY ${column} LIMIT ${NEIGHBOURS})`
  const before = `(SELECT ${column}, ${also} FROM ${from} WHERE ${column} < ? AND ${column} > '' AND ${where} ORDER BY ${column} DESC LIMIT ${NEIGHBOURS})`
  for (const some of lists(moodle, askable, NAMES_A_QUESTION, 2, behind.length + before.length)) {
    const sql = some.flatMap(() => [behind, before]).join(' UNION ALL ')
    found.push(
      ...(await select<Row>(
        moodle,
        sql,
        some.flatMap(name => [name, ...values, name, ...values]),
      )),
    )
  }
  return found
}

/**
 * Values in lists, each of which has room in one statement.
 * @param most values of a list
 * @param times so often each value stands in it
 * @param beside bytes of what stands in it for each value
 */
function* lists<Value extends string | number>(
  moodle: Moodle,
  values: readonly Value[],
  most: number,
  times = 1,
  beside = 0,
): Generator<readonly Value[]> {
  // With quotes and comma.
  const bytesOf = (value: Value): number => times * (Buffer.byteLength(String(value)) + 4) + beside
  for (const some of slices(values, most)) yield* statementLists(moodle, some, bytesOf)
}

/** What a name is, if it is not what it was taken for. */
export interface OtherIdentifier {
  /** Whose value it is: a column of the table. */
  readonly column: string
  /** What it should have been; '' where there is nothing. */
  readonly meant: string
}

/** Users by their other identifiers. @returns of each name that is one: which, and what the file should have said */
export async function usersByOtherIdentifier(
  ground: NamesGround,
  names: readonly string[],
): Promise<Map<string, OtherIdentifier>> {
  const { moodle, config } = ground
  const found = new Map<string, OtherIdentifier>()
  for (const column of USER_IDENTIFIERS) {
    if (column === config.enrol.userIdentifier) continue
    const { where, values } = userCondition(ground, column)
    const by = { table: 'user', column }
    await addEqual(moodle, by, names, config.enrol.userIdentifier, `deleted = 0 AND ${where}`, values, found)
  }
  return found
}

/** Courses of so many, whose full names can be read: there is no index on them. */
const COURSES_FOR_FULL_NAME = 50_000

/** Courses by their other identifiers, or by their full name. */
export async function coursesByOtherIdentifier(
  { moodle, config }: NamesGround,
  names: readonly string[],
): Promise<Map<string, OtherIdentifier>> {
  const found = new Map<string, OtherIdentifier>()
  const [[largest] = [0]] = await select<[number | null]>(moodle, `SELECT MAX(id) FROM ${table(moodle, 'course')}`)
  const columns = ['shortname', 'idnumber', 'id', ...((largest ?? 0) <= COURSES_FOR_FULL_NAME ? ['fullname'] : [])]
  for (const column of columns) {
    if (column === config.enrol.courseIdentifier) continue
    await addEqual(moodle, { table: 'course', column }, names, config.enrol.courseIdentifier, '1 = 1', [], found)
  }
  return found
}

/** Adds what is found by a column to what was found by others. */
async function addEqual(
  moodle: Moodle,
  by: NameColumn,
  names: readonly string[],
  searched: string,
  where: string,
  values: readonly unknown[],
  found: Map<string, OtherIdentifier>,
): Promise<void> {
  const askable = names.filter(name => name.length <= 255 && canBeEqual(moodle, by, name))
  const rows: [string | number, string | number][] = []
  const sql = `SELECT ${by.column}, ${searched} FROM ${table(moodle, by.table)} WHERE ${by.column} IN (?) AND ${where}`
  for (const some of lists(moodle, askable, VALUES_A_QUESTION))
    rows.push(...(await select<[string | number, string | number]>(moodle, sql, [some, ...values])))
  const byName = new Map(rows.map(([name, meant]) => [String(name).toLowerCase(), String(meant)]))
  for (const name of askable) {
    const meant = byName.get(name.toLowerCase())
    if (meant !== undefined && !found.has(name)) found.set(name, { column: by.column, meant })
  }
}

/**
 * Which of these names deleted accounts had. Moodle leaves a hash of the username, and the address in the username's place
 * (`delete_user`); the idnumber it forgets, where somebody else has not only marked the account.
 */
export async function deletedUsers(ground: NamesGround, names: readonly string[]): Promise<Set<string>> {
  const { moodle, config } = ground
  const from = table(moodle, 'user')
  const column = config.enrol.userIdentifier
  const found = new Set<string>()
  if (column === 'id' || column === 'idnumber') {
    const askable = names.filter(name => name.length <= 255 && canBeEqual(moodle, { table: 'user', column }, name))
    const sql = `SELECT ${column} FROM ${from} WHERE deleted = 1 AND ${column} IN (?)`
    const rows = new Set<string>()
    for (const some of lists(moodle, askable, VALUES_A_QUESTION)) {
      for (const [name] of await select<[string | number]>(moodle, sql, [some])) rows.add(fold(name))
    }
    return new Set(askable.filter(name => rows.has(fold(name))))
  }
  if (column === 'username') {
    const byHash = new Map(names.map(name => [createHash('md5').update(name.toLowerCase()).digest('hex'), name]))
    const sql = `SELECT email FROM ${from} WHERE deleted = 1 AND email IN (?)`
    for (const some of lists(moodle, [...byHash.keys()], VALUES_A_QUESTION)) {
      for (const [hash] of await select<[string]>(moodle, sql, [some])) found.add(byHash.get(hash)!)
    }
    return found
  }
  const { where, values } = userCondition(ground, 'username')
  // What Moodle takes out of a username (PARAM_USERNAME).
  const kept = new Map(
    names
      .filter(name => name.length <= LONGEST_NAME)
      .map(name => [`${name.toLowerCase().replaceAll(/[^-.@_a-z0-9]/g, '')}.`, name]),
  )
  const one = `(SELECT ? FROM ${from} WHERE ${where} AND username LIKE ? AND deleted = 1 LIMIT 1)`
  for (const some of lists(moodle, [...kept.keys()], NAMES_A_QUESTION, 2, one.length)) {
    const asked = some.flatMap(begin => [begin, ...values, `${begin.replaceAll(/[%_\\]/g, '\\$&')}%`])
    for (const [begin] of await select<[string]>(moodle, some.map(() => one).join(' UNION ALL '), asked))
      found.add(kept.get(begin)!)
  }
  return found
}

const fold = (name: string | number): string => String(name).toLowerCase()

/** Ids of the several that one name means, at most some of each. */
export async function idsOf(
  ground: NamesGround,
  kind: 'user' | 'course',
  names: readonly string[],
): Promise<Map<string, number[]>> {
  const { moodle, config } = ground
  const column = kind === 'user' ? config.enrol.userIdentifier : config.enrol.courseIdentifier
  const condition = kind === 'user' ? userCondition(ground, column) : { where: '1 = 1', values: [] }
  const living = kind === 'user' ? ' AND deleted = 0' : ''
  const found = new Map<string, number[]>()
  // One by one: what is equal for the database, only the database knows.
  const one = `(SELECT ?, id FROM ${table(moodle, kind)} WHERE ${column} = ? AND ${condition.where}${living} ORDER BY id LIMIT 10)`
  for (const some of lists(moodle, names, NAMES_A_QUESTION, 1, one.length)) {
    const asked = some.flatMap((name, at) => [at, name, ...condition.values])
    for (const [at, id] of await select<[number, number]>(moodle, some.map(() => one).join(' UNION ALL '), asked)) {
      const name = some[Number(at)]!
      found.set(name, [...(found.get(name) ?? []), id])
    }
  }
  return found
}

/** Every role, as it is called: the short name, and the name that somebody has given it. */
export async function allRoles(
  moodle: Moodle,
): Promise<{ readonly shortname: string; readonly name: string; readonly inCourses: boolean }[]> {
  const role = table(moodle, 'role')
  const rows = await select<[string, string, number]>(
    moodle,
    `SELECT shortname, name,
            EXISTS (SELECT 1 FROM ${table(moodle, 'role_context_levels')} l WHERE l.roleid = ${role}.id AND l.contextlevel = 50)
       FROM ${role} ORDER BY sortorder`,
  )
  return rows.map(([shortname, name, inCourses]) => ({ shortname, name, inCourses: inCourses === 1 }))
}

/** The enrolment methods of courses, by the names of those that are found: which have an instance, and whether one is enabled. */
export async function methodsOf(
  ground: NamesGround,
  courses: readonly string[],
): Promise<Map<string, Map<string, boolean>>> {
  const { moodle } = ground
  const byId = await courseNamesById(ground, courses)
  const found = new Map<string, Map<string, boolean>>([...byId.values()].flat().map(name => [name, new Map()]))
  const sql = `SELECT courseid, enrol, status FROM ${table(moodle, 'enrol')} WHERE courseid IN (?) ORDER BY sortorder, id`
  for (const some of lists(moodle, [...byId.keys()], VALUES_A_QUESTION)) {
    for (const [courseId, method, status] of await select<[number, string, number]>(moodle, sql, [some])) {
      for (const name of byId.get(courseId)!) {
        const methods = found.get(name)!
        methods.set(method, methods.get(method) === true || status === 0)
      }
    }
  }
  return found
}

/** Groups that are read at once. */
const MOST_GROUPS = 20_000

/**
 * The groups of courses, by the names of those that are found.
 * @param before Unix time in seconds: those that were made then or later are left out, since the run itself may have made them
 */
export async function groupNamesOf(
  ground: NamesGround,
  courses: readonly string[],
  before: number,
): Promise<Map<string, string[]>> {
  const { moodle } = ground
  const byId = await courseNamesById(ground, courses)
  const found = new Map<string, string[]>([...byId.values()].flat().map(name => [name, []]))
  const sql = `SELECT courseid, name FROM ${table(moodle, 'groups')}
    WHERE courseid IN (?) AND timecreated < ? ORDER BY id LIMIT ${MOST_GROUPS}`
  for (const some of lists(moodle, [...byId.keys()], VALUES_A_QUESTION)) {
    for (const [courseId, group] of await select<[number, string]>(moodle, sql, [some, before])) {
      for (const name of byId.get(courseId)!) found.get(name)!.push(group)
    }
  }
  return found
}

/** Names of courses as a file has them, several of which may be one course's. */
async function courseNamesById(ground: NamesGround, names: readonly string[]): Promise<Map<number, string[]>> {
  const byId = new Map<number, string[]>()
  for (const [name, { thing }] of await findCourses(ground, names)) {
    if (thing !== null) byId.set(thing.id, [...(byId.get(thing.id) ?? []), name])
  }
  return byId
}
