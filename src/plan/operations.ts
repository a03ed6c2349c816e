/**
 * Moodle's own functions, on the world in memory: each changes rows and raises events as its namesake in Moodle does,
 * in the same order. Nothing else changes enrolments, roles or groups, so that no consequence can be forgotten.
 */
import { type Standing, standingOf } from './moves.ts'
import type {
  ChangeWord,
  Course,
  Enrolment,
  EnrolmentValues,
  Group,
  Instance,
  Membership,
  MoodleEvent,
  Participant,
  RoleAssignment,
  World,
} from './world.ts'
import { byId, change, insert, participant, remove } from './world.ts'

/**
 * Tells everyone who listens. What listeners raise waits until they have all heard this one.
 * `\core\event\manager::dispatch`, `process_buffers`
 */
export function raise(world: World, event: MoodleEvent): void {
  world.waitingEvents.push(event)
  if (world.waitingEvents.length > 1) return
  for (let heard = 0; heard < world.waitingEvents.length; heard += 1) {
    for (const observer of world.observers) observer.onEvent?.(world.waitingEvents[heard]!, world)
  }
  world.waitingEvents.length = 0
}

function note(world: World, word: ChangeWord, course: Course, userId: number | null, was?: Standing): void {
  world.changes.push({ word, courseId: course.id, userId, ...(was === undefined ? {} : { was }) })
}

/** `mark_user_dirty`, table cache_flags: without it, who is logged in keeps the old rights. */
export function markDirty(world: World, userId: number): void {
  const flag = world.flagsByUser.get(userId)
  if (flag === undefined) {
    world.flagsByUser.set(userId, insert(world.dirtyFlags, { id: null, fate: 'new', userId }))
  } else {
    change(world.dirtyFlags, flag, {})
  }
}

/** `context_course::instance`, table context: a course's context is made when it is first needed. */
function ensureContext(world: World, course: Course): void {
  if (course.context !== null) return
  // The categories above come first, since a path begins with theirs.
  const missing = []
  for (let above = course.categoryContext; above !== null && above.fate === 'new'; above = above.parent) {
    missing.unshift(above)
  }
  for (const context of missing) insert(world.contexts, context)
  course.context = insert(world.contexts, {
    id: null,
    fate: 'new',
    level: 50,
    instanceId: course.id,
    path: null,
    parent: course.categoryContext,
  })
}

/**
 * `enrol_plugin::enrol_user` for somebody not enrolled in the instance yet.
 * @param roleId the role that the caller is about to assign; null where there is none
 */
export function enrol(
  world: World,
  instance: Instance,
  userId: number,
  values: EnrolmentValues,
  roleId: number | null = null,
): Enrolment {
  const { course } = instance
  ensureContext(world, course)
  const enrolment = insert(world.enrolments, {
    id: null,
    fate: 'new',
    instance,
    userId,
    ...values,
    modifierId: world.site.actorId,
    timeCreated: world.now,
    timeModified: world.now,
  })
  const { enrolments } = participant(world, course, userId)
  const was = standingOf(enrolments, world.now)
  enrolments.add(enrolment)
  note(world, 'enrolled', course, userId, was)
  raise(world, { name: 'user-enrolment-created', enrolment })
  for (const observer of world.observers) observer.afterEnrolling?.(enrolment, roleId, world)
  return enrolment
}

/** `enrol_plugin::update_user_enrol`. @returns whether anything differed */
export function updateEnrolment(world: World, enrolment: Enrolment, values: Partial<EnrolmentValues>): boolean {
  const next = { status: enrolment.status, timeStart: enrolment.timeStart, timeEnd: enrolment.timeEnd, ...values }
  const statusDiffers = next.status !== enrolment.status
  const timesDiffer = next.timeStart !== enrolment.timeStart || next.timeEnd !== enrolment.timeEnd
  if (!statusDiffers && !timesDiffer) return false
  const { course } = enrolment.instance
  ensureContext(world, course)
  for (const observer of world.observers) observer.beforeUpdating?.(enrolment, next, world)
  const was = standingOf(participant(world, course, enrolment.userId).enrolments, world.now)
  change(world.enrolments, enrolment, { ...next, modifierId: world.site.actorId, timeModified: world.now })
  markDirty(world, enrolment.userId)
  if (statusDiffers) note(world, next.status === 0 ? 'reactivated' : 'suspended', course, enrolment.userId, was)
  if (timesDiffer) note(world, 'enrolment-updated', course, enrolment.userId, was)
  raise(world, { name: 'user-enrolment-updated', enrolment })
  return true
}

/** `enrol_plugin::unenrol_user`, with what goes when it was the last enrolment in the course. */
export function unenrol(world: World, enrolment: Enrolment): void {
  const { instance, userId } = enrolment
  const { course } = instance
  ensureContext(world, course)
  const person = participant(world, course, userId)
  for (const observer of world.observers) observer.beforeUnenrolling?.(enrolment, world)
  const component = `enrol_${instance.method}`
  for (const membership of [...person.memberships.values()].sort(byId)) {
    if (membership.component === component && membership.itemId === instance.id) removeMember(world, membership)
  }
  for (const assignment of rolesInOrder(person)) {
    if (assignment.component === component && assignment.itemId === instance.id) unassignRole(world, assignment)
  }
  const was = { ...enrolment }
  const standing = standingOf(person.enrolments, world.now)
  remove(world.enrolments, enrolment)
  person.enrolments.delete(enrolment)
  note(world, 'unenrolled', course, userId, standing)
  const last = person.enrolments.size === 0
  if (last) {
    for (const assignment of rolesInOrder(person)) unassignRole(world, assignment)
    for (const observer of world.observers) observer.afterRolesOfLast?.(person, world)
    for (const membership of [...person.memberships.values()].sort(byId)) removeMember(world, membership)
    for (const observer of world.observers) observer.afterGroupsOfLast?.(person, world)
  }
  raise(world, { name: 'user-enrolment-deleted', enrolment, was, last })
  markDirty(world, userId)
}

/** In the order that InnoDB's indexes give Moodle, which asks for none: by role, then id. */
const rolesInOrder = (person: Participant): RoleAssignment[] =>
  [...person.roles].sort((a, b) => a.roleId - b.roleId || byId(a, b))

/** `role_assign` in a course context. @returns whether the row is new */
export function assignRole(
  world: World,
  course: Course,
  userId: number,
  roleId: number,
  component: string,
  itemId: number,
): boolean {
  const person = participant(world, course, userId)
  const [first, ...duplicates] = rolesInOrder(person).filter(
    row => row.roleId === roleId && row.component === component && row.itemId === itemId,
  )
  if (first !== undefined) {
    // Moodle tidies up after itself, without an event.
    for (const duplicate of duplicates) {
      remove(world.roleAssignments, duplicate)
      person.roles.delete(duplicate)
    }
    return false
  }
  ensureContext(world, course)
  const assignment = insert(world.roleAssignments, { id: null, fate: 'new', course, userId, roleId, component, itemId })
  person.roles.add(assignment)
  markDirty(world, userId)
  note(world, 'role-assigned', course, userId)
  raise(world, { name: 'role-assigned', assignment })
  for (const observer of world.observers) observer.afterRoleChange?.(assignment, world)
  return true
}

/** `role_unassign_all` for one row, in a course context. */
export function unassignRole(world: World, assignment: RoleAssignment): void {
  ensureContext(world, assignment.course)
  remove(world.roleAssignments, assignment)
  participant(world, assignment.course, assignment.userId).roles.delete(assignment)
  markDirty(world, assignment.userId)
  note(world, 'role-removed', assignment.course, assignment.userId)
  raise(world, { name: 'role-unassigned', assignment })
  for (const observer of world.observers) observer.afterRoleChange?.(assignment, world)
}

/** `groups_create_group`. @param key under which the database holds the name equal to others */
export function createGroup(world: World, course: Course, name: string, key: string): Group {
  ensureContext(world, course)
  const group = insert(world.groups, { id: null, fate: 'new', course, name, timeModified: world.now })
  const equal = course.groups.get(key)
  if (equal === undefined) course.groups.set(key, [group])
  else equal.push(group)
  note(world, 'group-created', course, null)
  raise(world, { name: 'group-created', group })
  return group
}

/** `groups_add_member` of somebody who is enrolled. @returns whether the row is new */
export function addMember(world: World, group: Group, userId: number, component: string, itemId: number): boolean {
  const person = participant(world, group.course, userId)
  if (person.memberships.has(group)) return false
  ensureContext(world, group.course)
  const membership = insert(world.memberships, { id: null, fate: 'new', group, userId, component, itemId })
  person.memberships.set(group, membership)
  change(world.groups, group, { timeModified: world.now })
  note(world, 'group-member-added', group.course, userId)
  raise(world, { name: 'group-member-added', membership })
  return true
}

/** `groups_remove_member`. */
export function removeMember(world: World, membership: Membership): void {
  const { group } = membership
  ensureContext(world, group.course)
  remove(world.memberships, membership)
  participant(world, group.course, membership.userId).memberships.delete(group)
  change(world.groups, group, { timeModified: world.now })
  note(world, 'group-member-removed', group.course, membership.userId)
  raise(world, { name: 'group-member-removed', membership })
}
