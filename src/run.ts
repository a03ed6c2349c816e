/**
 * THE LIFE OF ONE FILE: looked at whole, refused or applied chunk by chunk, reported. The same way for every entrance, and
 * for a simulated run, which differs in one `if` at the last step (`moodle/transaction.ts`).
 * What becomes of the file itself afterwards is the store's affair (`store/conclude.ts`).
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { applyRows, type Facts, loadFacts, type Run, simulate, watchForChange } from './apply.ts'
import type { Config } from './config/config.ts'
import { faultsOf, finished, finishedBefore, interrupted, reportOf, wasHeld } from './ending.ts'
import { EXIT, Problem } from './errors.ts'
import { inspect } from './file/read.ts'
import { heldBy, lookThrough } from './guard.ts'
import { holdIfNeeded } from './hold.ts'
import type { Logger } from './log.ts'
import type { Lang } from './messages/say.ts'
import { openCaches } from './moodle/caches/drop.ts'
import { dropNoted, type NotesGround } from './moodle/caches/notes.ts'
import { type Moodle, withMoodle } from './moodle/connect.ts'
import { consequences } from './moodle/consequences/index.ts'
import { keepOff } from './moodle/keep-off.ts'
import { beginReport, finishRun, isHeld, journalBytesOf, type Lease, migrateLedger, takeUp } from './moodle/ledger.ts'
import { withMoodleLock } from './moodle/lock.ts'
import { probeTeachers } from './moodle/teachers.ts'
import type { Recording } from './moodle/transaction.ts'
import { probeWelcomeMails } from './moodle/welcome-mails.ts'
import { tellAdministrators } from './notify/administrators.ts'
import { tellTeachers } from './notify/teachers.ts'
import { mailWelcomes } from './notify/welcomes.ts'
import { watchDepartures } from './plan/departures.ts'
import type { RowResult } from './plan/outcome.ts'
import { checkpointed } from './recording.ts'
import { chooseReportFiles, type ReportFiles, writeRefusal, writeReportFiles } from './report/files.ts'
import { count, emptySummary, type Report, type StartedBy, type Summary } from './report/report.ts'
import { reportAsText } from './report/text.ts'
import { bytesOf } from './store/bytes.ts'
import { putJournalAway, withJournal } from './store/journals.ts'
import { type Lines, withLines } from './store/lines.ts'
import { READ_FILE } from './store/move.ts'
import { beginMails, releaseMails } from './store/outbox.ts'
import { outcomesPath } from './store/running.ts'
import type { Store } from './store/store.ts'

export interface RunRequest {
  /** The run's id, unique for this Moodle. A run of the same id goes on where it was interrupted. */
  readonly id: string
  /** The command file's own name. */
  readonly name: string
  /** Where it lies now. It is read there, and stays there. */
  readonly path: string
  /** What a person calls it, who has it run where it lies; null: it lies in the store, and can be moved to `held/`. */
  readonly namedAs: string | null
  readonly simulate: boolean
  /** Whether the outcomes are to say what each row means, and what `tool_sync` would have done otherwise. */
  readonly explain?: boolean
  readonly startedBy?: StartedBy
  /**
   * Whether a person has said yes to it. `none`: the guard looks at it. `given`: it does not. `of-held`: it does not, where
   * exactly this content is held.
   */
  readonly approval: 'none' | 'given' | 'of-held'
  /** How far the run is: rows done, of how many. */
  readonly onProgress?: (done: number, of: number) => void
  /** The report, while all of it is at hand: for those who print it. Called once, at the end. */
  readonly onReport?: (report: Report, rows: () => AsyncIterable<RowResult>) => Promise<void>
  /** Aborted: the running chunk is finished, and no other begun. */
  readonly signal?: AbortSignal
}

export interface RunGround {
  readonly config: Config
  readonly store: Store
  readonly log: Logger
  readonly lang: Lang
}

export interface RunResult {
  /**
   * `held`: the guard lets nothing of it be done without a person's approval.
   * `interrupted`: the signal came first; what is done is done, and running the file again does the rest.
   */
  readonly outcome: 'processed' | 'refused' | 'held' | 'interrupted'
  readonly startedAt: Date
  readonly summary: Summary
  /** Why the file was refused, for people; null where it was not. */
  readonly reason: string | null
  /** The path in `held/` that a held file is to have; null where none is held, or it stays where it is. */
  readonly heldAs: string | null
}

/** How long a run waits for another one on the same Moodle, in seconds. */
export const WAIT_FOR_OTHER_RUN = 30

/**
 * Runs a command file.
 * What became of its rows so far is kept while it has not come to its end: who does not run it again has to remove that.
 * @throws Problem 64 where it cannot be read, 65 where it is not what was held, 69 or 75 where it must be tried later; what
 *   was committed stays, and running it again under the same id goes on behind that
 */
export async function run(request: RunRequest, ground: RunGround): Promise<RunResult> {
  const startedAt = new Date()
  const file = await openFile(request.path, ground.store)
  try {
    const summary = emptySummary()
    const ensureSame = await watchForChange(request.path, file, summary)
    const inspection = await inspect(bytesOf(file, 0), ground.config.csv)
    summary.passedOver = inspection.passedOver
    const { config, store, log } = ground
    const caches: NotesGround = { drop: openCaches(config), folder: store.folder.running, log }
    const run: Run = { request, ground, file, inspection, summary, caches, ensureSame }
    if (inspection.errors.length > 0) return await refuse(run, startedAt)
    try {
      const work = async (moodle: Moodle): Promise<RunResult> => {
        await keepOff(moodle, config, startedAt)
        if (request.simulate) return showOnly(run, moodle, startedAt)
        const apply = () => applyAndRecord(run, moodle, startedAt)
        return withMoodleLock(moodle, WAIT_FOR_OTHER_RUN, apply, request.signal)
      }
      return await withMoodle(config, work, request.signal)
    } finally {
      if (!request.simulate) await dropNoted(caches, 'all')
    }
  } finally {
    await file.close()
  }
}

/** A file in the store is never reached through a link; one that a person names may be. */
async function openFile(path: string, store: Store): Promise<FileHandle> {
  try {
    const file = await open(path, path.startsWith(`${store.directory}/`) ? READ_FILE : 'r')
    if ((await file.stat()).isFile()) return file
    await file.close()
  } catch (error) {
    throw new Problem('file-unreadable', { path, reason: (error as Error).message }, EXIT.usage, error)
  }
  throw new Problem('no-file', { path }, EXIT.usage)
}

/** Says that nothing stands in the way any more: a run that is tried again and again is not said to start each time. */
function tellStart({ request, ground, inspection }: Run): void {
  const { simulate: simulated, approval, startedBy } = request
  ground.log.info({ event: 'run-started', rows: inspection.rows, simulated, approval, startedBy }, 'run started')
}

/** A refused file needs no database: it has changed nothing, and is reported so. */
async function refuse(run: Run, startedAt: Date): Promise<RunResult> {
  const { request, ground, inspection, summary } = run
  tellStart(run)
  const report = reportOf(run, startedAt)
  await request.onReport?.(report, noRows)
  const reason = await text(reportAsText(report, noRows(), ground.lang))
  const errors = inspection.errors.map(({ code }) => code)
  if (request.simulate) ground.log.info({ event: 'file-refused', errors }, 'file refused')
  else {
    await writeRefusal(ground.store, report, ground.lang)
    await tellAdministrators(ground, {
      event: 'file-refused',
      level: 'warn',
      args: { file: request.name },
      fields: { errors },
      quoted: reason.trimEnd().split('\n'),
      about: request.id,
      page: '/runs',
    })
  }
  return { outcome: 'refused', startedAt, summary, reason, heldAs: null }
}

async function* noRows(): AsyncGenerator<RowResult> {}

/** Shows what a run would do, and whether the guard would hold it. */
async function showOnly(run: Run, moodle: Moodle, startedAt: Date): Promise<RunResult> {
  tellStart(run)
  const facts = await loadFacts(moodle, run.ground.config)
  const findings = await lookThrough(run, moodle, facts)
  const departures = watchDepartures(startedAt)
  const how = { consequences, observers: [departures.observer] }
  const result = await simulate(run, moodle, facts, how, async outcomes => {
    const held = findings === null ? [] : await heldBy(run, moodle, findings, departures)
    const faults = await faultsOf(run, moodle, facts, startedAt, outcomes)
    await run.request.onReport?.(reportOf(run, startedAt, { held, faults }), outcomes.read)
    return held.length > 0 ? wasHeld(run, startedAt, null) : finished(run, startedAt)
  })
  return result === 'interrupted' ? interrupted(run, startedAt) : result
}

/** Applies every row that is not done yet, keeps what became of it, and writes the reports; each step can be done again. */
async function applyAndRecord(run: Run, moodle: Moodle, now: Date): Promise<RunResult> {
  const { request, ground, inspection } = run
  const { id, name } = request
  tellStart(run)
  // What an earlier run has left by a crash.
  await dropNoted(run.caches, 'all')
  await migrateLedger(moodle)
  if (request.approval === 'of-held' && !(await isHeld(moodle, inspection.sha256)))
    throw new Problem('held-file-changed', { file: request.namedAs ?? name }, EXIT.fileRefused)
  const lease = await takeUp(moodle, { id, name, sha256: inspection.sha256, startedAt: now })
  const { startedAt } = lease
  const path = outcomesPath(ground.store, id)
  if (lease.state === 'held') {
    await rm(path, { force: true })
    return wasHeld(run, startedAt, lease.reportFiles?.held ?? null)
  }
  if (lease.state === 'finished') {
    await releaseMails(ground.store, id)
    await putJournalAway(ground.store, id, lease.journalBytes)
    await rm(path, { force: true })
    return finishedBefore(run, startedAt)
  }
  let isOver = false
  try {
    return await withLines<RowResult, RunResult>(path, lease.outcomesBytes, async outcomes => {
      for await (const result of outcomes.read()) count(run.summary, result)
      request.onProgress?.(run.summary.rows, inspection.rows)
      const facts = await loadFacts(moodle, ground.config)
      if (lease.state === 'running') {
        if (ground.config.enrol.notifyTeachers) await probeTeachers(moodle, facts.settings)
        if (ground.config.enrol.welcomeMessages) await probeWelcomeMails(moodle, facts.settings)
        // Of a run that goes on, the guard has let all of it pass.
        const held = lease.last === null ? await holdIfNeeded(run, moodle, facts, lease) : null
        if (held !== null) {
          isOver = held.outcome === 'held'
          return held
        }
        const done = await withJournal(ground.store, id, lease.journalBytes, journal => {
          const { begin, checkpoint, committed } = checkpointed(moodle, lease, outcomes, journal)
          const recording: Recording = {
            begin,
            add: outcomes.add,
            checkpoint: results => checkpoint({ rows: results.length, last: results.at(-1)!.place }),
            committed,
          }
          return applyRows(run, moodle, facts, {
            simulate: false,
            last: lease.last,
            consequences,
            observers: [],
            recording,
          })
        })
        if (!done) return interrupted(run, startedAt)
      }
      await reportAndFinish(run, moodle, facts, lease, outcomes)
      isOver = true
      return finished(run, startedAt)
    })
  } finally {
    if (isOver) await rm(path, { force: true })
  }
}

/** Writes the reports of a run whose rows are all done, composes its mails, and ends it. */
async function reportAndFinish(
  run: Run,
  moodle: Moodle,
  facts: Facts,
  lease: Lease,
  outcomes: Lines<RowResult>,
): Promise<void> {
  const { request, ground, file, inspection, summary } = run
  const { id, name } = request
  const { startedAt } = lease
  const files: ReportFiles =
    lease.state === 'running' || lease.reportFiles === null
      ? await chooseReportFiles(ground.store, name, startedAt, { retry: summary.failed > 0, held: false })
      : lease.reportFiles
  await beginReport(moodle, lease, files)
  const journalBytes = await journalBytesOf(moodle, lease)
  const faults = await faultsOf(run, moodle, facts, startedAt, outcomes)
  const report = reportOf(run, startedAt, { retryFile: files.retry, canBeUndone: journalBytes !== null, faults })
  await writeReportFiles(files, report, outcomes.read, file, inspection.header!, ground)
  await request.onReport?.(report, outcomes.read)
  await finishRun(moodle, lease, 'finished', async () => {
    const { notifyTeachers, welcomeMessages } = ground.config.enrol
    const mails = await beginMails(ground.store, id)
    if (notifyTeachers && summary.applied > 0)
      await tellTeachers(ground, moodle, { id, file: name, startedAt, isUndo: false }, outcomes.read(), mails)
    if (welcomeMessages && summary.changes.enrolled! > 0) {
      const { settings, site } = facts
      await mailWelcomes(ground, moodle, { settings, actorId: site.actorId }, lease, outcomes.read(), mails)
    }
  })
  await releaseMails(ground.store, id)
  await putJournalAway(ground.store, id, journalBytes)
}
