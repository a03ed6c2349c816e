/**
 * The command files that are to be run: one at a time, in the order in which they came, none twice. What the queue knows
 * it has from the store, where it all still stands after a crash.
 */
import { basename } from 'node:path'
import PQueue from 'p-queue'
import type { Config } from './config/config.ts'
import type { Logger } from './log.ts'
import type { Notice } from './notify/administrators.ts'
import { isPassing, tryUntilDone } from './patience.ts'
import type { RunRequest, RunResult } from './run.ts'
import { place, standardFiles } from './store/commands.ts'
import { conclude } from './store/conclude.ts'
import { matches } from './store/names.ts'
import { arrivalOf, type BegunJob, begin, end, isThere, type Job } from './store/running.ts'
import type { Store } from './store/store.ts'

export interface QueueGround {
  readonly config: Pick<Config, 'enrol' | 'store'>
  readonly store: Store
  readonly log: Logger
  /** Runs one file. Throws a Problem where it cannot be done now. */
  readonly runFile: (request: RunRequest, log: Logger) => Promise<RunResult>
  /** Tells administrators, and the log of the run; never throws. */
  readonly tell: (notice: Notice, log: Logger) => Promise<void>
  readonly newId: () => string
  readonly now: () => Date
  /** Aborted: nothing more is begun, and the file that is being run is interrupted. */
  readonly signal: AbortSignal
}

export interface Queue {
  /** Puts a file at the end. One that waits or runs already is not put there again. */
  readonly add: (job: Job | BegunJob) => void
  /** Settles when nothing waits or runs any more; once aborted, that is when the running chunk is done. */
  readonly idle: () => Promise<void>
}

export function openQueue(ground: QueueGround): Queue {
  const inTurn = new PQueue({ concurrency: 1 })
  // How many jobs are known of each file: thousands may come at once, so none is looked for among all the others.
  const arrivals = new Map<string, number>()
  const files = new Map<string, number>()
  const note = ({ file, arrival }: Job, one: 1 | -1): void => {
    countOf(files, file, one)
    if (arrival !== null) countOf(arrivals, arrival, one)
  }
  return {
    add: job => {
      // Each arrival is another file, whatever it is called; a command file is the same as long as it lies there.
      if (job.arrival === null ? files.has(job.file) : arrivals.has(job.arrival)) return
      note(job, 1)
      void inTurn.add(async () => {
        await takeTurn(ground, job)
        note(job, -1)
      })
    },
    idle: () => inTurn.onIdle(),
  }
}

function countOf(counts: Map<string, number>, key: string, more: number): void {
  const count = (counts.get(key) ?? 0) + more
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}

/** Puts the files that `enrol.file` names to the queue, those of them that lie in the store: what the schedule does. */
export async function addStandardFiles(queue: Queue, store: Store, pattern: string, log: Logger): Promise<void> {
  const files = await standardFiles(store, pattern)
  if (files.length === 0)
    log.debug({ event: 'nothing-scheduled', pattern }, 'nothing to run at this time of the schedule')
  for (const file of files) queue.add({ file, arrival: null })
}

/** What is done with one file when its turn has come. Never throws: the next one has its turn, too. */
async function takeTurn(ground: QueueGround, job: Job | BegunJob): Promise<void> {
  const { config, store, signal, now } = ground
  const begun = { ...job, id: 'id' in job ? job.id : ground.newId() }
  const log = ground.log.child({ run: begun.id, file: job.file })
  const patiently = <T>(work: (onProgress: (done: number) => void) => Promise<T>): Promise<T> =>
    tryUntilDone(work, log, signal)
  if (signal.aborted) return
  try {
    if (!(await isThere(store, job))) {
      log.debug({ event: 'file-gone' }, 'gone before its turn')
      if ('id' in job) await end(store, job.id)
      return
    }
    const arrival = arrivalOf(job)
    if (arrival !== null && !('id' in job) && !matches(config.enrol.file, job.file)) {
      await patiently(() => place(store, arrival, now()))
      log.info(
        { event: 'file-not-named', pattern: config.enrol.file },
        'kept in the store, not run: enrol.file does not name it',
      )
      return
    }
    const path = await patiently(() => begin(store, begun, now()))
    const request: RunRequest = {
      id: begun.id,
      name: basename(job.file),
      path,
      namedAs: null,
      simulate: false,
      approval: 'none',
      signal,
    }
    const result = await patiently(onProgress => ground.runFile({ ...request, onProgress }, log))
    if (result.outcome === 'interrupted') return
    const where = await patiently(() => conclude(store, config.store, path, result, result.startedAt))
    await patiently(() => end(store, begun.id))
    log.debug({ event: 'file-concluded', path: where }, 'concluded')
  } catch (error) {
    // Stopped while it was waiting: what has begun is noted in the store, and comes first at the next start.
    if (signal.aborted && isPassing(error)) return
    await ground.tell(
      {
        event: 'run-failed',
        level: 'error',
        args: { file: job.file, run: begun.id },
        fields: { err: error },
        about: begun.id,
      },
      log,
    )
    await end(store, begun.id).catch(cause =>
      log.error({ event: 'store-failed', err: cause }, 'the store cannot be written'),
    )
  }
}
