/**
 * When nobody else may write to Moodle's tables: while it is in maintenance, being installed or upgraded, or of a version
 * that we do not know. Files wait meanwhile. For a simulated run the same holds: it tells what a real one would do now.
 */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { evaluateConfigPhp, PhpSyntaxError } from '../config/config-php.ts'
import { EXIT, Problem } from '../errors.ts'
import { failedWith } from '../store/errno.ts'
import { type Moodle, select, table } from './connect.ts'
import type { Settings } from './site.ts'

/** The newest Moodle whose database we know, and its branch: `$version` of its first release, without release number and dot. */
export const NEWEST_KNOWN = { branch: '5.1', version: 20251006 } as const

/** The rows of `config` that tell how Moodle stands. */
const STANDING = [
  'adminsetuppending',
  'maintenance_enabled',
  'maintenance_later',
  'outagelessupgrade',
  'release',
  'rolesactive',
  'upgraderunning',
  'version',
]

/**
 * Makes sure that Moodle may be written to at this moment; its settings are read anew.
 * @throws Problem 75 that says why not
 */
export async function keepOff(moodle: Moodle, config: Config, now: Date): Promise<void> {
  const rows = await select<[string, string | null]>(
    moodle,
    `SELECT name, value FROM ${table(moodle, 'config')} WHERE name IN (?)`,
    [STANDING],
  )
  const stored = new Map(rows.map(([name, value]) => [name, value ?? '']))
  const settings: Settings = (_plugin, name) => config.moodle.forced.config[name] ?? stored.get(name)
  const reason = await reasonToKeepOff(settings, config, now)
  if (reason !== null) throw reason
}

/**
 * Why Moodle may not be written to at this moment, the gravest reason first; null: it may.
 * After `lib/setup.php`, `upgrade_ensure_not_running`, `moodle_needs_upgrading`, and by choice: while only the pages are in
 * maintenance, Moodle's cron runs, and we do not.
 */
export async function reasonToKeepOff(settings: Settings, { moodle }: Config, now: Date): Promise<Problem | null> {
  const seconds = Math.floor(now.getTime() / 1000)
  const text = (name: string): string => settings('', name) ?? ''
  // As PHP's empty().
  const isSet = (name: string): boolean => !['', '0'].includes(text(name))
  const wait = (code: string, args = {}): Problem => new Problem(code, args, EXIT.tryLater)

  const { dataroot } = moodle
  if (await isInCliMaintenance(dataroot)) return wait('cli-maintenance', { dataroot })
  const later = Number(text('maintenance_later'))
  if (later > 0 && later <= seconds) return wait('cli-maintenance', { dataroot })
  // Until when the upgrade may take: where that has passed, it was broken off, and Moodle itself goes on.
  if (Number(text('upgraderunning')) > seconds || isSet('outagelessupgrade')) return wait('upgrade-running')
  if (!isSet('rolesactive') || isSet('adminsetuppending')) return wait('not-installed')
  const version = Number(text('version'))
  if (Math.floor(version / 100) > NEWEST_KNOWN.version) {
    return wait('too-new', { release: text('release'), newest: NEWEST_KNOWN.branch })
  }
  const code = moodle.codeDirectory === null ? null : await versionOfCode(moodle.codeDirectory)
  if (code !== null && code > version) return wait('upgrade-due', { code: String(code), database: text('version') })
  return isSet('maintenance_enabled') ? wait('maintenance') : null
}

const isInCliMaintenance = (dataroot: string): Promise<boolean> =>
  access(join(dataroot, 'climaintenance.html')).then(
    () => true,
    () => false,
  )

/** `$version` of Moodle's code; null where it cannot be told, so that nothing follows from it. */
async function versionOfCode(directory: string): Promise<number | null> {
  // From 5.1 on, the code is under public/.
  for (const path of [join(directory, 'public', 'version.php'), join(directory, 'version.php')]) {
    try {
      const version = evaluateConfigPhp(await readFile(path, 'utf8'), path, {}).variables.get('version')
      return typeof version === 'number' ? version : null
    } catch (error) {
      if (error instanceof PhpSyntaxError || failedWith(error, 'EACCES')) return null
      if (!failedWith(error, 'ENOENT', 'ENOTDIR')) throw error
    }
  }
  return null
}
