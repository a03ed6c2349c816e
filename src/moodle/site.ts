/** The settings of the site that a run must know: rows of `config` and `config_plugins`, as config.php overrides them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { EXIT, Problem } from '../errors.ts'
import type { Site } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'

/** Settings by name; `plugin` is '' for those of `config`. What is in config.php wins, and is in no table. */
export type Settings = (plugin: string, name: string) => string | undefined

/** Reads every setting that the product looks at. */
export async function loadSettings(moodle: Moodle, config: Config): Promise<Settings> {
  const rows = await select<[string, string, string | null]>(
    moodle,
    `SELECT '', name, value FROM ${table(moodle, 'config')} WHERE CHAR_LENGTH(value) < 10000
      UNION ALL
     SELECT plugin, name, value FROM ${table(moodle, 'config_plugins')} WHERE plugin IN (?)`,
    [
      [
        'tool_sync',
        'tool_log',
        'logstore_standard',
        'enrol_meta',
        'tool_monitor',
        'message',
        'communication_matrix',
        'communication_customlink',
      ],
    ],
  )
  const stored = new Map(rows.map(([plugin, name, value]) => [`${plugin}/${name}`, value ?? '']))
  const { forced } = config.moodle
  return (plugin, name) =>
    (plugin === '' ? forced.config[name] : forced.plugins[plugin]?.[name]) ?? stored.get(`${plugin}/${name}`)
}

/** The words of a setting that is a list with commas. */
export const listOf = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')

/** The short name of the site: that of its front page. null: there is none. */
export async function loadSiteName(moodle: Moodle): Promise<string | null> {
  const [[name] = [null]] = await select<[string]>(
    moodle,
    `SELECT shortname FROM ${table(moodle, 'course')} WHERE category = 0 ORDER BY id LIMIT 1`,
  )
  return name
}

/** What planning must know of the site. */
export async function loadSite(moodle: Moodle, settings: Settings, config: Config): Promise<Site> {
  const admins = listOf(settings('', 'siteadmins')).map(Number)
  const living =
    admins.length === 0
      ? []
      : await select<[number]>(moodle, `SELECT id FROM ${table(moodle, 'user')} WHERE deleted = 0 AND id IN (?)`, [
          admins,
        ])
  const alive = new Set(living.map(([id]) => id))
  const [[siteCourseId] = [0]] = await select<[number | null]>(
    moodle,
    `SELECT MIN(id) FROM ${table(moodle, 'course')} WHERE category = 0`,
  )
  return {
    actorId: admins.find(id => alive.has(id)) ?? 0,
    guestId: Number(settings('', 'siteguest') ?? 0),
    siteCourseId: siteCourseId ?? 0,
    enabledMethods: new Set(listOf(settings('', 'enrol_plugins_enabled'))),
    sessionTimeout: Number(settings('', 'sessiontimeout') ?? '') || 28_800,
    mark: hasToolSync(settings, config)
      ? { component: 'tool_sync', itemId: 0 }
      : { component: 'enrol_manual', itemId: 0 },
    maxGroupName: moodle.columns.get('groups')?.get('name')?.maxLength ?? 254,
  }
}

/**
 * Whether the plugin `tool_sync` is there. Its mark on a membership breaks Moodle's own pages where it is not: whoever
 * removes that member by hand gets a coding error (`groups_remove_member_allowed`).
 */
export function hasToolSync(settings: Settings, config: Config): boolean {
  if (settings('tool_sync', 'version') === undefined) return false
  const { codeDirectory } = config.moodle
  if (codeDirectory === null) return true
  // From Moodle 5.1 on, the code is under public/.
  return ['', 'public'].some(folder => existsSync(join(codeDirectory, folder, 'admin', 'tool', 'sync', 'version.php')))
}

/** Half hours from Greenwich that Moodle knows; it takes others for the hour. */
const KNOWN_HALF_HOURS: readonly number[] = [4.5, 5.5, 6.5, 9.5]

/**
 * The time zone in which times without one are read: Moodle's, as an IANA name or a fixed offset.
 * `\core_date::normalise_timezone`, but for names that PHP does not know: Moodle guesses, and times would be wrong by hours.
 * @throws Problem 78 where that is none
 */
export function timeZoneOf(settings: Settings): string {
  const zone = settings('', 'timezone') ?? '99'
  if (zone === '' || Number(zone) === 99) return Intl.DateTimeFormat().resolvedOptions().timeZone
  // Before 2.9 Moodle kept hours from Greenwich, and old sites still have them.
  const number = Number(zone)
  if (Number.isNaN(number)) return knownZone(zone)
  const hours = KNOWN_HALF_HOURS.includes(number) ? number : Math.trunc(number)
  if (hours < -12 || hours > 14) throw unknownZone(zone)
  const minutes = Math.abs(hours) * 60
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${hours < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

function knownZone(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch (error) {
    throw unknownZone(zone, error)
  }
}

const unknownZone = (zone: string, cause?: unknown): Problem =>
  new Problem('time-zone-unknown', { zone }, EXIT.configuration, cause)
