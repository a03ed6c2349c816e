/** Whether Moodle is open for business: in maintenance, and while it is upgraded, nobody else may write to its tables. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Settings } from './site.ts'

/** Why it is closed. */
export type Closed = 'maintenance' | 'cli-maintenance' | 'upgrade-running'

/**
 * Why Moodle is closed at a moment; null: it is open.
 * After `lib/setup.php` (the file in dataroot, `maintenance_enabled`, `maintenance_later`) and `upgrade_ensure_not_running()`.
 */
export async function whyClosed(settings: Settings, config: Config, now: Date): Promise<Closed | null> {
  const seconds = Math.floor(now.getTime() / 1000)
  const isThere = await access(join(config.moodle.dataroot, 'climaintenance.html')).then(
    () => true,
    () => false,
  )
  const later = Number(settings('', 'maintenance_later') ?? 0)
  if (isThere || (later > 0 && later <= seconds)) return 'cli-maintenance'
  if (Number(settings('', 'maintenance_enabled') ?? 0) !== 0) return 'maintenance'
  // Until when the upgrade may take: a moment that has passed is one that was broken off.
  return Number(settings('', 'upgraderunning') ?? 0) > seconds ? 'upgrade-running' : null
}
