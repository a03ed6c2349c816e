/**
 * Taking a file that is whole: from then on it is ours, in the store, and no feeder can change it by its name.
 * It must never take anything but the file that was found to be whole, and never lose one.
 */
import type { BigIntStats } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { type Arrival, arrivalPath, arrive, sendBack } from '../store/arrivals.ts'
import { failedWith } from '../store/errno.ts'
import { FileChanged, type FileIdentity, isSame, READ_FILE, restrict } from '../store/move.ts'
import type { Store } from '../store/store.ts'
import { type Dropped, pathOf } from './directory.ts'

export type Claimed =
  | { readonly arrival: Arrival }
  /** `gone`: somebody took it away. `changed`: it was not whole after all. */
  | { readonly arrival: null; readonly why: 'gone' | 'changed' }
  /** We may not read it, or not take it out of the directory. */
  | { readonly arrival: null; readonly why: 'unreadable' | 'immovable' }

/**
 * Takes a file into the store.
 *
 * @param whole the file as it was found to be whole
 * @throws what the system says where it is at fault (no space left, say); then the file is where it was
 */
export async function claim(
  store: Store,
  directory: string,
  dropped: Dropped,
  whole: FileIdentity,
  now: Date,
): Promise<Claimed> {
  const source = pathOf(directory, dropped)
  let handle: FileHandle
  try {
    handle = await open(source, READ_FILE)
  } catch (error) {
    if (failedWith(error, 'EACCES', 'EPERM')) return { arrival: null, why: 'unreadable' }
    return vanished(error)
  }
  try {
    const opened = await handle.stat({ bigint: true })
    if (!opened.isFile() || !isSame(whole, opened)) return { arrival: null, why: 'changed' }
    await restrict(handle)
    // The feeder will not send it again: what it wrote must be on the disk before it is ours.
    await handle.sync()
    const arrival = await arrive(store, source, dropped.name, now)
    if (!looksLike(await lstat(arrivalPath(store, arrival), { bigint: true }), opened)) {
      // Another one was put in its place in the very last moment; it may not be whole, or even a file.
      await sendBack(store, arrival, directory)
      return { arrival: null, why: 'changed' }
    }
    return { arrival }
  } catch (error) {
    if (isFromSource(error)) return { arrival: null, why: 'immovable' }
    return vanished(error)
  } finally {
    await handle.close()
  }
}

/** Whether it is the drop directory that forbids to take a file out of it, and not the store that lets none in. */
function isFromSource(error: unknown): boolean {
  const { syscall } = error as NodeJS.ErrnoException
  return failedWith(error, 'EACCES', 'EPERM') && (syscall === 'rename' || syscall === 'unlink')
}

function vanished(error: unknown): Claimed {
  if (failedWith(error, 'ENOENT')) return { arrival: null, why: 'gone' }
  // A link, a socket or a directory in its place, or a change while it was copied to another file system.
  if (error instanceof FileChanged || failedWith(error, 'ELOOP', 'ENXIO', 'ENOTDIR'))
    return { arrival: null, why: 'changed' }
  throw error
}

/** A copy on another file system has another inode, and its time only to the millisecond. */
export function looksLike(taken: BigIntStats, opened: BigIntStats): boolean {
  const apart = taken.mtimeNs - opened.mtimeNs
  return taken.isFile() && taken.size === opened.size && apart < 1_000_000n && apart > -1_000_000n
}
