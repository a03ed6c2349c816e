/** How long archives, reports, retry files and refused files are kept. Command files that wait are never thrown away. */
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from './durable.ts'
import { failedWith } from './errno.ts'
import { stampedAt } from './names.ts'
import type { Store } from './store.ts'

const KEPT_FOR_A_TIME = ['archives', 'reports', 'retry', 'refused'] as const

const DAY_MS = 86_400_000

/**
 * Removes what has been kept for longer than `keepDays`, by the stamp in its name: the time of the file itself is its
 * feeder's, and may be years ago. What has no stamp was put there by somebody, and stays.
 *
 * @param keepDays 0: for ever
 * @returns how many files were removed
 */
export async function removeOld(store: Store, keepDays: number, now: Date): Promise<number> {
  if (keepDays === 0) return 0
  let removed = 0
  for (const folder of KEPT_FOR_A_TIME) {
    const directory = store.folder[folder]
    for (const name of await readdir(directory)) {
      const since = stampedAt(name)
      if (since === undefined || now.getTime() - since.getTime() <= keepDays * DAY_MS) continue
      try {
        await unlink(join(directory, name))
        removed++
      } catch (error) {
        // Gone already, or a directory that somebody has named so.
        if (!failedWith(error, 'ENOENT', 'EISDIR', 'EPERM')) throw error
      }
    }
    await syncDirectory(directory)
  }
  return removed
}
