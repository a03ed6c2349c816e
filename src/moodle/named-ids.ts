/** What people and courses are called, by their ids: for reports, which keep ids. Reads only. */
import { type Moodle, select, table } from './connect.ts'

export interface NamesOfIds {
  readonly users: ReadonlyMap<number, string>
  readonly courses: ReadonlyMap<number, string>
}

/** Full names of users, and short names of courses. Of those that are gone, there is none. */
export async function namesOfIds(
  moodle: Moodle,
  userIds: readonly number[],
  courseIds: readonly number[],
): Promise<NamesOfIds> {
  const users =
    userIds.length === 0
      ? []
      : await select<[number, string, string]>(
          moodle,
          `SELECT id, firstname, lastname FROM ${table(moodle, 'user')} WHERE id IN (?)`,
          [userIds],
        )
  const courses =
    courseIds.length === 0
      ? []
      : await select<[number, string]>(moodle, `SELECT id, shortname FROM ${table(moodle, 'course')} WHERE id IN (?)`, [
          courseIds,
        ])
  return {
    users: new Map(users.map(([id, first, last]) => [id, `${first} ${last}`.trim()])),
    courses: new Map(courses),
  }
}
