/**
 * The part of Moodle that one chunk of rows is about, in memory: what was there, and what planning has changed so far.
 * Rows that planning makes refer to each other as objects, since they have no id before they are written.
 * Pure: filled by `moodle/world.ts`, changed by `operations.ts`, written by `moodle/write.ts`. No I/O here.
 */
import type { Standing } from './moves.ts'

/**
 * What is to become of a row of the database.
 * `passing`: made and removed within this chunk. It is written and deleted all the same where the log speaks of its id.
 */
type Fate = 'stored' | 'new' | 'changed' | 'removed' | 'passing'

/** A row of one of Moodle's tables. `id` is null until it has been written. */
export interface Stored {
  id: number | null
  fate: Fate
}

/** Sorts rows as they were made: those that have no id yet were made last. */
export const byId = (a: Pick<Stored, 'id'>, b: Pick<Stored, 'id'>): number =>
  (a.id ?? Infinity) - (b.id ?? Infinity) || 0

/** The rows of a table that planning has touched, in the order in which it first did. */
export interface Table<Row extends Stored> {
  readonly touched: Set<Row>
}

export const emptyTable = <Row extends Stored>(): Table<Row> => ({ touched: new Set() })

export function insert<Row extends Stored>(table: Table<Row>, row: Row): Row {
  table.touched.add(row)
  return row
}

export function change<Row extends Stored>(table: Table<Row>, row: Row, values: Partial<Row>): void {
  Object.assign(row, values)
  if (row.fate === 'stored') row.fate = 'changed'
  table.touched.add(row)
}

export function remove<Row extends Stored>(table: Table<Row>, row: Row): void {
  row.fate = row.fate === 'new' || row.fate === 'passing' ? 'passing' : 'removed'
  table.touched.add(row)
}

/** A row of `context`. The path of a new one ends with its own id, so it is made of the parent's when written. */
export interface Context extends Stored {
  readonly level: number
  readonly instanceId: number
  /** null for a new one until it has been written. */
  path: string | null
  /** Of a new one: the context above. */
  readonly parent: Context | null
}

/** A row of `enrol`: one method in one course. */
export interface Instance {
  readonly id: number
  readonly method: string
  readonly course: Course
  readonly status: number
  readonly sortOrder: number
}

export interface Course {
  readonly id: number
  readonly category: number
  readonly shortname: string
  readonly fullname: string
  readonly groupMode: number
  readonly completionEnabled: boolean
  /** null where Moodle has not made it yet. */
  context: Context | null
  /** Of a course without context: its category's, which may be new as well, as may those above. */
  readonly categoryContext: Context | null
  readonly instances: Instance[]
  /** Groups that rows may name, by the key under which the database holds names equal; lowest id first, new ones last. */
  readonly groups: Map<string, Group[]>
  readonly groupsById: Map<number, Group>
}

export interface Role {
  readonly id: number
  readonly shortname: string
  readonly name: string
  /** It can be assigned in courses (`role_context_levels`, level 50). */
  readonly inCourses: boolean
}

/** A row of `user_enrolments`. */
export interface Enrolment extends Stored {
  readonly instance: Instance
  readonly userId: number
  status: number
  timeStart: number
  timeEnd: number
  modifierId: number
  timeCreated: number
  timeModified: number
}

/** A row of `role_assignments` in a course context. */
export interface RoleAssignment extends Stored {
  readonly course: Course
  readonly userId: number
  readonly roleId: number
  readonly component: string
  readonly itemId: number
}

/** A row of `groups`. */
export interface Group extends Stored {
  readonly course: Course
  readonly name: string
  timeModified: number
}

/** A row of `groups_members`. */
export interface Membership extends Stored {
  readonly group: Group
  readonly userId: number
  readonly component: string
  readonly itemId: number
}

/** A row of `cache_flags` of type `accesslib/dirtyusers`: this user's rights have changed. */
export interface DirtyFlag extends Stored {
  readonly userId: number
}

/** One person in one course: what ties the one to the other now. */
export interface Participant {
  readonly course: Course
  readonly userId: number
  readonly enrolments: Set<Enrolment>
  readonly roles: Set<RoleAssignment>
  readonly memberships: Map<Group, Membership>
}

/** What a name in the file is in Moodle. */
export type Found<Thing> =
  | { readonly thing: Thing; readonly approximately: boolean }
  | { readonly thing: null; readonly ambiguous: boolean }

/** What does not change from row to row: settings of the site that planning looks at. */
export interface Site {
  /** Who does it: the first of `config.siteadmins` that is not deleted; 0 where there is none. */
  readonly actorId: number
  readonly guestId: number
  readonly siteCourseId: number
  readonly enabledMethods: ReadonlySet<string>
  /** Seconds, of `config.sessiontimeout`. */
  readonly sessionTimeout: number
  /** The mark of memberships that sync makes where manual ones are protected. */
  readonly mark: { readonly component: string; readonly itemId: number }
  /** Characters that `groups.name` holds. */
  readonly maxGroupName: number
}

/** What has happened, as Moodle's events say it. Consequences and the log hear of these. */
export type MoodleEvent =
  | { readonly name: 'user-enrolment-created'; readonly enrolment: Enrolment }
  | { readonly name: 'user-enrolment-updated'; readonly enrolment: Enrolment }
  | {
      readonly name: 'user-enrolment-deleted'
      readonly enrolment: Enrolment
      /** The row as it was, for the log. */
      readonly was: Readonly<Enrolment>
      readonly last: boolean
    }
  | { readonly name: 'role-assigned'; readonly assignment: RoleAssignment }
  | { readonly name: 'role-unassigned'; readonly assignment: RoleAssignment }
  | { readonly name: 'group-created'; readonly group: Group }
  | { readonly name: 'group-member-added'; readonly membership: Membership }
  | { readonly name: 'group-member-removed'; readonly membership: Membership }
  | { readonly name: 'other'; readonly entry: LogEntry }

/** What the log keeps beside an event. */
export type LogValue = null | boolean | number | string | { readonly [key: string]: LogValue }

/** An event that only the log hears of, in the log's own terms. */
export interface LogEntry {
  readonly component: string
  readonly action: string
  readonly target: string
  /** null where the event is about no row. */
  readonly objectTable: string | null
  /** Told when written, since it may be the id of a new row. */
  readonly objectId: () => number | null
  readonly crud: 'c' | 'u' | 'd'
  readonly eduLevel: number
  readonly context: Pick<Context, 'id' | 'level' | 'instanceId'>
  readonly courseId: number
  readonly userId: number
  readonly relatedUserId: number | null
  /** Made when written, since it may name ids; null is JSON's null. */
  readonly other: () => LogValue
}

/** What may be altered of an enrolment. */
export interface EnrolmentValues {
  readonly status: number
  readonly timeStart: number
  readonly timeEnd: number
}

/**
 * What Moodle does besides, as it listens: to events, and at the moments that have a hook or a place in its code, but no event.
 * Observers are made by `moodle/consequences/` for each chunk, with the facts that they need already loaded.
 */
export interface Observer {
  /** Hears every event, in Moodle's order: the log first. */
  readonly onEvent?: (event: MoodleEvent, world: World) => void
  /** A new enrolment, after its event and before its role; without role: null. Hook `after_user_enrolled`. */
  readonly afterEnrolling?: (enrolment: Enrolment, roleId: number | null, world: World) => void
  /** An enrolment is about to have these values, some of which are others than now. Hook `before_user_enrolment_updated`. */
  readonly beforeUpdating?: (enrolment: Enrolment, next: EnrolmentValues, world: World) => void
  /** Before an enrolment goes. Hook `before_user_enrolment_removed`. */
  readonly beforeUnenrolling?: (enrolment: Enrolment, world: World) => void
  /** A role in a course was assigned or removed; after the event. Hooks `after_role_assigned`, `after_role_unassigned`. */
  readonly afterRoleChange?: (assignment: RoleAssignment, world: World) => void
  /** The last enrolment goes: the roles in the course are gone, groups and grades not yet. */
  readonly afterRolesOfLast?: (participant: Participant, world: World) => void
  /** The last enrolment goes: roles and groups are gone. */
  readonly afterGroupsOfLast?: (participant: Participant, world: World) => void
  /** All rows are planned, and nothing is written yet: what Moodle does at the end of a process. */
  readonly afterRows?: (world: World) => void
}

export interface World {
  /** Unix time in seconds: the moment at which all of this chunk happens. */
  readonly now: number
  readonly site: Site
  readonly users: ReadonlyMap<string, Found<number>>
  readonly courses: ReadonlyMap<string, Found<Course>>
  readonly roles: ReadonlyMap<string, Found<Role>>
  /** The key under which the database holds a group's name equal to others, by the name as it stands in the file. */
  readonly groupKeys: ReadonlyMap<string, string>
  readonly coursesById: Map<number, Course>
  readonly participants: Map<string, Participant>
  readonly contexts: Table<Context>
  readonly enrolments: Table<Enrolment>
  readonly roleAssignments: Table<RoleAssignment>
  readonly groups: Table<Group>
  readonly memberships: Table<Membership>
  readonly dirtyFlags: Table<DirtyFlag>
  readonly flagsByUser: Map<number, DirtyFlag>
  readonly observers: readonly Observer[]
  /** Events raised while another is being heard: first in, first out, as in Moodle. */
  readonly waitingEvents: MoodleEvent[]
  /** What the row that is being planned has done so far. */
  readonly changes: Change[]
}

/** What a row did, in the short words of the report. */
export type ChangeWord =
  | 'enrolled'
  | 'enrolment-updated'
  | 'suspended'
  | 'reactivated'
  | 'unenrolled'
  | 'role-assigned'
  | 'role-removed'
  | 'group-created'
  | 'group-member-added'
  | 'group-member-removed'

export interface Change {
  readonly word: ChangeWord
  readonly courseId: number
  /** null: it is about nobody. */
  readonly userId: number | null
  /** Where the person stood before, if it is about an enrolment. */
  readonly was?: Standing
}

const participantKey = (courseId: number, userId: number): string => `${courseId}:${userId}`

/** The participant of a course and a user, made empty where nothing ties them yet. */
export function participant(world: Pick<World, 'participants'>, course: Course, userId: number): Participant {
  const key = participantKey(course.id, userId)
  let found = world.participants.get(key)
  if (found === undefined) {
    found = { course, userId, enrolments: new Set(), roles: new Set(), memberships: new Map() }
    world.participants.set(key, found)
  }
  return found
}

/** Those whom planning has changed in any way, whoever is left of what tied them. */
export function touchedParticipants(world: World): Set<Participant> {
  const touched = new Set<Participant>()
  for (const row of world.enrolments.touched) touched.add(participant(world, row.instance.course, row.userId))
  for (const row of world.roleAssignments.touched) touched.add(participant(world, row.course, row.userId))
  for (const row of world.memberships.touched) touched.add(participant(world, row.group.course, row.userId))
  return touched
}
