/**
 * Doing a thing again and again while what stands in its way may pass: a database that is away, Moodle in maintenance, a disk
 * that is full. It is said once what that is, not at each try.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, Problem } from './errors.ts'
import type { Logger } from './log.ts'
import { failedWith } from './store/errno.ts'

const PASSING_PROBLEMS: readonly number[] = [EXIT.unavailable, EXIT.tryLater, EXIT.configuration]
const PASSING_ERRORS = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ESTALE']

/** Milliseconds between two tries. */
const WAIT_FIRST = 1_000
const WAIT_LONGEST = 60_000

/** Whether what was not done may be done later: by itself, or when somebody has mended what is not the file. */
export function isPassing(error: unknown): boolean {
  return error instanceof Problem ? PASSING_PROBLEMS.includes(error.exit) : failedWith(error, ...PASSING_ERRORS)
}

/**
 * Does something until it is done, with growing pauses.
 * Not by p-retry: given a signal, that throws away the result of work that is done while it is aborted.
 *
 * @param work is given what to tell how far it is: what fails once it has got further than ever is something new
 * @param signal aborted: it is not tried again
 * @param longest milliseconds that an error is waited for; without it, for ever
 * @param tell is told what it is postponed by, at each try; null: it goes on
 * @throws the last error, once it has been waited for long enough, or the signal came; at once, what will not pass
 */
export async function tryUntilDone<T>(
  work: (onProgress: (done: number) => void) => Promise<T>,
  log: Logger,
  signal: AbortSignal,
  longest: (error: unknown) => number = () => Number.POSITIVE_INFINITY,
  tell: (postponedBy: unknown) => void = () => {},
): Promise<T> {
  let pause = WAIT_FIRST
  let told: string | undefined
  /** When it began not to get further. */
  let since: number | undefined
  const goOn = (): void => {
    if (told !== undefined) log.info({ event: 'run-goes-on' }, 'going on with what was postponed')
    tell(null)
    pause = WAIT_FIRST
    told = undefined
    since = undefined
  }
  let furthest = 0
  const onProgress = (done: number): void => {
    if (done <= furthest) return
    furthest = done
    goOn()
  }
  for (;;) {
    try {
      const done = await work(onProgress)
      goOn()
      return done
    } catch (error) {
      since ??= performance.now()
      const left = since + longest(error) - performance.now()
      if (!isPassing(error) || signal.aborted || left <= 0) throw error
      tell(error)
      const reason = reasonOf(error)
      const isSaid = told === JSON.stringify(reason)
      told = JSON.stringify(reason)
      const fields = { event: 'run-postponed', ...reason, seconds: pause / 1000 }
      if (isSaid) log.debug(fields, 'still postponed')
      else log.warn(fields, 'postponed, to be tried again and again')
      try {
        await sleep(Math.min(pause, left), undefined, { signal })
      } catch {
        throw error
      }
      pause = Math.min(2 * pause, WAIT_LONGEST)
    }
  }
}

function reasonOf(error: unknown): { readonly problem?: string; readonly args?: object; readonly err?: unknown } {
  return error instanceof Problem ? { problem: error.code, args: error.args } : { err: error }
}
