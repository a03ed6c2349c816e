/**
 * The command files that are to be run: one at a time, in the order in which they came, none twice. What the queue knows
 * it has from the store, where it all still stands after a crash. What else wants Moodle for itself has its turn here, too:
 * simulated runs and undos that a person asks for.
 */
import { basename } from 'node:path'
import PQueue from 'p-queue'
import type { Config } from './config/config.ts'
import { Problem } from './errors.ts'
import type { Logger } from './log.ts'
import type { Lang } from './messages/say.ts'
import type { Notice } from './notify/administrators.ts'
import { isPassing, tryUntilDone } from './patience.ts'
import type { StartedBy } from './report/report.ts'
import type { RunRequest, RunResult } from './run.ts'
import { place, standardFiles } from './store/commands.ts'
import { conclude } from './store/conclude.ts'
import { matches } from './store/names.ts'
import { arrivalOf, type BegunJob, begin, end, isThere, type Job } from './store/running.ts'
import type { Store } from './store/store.ts'

export interface QueueGround {
  /** Read when it comes to it: the page may change some of it. */
  readonly current: {
    readonly value: {
      readonly enrol: Pick<Config['enrol'], 'file'>
      readonly store: Pick<Config['store'], 'archive' | 'delete'>
    }
  }
  readonly store: Store
  readonly log: Logger
  /** Runs one file; `lang` is that of its report, where a person has asked for it. Throws a Problem where it cannot be done now. */
  readonly runFile: (request: RunRequest, log: Logger, lang?: Lang) => Promise<RunResult>
  /** Tells administrators, and the log of the run; never throws. */
  readonly tell: (notice: Notice, log: Logger) => Promise<void>
  readonly newId: () => string
  readonly now: () => Date
  /** Aborted: nothing more is begun, and the file that is being run is interrupted. */
  readonly signal: AbortSignal
}

/** What waits or runs. It changes while it does. */
export interface Turn {
  /** Of the run; null: it has none yet. */
  id: string | null
  readonly kind: 'run' | 'simulation' | 'undo'
  /** Of the file. */
  readonly name: string
  readonly startedBy: StartedBy
  /** null: it waits for its turn. */
  begunAt: Date | null
  done: number
  /** null: that is not known yet. */
  of: number | null
  /** An error that is waited for; null: none is. */
  postponedBy: unknown
}

/** Work that is no command file's run, but must not be done beside one. */
export interface Task extends Pick<Turn, 'kind' | 'name' | 'startedBy'> {
  readonly id: string
  /** Whether it is tried again and again while what stands in its way may pass; else that is how it ends. */
  readonly isPatient: boolean
  readonly work: (log: Logger, signal: AbortSignal, onProgress: NonNullable<RunRequest['onProgress']>) => Promise<void>
}

export interface Queue {
  /** Puts a file at the end. One that waits or runs already is not put there again. @returns whether it was put there */
  readonly add: (job: Job | BegunJob) => boolean
  readonly perform: (task: Task) => void
  /** What runs and waits, in their order: these first ones, of how many. */
  readonly turns: (most: number) => { readonly first: readonly Readonly<Turn>[]; readonly count: number }
  readonly turnOf: (id: string) => Readonly<Turn> | undefined
  /** Why something has failed, of the last few that did; undefined: it has not. */
  readonly failureOf: (id: string) => unknown
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
  const turns = new Set<Turn>()
  const failures = new Map<string, unknown>()
  const line = (turn: Turn, work: () => Promise<unknown>): void => {
    turns.add(turn)
    void inTurn.add(async () => {
      turn.begunAt = ground.now()
      const failure = await work()
      turns.delete(turn)
      if (failure === undefined || turn.id === null) return
      failures.set(turn.id, failure)
      if (failures.size > FAILURES_KEPT) failures.delete(failures.keys().next().value!)
    })
  }
  return {
    add: job => {
      // Each arrival is another file, whatever it is called; a command file is the same as long as it lies there.
      if (job.arrival === null ? files.has(job.file) : arrivals.has(job.arrival)) return false
      note(job, 1)
      const { id = null, request } = job as Partial<BegunJob>
      const turn = newTurn({ id, kind: 'run', name: basename(job.file), startedBy: request?.startedBy ?? DAEMON })
      line(turn, async () => {
        const failure = await takeTurn(ground, job, turn)
        note(job, -1)
        return failure
      })
      return true
    },
    perform: task => {
      const turn = newTurn(task)
      line(turn, () => performTask(ground, task, turn))
    },
    turns: most => ({ first: firstOf(turns, most), count: turns.size }),
    turnOf: id => [...turns].find(turn => turn.id === id),
    failureOf: id => failures.get(id),
    idle: () => inTurn.onIdle(),
  }
}

function firstOf<Each>(all: ReadonlySet<Each>, most: number): Each[] {
  const first: Each[] = []
  for (const each of all) {
    if (first.length >= most) break
    first.push(each)
  }
  return first
}

const DAEMON: StartedBy = { by: 'daemon' }
const FAILURES_KEPT = 100

const newTurn = ({ id, kind, name, startedBy }: Pick<Turn, 'id' | 'kind' | 'name' | 'startedBy'>): Turn => ({
  id,
  kind,
  name,
  startedBy,
  begunAt: null,
  done: 0,
  of: null,
  postponedBy: null,
})

/** Never throws. @returns why it has failed, if it has */
async function performTask(ground: QueueGround, task: Task, turn: Turn): Promise<unknown> {
  const { signal } = ground
  const log = ground.log.child({ run: task.id, file: task.name })
  if (signal.aborted) return undefined
  try {
    const work = (goesOn: (done: number) => void): Promise<void> =>
      task.work(log, signal, (done, of) => {
        turn.done = done
        turn.of = of
        goesOn(done)
      })
    await (task.isPatient
      ? tryUntilDone(work, log, signal, undefined, error => {
          turn.postponedBy = error
        })
      : work(() => {}))
    return undefined
  } catch (error) {
    if (signal.aborted) return undefined
    const isForeseen = error instanceof Problem
    log[isForeseen ? 'warn' : 'error']({ event: 'task-failed', kind: task.kind, err: error }, 'not done')
    return error
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

/** What is done with one file when its turn has come. Never throws: the next one has its turn, too. @returns why it has failed */
async function takeTurn(ground: QueueGround, job: Job | BegunJob, turn: Turn): Promise<unknown> {
  const { store, signal, now } = ground
  const config = ground.current.value
  const begun: BegunJob = { ...job, id: 'id' in job ? job.id : ground.newId() }
  turn.id = begun.id
  const log = ground.log.child({ run: begun.id, file: job.file })
  const patiently = <T>(work: (onProgress: (done: number) => void) => Promise<T>): Promise<T> =>
    tryUntilDone(work, log, signal, undefined, error => {
      turn.postponedBy = error
    })
  if (signal.aborted) return undefined
  try {
    if (!(await isThere(store, job))) {
      log.debug({ event: 'file-gone' }, 'gone before its turn')
      if ('id' in job) await end(store, job.id)
      return undefined
    }
    const arrival = arrivalOf(job)
    if (arrival !== null && !('id' in job) && !matches(config.enrol.file, job.file)) {
      await patiently(() => place(store, arrival, now()))
      log.info(
        { event: 'file-not-named', pattern: config.enrol.file },
        'kept in the store, not run: enrol.file does not name it',
      )
      return undefined
    }
    const path = await patiently(() => begin(store, begun, now()))
    const request: RunRequest = {
      id: begun.id,
      name: basename(job.file),
      path,
      namedAs: null,
      simulate: false,
      startedBy: turn.startedBy,
      approval: begun.request?.isApproved ? 'of-held' : 'none',
      signal,
    }
    const lang = begun.request?.lang
    const result = await patiently(goesOn => {
      const onProgress = (done: number, of: number): void => {
        turn.done = done
        turn.of = of
        goesOn(done)
      }
      return ground.runFile({ ...request, onProgress }, log, lang)
    })
    if (result.outcome === 'interrupted') return undefined
    const where = await patiently(() => conclude(store, config.store, path, result, result.startedAt))
    await patiently(() => end(store, begun.id))
    log.debug({ event: 'file-concluded', path: where }, 'concluded')
    return undefined
  } catch (error) {
    // Stopped while it was waiting, or the store is another daemon's by now: what has begun is noted there, and comes first at the
    // next start. A fault of the program shows itself again then.
    if (signal.aborted) {
      if (!isPassing(error)) log.warn({ event: 'run-broken-off', err: error }, 'the run broke off while it was stopped')
      return undefined
    }
    await ground.tell(
      {
        event: 'run-failed',
        level: 'error',
        args: { file: job.file, run: begun.id },
        fields: { err: error },
        about: begun.id,
        page: '/',
      },
      log,
    )
    await end(store, begun.id).catch(cause =>
      log.error({ event: 'store-failed', err: cause }, 'the store cannot be written'),
    )
    return error
  }
}
