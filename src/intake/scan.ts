/**
 * One look at the drop directory: what is there, what of it is whole, taking that, in the order of arrival. This is the
 * truth of the intake; events are only hints that it is time to look. It never touches what is no command file.
 */
import type { BigIntStats } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../log.ts'
import type { Notice } from '../notify/administrators.ts'
import type { Arrival } from '../store/arrivals.ts'
import { failedWith } from '../store/errno.ts'
import { removeLeftOverLock, takeLock } from '../store/lock.ts'
import { type FileIdentity, isSame } from '../store/move.ts'
import type { Store } from '../store/store.ts'
import { claim } from './claim.ts'
import { type Dropped, isThere, keyOf, list, pathOf, removeDoneFile, statsOf } from './directory.ts'
import { type Manifest, readManifest, removeManifest, sumOf } from './manifest.ts'
import {
  doneFileOf,
  FEEDER_LOCK,
  isOurLock,
  isPassedOver,
  OUR_LOCK,
  type Seen,
  settle,
  type Wholeness,
} from './settle.ts'

export interface Intake {
  /** The drop directory. */
  readonly directory: string
  readonly wholeness: Wholeness
  readonly store: Store
  readonly log: Logger
  /** Tells administrators; never throws. */
  readonly tell: (notice: Notice) => Promise<void>
  /** Told of every file that was taken, in the order of arrival. */
  readonly onArrival: (arrival: Arrival) => void
  /** Whether files are to be taken here, now: another host may have the active daemon. */
  readonly takesFiles: () => boolean
  /** Once aborted, nothing more is taken. */
  readonly signal: AbortSignal
  readonly clock: Clock
}

export interface Clock {
  readonly now: () => Date
  /** Milliseconds of a clock that nobody sets. */
  readonly elapsed: () => number
}

/** What is remembered from one look to the next, by the bytes of the name. Names that are gone are forgotten. */
export interface Memory {
  readonly seen: Map<string, Seen>
  /** What was said of a file: it is not said again at every look. */
  readonly told: Map<string, string>
  /** The sums of files that have a manifest and wait for it to agree. */
  readonly sums: Map<string, Sum>
}

/** A file's sum, and since when it has been known, in milliseconds of the clock that nobody sets. */
interface Sum extends FileIdentity {
  readonly sha256: string
  readonly since: number
}

export const newMemory = (): Memory => ({ seen: new Map(), told: new Map(), sums: new Map() })

interface Whole {
  readonly dropped: Dropped
  readonly stats: BigIntStats
  readonly manifest: Manifest | null
}

const FEEDER_LOCK_STALE_MS = 3 * 3_600_000

/** How long a file and its manifest may differ before it is said: a feeder may still be writing the one or the other. */
const MANIFEST_PATIENCE_MS = 60_000

/**
 * Looks at the directory, and takes what is whole.
 *
 * @param onTaking told how many files are about to be taken, and waited for
 * @returns when there may be more to take, by `clock.elapsed`; null where only an event or the next regular look can tell
 * @throws what the system says where the directory cannot be read
 */
export async function scan(
  intake: Intake,
  memory: Memory,
  onTaking: (count: number) => Promise<void> = async () => {},
): Promise<number | null> {
  const entries = await list(intake.directory)
  forget(memory, entries)
  // One that a crash has left keeps the feeders waiting.
  if ([...entries.keys()].some(isOurLock)) await removeLeftOverLock(join(intake.directory, OUR_LOCK))
  const { whole, next } = await findWhole(intake, memory, entries)
  const isHeld = await isHeldByFeeder(intake, memory)
  if (whole.length === 0) return next
  if (isHeld) {
    intake.log.debug({ event: 'feeder-at-work', files: whole.length }, 'nothing is taken: a feeder’s lock is there')
    return next
  }
  await onTaking(whole.length)
  return soonest(next, await takeAll(intake, memory, whole))
}

function forget(memory: Memory, entries: ReadonlyMap<string, Dropped>): void {
  for (const remembered of [memory.seen, memory.told, memory.sums]) {
    for (const key of remembered.keys()) if (!entries.has(key)) remembered.delete(key)
  }
}

async function findWhole(
  intake: Intake,
  memory: Memory,
  entries: ReadonlyMap<string, Dropped>,
): Promise<{ whole: Whole[]; next: number | null }> {
  const { directory, wholeness, clock } = intake
  const whole: Whole[] = []
  let next: number | null = null
  // To look at thousands takes a while. All of them count as looked at at its end, and become whole together, so that they are
  // taken in the order of their times; and none is taken for still for longer than it was seen to be.
  const began = clock.elapsed()
  const present = await statsOfAll(intake, memory, entries)
  const ended = clock.elapsed()
  for (const [key, { dropped, stats }] of present) {
    const isDone =
      wholeness.doneFile !== null && (await isThere(directory, doneFileOf(dropped.bytes, wholeness.doneFile)))
    const previous = memory.seen.get(key)
    const isStill = previous !== undefined && isSame(previous, stats)
    const settled = settle(previous, stats, isStill ? began : ended, wholeness, isDone)
    if (!settled.whole) {
      memory.seen.set(key, settled.seen)
      next = soonest(next, settled.until)
      continue
    }
    const manifest = await readManifest(directory, dropped.bytes)
    if (manifest === null || (await agrees(intake, memory, dropped, stats, manifest))) {
      whole.push({ dropped, stats, manifest })
    }
  }
  whole.sort((a, b) => Number(a.stats.mtimeNs - b.stats.mtimeNs) || Buffer.compare(a.dropped.bytes, b.dropped.bytes))
  return { whole, next }
}

/** What there is of files, and what is known of each. */
async function statsOfAll(
  { directory, wholeness, log }: Intake,
  memory: Memory,
  entries: ReadonlyMap<string, Dropped>,
): Promise<Map<string, { readonly dropped: Dropped; readonly stats: BigIntStats }>> {
  const files = new Map<string, { readonly dropped: Dropped; readonly stats: BigIntStats }>()
  for (const [key, dropped] of entries) {
    if (isPassedOver(dropped.name, wholeness.doneFile)) continue
    const stats = await statsOf(pathOf(directory, dropped))
    if (stats?.isFile()) files.set(key, { dropped, stats })
    // Directories are often there for good; of anything else, somebody may expect that it be taken.
    else if (stats !== undefined && !stats.isDirectory()) {
      tellOnce(memory, key, 'no-file', () =>
        log.warn({ event: 'file-passed-over', file: dropped.name }, 'passed over: a link or a special file'),
      )
    }
  }
  return files
}

/** Whether a file is what its manifest says. An event tells when either changes; until then, nothing need be looked at. */
async function agrees(
  intake: Intake,
  memory: Memory,
  dropped: Dropped,
  stats: BigIntStats,
  manifest: Manifest,
): Promise<boolean> {
  const { directory, clock, log } = intake
  const key = keyOf(dropped)
  let sum = memory.sums.get(key)
  if (sum === undefined || !isSame(sum, stats)) {
    const sha256 = await sumOf(pathOf(directory, dropped), stats).catch(error => {
      if (failedWith(error, 'EACCES', 'EPERM')) tellUnreadable(intake, memory, dropped)
      else if (!failedWith(error, 'ENOENT', 'ELOOP', 'ENXIO')) throw error
      return null
    })
    // Not readable, or written to, or gone meanwhile: the next look tells.
    if (sha256 === null) return false
    sum = { ino: stats.ino, size: stats.size, mtimeNs: stats.mtimeNs, sha256, since: clock.elapsed() }
    memory.sums.set(key, sum)
  }
  if (sum.sha256 === manifest.sha256) return true
  if (clock.elapsed() - sum.since >= MANIFEST_PATIENCE_MS) {
    tellOnce(memory, key, 'manifest', () =>
      log.warn(
        { event: 'manifest-differs', file: dropped.name },
        'not taken: it is not what its manifest (.sha256) says; taken by itself once they agree. If they should already, send both again',
      ),
    )
  }
  return false
}

/** The feeders' lock: a look at it, and a word where it has been forgotten. */
async function isHeldByFeeder({ directory, clock, tell }: Intake, memory: Memory): Promise<boolean> {
  const stats = await statsOf(join(directory, FEEDER_LOCK))
  if (stats === undefined) return false
  if (clock.now().getTime() - Number(stats.mtimeMs) > FEEDER_LOCK_STALE_MS) {
    const since = new Date(Number(stats.mtimeMs)).toISOString()
    if (isNew(memory, FEEDER_LOCK, String(stats.mtimeNs)))
      await tell({ event: 'feeder-lock-stale', level: 'warn', args: { file: FEEDER_LOCK, since }, about: since })
  }
  return true
}

async function takeAll(intake: Intake, memory: Memory, whole: readonly Whole[]): Promise<number | null> {
  const { directory, log } = intake
  const lock = await takeLock(join(directory, OUR_LOCK))
  if (!lock.taken) {
    tellOnce(memory, OUR_LOCK, 'foreign', () =>
      log.warn(
        { event: 'foreign-lock', file: OUR_LOCK },
        'somebody else’s lock.txt is there; files are taken all the same',
      ),
    )
  }
  try {
    // A feeder may have begun before it saw our lock; from here on, it does see it.
    if (await isHeldByFeeder(intake, memory)) return null
    let next: number | null = null
    for (const each of whole) {
      if (intake.signal.aborted || !intake.takesFiles()) break
      next = soonest(next, await take(intake, memory, each))
    }
    return next
  } finally {
    if (lock.taken) await lock.release()
  }
}

/** @returns when to look again, where it was not whole after all */
async function take(intake: Intake, memory: Memory, { dropped, stats, manifest }: Whole): Promise<number | null> {
  const { directory, wholeness, store, log, clock } = intake
  const key = keyOf(dropped)
  const claimed = await claim(store, directory, dropped, stats, clock.now())
  if (claimed.arrival !== null) {
    // Told before the done file goes: what is in the store must be in the queue, whatever happens next.
    intake.onArrival(claimed.arrival)
    memory.seen.delete(key)
    log.info({ event: 'file-taken', file: claimed.arrival.name }, 'taken')
    if (wholeness.doneFile !== null) await removeDoneFile(directory, dropped.bytes, wholeness.doneFile)
    if (manifest !== null) await removeManifest(directory, dropped.bytes, manifest)
    return null
  }
  switch (claimed.why) {
    case 'gone':
      log.debug({ event: 'file-gone', file: dropped.name }, 'gone before it could be taken')
      return null
    case 'changed':
      memory.seen.delete(key)
      return clock.elapsed()
    case 'unreadable':
      tellUnreadable(intake, memory, dropped)
      return null
    case 'immovable':
      tellOnce(memory, key, claimed.why, () =>
        log.warn(
          { event: 'file-immovable', file: dropped.name, directory },
          'not taken: it may not be moved out of the directory; give the daemon’s user the right to write there (chmod g+w, no sticky bit)',
        ),
      )
      return null
  }
}

function tellUnreadable({ directory, log }: Intake, memory: Memory, dropped: Dropped): void {
  tellOnce(memory, keyOf(dropped), 'unreadable', () =>
    log.warn(
      { event: 'file-unreadable', file: dropped.name, directory },
      'not taken: it may not be read; give the daemon’s user the right to (chown, chmod g+r), then it is taken by itself',
    ),
  )
}

function tellOnce(memory: Memory, key: string, what: string, tell: () => void): void {
  if (isNew(memory, key, what)) tell()
}

/** Whether this has not been told of it last. */
function isNew(memory: Memory, key: string, what: string): boolean {
  if (memory.told.get(key) === what) return false
  memory.told.set(key, what)
  return true
}

function soonest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b)
}
