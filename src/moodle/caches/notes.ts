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

/**
 * Drops everything that is noted, whichever run has noted it, and forgets what needs no more dropping. Never throws.
 * @returns whether all of it could be dropped
 */
export async function dropNoted({ drop, folder, log }: NotesGround): Promise<boolean> {
  try {
    const bySite = new Map<string, { readonly site: CacheSite; readonly stale: StaleKeys[] }>()
    const settled: string[] = []
    for (const path of await notesIn(folder)) {
      const age = Date.now() - (await stat(path)).mtimeMs
      const note = parse(await readFile(path, 'utf8'))
      if (note !== undefined) {
        const key = JSON.stringify(note.site)
        const noted = bySite.get(key) ?? { site: note.site, stale: [] }
        noted.stale.push(...note.stale)
        bySite.set(key, noted)
      }
      if (age >= SETTLED_AFTER) settled.push(path)
    }
    const failures: DropFailure[] = []
    for (const { site, stale } of bySite.values()) failures.push(...(await drop(site, stale, Date.now())))
    tell(log, failures)
    if (failures.length > 0) return false
    for (const path of settled) await rm(path, { force: true })
    return true
  } catch (error) {
    // Another process may have been quicker.
    if (failedWith(error, 'ENOENT')) return true
    log.warn(
      { event: 'stale-notes-unusable', folder, err: error },
      'the notes of what is stale in Moodle cannot be used',
    )
    return false
  }
}

async function notesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => name.endsWith(ENDING)).map(name => join(folder, name))
}

/** undefined: not whole, so its writer crashed before its commit. */
function parse(text: string): Note | undefined {
  try {
    const { site, stale } = JSON.parse(text) as Note
    return { site, stale: stale.filter(({ definition }) => isDefinitionName(definition)) }
  } catch {
    return undefined
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
  const turn = async (): Promise<void> => {
    pause = (await dropNoted(ground)) ? PAUSE : Math.min(2 * pause, LONGEST_PAUSE)
    if (!stopped) timer = setTimeout(() => (turning = turn()), pause)
  }
  let turning = turn()
  return async () => {
    stopped = true
    clearTimeout(timer)
    await turning
  }
}
