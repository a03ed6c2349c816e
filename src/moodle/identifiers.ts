/**
 * How well each identifier of users and courses tells them apart: what helps to choose the two that command files use.
 * Reads only. Of ids nothing need be counted.
 */
import type { RowDataPacket } from 'mysql2/promise'
import { type Moodle, table } from './connect.ts'
import type { Settings } from './site.ts'

/** Of one identifier: how many of all have one of their own, none, or the same as others. */
export interface IdentifierUse {
  readonly identifier: string
  readonly all: number
  readonly without: number
  /** As the database compares, which passes over case and accents as a rule. */
  readonly shared: number
}

/** Of accounts that files could name: not deleted, not the guest's; and, for the username, of this host. */
export function countUserIdentifiers(moodle: Moodle, settings: Settings): Promise<IdentifierUse[]> {
  const guest = Number(settings('', 'siteguest') ?? 0)
  const localHost = Number(settings('', 'mnet_localhost_id') ?? 1)
  return countIdentifiers(moodle, 'user', ['username', 'idnumber', 'email'], name => ({
    where: `deleted = 0 AND id <> ?${name === 'username' ? ' AND mnethostid = ?' : ''}`,
    values: name === 'username' ? [guest, localHost] : [guest],
  }))
}

/** Of all courses but the front page. */
export function countCourseIdentifiers(moodle: Moodle): Promise<IdentifierUse[]> {
  return countIdentifiers(moodle, 'course', ['shortname', 'idnumber'], () => ({
    where: 'category <> 0',
    values: [],
  }))
}

async function countIdentifiers(
  moodle: Moodle,
  of: 'user' | 'course',
  names: readonly string[],
  condition: (name: string) => { readonly where: string; readonly values: readonly number[] },
): Promise<IdentifierUse[]> {
  const uses: IdentifierUse[] = []
  for (const name of names) {
    const { where, values } = condition(name)
    const [[counts]] = await moodle.connection.query<RowDataPacket[]>(
      `SELECT COALESCE(SUM(n), 0) AS everybody,
              COALESCE(SUM(IF(value = '', n, 0)), 0) AS without,
              COALESCE(SUM(IF(value <> '' AND n > 1, n, 0)), 0) AS shared
         FROM (SELECT ${name} AS value, COUNT(*) AS n FROM ${table(moodle, of)} WHERE ${where} GROUP BY ${name}) AS used`,
      [...values],
    )
    uses.push({
      identifier: name,
      all: Number(counts?.everybody ?? 0),
      without: Number(counts?.without ?? 0),
      shared: Number(counts?.shared ?? 0),
    })
  }
  return uses
}
