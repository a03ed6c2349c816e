/**
 * The facts that a chunk of rows is planned against: a few large SELECTs, however many rows there are.
 * Reads only. What it fills is `plan/world.ts`.
 */
import type { Config } from '../config/config.ts'
import type { CommandRow, Row } from '../file/types.ts'
import type { WarnOnce } from '../log.ts'
import {
  type Context,
  type Course,
  type DirtyFlag,
  emptyTable,
  type Found,
  type Instance,
  type Observer,
  type Site,
  type World,
} from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'
import type { Consequence, Needs, Prepared } from './consequences/consequence.ts'
import { linkedCourseIds } from './consequences/linked-courses.ts'
import { groupOf } from './groups.ts'
import { canBeEqual, equalityKeys, findCourses, findRoles, findUsers, mapFound } from './names.ts'
import { loadParticipants } from './participants.ts'
import type { Settings } from './site.ts'

/** What stays the same for all chunks of a run. */
export interface Ground {
  readonly moodle: Moodle
  readonly config: Config
  readonly settings: Settings
  readonly site: Site
  readonly consequences: readonly Consequence[]
  /** Who else listens while rows are planned. */
  readonly observers: readonly Observer[]
  /** Lasts as long as the run, so that a thing is said once for all chunks. */
  readonly warn: WarnOnce
  /** The database stays as it is. */
  readonly simulate: boolean
  /**
   * What earlier chunks of a simulated run have changed, which the database does not know. A real run begins every
   * chunk with nothing remembered.
   */
  readonly remembered: Pick<World, 'coursesById' | 'participants'>
}

/** A world with what is to be written of it. */
export interface LoadedWorld {
  readonly world: World
  readonly prepared: readonly Prepared[]
}

/**
 * Loads the facts of a chunk.
 * @param now Unix time in seconds: the moment at which the chunk happens
 */
export async function loadWorld(ground: Ground, rows: readonly Row[], now: number): Promise<LoadedWorld> {
  const { moodle, config, settings, site } = ground
  const commands = rows.filter((row): row is CommandRow => row.error === undefined)
  // Asked together, the server answers one question while the last answer is read.
  const [users, courses, roles] = await Promise.all([
    findUsers(
      ground,
      commands.map(row => row.uid),
    ),
    findCourses(
      ground,
      commands.map(row => row.cid),
    ),
    findRoles(moodle, commands),
  ])

  const named = things(courses).map(course => course.id)
  const linked = await linkedCourseIds(moodle, site, named)
  const courseIds = [...new Set([...named, ...linked])]
  const userIds = [...new Set(things(users))]
  const { coursesById, participants } = ground.remembered
  await loadCourses(moodle, courseIds, coursesById)
  const [groupKeys, flagsByUser] = await Promise.all([
    loadGroups(moodle, commands, named, coursesById),
    findDirtyFlags(moodle, userIds),
  ])

  const observers = [...ground.observers]
  const world: World = {
    now,
    site,
    users,
    courses: mapFound(courses, ({ id }) => coursesById.get(id)!),
    roles,
    groupKeys,
    coursesById,
    participants,
    contexts: emptyTable(),
    enrolments: emptyTable(),
    roleAssignments: emptyTable(),
    groups: emptyTable(),
    memberships: emptyTable(),
    dirtyFlags: emptyTable(),
    flagsByUser,
    observers,
    waitingEvents: [],
    changes: [],
  }
  const mayUnenrol = linked.length > 0 || commands.some(row => row.command === 'del')
  // Whom a simulated chunk changes is remembered, and not loaded again for a later one, which may touch groups.
  const touchesGroups = ground.simulate || mayUnenrol || commands.some(row => row.groupCommand !== null)
  const needs: Needs = { moodle, config, settings, rows: commands, userIds, courseIds, mayUnenrol, warn: ground.warn }
  // Where no row names anybody in any course, nothing can follow; and no list of a condition is ever empty.
  const following = userIds.length === 0 || courseIds.length === 0 ? [] : ground.consequences
  const [, ...ready] = await Promise.all([
    loadParticipants(moodle, world, userIds, courseIds, touchesGroups),
    ...following.map(consequence => consequence.prepare(needs, world)),
  ])
  const prepared = ready.filter(one => one !== null)
  observers.push(...prepared.map(({ observer }) => observer))
  return { world, prepared }
}

function things<Thing>(found: ReadonlyMap<string, Found<Thing>>): Thing[] {
  const all: Thing[] = []
  for (const { thing } of found.values()) if (thing !== null) all.push(thing)
  return all
}

/** Courses with their context and instances. Those that are remembered stay as they are. */
async function loadCourses(moodle: Moodle, ids: readonly number[], courses: Map<number, Course>): Promise<void> {
  const wanted = ids.filter(id => !courses.has(id))
  if (wanted.length === 0) return
  const rows = await select<[number, number, string, string, number, number, number | null, string | null]>(
    moodle,
    `SELECT c.id, c.category, c.shortname, c.fullname, c.groupmode, c.enablecompletion, x.id, x.path
       FROM ${table(moodle, 'course')} c
       LEFT JOIN ${table(moodle, 'context')} x ON x.contextlevel = 50 AND x.instanceid = c.id
      WHERE c.id IN (?)`,
    [wanted],
  )
  const categories = new Map<number, Context | null>()
  for (const [id, category, shortname, fullname, groupMode, completion, contextId, path] of rows) {
    const context: Context | null =
      contextId === null ? null : { id: contextId, fate: 'stored', level: 50, instanceId: id, path, parent: null }
    const categoryContext = context === null ? await categoryContextOf(moodle, category, categories) : null
    courses.set(id, {
      id,
      category,
      shortname,
      fullname,
      groupMode,
      completionEnabled: completion === 1,
      context,
      categoryContext,
      instances: [],
      groups: new Map(),
      groupsById: new Map(),
    })
  }
  const instances = await select<[number, string, number, number, number]>(
    moodle,
    `SELECT id, enrol, courseid, status, sortorder FROM ${table(moodle, 'enrol')} WHERE courseid IN (?)`,
    [wanted],
  )
  for (const [id, method, courseId, status, sortOrder] of instances) {
    const course = courses.get(courseId)!
    const instance: Instance = { id, method, course, status, sortOrder }
    course.instances.push(instance)
  }
}

/** The context of a category: there, or to be made under those above it. `context_coursecat::instance` */
async function categoryContextOf(
  moodle: Moodle,
  category: number,
  known: Map<number, Context | null>,
): Promise<Context | null> {
  const before = known.get(category)
  if (before !== undefined) return before
  const [row] = await select<[number | null, number | null, string | null]>(
    moodle,
    category === 0
      ? `SELECT NULL, id, path FROM ${table(moodle, 'context')} WHERE contextlevel = 10 AND 0 = ?`
      : `SELECT k.parent, x.id, x.path FROM ${table(moodle, 'course_categories')} k
           LEFT JOIN ${table(moodle, 'context')} x ON x.contextlevel = 40 AND x.instanceid = k.id WHERE k.id = ?`,
    [category],
  )
  const [parent, id, path] = row ?? [null, null, null]
  const level = category === 0 ? 10 : 40
  const context: Context =
    id !== null
      ? { id, fate: 'stored', level, instanceId: category, path, parent: null }
      : {
          id: null,
          fate: 'new',
          level,
          instanceId: category,
          path: null,
          parent: await categoryContextOf(moodle, parent ?? 0, known),
        }
  known.set(category, context)
  return context
}

const GROUP_NAME = { table: 'groups', column: 'name' } as const

/** The groups that rows name, and the keys of all names. @returns the key of every name in the chunk */
async function loadGroups(
  moodle: Moodle,
  rows: readonly CommandRow[],
  courseIds: readonly number[],
  courses: ReadonlyMap<number, Course>,
): Promise<Map<string, string>> {
  const names = new Set(rows.flatMap(row => (row.groupCommand === null ? [] : row.groups)))
  if (names.size === 0 || courseIds.length === 0) return new Map()
  const askable = [...names].filter(name => canBeEqual(moodle, GROUP_NAME, name))
  const found =
    askable.length === 0
      ? []
      : await select<[number, number, string, number]>(
          moodle,
          `SELECT id, courseid, name, timemodified FROM ${table(moodle, 'groups')}
            WHERE courseid IN (?) AND name IN (?) ORDER BY id`,
          [courseIds, askable],
        )
  const keys = await equalityKeys(moodle, GROUP_NAME, [...names, ...found.map(([, , name]) => name)])
  for (const [id, courseId, name, timeModified] of found) {
    const course = courses.get(courseId)!
    const group = groupOf(course, id, name, timeModified)
    const key = keys.get(name)!
    const equal = course.groups.get(key)
    if (equal === undefined) course.groups.set(key, [group])
    // Of a simulated run, groups made by earlier chunks stand after those that are stored.
    else if (!equal.includes(group)) equal.splice(equal.filter(({ id }) => id !== null).length, 0, group)
  }
  return keys
}

/** The first flag of each user who has one: the table has no unique key, and Moodle updates the first. */
export async function findDirtyFlags(moodle: Moodle, userIds: readonly number[]): Promise<Map<number, DirtyFlag>> {
  if (userIds.length === 0) return new Map()
  const rows = await select<[number, string]>(
    moodle,
    `SELECT MIN(id), name FROM ${table(moodle, 'cache_flags')}
      WHERE flagtype = 'accesslib/dirtyusers' AND name IN (?) GROUP BY name`,
    [userIds.map(String)],
  )
  return new Map(rows.map(([id, name]) => [Number(name), { id, fate: 'stored', userId: Number(name) }]))
}
