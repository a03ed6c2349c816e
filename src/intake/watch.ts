/**
 * Watching the drop directory. Events only say that it is time to look: they get lost on network file systems and when
 * the kernel's queue runs over, so that a look is also taken at the start, when a file may have become whole, and at
 * regular intervals. It never ends by itself, whatever becomes of the directory.
 */
import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FSWatcher, watch } from 'chokidar'
import { EXIT, Problem } from '../errors.ts'
import { giveToOwnerOfFolder } from '../store/durable.ts'
import { failedWith } from '../store/errno.ts'
import { type Intake, newMemory, scan } from './scan.ts'
import { isOurLock } from './settle.ts'

/** A regular look, for events that were lost. */
const LOOK_EVERY_MS = 30_000

/** Files often come in numbers: one look for all events of so long. */
const GATHER_MS = 100

/**
 * So many files are taken without a watcher, and it is another one that watches from then on: at each that goes, chokidar would
 * look at all that are left.
 */
const MANY = 100

/** For file systems that tell nothing. */
const POLL_EVERY_MS = 1_000

/** How soon files are taken once they are to be taken here. */
const STAND_BY_MS = 500

export interface Watch {
  /** Stops looking; waits for a look that is being taken. */
  readonly close: () => Promise<void>
}

/**
 * Makes the drop directory if it is missing, but not the one that it lies in, and takes files from it until closed.
 *
 * @param polling look at the files again and again instead of being told by the kernel
 * @throws Problem 78 where the directory cannot be made, read or written to
 */
export async function watchDirectory(intake: Intake, polling: boolean): Promise<Watch> {
  await makeDirectory(intake.directory)
  const rest = newRest()
  const stopped = new AbortController()
  const stop = () => {
    stopped.abort()
    rest.wake()
  }
  intake.signal.addEventListener('abort', stop, { once: true })
  const looking = keepLooking(intake, polling, rest, stopped.signal)
  return {
    close: async () => {
      stop()
      intake.signal.removeEventListener('abort', stop)
      await looking
    },
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    const isMade = await mkdir(directory, 0o770).then(
      () => true,
      error => {
        if (!failedWith(error, 'EEXIST')) throw error
        return false
      },
    )
    if (isMade) await giveToOwnerOfFolder(directory)
    await access(`${directory}/.`, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new Problem('drop-directory-unusable', { directory, reason: error.message }, EXIT.configuration, error)
  }
}

async function keepLooking(intake: Intake, polling: boolean, rest: Rest, stopped: AbortSignal): Promise<void> {
  const { directory, log, clock } = intake
  const memory = newMemory()
  let watched: Watched | undefined
  let trouble: string | undefined
  while (!stopped.aborted) {
    let next: number | null = null
    try {
      // A directory that was made anew, or mounted, is another one, and of that the old watcher hears nothing.
      const { dev, ino } = await stat(directory, { bigint: true })
      const identity = `${dev}/${ino}`
      if (watched === undefined || watched.isOver || watched.identity !== identity) {
        await watched?.watcher.close()
        watched = open(intake, polling, identity, rest)
      }
      const onTaking = async (count: number): Promise<void> => {
        if (count < MANY || watched === undefined) return
        watched.isOver = true
        await watched.watcher.close()
        rest.wake()
      }
      next = intake.takesFiles() ? await scan(intake, memory, onTaking) : clock.elapsed() + STAND_BY_MS
      if (trouble !== undefined) log.info({ event: 'intake-recovered', directory }, 'files are taken again')
      trouble = undefined
    } catch (error) {
      // Said once, and looked again: a network file system may be away for a while, a disk full.
      const isMissing = failedWith(error, 'ENOENT') && (error as NodeJS.ErrnoException).path === directory
      const found = isMissing ? 'missing' : String(error)
      // The next one may get the same number.
      if (isMissing && watched !== undefined) watched.isOver = true
      if (trouble !== found) {
        if (isMissing)
          log.warn(
            { event: 'drop-directory-missing', directory },
            'the drop directory is gone; files are taken again when it is back',
          )
        else log.error({ event: 'intake-failed', directory, err: error }, 'no files can be taken; tried again')
      }
      trouble = found
    }
    const pause = next === null ? LOOK_EVERY_MS : Math.max(0, next - clock.elapsed())
    await rest.pause(Math.min(pause, trouble === undefined ? LOOK_EVERY_MS : POLL_EVERY_MS))
  }
  await watched?.watcher.close()
}

/** A watcher of chokidar's, and of which directory: paths are names only. */
interface Watched {
  readonly watcher: FSWatcher
  readonly identity: string
  /** The directory is gone, and the watcher with it. */
  isOver: boolean
}

function open({ directory, log }: Intake, polling: boolean, identity: string, rest: Rest): Watched {
  const watcher = watch(directory, {
    depth: 0,
    followSymlinks: false,
    ignoreInitial: true,
    usePolling: polling,
    interval: POLL_EVERY_MS,
    // The directory alone: with a watcher for each of thousands of files, every one that is taken costs a look at all others.
    ignored: path => path !== directory,
  })
  const watched: Watched = { watcher, identity, isOver: false }
  watcher.on('unlinkDir', path => {
    if (path === directory) watched.isOver = true
  })
  // `ready`: events before it were lost. `raw`: what the kernel says of a directory is about what lies in it.
  watcher.on('ready', rest.wake).on('all', rest.wake)
  watcher.on('raw', (_event, name) => {
    if (!isOurLock(basename(String(name)))) rest.wake()
  })
  let isTold = false
  watcher.on('error', error => {
    if (!isTold)
      log.warn(
        { event: 'watch-failed', directory, err: error },
        'no events from the drop directory; it is looked at regularly',
      )
    isTold = true
  })
  return watched
}

/** A pause that can be cut short. */
interface Rest {
  readonly pause: (ms: number) => Promise<void>
  /** Ends the pause, or the next one where there is none now. */
  readonly wake: () => void
}

function newRest(): Rest {
  let isWoken = false
  let end = () => {}
  return {
    pause: async ms => {
      if (!isWoken) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, ms)
          end = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      if (isWoken) await sleep(GATHER_MS)
      isWoken = false
    },
    wake: () => {
      isWoken = true
      end()
    },
  }
}
