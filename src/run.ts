/**
 * THE LIFE OF ONE FILE: looked at whole, refused or applied chunk by chunk, reported. The same way for every entrance, and
 * for a simulated run, which differs in one `if` at the last step (`moodle/transaction.ts`).
 * What becomes of the file itself afterwards is the store's affair (`store/conclude.ts`).
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { applyRows, type Facts, loadFacts, type Run, simulate, watchForChange } from './apply.ts'
import type { Config } from './config/config.ts'
import { EXIT, Problem } from './errors.ts'
import { inspect } from './file/read.ts'
import { heldBy, lookThrough, mayBeHeld, trialOf } from './guard.ts'
import { type Faults, NO_FAULTS } from './hints/faults.ts'
import { findFaults } from './hints/find.ts'
import type { Logger } from './log.ts'
import type { Lang } from './messages/say.ts'
import { openCaches } from './moodle/caches/drop.ts'
import { dropNoted, type NotesGround } from './moodle/caches/notes.ts'
import { type Moodle, withMoodle } from './moodle/connect.ts'
import { consequences } from './moodle/consequences/index.ts'
import { linkedCourses } from './moodle/consequences/linked-courses.ts'
import { keepOff } from './moodle/keep-off.ts'
import {
  beginHolding,
  beginReport,
  finishRun,
  isHeld,
  journalBytesOf,
  type Lease,
  migrateLedger,
  moveCheckpoint,
  takeUp,
} from './moodle/ledger.ts'
import { withMoodleLock } from './moodle/lock.ts'
import { probeTeachers } from './moodle/teachers.ts'
import type { Recording } from './moodle/transaction.ts'
import { tellAdministrators } from './notify/administrators.ts'
import { tellTeachers } from './notify/teachers.ts'
import { watchDepartures } from './plan/departures.ts'
import type { Hold } from './plan/limits.ts'
import type { Move } from './plan/moves.ts'
import type { RowResult } from './plan/outcome.ts'
import { chooseReportFiles, type ReportFiles, writeRefusal, writeReportFiles } from './report/files.ts'
import { commandOf, heldLines } from './report/held.ts'
import { count, emptySummary, type Release, type Report, type StartedBy, type Summary } from './report/report.ts'
import { reportAsText } from './report/text.ts'
import { bytesOf } from './store/bytes.ts'
import { type Journal, putJournalAway, withJournal } from './store/journals.ts'
import { type Lines, withLines } from './store/lines.ts'
import { READ_FILE } from './store/move.ts'
import { releaseMails } from './store/outbox.ts'
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

/**
 * Holds a file that does more harm than the guard lets pass, before any of it is done. Only then is all of it planned
 * beforehand, for its report.
 * @returns how the run has ended; null: nothing holds it
 */
async function holdIfNeeded(run: Run, moodle: Moodle, facts: Facts, lease: Lease): Promise<RunResult | null> {
  const findings = await lookThrough(run, moodle, facts)
  if (findings === null) return null
  const may = await mayBeHeld(run, moodle, facts, findings)
  if (may === 'interrupted') return interrupted(run, lease.startedAt)
  if (!may) return null
  const trial = trialOf(run)
  const departures = watchDepartures(new Date())
  const how = { consequences: [linkedCourses], observers: [departures.observer] }
  const result = await simulate(trial, moodle, facts, how, async outcomes => {
    const held = await heldBy(trial, moodle, findings, departures)
    return held.length > 0 ? hold(trial, moodle, facts, lease, held, outcomes) : null
  })
  return result === 'interrupted' ? interrupted(trial, lease.startedAt) : result
}

/** Reports a file that is held, and tells administrators. Each step can be done again. */
async function hold(
  run: Run,
  moodle: Moodle,
  facts: Facts,
  lease: Lease,
  held: readonly Hold[],
  outcomes: Lines<RowResult>,
): Promise<RunResult> {
  const { request, ground, file, inspection } = run
  const { startedAt } = lease
  const isMoved = request.namedAs === null
  const files =
    lease.reportFiles ??
    (await chooseReportFiles(ground.store, request.name, startedAt, { retry: false, held: isMoved }))
  await beginHolding(moodle, lease, files)
  const release: Release = { file: request.namedAs ?? join('held', basename(files.held!)), path: files.held }
  const faults = await faultsOf(run, moodle, facts, startedAt, outcomes)
  const report = reportOf(run, startedAt, { held, release, faults })
  await writeReportFiles(files, report, outcomes.read, file, inspection.header!, ground)
  await request.onReport?.(report, outcomes.read)
  await tellAdministrators(ground, {
    event: 'file-held',
    level: 'warn',
    args: { file: request.name, command: commandOf(release) },
    fields: { held, report: files.text },
    quoted: [...heldLines(report.file, ground.lang)].slice(0, -2),
    about: request.id,
  })
  await finishRun(moodle, lease, 'held')
  return wasHeld(run, startedAt, files.held)
}

/** Applies every row that is not done yet, keeps what became of it, and writes the reports; each step can be done again. */
async function applyAndRecord(run: Run, moodle: Moodle, now: Date): Promise<RunResult> {
  const { request, ground, file, inspection } = run
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
        // Of a run that goes on, the guard has let all of it pass.
        const held = lease.last === null ? await holdIfNeeded(run, moodle, facts, lease) : null
        if (held !== null) {
          isOver = held.outcome === 'held'
          return held
        }
        const done = await withJournal(ground.store, id, lease.journalBytes, journal => {
          const recording = recordingOf(moodle, lease, outcomes, journal)
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
      const files: ReportFiles =
        lease.state === 'running' || lease.reportFiles === null
          ? await chooseReportFiles(ground.store, name, startedAt, { retry: run.summary.failed > 0, held: false })
          : lease.reportFiles
      await beginReport(moodle, lease, files)
      const journalBytes = await journalBytesOf(moodle, lease)
      const faults = await faultsOf(run, moodle, facts, startedAt, outcomes)
      const canBeUndone = journalBytes !== null
      const report = reportOf(run, startedAt, { retryFile: files.retry, canBeUndone, faults })
      await writeReportFiles(files, report, outcomes.read, file, inspection.header!, ground)
      await request.onReport?.(report, outcomes.read)
      const told = { id, file: name, startedAt, isUndo: false }
      await finishRun(moodle, lease, 'finished', async () => {
        if (ground.config.enrol.notifyTeachers && run.summary.applied > 0)
          await tellTeachers(ground, moodle, told, movesIn(outcomes.read()))
      })
      await releaseMails(ground.store, id)
      await putJournalAway(ground.store, id, journalBytes)
      isOver = true
      return finished(run, startedAt)
    })
  } finally {
    if (isOver) await rm(path, { force: true })
  }
}

async function* movesIn(results: AsyncIterable<RowResult>): AsyncGenerator<Move> {
  for await (const { moves = [] } of results) yield* moves
}

/** A chunk's outcomes, and the way back, are on the disk before its changes and their checkpoint are committed together. */
function recordingOf(moodle: Moodle, lease: Lease, outcomes: Lines<RowResult>, journal: Journal): Recording {
  return {
    begin: () => {
      outcomes.forget()
      return journal.begin()
    },
    add: outcomes.add,
    checkpoint: async results => {
      const [outcomesBytes, journalBytes] = await Promise.all([outcomes.sync(), journal.sync()])
      await moveCheckpoint(moodle, lease, {
        rows: results.length,
        last: results.at(-1)!.place,
        outcomesBytes,
        journalBytes,
      })
    },
    committed: () => {
      outcomes.commit()
      journal.commit()
    },
  }
}

/** Why rows have failed or were warned, and what may have been meant. Where all is well, nothing is asked. */
async function faultsOf(
  { ground, summary }: Run,
  moodle: Moodle,
  facts: Facts,
  startedAt: Date,
  outcomes: Lines<RowResult>,
): Promise<Faults> {
  if (summary.failed === 0 && Object.keys(summary.warnings).length === 0) return NO_FAULTS
  return findFaults({ moodle, config: ground.config, ...facts, startedAt }, outcomes.read())
}

/** What a report says beside the rows; what is not given is not there. */
type Said = Partial<Pick<Report, 'retryFile' | 'canBeUndone' | 'faults'> & Pick<Report['file'], 'held' | 'release'>>

function reportOf({ request, inspection, summary }: Run, startedAt: Date, said: Said = {}): Report {
  const { errors, warnings, sha256 } = inspection
  const { held = [], release = null, retryFile = null, canBeUndone = false, faults = NO_FAULTS } = said
  const outcome = errors.length > 0 ? 'refused' : held.length > 0 ? 'held' : 'processed'
  return {
    run: request.id,
    simulated: request.simulate,
    ...(request.startedBy === undefined ? {} : { startedBy: request.startedBy }),
    startedAt,
    finishedAt: new Date(),
    file: { name: request.name, sha256, outcome, errors, warnings, held, release },
    summary,
    faults,
    retryFile,
    canBeUndone,
  }
}

function interrupted({ ground, summary }: Run, startedAt: Date): RunResult {
  ground.log.info({ event: 'run-interrupted', rows: summary.rows }, 'run interrupted')
  return { outcome: 'interrupted', startedAt, summary, reason: null, heldAs: null }
}

function wasHeld({ ground, summary }: Run, startedAt: Date, heldAs: string | null): RunResult {
  ground.log.info({ event: 'run-held' }, 'the run has ended: the file is held')
  return { outcome: 'held', startedAt, summary, reason: null, heldAs }
}

/** All that is left to do is what becomes of the file: it was reported, and nobody was left to put it away. */
function finishedBefore({ ground, summary }: Run, startedAt: Date): RunResult {
  ground.log.info({ event: 'run-finished-before' }, 'the run had come to its end before')
  return { outcome: 'processed', startedAt, summary, reason: null, heldAs: null }
}

function finished({ ground, summary }: Run, startedAt: Date): RunResult {
  const seconds = (Date.now() - startedAt.getTime()) / 1000
  ground.log.info({ event: 'run-finished', ...summary, seconds }, 'run finished')
  return { outcome: 'processed', startedAt, summary, reason: null, heldAs: null }
}
