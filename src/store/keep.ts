/** How long archives, reports, retry files, refused files, undelivered mails and journals are kept. Command files that wait are never thrown away. */
import { lstat, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from './durable.ts'
import { failedWith } from './errno.ts'
import { stampedAt } from './names.ts'
import type { Store } from './store.ts'

const KEPT_FOR_A_TIME = ['archives', 'reports', 'retry', 'refused', 'undelivered'] as const

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
  const isOld = (since: Date): boolean => now.getTime() - since.getTime() > keepDays * DAY_MS
  let removed = 0
  for (const folder of KEPT_FOR_A_TIME) {
    removed += await removeFrom(store.folder[folder], async name => {
      const since = stampedAt(name)
      return since !== undefined && isOld(since)
    })
  }
  // Their names have no stamp, but their times are our own.
  const { undo } = store.folder
  removed += await removeFrom(undo, async name => isOld((await lstat(join(undo, name))).mtime))
  return removed
}

async function removeFrom(directory: string, isOld: (name: string) => Promise<boolean>): Promise<number> {
  let removed = 0
  for (const name of await readdir(directory)) {
    try {
      if (!(await isOld(name))) continue
      await unlink(join(directory, name))
      removed++
    } catch (error) {
      // Gone already, or a directory that somebody has named so.
      if (!failedWith(error, 'ENOENT', 'EISDIR', 'EPERM')) throw error
    }
  }
  await syncDirectory(directory)
  return removed
}
