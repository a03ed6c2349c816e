/** Courses that follow others by `enrol_meta`: who is enrolled there is enrolled here, with the roles. */
import { addMember, assignRole, enrol, unassignRole, unenrol, updateEnrolment } from '../../plan/operations.ts'
import {
  type Course,
  type Enrolment,
  type EnrolmentValues,
  type Group,
  type Instance,
  type MoodleEvent,
  participant,
  type RoleAssignment,
  type Site,
  type World,
} from '../../plan/world.ts'
import { type Moodle, select, table } from '../connect.ts'
import { groupOf } from '../groups.ts'
import type { Consequence } from './consequence.ts'

/**
 * The courses that follow these, those that follow them, and so on; and where the groups of the links are. A link may have
 * outlived its course, or its group's.
 */
export async function linkedCourseIds(moodle: Moodle, site: Site, courseIds: readonly number[]): Promise<number[]> {
  if (!site.enabledMethods.has('meta')) return []
  const known = new Set(courseIds)
  const linked: number[] = []
  for (let next = [...courseIds]; next.length > 0; ) {
    const rows = await select<[number, number | null]>(
      moodle,
      `SELECT DISTINCT c.id, gc.id
         FROM ${table(moodle, 'enrol')} e JOIN ${table(moodle, 'course')} c ON c.id = e.courseid
         LEFT JOIN ${table(moodle, 'groups')} g ON g.id = e.customint2
         LEFT JOIN ${table(moodle, 'course')} gc ON gc.id = g.courseid
        WHERE e.enrol = 'meta' AND e.customint1 IN (?)`,
      [next],
    )
    next = [...new Set(rows.flat())].filter(id => id !== null && !known.has(id)) as number[]
    for (const id of next) known.add(id)
    linked.push(...next)
  }
  return linked
}

const COMPONENT = 'enrol_meta'

/** `ENROL_EXT_REMOVED_…`: what becomes of an enrolment here that the other course no longer gives a reason for. */
const UNENROL = 0
const KEEP = 1
const SUSPEND = 2
const SUSPEND_WITHOUT_ROLES = 3

interface Link {
  readonly instance: Instance
  /** Who is enrolled here joins it. */
  readonly group: Group | null
}

interface LinkSettings {
  readonly unenrolAction: number
  /** Whether people without a role that is synchronised are enrolled here as well. */
  readonly everybody: boolean
  readonly ignoredRoles: ReadonlySet<number>
}

export const linkedCourses: Consequence = {
  name: 'linked-courses',
  follows: 'enrol_meta_handler::sync_course_instance (observers of enrol_meta)',
  does: 'brings the courses that follow the course by the method enrol_meta in line: enrolments, roles, group; and theirs in turn as far as Moodle does',
  prepare: async ({ moodle, settings, courseIds }, world) => {
    if (!world.site.enabledMethods.has('meta') || courseIds.length === 0) return null
    const rows = await select<[number, number, number, number | null, number | null, string | null, number | null]>(
      moodle,
      `SELECT e.id, e.courseid, e.customint1, g.id, g.courseid, g.name, g.timemodified
         FROM ${table(moodle, 'enrol')} e LEFT JOIN ${table(moodle, 'groups')} g ON g.id = e.customint2
        WHERE e.enrol = 'meta' AND e.customint1 IN (?) AND e.courseid <> e.customint1 ORDER BY e.id`,
      [courseIds],
    )
    if (rows.length === 0) return null
    const followers = new Map<number, Link[]>()
    for (const [id, courseId, followed, groupId, groupCourseId, groupName, groupModified] of rows) {
      const instance = world.coursesById.get(courseId)?.instances.find(one => one.id === id)
      if (instance === undefined) continue
      const groupCourse = groupCourseId === null ? undefined : world.coursesById.get(groupCourseId)
      const group = groupCourse === undefined ? null : groupOf(groupCourse, groupId!, groupName!, groupModified!)
      const links = followers.get(followed) ?? []
      links.push({ instance, group })
      followers.set(followed, links)
    }
    const linkSettings: LinkSettings = {
      unenrolAction: Number(settings(COMPONENT, 'unenrolaction') ?? SUSPEND_WITHOUT_ROLES),
      everybody: (settings(COMPONENT, 'syncall') ?? '1') === '1',
      ignoredRoles: new Set((settings(COMPONENT, 'nosyncroleids') ?? '').split(',').filter(Boolean).map(Number)),
    }
    return {
      observer: {
        onEvent: (event, world) => {
          const subject = subjectOf(event)
          if (subject === null) return
          for (const link of followers.get(subject.course.id) ?? []) {
            follow(world, link, subject.course, subject.userId, linkSettings)
          }
        },
      },
    }
  },
}

/** Whom and which course an event is about, if it is one that other courses follow. */
function subjectOf(event: MoodleEvent): { course: Course; userId: number } | null {
  switch (event.name) {
    case 'user-enrolment-created':
    case 'user-enrolment-updated':
    case 'user-enrolment-deleted': {
      const { instance, userId } = event.enrolment
      return instance.method === 'meta' ? null : { course: instance.course, userId }
    }
    case 'role-assigned':
    case 'role-unassigned': {
      const { course, userId, component } = event.assignment
      return component === COMPONENT ? null : { course, userId }
    }
    default:
      return null
  }
}

/** Brings one person in one linked course in line with the course that it follows. */
function follow(world: World, { instance, group }: Link, followed: Course, userId: number, by: LinkSettings): void {
  const there = participant(world, followed, userId)
  const here = participant(world, instance.course, userId)
  const reasons = [...there.enrolments].filter(
    ({ instance: { method } }) => method !== 'meta' && world.site.enabledMethods.has(method),
  )
  const roles = new Set(
    [...there.roles]
      .filter(({ component, roleId }) => component !== COMPONENT && !by.ignoredRoles.has(roleId))
      .map(({ roleId }) => roleId),
  )
  const enrolment = [...here.enrolments].find(one => one.instance === instance)
  const isOfLink = ({ component, itemId }: RoleAssignment): boolean => component === COMPONENT && itemId === instance.id
  /** The group of a link may be one of another course. */
  const isIn = (course: Course): boolean => participant(world, course, userId).enrolments.size > 0
  const removeRoles = (isKept: (roleId: number) => boolean): void => {
    for (const assignment of [...here.roles]) {
      if (isOfLink(assignment) && !isKept(assignment.roleId)) unassignRole(world, assignment)
    }
  }

  if (reasons.length === 0 || (!by.everybody && roles.size === 0)) {
    if (enrolment === undefined || by.unenrolAction === KEEP) return
    if (by.unenrolAction === UNENROL) {
      unenrol(world, enrolment)
      return
    }
    updateEnrolment(world, enrolment, { status: 1 })
    if (by.unenrolAction === SUSPEND_WITHOUT_ROLES) removeRoles(() => false)
    return
  }

  const wanted = wantedValues(reasons)
  if (enrolment === undefined) {
    enrol(world, instance, userId, { timeStart: 0, timeEnd: 0, ...wanted })
    if (group !== null && isIn(group.course)) addMember(world, group, userId, COMPONENT, instance.id)
  } else if (enrolment.status !== wanted.status || wanted.status === 0) {
    updateEnrolment(world, enrolment, wanted)
  }

  const { status, timeStart = 0, timeEnd = 0 } = wanted
  const isActive =
    status === 0 && instance.status === 0 && !(timeEnd !== 0 && timeEnd < world.now) && timeStart <= world.now
  if (!isActive) {
    if (by.unenrolAction !== SUSPEND) removeRoles(() => false)
    return
  }
  // Those that are there already are left alone, even one that is there twice.
  const assigned = new Set([...here.roles].filter(isOfLink).map(({ roleId }) => roleId))
  for (const roleId of roles) {
    if (!assigned.has(roleId)) assignRole(world, instance.course, userId, roleId, COMPONENT, instance.id)
  }
  if (by.unenrolAction !== SUSPEND) removeRoles(roleId => roles.has(roleId))
}

/** As the active ones of these enrolments together: from the first start to the last end. Without one, no times. */
function wantedValues(reasons: readonly Enrolment[]): Partial<EnrolmentValues> & Pick<EnrolmentValues, 'status'> {
  const active = reasons.filter(({ status, instance }) => status === 0 && instance.status === 0)
  if (active.length === 0) return { status: 1 }
  const ends = active.map(({ timeEnd }) => timeEnd)
  return {
    status: 0,
    timeStart: Math.min(...active.map(({ timeStart }) => timeStart)),
    timeEnd: ends.includes(0) ? 0 : Math.max(...ends),
  }
}
