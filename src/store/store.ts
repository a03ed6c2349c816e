/** The store: its folders, and what a crash left in them. Where a file is tells what has become of it. */
import { chmod, lstat, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EXIT, Problem } from '../errors.ts'
import { giveToOwnerOfFolder, removeLeftOvers } from './durable.ts'
import { failedWith } from './errno.ts'
import { awaitLock, type Holder, type Lock, removeLeftOverLock, wasAskedFor } from './lock.ts'
import { removeUnfinishedUploads } from './uploads.ts'

export const FOLDERS = [
  /** Command files as they came, by name: what `enrol.file` is relative to. */
  'commands',
  /** Command files that were run. */
  'archives',
  'reports',
  /** The failed rows, as command files. */
  'retry',
  /** Files that were refused whole, each beside a `.txt` that says why. */
  'refused',
  /** What it takes to take a run back: `<run>.jsonl`, or `.jsonl.gz`. */
  'undo',
  /** Files that a guard holds. */
  'held',
  /** Files that were taken and wait for their turn: `<when, in milliseconds>/NAME`. The order of these folders is the queue. */
  'arrivals',
  /** What has begun and is not concluded: `<run>.json`. */
  'running',
  /** Mails that are to be sent: `<run>/<mail>.json`, or `<mail>.json`. */
  'outbox',
  /** Mails that could not be delivered, with the reason. */
  'undelivered',
  /** Files that were sent to the page, and reports of simulated runs: `<run>/…`, until the next start or for a day. */
  'uploads',
] as const

export type Folder = (typeof FOLDERS)[number]

export interface Store {
  readonly directory: string
  /** The absolute path of each folder. */
  readonly folder: Readonly<Record<Folder, string>>
  /** The greatest name in `arrivals/` so far: the next is greater, whatever the clock does. */
  lastArrival: number
}

/** What the folders in `arrivals/` are called. */
export const ARRIVAL_FOLDER = /^\d{15}$/

export const FOLDER_MODE = 0o750

/** The ending of what became of a run's rows so far: `<run>.outcomes`, in `running/`. */
export const OUTCOMES = '.outcomes'

/** Held by who is sending mails. */
export const OUTBOX_LOCK = 'outbox.lock'

/** The ending of the folder of a run's mails until it has ended: `<run>.mails`, in `running/`. */
export const MAILS = '.mails'

const FORGOTTEN_AFTER_MS = 86_400_000

/** What is wrong where a part of an open store is gone, or cannot be used any more; null: the error is of something else. */
export function storeProblem(error: unknown, { directory }: Store): Problem | null {
  if (!failedWith(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'EIO')) return null
  const { path, message } = error as NodeJS.ErrnoException
  const isInside = path !== undefined && (path === directory || path.startsWith(`${directory}/`))
  return isInside
    ? new Problem('store-unusable', { directory: path, reason: message }, EXIT.configuration, error)
    : null
}

/**
 * Opens a store, making what is missing of it, but not the directory that it lies in.
 *
 * @throws Problem 78 where it cannot be made or read, 69 where it is full
 */
export async function openStore(directory: string): Promise<Store> {
  const folder = Object.fromEntries(FOLDERS.map(name => [name, join(directory, name)])) as Record<Folder, string>
  try {
    for (const path of [directory, ...Object.values(folder)]) await makeFolder(path)
    const arrivals = (await readdir(folder.arrivals)).filter(name => ARRIVAL_FOLDER.test(name))
    return { directory, folder, lastArrival: Number(arrivals.sort().at(-1) ?? 0) }
  } catch (error) {
    throw asProblem(error, directory)
  }
}

/** A store that cannot be made, read or written is no bug; one that is full has room again some day. */
function asProblem(error: unknown, directory: string): unknown {
  if (failedWith(error, 'ENOENT')) {
    const args = { directory, missing: dirname(directory) }
    return new Problem('store-without-place', args, EXIT.configuration, error)
  }
  const isFull = failedWith(error, 'ENOSPC', 'EDQUOT')
  if (!isFull && !failedWith(error, 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS')) return error
  const exit = isFull ? EXIT.unavailable : EXIT.configuration
  return new Problem('store-unusable', { directory, reason: (error as Error).message }, exit, error)
}

/**
 * Makes this process the one daemon of a store, as soon as no other is.
 *
 * @param isActive whether this is the active daemon of its Moodle: then whoever has the store, and is not, gives it to us
 * @param onWait told, again and again, who has it
 * @returns null where the signal came first
 * @throws Problem 78 where it cannot be written, 69 where it is full
 */
export async function lockStore(
  store: Store,
  isActive: () => boolean,
  onWait: (holder: Holder | null) => void,
  signal: AbortSignal,
): Promise<Lock | null> {
  return awaitLock(lockPath(store), isActive, onWait, signal).catch((error: unknown) => {
    throw asProblem(error, store.directory)
  })
}

/** Whether the active daemon waits for the store that this one has. */
export const isStoreAskedFor = (store: Store): Promise<boolean> => wasAskedFor(lockPath(store))

const lockPath = ({ directory }: Store): string => join(directory, 'daemon.lock')

/** Removes what a crash left that is no file of anybody's. Only for the one daemon of the store, before anything else. */
export async function tidyStore(store: Store, now: Date): Promise<void> {
  for (const path of [store.directory, ...Object.values(store.folder)]) await removeLeftOvers(path)
  await removeLeftOverLock(join(store.directory, OUTBOX_LOCK))
  await removeForgottenOutcomes(store.folder.running, now)
  await removeUnfinishedUploads(store)
  for (const arrival of await readdir(store.folder.arrivals)) {
    const path = join(store.folder.arrivals, arrival)
    try {
      await removeLeftOvers(path)
      await rmdir(path)
    } catch (error) {
      if (!failedWith(error, 'ENOTEMPTY', 'ENOTDIR')) throw error
    }
  }
}

/**
 * Removes the outcomes of runs that nobody goes on with: there is no note of them, and nothing has been added for a day.
 * (Of a file that a person runs where it lies, there is no note either.)
 */
async function removeForgottenOutcomes(running: string, now: Date): Promise<void> {
  const names = await readdir(running)
  for (const name of names) {
    if (!name.endsWith(OUTCOMES) || names.includes(`${name.slice(0, -OUTCOMES.length)}.json`)) continue
    const path = join(running, name)
    if (now.getTime() - (await stat(path)).mtimeMs > FORGOTTEN_AFTER_MS) await rm(path)
  }
}

/** Where root writes through somebody's link, it is they who say where; and what, by a file. @throws Problem 78 */
async function refuseLinkOfOthers(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const stats = await lstat(path)
  if (stats.isSymbolicLink() && stats.uid !== 0)
    throw new Problem('store-link', { path, uid: stats.uid }, EXIT.configuration)
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, FOLDER_MODE)
    // The umask may have taken away the group's rights.
    await chmod(path, FOLDER_MODE)
    await giveToOwnerOfFolder(path)
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error
    // Is it a directory, or does a file bear its name?
    await stat(`${path}/.`)
    await refuseLinkOfOthers(path)
  }
}
