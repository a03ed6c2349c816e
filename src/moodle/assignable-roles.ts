/** The roles that can be assigned in courses. Reads only. */
import { type Moodle, select, table } from './connect.ts'

const COURSE_LEVEL = 50

/** @returns their short names */
export async function assignableRoles(moodle: Moodle): Promise<string[]> {
  const rows = await select<[string]>(
    moodle,
    `SELECT r.shortname FROM ${table(moodle, 'role')} r
       JOIN ${table(moodle, 'role_context_levels')} l ON l.roleid = r.id AND l.contextlevel = ?`,
    [COURSE_LEVEL],
  )
  return rows.map(([shortname]) => shortname)
}
