/**
 * Random schools and random command files, small and full of trouble: twins, names that are equal for the database only, what
 * is disabled, suspended, marked, deleted or missing. For `src/plan` in memory and for a database alike.
 */
import fc from 'fast-check'
import type { CommandFile, Rules, Tables } from './naive-model.ts'

/** Who and what there is before anything random is added, and the names by which files may speak of them. */
export interface Cast {
  readonly tables: Tables
  /** Ids that what is random is about. */
  readonly users: readonly number[]
  readonly courses: readonly number[]
  readonly roles: readonly number[]
  readonly names: Readonly<Record<'users' | 'courses' | 'roles', Names>>
}

interface Names {
  /** Each means one of those above. */
  readonly usual: readonly string[]
  /** Equal to nothing, to several, or to what is refused. */
  readonly odd: readonly string[]
}

const GROUP_NAMES = ['Alpha', 'alpha', 'Älpha', 'Beta', 'béta', 'Gamma'] as const
/** Files name groups that are not there, too; the last is too long where `TOO_LONG` says so. */
export const GROUP_NAMES_IN_FILES = [...GROUP_NAMES, 'New', 'NEW', 'Other', 'a name that is much too long'] as const
export const TOO_LONG = 20

const METHODS = ['manual', 'manual', 'self', 'imsenterprise', 'flatfile', 'cohort', 'meta', 'lti'] as const
const ALL_METHODS = ['manual', 'self', 'imsenterprise', 'flatfile', 'cohort', 'lti']
const MARKS = ['', '', 'tool_sync', 'enrol_manual', 'instance', 'mod_other'] as const
const STARTS = [0, 100, 1_756_706_400] as const
const ENDS = [0, 0, 150, 4_000_000_000] as const

const flag = fc.integer({ min: 0, max: 1 })

/** What a school has beside its cast. Numbers point into lists, round and round. */
const arrangement = fc.record({
  withoutContext: fc.array(fc.nat(9), { maxLength: 1 }),
  instances: fc.array(
    fc.record({
      course: fc.nat(9),
      method: fc.constantFrom(...METHODS),
      status: fc.constantFrom(0, 0, 0, 1),
      sortorder: fc.nat(2),
    }),
    { minLength: 1, maxLength: 9 },
  ),
  enrolments: fc.array(
    fc.record({
      instance: fc.nat(99),
      user: fc.nat(9),
      status: flag,
      timestart: fc.constantFrom(...STARTS),
      timeend: fc.constantFrom(...ENDS),
      withRole: fc.boolean(),
    }),
    { maxLength: 12 },
  ),
  roles: fc.array(
    fc.record({
      user: fc.nat(9),
      context: fc.nat(99),
      role: fc.nat(9),
      mark: fc.constantFrom(...MARKS),
      instance: fc.nat(99),
    }),
    { maxLength: 8 },
  ),
  groups: fc.array(fc.record({ course: fc.nat(9), name: fc.constantFrom(...GROUP_NAMES) }), { maxLength: 6 }),
  memberships: fc.array(
    fc.record({ group: fc.nat(99), user: fc.nat(9), mark: fc.constantFrom(...MARKS), instance: fc.nat(99) }),
    { maxLength: 8 },
  ),
  dirty: fc.array(fc.nat(9), { maxLength: 3 }),
})

/** A school: the cast with an arrangement. A counterexample tells the arrangement alone. */
export const school = (cast: Cast): fc.Arbitrary<Tables> =>
  arrangement.map(of => {
    const told = { value: () => JSON.stringify(of), enumerable: false }
    return Object.defineProperty(arranged(cast, of), fc.toStringMethod, told)
  })

function arranged(cast: Cast, of: typeof arrangement extends fc.Arbitrary<infer T> ? T : never): Tables {
  const tables = structuredClone(cast.tables)
  const at = <Item>(items: readonly Item[], i: number): Item => items[i % items.length]!
  const nextId = (rows: readonly { id: number }[]): number => Math.max(0, ...rows.map(({ id }) => id)) + 1
  const before = { modifierid: 0, timecreated: 50, timemodified: 50 }
  const markOf = (mark: string, instance: Tables['enrol'][number]): { component: string; itemid: number } =>
    mark === 'instance' ? { component: `enrol_${instance.enrol}`, itemid: instance.id } : { component: mark, itemid: 0 }

  for (const { course, method, ...rest } of of.instances) {
    tables.enrol.push({ id: nextId(tables.enrol), courseid: at(cast.courses, course), enrol: method, ...rest })
  }
  const instances = tables.enrol.filter(({ courseid }) => cast.courses.includes(courseid))
  const assign = (userid: number, roleid: number, contextid: number, mark: ReturnType<typeof markOf>): void => {
    const id = nextId(tables.role_assignments)
    tables.role_assignments.push({ id, userid, roleid, contextid, ...mark, timemodified: 50, modifierid: 0 })
  }
  for (const { instance, user, withRole, ...rest } of of.enrolments) {
    const [through, userid] = [at(instances, instance), at(cast.users, user)]
    if (tables.user_enrolments.some(row => row.enrolid === through.id && row.userid === userid)) continue
    const id = nextId(tables.user_enrolments)
    tables.user_enrolments.push({ id, enrolid: through.id, userid, ...rest, ...before })
    const context = tables.context.find(row => row.contextlevel === 50 && row.instanceid === through.courseid)!
    if (withRole) assign(userid, at(cast.roles, id), context.id, markOf('instance', through))
  }
  const contexts = tables.context.filter(({ contextlevel }) => contextlevel >= 50)
  for (const { user, context, role, mark, instance } of of.roles) {
    const [userid, roleid, contextid] = [at(cast.users, user), at(cast.roles, role), at(contexts, context).id]
    assign(userid, roleid, contextid, markOf(mark, at(instances, instance)))
  }
  for (const { course, name } of of.groups) {
    const id = nextId(tables.groups)
    tables.groups.push({ id, courseid: at(cast.courses, course), name, timecreated: 50, timemodified: 50 })
  }
  const groups = tables.groups.filter(({ courseid }) => cast.courses.includes(courseid))
  for (const { group, user, mark, instance } of groups.length === 0 ? [] : of.memberships) {
    const [groupid, userid] = [at(groups, group).id, at(cast.users, user)]
    if (tables.groups_members.some(row => row.groupid === groupid && row.userid === userid)) continue
    const own = markOf(mark, at(instances, instance))
    tables.groups_members.push({ id: nextId(tables.groups_members), groupid, userid, timeadded: 50, ...own })
  }
  for (const user of of.dirty) {
    tables.cache_flags.push({
      id: nextId(tables.cache_flags),
      flagtype: 'accesslib/dirtyusers',
      name: String(at(cast.users, user)),
      timemodified: 50,
      value: '1',
      expiry: 60,
    })
  }
  for (const course of of.withoutContext) loseContext(tables, at(cast.courses, course))
  return tables
}

/** The course's context is not there, nor those of the categories above it that nothing else lies in. */
function loseContext(tables: Tables, courseId: number): void {
  const lose = (level: number, instanceId: number): void => {
    const lost = tables.context.find(row => row.contextlevel === level && row.instanceid === instanceId)
    if (lost === undefined) return
    tables.context = tables.context.filter(
      row => row !== lost && !(level === 50 && row.path.startsWith(`${lost.path}/`)),
    )
    const there = new Set(tables.context.map(({ id }) => id))
    tables.role_assignments = tables.role_assignments.filter(({ contextid }) => there.has(contextid))
  }
  lose(50, courseId)
  let category = tables.course.find(({ id }) => id === courseId)!.category
  while (category !== 0) {
    const context = tables.context.find(row => row.contextlevel === 40 && row.instanceid === category)
    if (context === undefined || tables.context.some(row => row.path.startsWith(`${context.path}/`))) return
    lose(40, category)
    category = tables.course_categories.find(({ id }) => id === category)!.parent
  }
}

/** Seldom what is wrong: a line has so many cells that most lines would fail, and show nothing else. */
const mostly = <Item>(usual: readonly Item[], odd: readonly Item[]): fc.Arbitrary<Item> =>
  fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) })

const REQUIRED = ['uid', 'cid', 'rolename'] as const
const OPTIONAL = ['cmd', 'enrol', 'starttime', 'endtime', 'gcmd', 'g1', 'g2', 'g3'] as const

const columns = fc
  .tuple(
    // All of them as often as some of them: it is where they meet that rules are forgotten.
    fc.oneof(fc.constant([...OPTIONAL]), fc.subarray([...OPTIONAL])),
    fc.array(fc.nat(99), { minLength: OPTIONAL.length, maxLength: OPTIONAL.length }),
  )
  .map(([some, order]) => {
    const all: string[] = [...REQUIRED]
    for (const [i, column] of some.entries()) all.splice(order[i]! % (all.length + 1), 0, column)
    return all
  })

const cells = ({ names: { users, courses, roles } }: Cast): fc.Arbitrary<Record<string, string>> => {
  const group = fc.oneof(fc.constant(''), fc.constantFrom(...GROUP_NAMES_IN_FILES))
  return fc.record({
    uid: mostly(users.usual, [...users.odd, '']),
    cid: mostly(courses.usual, [...courses.odd, '']),
    rolename: mostly(roles.usual, [...roles.odd, '']),
    cmd: mostly(['add', 'add', 'shift', 'del', 'disable', 'enable', 'suspend', 'delete', ''], ['Add', 'remove']),
    enrol: mostly(
      ['manual', 'manual', 'manual', '', 'self', 'imsenterprise', 'flatfile', 'lti'],
      ['cohort', 'meta', 'Manual'],
    ),
    starttime: mostly(['', '', '', '100', '2025-09-01T06:00:00Z'], ['0', '4000000000', 'soon', '12345678901']),
    endtime: mostly(['', '', '', '4000000000', '0', '150'], ['2025-09-01 08:00:00+02:00', 'never']),
    gcmd: mostly(['gadd', 'gaddcreate', 'greplace', 'greplacecreate', 'gdel', '', '', ''], ['gremove']),
    g1: group,
    g2: group,
    g3: group,
  })
}

/** How many cells a line has more or less than the header. */
const tornOff = fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.integer({ min: -4, max: 1 }))

/** A command file. */
export const commandFile = (cast: Cast): fc.Arbitrary<CommandFile> =>
  fc
    .tuple(
      columns,
      fc.array(fc.tuple(cells(cast), tornOff), {
        minLength: 1,
        maxLength: 12,
      }),
    )
    .map(([columns, lines]) => ({
      columns,
      lines: lines.map(([cells, more]) => {
        const line = columns.map(column => cells[column]!)
        return more > 0 ? [...line, ''] : line.slice(0, line.length + more)
      }),
    }))

/** What an administrator and a site may have set. */
export type Settings = Pick<
  Rules,
  | 'enabledMethods'
  | 'toolSyncInstalled'
  | 'defaultCommand'
  | 'protectManualGroups'
  | 'allowDisabledInstances'
  | 'allowedRoles'
>

export const settings = (cast: Cast): fc.Arbitrary<Settings> =>
  fc.record({
    enabledMethods: fc.constantFrom(ALL_METHODS, ALL_METHODS, ALL_METHODS, ['manual'], ['self', 'imsenterprise']),
    toolSyncInstalled: fc.boolean(),
    defaultCommand: fc.constantFrom('add', 'add', 'shift', 'del', 'suspend'),
    protectManualGroups: fc.boolean(),
    allowDisabledInstances: fc.boolean(),
    allowedRoles: fc.constantFrom(null, null, null, null, cast.names.roles.usual.slice(0, 1)),
  })
