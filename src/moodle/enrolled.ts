/** How many people are enrolled in courses. Reads only. */
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
