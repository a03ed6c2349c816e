/** The site administrators of Moodle, and what it takes to let one of them in. Reads only. */
import type { Config } from '../config/config.ts'
import { type Moodle, select, table } from './connect.ts'
import { listOf } from './site.ts'

export interface Administrator {
  readonly id: number
  readonly username: string
  /** As Moodle shows it. */
  readonly fullName: string
  /** How Moodle logs them in, such as `manual` or `ldap`. */
  readonly auth: string
  /** As Moodle keeps it; `not cached` where it keeps none. null: it was not asked for. */
  readonly passwordHash: string | null
}

/**
 * The site administrator of this name, if Moodle would let them in: not deleted, suspended, unconfirmed or without login.
 * @param withPassword whether the password's hash is wanted, for which the database user needs rights of its own
 *   (`PAGE_RIGHTS`)
 */
export async function findAdministrator(
  moodle: Moodle,
  { moodle: { forced } }: Config,
  username: string,
  withPassword: boolean,
): Promise<Administrator | null> {
  const settings = new Map(
    await select<[string, string | null]>(
      moodle,
      `SELECT name, value FROM ${table(moodle, 'config')} WHERE name IN ('siteadmins', 'mnet_localhost_id')`,
    ),
  )
  const setting = (name: string): string => forced.config[name] ?? settings.get(name) ?? ''
  const ids = listOf(setting('siteadmins')).map(Number)
  if (ids.length === 0) return null
  const secret = withPassword ? 'auth, confirmed, password' : "'', 1, NULL"
  const rows = await select<[number, string, string, string, string, number, string | null]>(
    moodle,
    `SELECT id, username, firstname, lastname, ${secret} FROM ${table(moodle, 'user')}
      WHERE username = ? AND mnethostid = ? AND deleted = 0 AND suspended = 0 AND id IN (?)`,
    [username, Number(setting('mnet_localhost_id') || 1), ids],
  )
  // Moodle's names are in small letters; what is only equal for the database is another one.
  const row = rows.find(([, name]) => name === username)
  if (row === undefined) return null
  const [id, name, first, last, auth, confirmed, passwordHash] = row
  if (auth === 'nologin' || Number(confirmed) === 0) return null
  return { id, username: name, fullName: `${first} ${last}`.trim(), auth, passwordHash }
}
