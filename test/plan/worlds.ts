/**
 * Worlds in memory, made of rows of tables, and what planning has made of them turned back into rows: what `moodle/` does with
 * a database, without one. Names are equal here where they are the same but for case and accents.
 */
import { type RowRules, rowReader } from '../../src/file/rows.ts'
import type { Column, CommandRow, Row } from '../../src/file/types.ts'
import {
  type Context,
  type Course,
  emptyTable,
  type Found,
  type Group,
  type Observer,
  participant,
  type Stored,
  type Table,
  type World,
} from '../../src/plan/world.ts'
import type { CommandFile, Rules, Tables } from './naive-model.ts'

/** Stands in for the weights of a collation. */
export const keyOf = (name: string): string => name.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()

export const sameKey = (one: string, other: string): boolean => keyOf(one) === keyOf(other)

/** What identifiers are called, which only sentences say. */
export const IDENTIFIERS = { userIdentifier: 'idnumber', courseIdentifier: 'shortname' } as const

/** The rows of a file as `file/` reads them. */
export function rowsOf(file: CommandFile, defaultCommand: string): Row[] {
  const rules = { defaultCommand: defaultCommand as RowRules['defaultCommand'], timeZone: 'UTC' }
  const read = rowReader({ columns: file.columns as Column[], separator: ';' }, rules)
  return file.lines.map((cells, i) =>
    read({ cells, line: i + 2, offset: 0, length: 0, badQuoting: false, isQuoted: false }),
  )
}

/** A world that knows all of these tables, and what the rows name. */
export function worldOf(
  tables: Tables,
  rows: readonly Row[],
  rules: Rules,
  observers: readonly Observer[] = [],
): World {
  const commands = rows.filter((row): row is CommandRow => row.error === undefined)
  const contexts = new Map<number, Context>()
  for (const { id, contextlevel, instanceid, path } of tables.context) {
    contexts.set(id, { id, fate: 'stored', level: contextlevel, instanceId: instanceid, path, parent: null })
  }
  const contextOf = (level: number, instanceId: number): Context | null =>
    [...contexts.values()].find(one => one.level === level && one.instanceId === instanceId) ?? null
  const missing = new Map<number, Context>()
  const categoryContext = (category: number): Context => {
    const there = contextOf(category === 0 ? 10 : 40, category) ?? missing.get(category)
    if (there !== undefined) return there
    const { parent } = tables.course_categories.find(({ id }) => id === category)!
    const made: Context = {
      id: null,
      fate: 'new',
      level: 40,
      instanceId: category,
      path: null,
      parent: categoryContext(parent),
    }
    missing.set(category, made)
    return made
  }
  const coursesById = new Map<number, Course>()
  for (const { id, category, shortname } of tables.course) {
    const context = contextOf(50, id)
    coursesById.set(id, {
      id,
      category,
      shortname,
      fullname: shortname,
      groupMode: 0,
      completionEnabled: false,
      context,
      categoryContext: context === null ? categoryContext(category) : null,
      instances: [],
      groups: new Map(),
      groupsById: new Map(),
    })
  }
  for (const { id, enrol, courseid, status, sortorder } of tables.enrol) {
    const course = coursesById.get(courseid)!
    course.instances.push({ id, method: enrol, course, status, sortOrder: sortorder })
  }
  const groups = new Map<number, Group>()
  for (const { id, courseid, name, timemodified } of tables.groups.toSorted((a, b) => a.id - b.id)) {
    const course = coursesById.get(courseid)!
    const group: Group = { id, fate: 'stored', course, name, timeModified: timemodified }
    groups.set(id, group)
    course.groupsById.set(id, group)
    course.groups.set(keyOf(name), [...(course.groups.get(keyOf(name)) ?? []), group])
  }
  const world: World = {
    now: rules.now,
    site: {
      actorId: rules.actor,
      guestId: rules.guest,
      siteCourseId: Math.min(...tables.course.filter(({ category }) => category === 0).map(({ id }) => id)),
      enabledMethods: new Set(rules.enabledMethods),
      sessionTimeout: rules.sessionTimeout,
      mark: { component: rules.toolSyncInstalled ? 'tool_sync' : 'enrol_manual', itemId: 0 },
      maxGroupName: rules.maxGroupName,
    },
    users: findAll(
      commands.map(row => row.uid),
      tables.user.filter(({ deleted }) => deleted === 0),
      user => user.idnumber,
      user => user.id,
    ),
    courses: findAll(
      commands.map(row => row.cid),
      tables.course,
      course => course.shortname,
      course => coursesById.get(course.id)!,
    ),
    roles: findAll(
      commands.map(row => row.role),
      tables.role,
      role => role.shortname,
      ({ id, shortname }) => ({
        id,
        shortname,
        name: shortname,
        inCourses: tables.role_context_levels.some(row => row.roleid === id && row.contextlevel === 50),
      }),
    ),
    groupKeys: new Map(commands.flatMap(row => row.groups).map(name => [name, keyOf(name)])),
    coursesById,
    participants: new Map(),
    contexts: emptyTable(),
    enrolments: emptyTable(),
    roleAssignments: emptyTable(),
    groups: emptyTable(),
    memberships: emptyTable(),
    dirtyFlags: emptyTable(),
    flagsByUser: new Map(),
    observers,
    waitingEvents: [],
    changes: [],
  }
  const instances = new Map([...coursesById.values()].flatMap(({ instances }) => instances).map(one => [one.id, one]))
  for (const { id, enrolid, userid, status, timestart, timeend, modifierid, ...times } of tables.user_enrolments) {
    const instance = instances.get(enrolid)!
    participant(world, instance.course, userid).enrolments.add({
      id,
      fate: 'stored',
      instance,
      userId: userid,
      status,
      timeStart: timestart,
      timeEnd: timeend,
      modifierId: modifierid,
      timeCreated: times.timecreated,
      timeModified: times.timemodified,
    })
  }
  for (const { id, contextid, userid, roleid, component, itemid } of tables.role_assignments) {
    const context = contexts.get(contextid)!
    if (context.level !== 50) continue
    const course = coursesById.get(context.instanceId)!
    const row = { id, fate: 'stored' as const, course, userId: userid, roleId: roleid, component, itemId: itemid }
    participant(world, course, userid).roles.add(row)
  }
  for (const { id, groupid, userid, component, itemid } of tables.groups_members) {
    const group = groups.get(groupid)!
    const row = { id, fate: 'stored' as const, group, userId: userid, component, itemId: itemid }
    participant(world, group.course, userid).memberships.set(group, row)
  }
  for (const { id, name } of tables.cache_flags.toSorted((a, b) => a.id - b.id)) {
    const userId = Number(name)
    if (!world.flagsByUser.has(userId)) world.flagsByUser.set(userId, { id, fate: 'stored', userId })
  }
  return world
}

function findAll<One, Thing>(
  names: readonly string[],
  all: readonly One[],
  nameOf: (one: One) => string,
  thingOf: (one: One) => Thing,
): Map<string, Found<Thing>> {
  const find = (name: string): Found<Thing> => {
    const equal = all.filter(one => sameKey(nameOf(one), name))
    const same = equal.filter(one => nameOf(one) === name)
    const [first, another] = same.length > 0 ? same : equal
    if (first === undefined || another !== undefined) return { thing: null, ambiguous: another !== undefined }
    return { thing: thingOf(first), approximately: same.length === 0 }
  }
  return new Map(names.map(name => [name, find(name)]))
}

/** Turns what planning has changed back into rows. */
export function writeBack(world: World, tables: Tables): void {
  const { now, site } = world
  for (const context of world.contexts.touched) {
    const id = Math.max(...tables.context.map(row => row.id)) + 1
    const path = `${context.parent!.path}/${id}`
    Object.assign(context, { id, path })
    const depth = path.split('/').length - 1
    tables.context.push({ id, contextlevel: context.level, instanceid: context.instanceId, path, depth })
  }
  write(world.groups, tables.groups, ({ course, name, timeModified }) => ({
    courseid: course.id,
    name,
    timecreated: now,
    timemodified: timeModified,
  }))
  write(world.enrolments, tables.user_enrolments, row => ({
    enrolid: row.instance.id,
    userid: row.userId,
    status: row.status,
    timestart: row.timeStart,
    timeend: row.timeEnd,
    modifierid: row.modifierId,
    timecreated: row.timeCreated,
    timemodified: row.timeModified,
  }))
  write(world.roleAssignments, tables.role_assignments, row => ({
    roleid: row.roleId,
    contextid: row.course.context!.id!,
    userid: row.userId,
    component: row.component,
    itemid: row.itemId,
    timemodified: now,
    modifierid: site.actorId,
  }))
  write(world.memberships, tables.groups_members, ({ group, userId, component, itemId }) => ({
    groupid: group.id!,
    userid: userId,
    timeadded: now,
    component,
    itemid: itemId,
  }))
  write(world.dirtyFlags, tables.cache_flags, ({ userId }) => ({
    flagtype: 'accesslib/dirtyusers',
    name: String(userId),
    timemodified: now,
    value: '1',
    expiry: now + site.sessionTimeout,
  }))
}

function write<Planned extends Stored, Row extends { id: number }>(
  planned: Table<Planned>,
  rows: Row[],
  values: (row: Planned) => Omit<Row, 'id'>,
): void {
  for (const row of planned.touched) {
    const at = rows.findIndex(({ id }) => id === row.id)
    if (row.fate === 'removed') rows.splice(at, 1)
    else if (row.fate === 'changed') {
      const { timecreated: _, ...changed } = values(row) as Omit<Row, 'id'> & { timecreated?: number }
      Object.assign(rows[at]!, changed)
    } else if (row.fate === 'new') {
      row.id = Math.max(0, ...rows.map(({ id }) => id)) + 1
      rows.push({ id: row.id, ...values(row) } as Row)
    }
  }
}

/**
 * The rows by which schools are compared: every table's, in an order of their own, without the ids that they happen to have
 * got. `before` tells which groups and contexts were there: those are told by their id, new ones by what they are.
 */
export function naturally(tables: Tables, before: Tables): Record<string, string[]> {
  const groupName = (id: number): string => {
    const group = tables.groups.find(one => one.id === id)!
    return before.groups.some(one => one.id === id) ? `group ${id}` : `new group ${group.courseid}/${group.name}`
  }
  const contextName = (id: number): string => {
    const { contextlevel, instanceid } = tables.context.find(one => one.id === id)!
    return `${contextlevel}/${instanceid}`
  }
  const told = (rows: readonly object[]): string[] =>
    rows.map(row => JSON.stringify(Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1)))).sort()
  const withoutId = <Row extends { id: number }>({ id: _, ...row }: Row): Omit<Row, 'id'> => row
  return {
    // That of an activity is made when a forum asks what somebody may: a consequence, not the model's affair.
    context: told(
      tables.context
        .filter(({ contextlevel }) => contextlevel < 70)
        .map(row => ({
          ...withoutId(row),
          path: row.path.split('/').slice(1).map(Number).map(contextName),
        })),
    ),
    user_enrolments: told(tables.user_enrolments.map(withoutId)),
    role_assignments: told(
      tables.role_assignments.map(row => ({ ...withoutId(row), contextid: contextName(row.contextid) })),
    ),
    groups: told(tables.groups.map(row => ({ ...row, id: groupName(row.id) }))),
    groups_members: told(tables.groups_members.map(row => ({ ...withoutId(row), groupid: groupName(row.groupid) }))),
    cache_flags: told(tables.cache_flags.map(withoutId)),
  }
}
