/**
 * Which values are stale is noted on the disk before the commit that makes them so, and stays noted until they have been
 * dropped for the last time. So no crash forgets one: neither between the commit and the dropping, nor any other.
 *
 * A value is dropped right after the commit, when the run ends, and, by the daemon or the next run, once more when ten
 * seconds have passed: a page that read the database before the commit may write back what it read, and only then has it
 * surely done so. Nobody waits for that: a report is not held up, nor does `run` stay for it.
 */
import { randomUUID } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EXIT, Problem } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { writeDurably } from '../../store/durable.ts'
import { failedWith } from '../../store/errno.ts'
import type { CacheSite } from './configuration.ts'
import { isDefinitionName, type StaleKeys } from './definitions.ts'
import type { DropFailure, DropKeys } from './drop.ts'

export interface NotesGround {
  readonly drop: DropKeys
  /** Where notes are kept: that of the runs in progress. */
  readonly folder: string
  readonly log: Logger
}

/** What a chunk does about what it makes stale. */
export interface StaleCaches {
  /**
   * Notes it; it is on the disk when this returns. Before the commit.
   * @throws Problem 69 where it cannot be noted: then there must be no commit
   */
  readonly note: (stale: readonly StaleKeys[]) => Promise<void>
  /** Drops it, after the commit. Never throws: what could not be dropped is logged, and stays noted. */
  readonly drop: (stale: readonly StaleKeys[]) => Promise<void>
}

interface Note {
  readonly site: CacheSite
  readonly stale: readonly StaleKeys[]
}

const ENDING = '.stale'

/** Milliseconds after which no page that read before the commit writes any more. */
const SETTLED_AFTER = 10_000

export function staleCaches({ drop, folder, log }: NotesGround, site: CacheSite): StaleCaches {
  return {
    note: async stale => {
      if (stale.length === 0) return
      const note: Note = { site, stale }
      try {
        // A name that nobody has: notes are written by several processes, and none is ever changed.
        await writeDurably(
          folder,
          () => `${randomUUID()}${ENDING}`,
          out => pipeline([JSON.stringify(note)], out),
        )
      } catch (error) {
        throw new Problem('cannot-record', { path: folder, reason: (error as Error).message }, EXIT.unavailable, error)
      }
    },
    drop: async stale => {
      if (stale.length > 0) tell(log, await drop(site, stale, Date.now()))
    },
  }
}

/** Keys that are dropped together: so many that a connection is worth its while, so few that memory stays flat. */
const KEYS_AT_ONCE = 20_000

/**
 * Drops what is noted, whichever run has noted it, and forgets what needs no more dropping. Never throws.
 * @param which all of it; or what has settled, and so needs dropping one last time
 * @returns whether that could be done
 */
export async function dropNoted({ drop, folder, log }: NotesGround, which: 'all' | 'settled'): Promise<boolean> {
  try {
    let failures: DropFailure[] = []
    for await (const { site, stale, settled } of batches(folder, which)) {
      const failed = await drop(site, stale, Date.now())
      if (failed.length === 0) for (const path of settled) await rm(path, { force: true })
      else failures = failed
    }
    tell(log, failures)
    return failures.length === 0
  } catch (error) {
    log.warn(
      { event: 'stale-notes-unusable', folder, err: error },
      'the notes of what is stale in Moodle cannot be used',
    )
    return false
  }
}

interface Batch extends Note {
  readonly stale: StaleKeys[]
  /** The notes in it that may be forgotten once this is dropped. */
  readonly settled: string[]
}

async function* batches(folder: string, which: 'all' | 'settled'): AsyncGenerator<Batch> {
  let batch: Batch | undefined
  for (const name of await readdir(folder)) {
    if (!name.endsWith(ENDING)) continue
    const path = join(folder, name)
    const found = await readNote(path)
    if (found === undefined || (which === 'settled' && !found.settled)) continue
    const { site, stale, settled } = found
    if (batch !== undefined && (isFull(batch) || JSON.stringify(site) !== JSON.stringify(batch.site))) {
      yield batch
      batch = undefined
    }
    batch ??= { site, stale: [], settled: [] }
    batch.stale.push(...stale)
    if (settled) batch.settled.push(path)
  }
  if (batch !== undefined) yield batch
}

const isFull = ({ stale }: Batch): boolean => stale.reduce((sum, { keys }) => sum + keys.length, 0) >= KEYS_AT_ONCE

/** undefined: another process has dropped and removed it, or it is none of ours. */
async function readNote(path: string): Promise<(Note & { readonly settled: boolean }) | undefined> {
  try {
    const { mtimeMs } = await stat(path)
    const { site, stale } = JSON.parse(await readFile(path, 'utf8')) as Note
    const known = stale.filter(({ definition }) => isDefinitionName(definition))
    return { site, stale: known, settled: Date.now() - mtimeMs >= SETTLED_AFTER }
  } catch (error) {
    if (failedWith(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}

function tell(log: Logger, failures: readonly DropFailure[]): void {
  for (const { store, reason } of failures) {
    log.warn(
      { event: 'caches-not-dropped', store, reason },
      'people may see an old page: a cache of Moodle could not be dropped, and is tried again',
    )
  }
}

/** Milliseconds between two looks at the notes; while dropping fails, ever longer ones. */
const PAUSE = 5_000
const LONGEST_PAUSE = 600_000

/**
 * Drops what is noted now, and again whenever something is, until it is stopped.
 * @returns what stops it, and waits for the dropping that is going on
 */
export function keepDropping(ground: NotesGround): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let pause = PAUSE
  const turn = async (which: 'all' | 'settled'): Promise<void> => {
    pause = (await dropNoted(ground, which)) ? PAUSE : Math.min(2 * pause, LONGEST_PAUSE)
    if (!stopped) timer = setTimeout(() => (turning = turn('settled')), pause)
  }
  // At the start, what a crash has left is stale as long as we wait.
  let turning = turn('all')
  return async () => {
    stopped = true
    clearTimeout(timer)
    await turning
  }
}
