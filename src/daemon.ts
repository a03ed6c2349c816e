/**
 * THE PROGRAM in the order in which it happens: what is opened here, one after the other, is closed in reverse.
 * What cannot be seen from here does not run.
 */
import { randomUUID } from 'node:crypto'
import { Cron } from 'croner'
import type { Config } from './config/config.ts'
import { type CurrentConfig, holdConfig } from './config/current.ts'
import { removeManifestsOf } from './intake/manifest.ts'
import { removeDoneFilesOf, removeTaken } from './intake/scan.ts'
import { watchForSilence } from './intake/silence.ts'
import { watchDirectory } from './intake/watch.ts'
import type { Logger } from './log.ts'
import type { Lang } from './messages/say.ts'
import { type Election, enterElection } from './moodle/active.ts'
import { openCaches } from './moodle/caches/drop.ts'
import { keepDropping } from './moodle/caches/notes.ts'
import { answers } from './moodle/connect.ts'
import { type Notice, tellAdministrators } from './notify/administrators.ts'
import { watchForOutage } from './notify/outage.ts'
import { keepSending, settleAbandonedMails } from './notify/sender.ts'
import { addStandardFiles, openQueue } from './queue.ts'
import { run } from './run.ts'
import { whileStoreIsOurs } from './standby.ts'
import { arrivalsOf } from './store/arrivals.ts'
import { removeOld } from './store/keep.ts'
import { begunJobs, begunUndos } from './store/running.ts'
import { openStore, type Store, tidyStore } from './store/store.ts'
import { removeOldUploads } from './store/uploads.ts'
import { notifyReady, notifyStopping, startWatchdog } from './systemd.ts'
import { undoing } from './tasks.ts'

export interface DaemonGround {
  /** Where the configuration is from. */
  readonly configPath: string
  readonly config: Config
  readonly log: Logger
  /** Of the reports and refusals in the store. */
  readonly lang: Lang
  /** Aborted: the daemon stops. */
  readonly signal: AbortSignal
}

const DAILY = '17 3 * * *'
const OFTEN = '*/10 * * * *'

/**
 * Waits for the store, where another daemon has it, and serves, until it is told to stop. Of the daemons of one Moodle, on
 * whatever hosts, one is the active one (`moodle/active.ts`): it takes files, and gets the store that it shares with others.
 *
 * @throws Problem 78 where the store or the drop directory cannot be used
 */
export async function daemon(ground: DaemonGround): Promise<void> {
  const { config, log, signal } = ground
  let isReady = false
  const isUp = (): void => {
    if (!isReady) notifyReady()
    isReady = true
  }
  const onStop = (): void => {
    notifyStopping()
    log.info({ event: 'daemon-stopping' }, 'stopping, once the running chunk is done')
  }
  signal.addEventListener('abort', onStop)
  const closing: (() => unknown)[] = []
  try {
    const store = await openStore(config.store.directory)
    // The page may change some of it while we run; what is opened below is opened once.
    const current = holdConfig(ground.configPath, config)
    const election = enterElection(config.moodle.database, log)
    closing.push(election.close)
    // A daemon that cannot reach its database is of no use, and whoever watches the service should see so.
    closing.push(startWatchdog(() => answers(config.moodle.database, signal)))
    await whileStoreIsOurs({ store, election, log, signal, onWait: isUp }, until =>
      serve({ ...ground, signal: until }, current, store, election, isUp),
    )
  } finally {
    signal.removeEventListener('abort', onStop)
    for (const close of closing.reverse()) await close()
  }
  log.info({ event: 'daemon-stopped' }, 'stopped')
}

/**
 * Takes files, runs them, and puts them away, until the signal; then it finishes the running chunk.
 * It starts without a database, too: files wait until there is one.
 */
async function serve(
  { config, log, lang, signal }: DaemonGround,
  current: CurrentConfig,
  store: Store,
  election: Election,
  onUp: () => void,
): Promise<void> {
  const { intake, schedule } = config
  const now = () => new Date()
  // Not AbortSignal.any: Node 20 may forget what it made.
  const stopping = new AbortController()
  const stop = stopping.signal
  signal.addEventListener('abort', () => stopping.abort(), { once: true })
  if (signal.aborted) stopping.abort()
  const takesFiles = (): boolean => election.standing() === 'active' || election.standing() === 'unknown'
  const closing: (() => unknown)[] = []
  const isThere = () => answers(config.moodle.database, stop)
  try {
    await tidyStore(store, now())
    closing.push(keepDropping({ drop: openCaches(config), folder: store.folder.running, log }))

    const ground = {
      get config() {
        return current.value
      },
      store,
      log,
      lang,
    }
    const tell = (notice: Notice, runLog: Logger = log) => tellAdministrators({ ...ground, log: runLog }, notice)
    // Stopped behind the queue: the end of a run may still have something to tell.
    closing.push(keepSending(ground))

    const queue = openQueue({
      get config() {
        return current.value
      },
      store,
      log,
      runFile: (request, runLog, wanted = lang) => run(request, { ...ground, log: runLog, lang: wanted }),
      tell,
      newId: randomUUID,
      now,
      signal: stop,
    })
    closing.push(queue.idle)
    // What was begun before the last stop comes first, then what waited, then what lies in the drop directory.
    const arrived = await arrivalsOf(store)
    await removeTaken(intake.directory, store, arrived.at(-1))
    const begun = await begunJobs(store)
    for (const job of begun) if (job.arrival === null) queue.add(job)
    for (const { name, folder } of arrived) {
      queue.add(begun.find(job => job.arrival === folder) ?? { file: name, arrival: folder })
    }
    const live = {
      get config() {
        return current.value
      },
      store,
    }
    for (const asked of await begunUndos(store)) queue.perform(undoing(live, asked))

    if (intake.doneFile !== null) await removeDoneFilesOf(intake.directory, arrived, intake.doneFile)
    await removeManifestsOf(intake.directory, store, arrived)
    await election.asked
    const isElsewhere = (): boolean => election.standing() === 'standby'
    const silence = intake.expect === null ? null : await watchForSilence(store, intake.expect, isElsewhere, log, tell)
    if (silence !== null) closing.push(silence.close)
    const watch = await watchDirectory(
      {
        directory: intake.directory,
        wholeness: { stableFor: intake.stableFor, doneFile: intake.doneFile },
        store,
        log,
        tell,
        onArrival: ({ name, folder }) => {
          silence?.arrived()
          queue.add({ file: name, arrival: folder })
        },
        takesFiles,
        signal: stop,
        clock: { now, elapsed: () => performance.now() },
      },
      intake.polling,
    )
    closing.push(watch.close)

    let nextScheduled = (): Date | null => null
    if (schedule !== null) {
      const runs = repeat(schedule, log, async () => {
        if (takesFiles()) await addStandardFiles(queue, store, current.value.enrol.file, log)
      })
      nextScheduled = () => runs.nextRun()
      closing.push(() => runs.stop())
    }
    const cleaning = repeat(DAILY, log, () => clean(store, config.store.keepDays, log))
    closing.push(() => cleaning.stop())
    await cleaning.trigger()
    const settling = repeat(OFTEN, log, () => settleAbandonedMails(ground, now()))
    closing.push(() => settling.stop())

    if (config.web.listen !== null) {
      const { servePage } = await import('./web/server.ts')
      const standing = election.standing
      closing.push(
        await servePage({ current, ground: live, log, queue, nextScheduled, standing, newId: randomUUID, now }),
      )
    }

    closing.push(watchForOutage(isThere, tell))
    onUp()
    log.info({ event: 'daemon-started', directory: intake.directory, store: store.directory }, 'waiting for files')
    if (!stop.aborted) await new Promise(resolve => stop.addEventListener('abort', resolve))
  } finally {
    stopping.abort()
    for (const close of closing.reverse()) await close()
  }
}

/** Does something at the times of a cron expression, in the server's local time. A failure is logged, and no reason to end. */
function repeat(expression: string, log: Logger, work: () => Promise<void>): Cron {
  const logFailure = (error: unknown) => log.error({ event: 'schedule-failed', err: error }, 'a scheduled task failed')
  return new Cron(expression, { mode: '5-part', protect: true, catch: logFailure }, work)
}

async function clean(store: Store, keepDays: number, log: Logger): Promise<void> {
  await removeOldUploads(store, new Date())
  const removed = await removeOld(store, keepDays, new Date())
  if (removed > 0)
    log.info({ event: 'old-files-removed', removed, keepDays }, 'removed files that were kept long enough')
}
