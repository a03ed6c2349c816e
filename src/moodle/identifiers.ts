/** How well each identifier tells courses and users apart: what helps to choose one. Reads only. */
import { type Moodle, select, table } from './connect.ts'

export interface IdentifierCounts {
  /** How many courses or users there are. */
  readonly all: number
  /** Have none. */
  readonly lacking: number
  /** Have one that another has, too, as the database compares. */
  readonly sharing: number
}

/** Courses but the front page, users but the deleted and the guest; `kind` and `identifier` as in the configuration. */
export interface IdentifierTable {
  readonly course: Readonly<Record<'id' | 'idnumber' | 'shortname', IdentifierCounts>>
  readonly user: Readonly<Record<'id' | 'idnumber' | 'username' | 'email', IdentifierCounts>>
}

export async function countIdentifiers(moodle: Moodle): Promise<IdentifierTable> {
  const courses = (column: string) => count(moodle, 'course', column, 'category <> 0')
  const users = (column: string) => count(moodle, 'user', column, "deleted = 0 AND username <> 'guest'")
  const course = { idnumber: await courses('idnumber'), shortname: await courses('shortname') }
  const user = { idnumber: await users('idnumber'), username: await users('username'), email: await users('email') }
  return {
    course: { id: { all: course.idnumber.all, lacking: 0, sharing: 0 }, ...course },
    user: { id: { all: user.idnumber.all, lacking: 0, sharing: 0 }, ...user },
  }
}

async function count(moodle: Moodle, of: 'course' | 'user', column: string, where: string): Promise<IdentifierCounts> {
  const [row] = await select<[number, number | null, number | null]>(
    moodle,
    `SELECT SUM(alike), SUM(CASE WHEN value = '' THEN alike END), SUM(CASE WHEN value <> '' AND alike > 1 THEN alike END)
       FROM (SELECT ${column} AS value, COUNT(*) AS alike FROM ${of === 'course' ? table(moodle, 'course') : table(moodle, 'user')}
              WHERE ${where} GROUP BY ${column}) counted`,
  )
  const [all, lacking, sharing] = row ?? [0, 0, 0]
  return { all: Number(all ?? 0), lacking: Number(lacking ?? 0), sharing: Number(sharing ?? 0) }
}
