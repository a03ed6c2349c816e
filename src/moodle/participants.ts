/** Who is what in which course: enrolments, roles in the course context, memberships of groups. Reads only. */
import { type Course, type Participant, participant, type World } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'
import { groupOf } from './groups.ts'

/** Adds something to a participant, where they have not been loaded before. */
type Fill = (course: Course, userId: number, add: (person: Participant) => void) => void

/**
 * Loads the participants of a chunk. Whom an earlier chunk of a simulated run has changed is remembered, and stays as they are.
 * @param withGroups whether memberships are asked for
 */
export async function loadParticipants(
  moodle: Moodle,
  world: World,
  userIds: readonly number[],
  courseIds: readonly number[],
  withGroups: boolean,
): Promise<void> {
  if (userIds.length === 0 || courseIds.length === 0) return
  const remembered = new Set(world.participants.values())
  const fill: Fill = (course, userId, add) => {
    const person = participant(world, course, userId)
    if (!remembered.has(person)) add(person)
  }
  const courses = courseIds.map(id => world.coursesById.get(id)!)
  await Promise.all([
    loadEnrolments(moodle, userIds, courses, fill),
    loadRoles(moodle, userIds, courses, fill),
    withGroups ? loadMemberships(moodle, userIds, world, courseIds, fill) : null,
  ])
}

async function loadEnrolments(
  moodle: Moodle,
  userIds: readonly number[],
  courses: readonly Course[],
  fill: Fill,
): Promise<void> {
  const instances = new Map(courses.flatMap(course => course.instances).map(instance => [instance.id, instance]))
  if (instances.size === 0) return
  const rows = await select<[number, number, number, number, number, number, number, number, number]>(
    moodle,
    `SELECT id, enrolid, userid, status, timestart, timeend, modifierid, timecreated, timemodified
       FROM ${table(moodle, 'user_enrolments')} WHERE userid IN (?) AND enrolid IN (?) ORDER BY id`,
    [userIds, [...instances.keys()]],
  )
  for (const [id, instanceId, userId, status, timeStart, timeEnd, modifierId, timeCreated, timeModified] of rows) {
    const instance = instances.get(instanceId)!
    fill(instance.course, userId, person =>
      person.enrolments.add({
        id,
        fate: 'stored',
        instance,
        userId,
        status,
        timeStart,
        timeEnd,
        modifierId,
        timeCreated,
        timeModified,
      }),
    )
  }
}

async function loadRoles(
  moodle: Moodle,
  userIds: readonly number[],
  courses: readonly Course[],
  fill: Fill,
): Promise<void> {
  const byContext = new Map(
    courses.flatMap(course => (course.context?.id == null ? [] : [[course.context.id, course]])),
  )
  if (byContext.size === 0) return
  const rows = await select<[number, number, number, number, string, number]>(
    moodle,
    `SELECT id, contextid, userid, roleid, component, itemid FROM ${table(moodle, 'role_assignments')}
      WHERE userid IN (?) AND contextid IN (?) ORDER BY id`,
    [userIds, [...byContext.keys()]],
  )
  for (const [id, contextId, userId, roleId, component, itemId] of rows) {
    const course = byContext.get(contextId)!
    fill(course, userId, person => person.roles.add({ id, fate: 'stored', course, userId, roleId, component, itemId }))
  }
}

async function loadMemberships(
  moodle: Moodle,
  userIds: readonly number[],
  { coursesById }: World,
  courseIds: readonly number[],
  fill: Fill,
): Promise<void> {
  const rows = await select<[number, number, number, string, number, number, string, number]>(
    moodle,
    // From the people to their groups: the other way round, every member of every group of these courses would be read.
    `SELECT STRAIGHT_JOIN m.id, m.groupid, m.userid, m.component, m.itemid, g.courseid, g.name, g.timemodified
       FROM ${table(moodle, 'groups_members')} m JOIN ${table(moodle, 'groups')} g ON g.id = m.groupid
      WHERE m.userid IN (?) AND g.courseid IN (?) ORDER BY m.id`,
    [userIds, courseIds],
  )
  for (const [id, groupId, userId, component, itemId, courseId, name, timeModified] of rows) {
    const course = coursesById.get(courseId)!
    const group = groupOf(course, groupId, name, timeModified)
    fill(course, userId, person =>
      person.memberships.set(group, { id, fate: 'stored', group, userId, component, itemId }),
    )
  }
}
