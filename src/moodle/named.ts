/** Whom and which course a person means, by what they have typed: on the command line, or on the page. Reads only. */
import type { Config } from '../config/config.ts'
import type { Found } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'
import { findCourses, findUsers } from './names.ts'
import { loadSettings } from './site.ts'

/**
 * Finds a user and a course by the identifiers of command files, or else by their ids in Moodle: then accounts that have been
 * deleted are found as well.
 * @returns null: there is none, or several
 */
export async function findNamed(
  moodle: Moodle,
  config: Config,
  user: string,
  course: string,
): Promise<{ readonly userId: number | null; readonly courseId: number | null }> {
  const ground = { moodle, config, settings: await loadSettings(moodle, config) }
  const named = await findUsers(ground, [user])
  const courses = await findCourses(ground, [course])
  return {
    userId: thingOf(named.get(user)) ?? (await findId(moodle, 'user', user)),
    courseId: thingOf(courses.get(course))?.id ?? (await findId(moodle, 'course', course)),
  }
}

const thingOf = <Thing>(found: Found<Thing> | undefined): Thing | null => found?.thing ?? null

async function findId(moodle: Moodle, name: 'user' | 'course', text: string): Promise<number | null> {
  if (!/^\d{1,18}$/.test(text)) return null
  const [row] = await select<[number]>(moodle, `SELECT id FROM ${table(moodle, name)} WHERE id = ?`, [Number(text)])
  return row?.[0] ?? null
}
