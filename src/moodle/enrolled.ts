/** Who is enrolled in courses, and how many are. Reads only. */
import { type Moodle, select, table } from './connect.ts'

const COURSES_A_QUESTION = 1_000

export interface Enrolled {
  readonly id: number
  readonly shortname: string
  /** By any method, in whatever state; each person once. */
  readonly people: number
}

/** @returns every one of these courses */
export async function countEnrolled(moodle: Moodle, courseIds: readonly number[]): Promise<Enrolled[]> {
  const counted: Enrolled[] = []
  for (let i = 0; i < courseIds.length; i += COURSES_A_QUESTION) {
    const rows = await select<[number, string, number]>(
      moodle,
      `SELECT c.id, c.shortname, COUNT(DISTINCT ue.userid)
         FROM ${table(moodle, 'course')} c
         LEFT JOIN ${table(moodle, 'enrol')} e ON e.courseid = c.id
         LEFT JOIN ${table(moodle, 'user_enrolments')} ue ON ue.enrolid = e.id
        WHERE c.id IN (?) GROUP BY c.id, c.shortname`,
      [courseIds.slice(i, i + COURSES_A_QUESTION)],
    )
    for (const [id, shortname, people] of rows) counted.push({ id, shortname, people })
  }
  return counted
}

/** An enrolment as far as it tells whether somebody is in a course. */
export interface FoundEnrolment {
  readonly id: number
  readonly status: number
  /** Unix times in seconds; 0 is none. */
  readonly timeStart: number
  readonly timeEnd: number
}

/** Loads the enrolments of people in courses, whatever their method. @returns those of one person in one course */
export async function findEnrolments(
  moodle: Moodle,
  people: readonly { readonly userId: number; readonly courseId: number }[],
): Promise<(userId: number, courseId: number) => readonly FoundEnrolment[]> {
  const found = new Map<string, FoundEnrolment[]>()
  if (people.length > 0) {
    const rows = await select<[number, number, number, number, number, number]>(
      moodle,
      `SELECT e.courseid, ue.userid, ue.id, ue.status, ue.timestart, ue.timeend
         FROM ${table(moodle, 'enrol')} e JOIN ${table(moodle, 'user_enrolments')} ue ON ue.enrolid = e.id
        WHERE e.courseid IN (?) AND ue.userid IN (?) ORDER BY ue.id`,
      [distinct(people.map(({ courseId }) => courseId)), distinct(people.map(({ userId }) => userId))],
    )
    for (const [courseId, userId, id, status, timeStart, timeEnd] of rows) {
      const key = `${courseId}:${userId}`
      const own = found.get(key) ?? []
      found.set(key, own)
      own.push({ id, status, timeStart, timeEnd })
    }
  }
  return (userId, courseId) => found.get(`${courseId}:${userId}`) ?? []
}

const distinct = (ids: readonly number[]): number[] => [...new Set(ids)]
