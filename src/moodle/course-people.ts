/** What is told of people in courses, to their teachers: who they are, their roles and groups, from when to when. Reads only. */
import { slices } from '../slices.ts'
import { type Moodle, select, table } from './connect.ts'
import { type FoundEnrolment, findEnrolments } from './enrolled.ts'
import { type NameValues, nameColumns, namesIn, type PersonNames } from './text.ts'

export interface CourseNames {
  readonly shortname: string
  readonly fullname: string
  readonly contextId: number | null
}

/** @returns by id, those courses that there are */
export async function loadCourseNames(moodle: Moodle, courseIds: readonly number[]): Promise<Map<number, CourseNames>> {
  const rows = await select<[number, string, string, number | null]>(
    moodle,
    `SELECT co.id, co.shortname, co.fullname, c.id FROM ${table(moodle, 'course')} co
       LEFT JOIN ${table(moodle, 'context')} c ON c.contextlevel = 50 AND c.instanceid = co.id WHERE co.id IN (?)`,
    [courseIds],
  )
  return new Map(rows.map(([id, shortname, fullname, contextId]) => [id, { shortname, fullname, contextId }]))
}

/** Ids in one question. */
const IDS = 5_000

/** @returns by id, those people that there are */
export async function loadPersonNames(moodle: Moodle, userIds: readonly number[]): Promise<Map<number, PersonNames>> {
  const names = new Map<number, PersonNames>()
  for (const ids of slices(userIds, IDS)) {
    const rows = await select<[number, ...NameValues]>(
      moodle,
      `SELECT u.id, ${nameColumns('u')} FROM ${table(moodle, 'user')} u WHERE u.id IN (?)`,
      [ids],
    )
    for (const [id, ...own] of rows) names.set(id, namesIn(own))
  }
  return names
}

/** One person in one course. */
interface InCourse {
  readonly userId: number
  readonly courseId: number
}

export interface Ties {
  readonly roleIds: readonly number[]
  readonly groups: readonly string[]
  readonly enrolments: readonly FoundEnrolment[]
}

const NO_TIES: Ties = { roleIds: [], groups: [], enrolments: [] }

/** Loads what ties people to courses now. @param people some thousands at most */
export async function loadTies(
  moodle: Moodle,
  people: readonly InCourse[],
): Promise<(userId: number, courseId: number) => Ties> {
  if (people.length === 0) return () => NO_TIES
  const ids = [[...new Set(people.map(({ courseId }) => courseId))], [...new Set(people.map(({ userId }) => userId))]]
  const roles = gather(
    await select<[number, number, number]>(
      moodle,
      `SELECT DISTINCT c.instanceid, ra.userid, ra.roleid
         FROM ${table(moodle, 'context')} c JOIN ${table(moodle, 'role_assignments')} ra ON ra.contextid = c.id
        WHERE c.contextlevel = 50 AND c.instanceid IN (?) AND ra.userid IN (?) ORDER BY ra.roleid`,
      ids,
    ),
  )
  const groups = gather(
    await select<[number, number, string]>(
      moodle,
      `SELECT g.courseid, gm.userid, g.name
         FROM ${table(moodle, 'groups')} g JOIN ${table(moodle, 'groups_members')} gm ON gm.groupid = g.id
        WHERE g.courseid IN (?) AND gm.userid IN (?) ORDER BY g.name`,
      ids,
    ),
  )
  const enrolmentsOf = await findEnrolments(moodle, people)
  return (userId, courseId) => ({
    roleIds: roles(userId, courseId),
    groups: groups(userId, courseId),
    enrolments: enrolmentsOf(userId, courseId),
  })
}

function gather<Value>(
  rows: readonly (readonly [courseId: number, userId: number, value: Value])[],
): (userId: number, courseId: number) => readonly Value[] {
  const found = new Map<string, Value[]>()
  for (const [courseId, userId, value] of rows) {
    const key = `${courseId}:${userId}`
    const own = found.get(key)
    if (own === undefined) found.set(key, [value])
    else own.push(value)
  }
  return (userId, courseId) => found.get(`${courseId}:${userId}`) ?? []
}
