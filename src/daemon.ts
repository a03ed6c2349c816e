/**
 * THE PROGRAM in the order in which it happens: what is opened here, one after the other, is closed in reverse.
 * What cannot be seen from here does not run.
 */
import { randomUUID } from 'node:crypto'
import type { Config } from './config/config.ts'
import { type CurrentConfig, holdConfig } from './config/current.ts'
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
import { addStandardFiles, openQueue, type QueueGround } from './queue.ts'
import { resume } from './resume.ts'
import { run } from './run.ts'
import { repeat } from './schedule.ts'
import { abortedBy } from './signals.ts'
import { whileStoreIsOurs } from './standby.ts'
import type { Arrival } from './store/arrivals.ts'
import { removeOld } from './store/keep.ts'
import { openStore, type Store, tidyStore } from './store/store.ts'
import { removeOldUploads } from './store/uploads.ts'
import { notifyReady, notifyStopping, startWatchdog } from './systemd.ts'

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

/** Cron expressions. */
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
  const { intake, schedule, web } = config
  const now = () => new Date()
  const stopping = abortedBy(signal)
  const stop = stopping.signal
  const ground = { config, store, log, lang }
  const tell = (notice: Notice, runLog: Logger = log) => tellAdministrators({ ...ground, log: runLog }, notice)
  const takesFiles = (): boolean => election.standing() === 'active' || election.standing() === 'unknown'
  const isElsewhere = (): boolean => election.standing() === 'standby'
  const closing: (() => unknown)[] = [stopping.close]
  try {
    await tidyStore(store, now())
    closing.push(keepDropping({ drop: openCaches(config), folder: store.folder.running, log }))
    // Stopped behind the queue: the end of a run may still have something to tell.
    closing.push(keepSending(ground))

    const runFile: QueueGround['runFile'] = (request, runLog, wanted = lang) =>
      run(request, { config: current.value, store, log: runLog, lang: wanted })
    const queue = openQueue({ current, store, log, runFile, tell, newId: randomUUID, now, signal: stop })
    closing.push(queue.idle)
    await resume({ current, store }, queue, intake)

    await election.asked
    const silence = intake.expect === null ? null : await watchForSilence(store, intake.expect, isElsewhere, log, tell)
    if (silence !== null) closing.push(silence.close)
    const onArrival = ({ name, folder }: Arrival): void => {
      silence?.arrived()
      queue.add({ file: name, arrival: folder })
    }
    const clock = { now, elapsed: () => performance.now() }
    const { directory, stableFor, doneFile, polling } = intake
    const watch = await watchDirectory(
      { directory, wholeness: { stableFor, doneFile }, store, log, tell, onArrival, takesFiles, signal: stop, clock },
      polling,
    )
    closing.push(watch.close)

    const addStandard = async (): Promise<void> => {
      if (takesFiles()) await addStandardFiles(queue, store, current.value.enrol.file, log)
    }
    const runs = schedule === null ? null : repeat(schedule, log, addStandard)
    if (runs !== null) closing.push(runs.stop)
    const cleaning = repeat(DAILY, log, () => clean(store, config.store.keepDays, log))
    closing.push(cleaning.stop)
    await cleaning.now()
    closing.push(repeat(OFTEN, log, () => settleAbandonedMails(ground, now())).stop)

    if (web.listen !== null) {
      const { servePage } = await import('./web/server.ts')
      const nextScheduled = () => runs?.next() ?? null
      const { standing } = election
      closing.push(await servePage({ current, store, log, queue, nextScheduled, standing, newId: randomUUID, now }))
    }

    closing.push(watchForOutage(() => answers(config.moodle.database, stop), tell))
    onUp()
    log.info({ event: 'daemon-started', directory, store: store.directory }, 'waiting for files')
    if (!stop.aborted) await new Promise(resolve => stop.addEventListener('abort', resolve))
  } finally {
    stopping.abort()
    for (const close of closing.reverse()) await close()
  }
}

async function clean(store: Store, keepDays: number, log: Logger): Promise<void> {
  await removeOldUploads(store, new Date())
  const removed = await removeOld(store, keepDays, new Date())
  if (removed > 0)
    log.info({ event: 'old-files-removed', removed, keepDays }, 'removed files that were kept long enough')
}
