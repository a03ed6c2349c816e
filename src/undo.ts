/**
 * THE LIFE OF AN UNDO: a run that has its changes from another run's journal, not from a file. The last changes are taken back
 * first, some at a time, each lot with its checkpoint; it can be simulated, goes on after a crash, and has a journal of its own,
 * by which it can be taken back in turn.
 */
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheSite } from './moodle/caches/configuration.ts'
import { openCaches } from './moodle/caches/drop.ts'
import { dropNoted, type NotesGround, staleCaches } from './moodle/caches/notes.ts'
import { type Moodle, withMoodle } from './moodle/connect.ts'
import type { Change } from './moodle/journal.ts'
import { keepOff } from './moodle/keep-off.ts'
import { bar, beginReport, finishRun, journalBytesOf, type Lease, migrateLedger, takeUp } from './moodle/ledger.ts'
import { withMoodleLock } from './moodle/lock.ts'
import { loadSettings, loadSite } from './moodle/site.ts'
import { takeBack, type UndoRecording } from './moodle/undo.ts'
import { rememberRows } from './moodle/undo-facts.ts'
import { findLeftMembers, type Left, type Undone } from './moodle/undo-outcome.ts'
import { tellTeachers } from './notify/teachers.ts'
import { checkpointed } from './recording.ts'
import { chooseReportFiles, writeUndoReportFiles } from './report/files.ts'
import type { StartedBy } from './report/report.ts'
import { countUndone, emptyUndoSummary, type UndoReport, type UndoSummary } from './report/undo.ts'
import { type RunGround, WAIT_FOR_OTHER_RUN } from './run.ts'
import { type Journal, putJournalAway, type ReadChanges, readingJournal, withJournal } from './store/journals.ts'
import { type Lines, withLines } from './store/lines.ts'
import { beginMails, cancelMails, releaseMails } from './store/outbox.ts'
import { findInterrupted, findUndoable, type UndoableRun } from './undoable.ts'

export interface UndoRequest {
  /** The id of this run, unless it goes on with one that was interrupted. */
  readonly id: string
  /** The run to take back: its id, or so much of its beginning that it is the only one. */
  readonly undoes: string
  readonly simulate: boolean
  readonly startedBy?: StartedBy
  /** How far it is: bytes of the journal, of how many. */
  readonly onProgress?: (done: number, of: number) => void
  /** The report, while all of it is at hand. Called once, at the end. */
  readonly onReport?: (report: UndoReport, lots: () => AsyncIterable<Undone>) => Promise<void>
  /** Aborted: the running lot is finished, and no other begun. */
  readonly signal?: AbortSignal
}

export interface UndoResult {
  /** `interrupted`: the signal came first; what is done is done, and undoing the run again does the rest. */
  readonly outcome: 'processed' | 'interrupted'
  readonly summary: UndoSummary
}

/** Rows that share a transaction. */
const LOT_ROWS = 2_000

/** What the steps of an undo share. */
interface Undo {
  readonly request: UndoRequest
  readonly ground: RunGround
  readonly moodle: Moodle
  readonly caches: NotesGround
  /** The run that is taken back. */
  readonly original: UndoableRun
  readonly summary: UndoSummary
}

/**
 * Takes a run back.
 * @throws Problem 64 where there is no such run, or nothing by which to take it back; 69 or 75 where it must be tried later
 */
export async function undo(request: UndoRequest, ground: RunGround): Promise<UndoResult> {
  const { config, store, log } = ground
  const now = new Date()
  const caches: NotesGround = { drop: openCaches(config), folder: store.folder.running, log }
  const work = async (moodle: Moodle): Promise<UndoResult> => {
    await keepOff(moodle, config, now)
    const begin = async (): Promise<Undo> => {
      const original = await findUndoable(moodle, store, request.undoes)
      log.info(
        { event: 'run-started', undoes: original.id, simulated: request.simulate, startedBy: request.startedBy },
        'undo started',
      )
      return { request, ground, moodle, caches, original, summary: emptyUndoSummary() }
    }
    if (request.simulate) return simulate(await begin(), now)
    const takeBackAll = async (): Promise<UndoResult> => {
      await dropNoted(caches, 'all')
      await migrateLedger(moodle)
      return takeBackAndRecord(await begin(), now)
    }
    try {
      return await withMoodleLock(moodle, WAIT_FOR_OTHER_RUN, takeBackAll, request.signal)
    } finally {
      await dropNoted(caches, 'all')
    }
  }
  return withMoodle(config, work, request.signal)
}

/** Finds out what would be taken back; writes nothing to Moodle. */
async function simulate(undo: Undo, startedAt: Date): Promise<UndoResult> {
  const { request, original } = undo
  const path = join(tmpdir(), `moodle-syncd-${request.id}.outcomes`)
  try {
    return await withLines<Undone, UndoResult>(path, 0, async outcomes => {
      const recording: UndoRecording = {
        begin: () => null,
        record: async undone => {
          await outcomes.add([undone])
          await outcomes.sync()
        },
        committed: outcomes.commit,
      }
      const isDone = await readingJournal(undo.ground.store, original.id, original.journalBytes, changes =>
        takeAllBack(undo, changes, { offset: original.journalBytes, line: 0 }, outcomes, () => recording),
      )
      if (!isDone) return ended(undo, startedAt, 'interrupted')
      await request.onReport?.(reportOf(undo, request.id, startedAt, false), outcomes.read)
      return ended(undo, startedAt, 'processed')
    })
  } finally {
    await rm(path, { force: true })
  }
}

/** Takes back what is not yet, keeps what became of it, and writes the reports; each step can be done again. */
async function takeBackAndRecord(undo: Undo, now: Date): Promise<UndoResult> {
  const { request, ground, moodle, original } = undo
  const { store, lang } = ground
  const { name, sha256 } = original
  await bar(moodle, original.id)
  const lease = await takeUp(moodle, {
    id: (await findInterrupted(moodle, original.id)) ?? request.id,
    name,
    sha256,
    startedAt: now,
    undoes: original.id,
  })
  const { id, startedAt } = lease
  // Beside its journal: it may be gone on with for as long as there is one.
  const path = join(store.folder.undo, `${id}.outcomes`)
  const result = await withLines<Undone, UndoResult>(path, lease.outcomesBytes, async outcomes => {
    for await (const undone of outcomes.read()) countUndone(undo.summary, undone)
    if (lease.state === 'running') {
      const last = lease.last ?? { offset: original.journalBytes, line: 0 }
      const isDone = await readingJournal(store, original.id, original.journalBytes, changes =>
        withJournal(store, id, lease.journalBytes, journal =>
          takeAllBack(undo, changes, last, outcomes, place => recordingOf(moodle, lease, outcomes, journal, place)),
        ),
      )
      if (!isDone) return ended(undo, startedAt, 'interrupted')
    }
    const files =
      lease.reportFiles ?? (await chooseReportFiles(store, `undo-${name}`, startedAt, { retry: false, held: false }))
    await beginReport(moodle, lease, files)
    const journalBytes = await journalBytesOf(moodle, lease)
    const report = reportOf(undo, id, startedAt, journalBytes !== null)
    await writeUndoReportFiles(files, report, outcomes.read, lang)
    await request.onReport?.(report, outcomes.read)
    const told = { id, file: name, startedAt, isUndo: true }
    await finishRun(moodle, lease, 'finished', async () => {
      if (ground.config.enrol.notifyTeachers && undo.summary.applied > 0)
        await tellTeachers(ground, moodle, told, outcomes.read(), await beginMails(store, id))
    })
    if (undo.summary.failed === 0) await cancelMails(store, original.id, id)
    await releaseMails(store, id)
    await putJournalAway(store, id, journalBytes)
    return ended(undo, startedAt, 'processed')
  })
  if (result.outcome === 'processed') await rm(path, { force: true })
  return result
}

/** @param last where the undo is in the journal once the lot is done */
function recordingOf(
  moodle: Moodle,
  lease: Lease,
  outcomes: Lines<Undone>,
  journal: Journal,
  last: Place,
): UndoRecording {
  const { begin, checkpoint, committed } = checkpointed(moodle, lease, outcomes, journal)
  return {
    begin,
    record: async undone => {
      await outcomes.add([undone])
      await checkpoint({ rows: undone.applied + undone.unchanged + undone.left.length, last })
    },
    committed,
  }
}

/**
 * Takes back what stands before an offset in the journal, the last first; at the end, looks who is left in groups.
 * @param recordingAt for a lot, by where the next one ends
 * @returns whether all is done
 */
async function takeAllBack(
  { request, ground, moodle, caches, original, summary }: Undo,
  changes: ReadChanges,
  last: Place,
  outcomes: Lines<Undone>,
  recordingAt: (place: Place) => UndoRecording,
): Promise<boolean> {
  const { config, log } = ground
  const settings = await loadSettings(moodle, config)
  const shared = {
    moodle,
    config,
    site: await loadSite(moodle, settings, config),
    simulate: request.simulate,
    remembered: rememberRows(),
    staleCaches: staleCaches(caches, cacheSite(settings)),
  }
  for await (const lot of lots(changes, last.offset)) {
    if (request.signal?.aborted) return false
    // Maintenance may begin at any time.
    await keepOff(moodle, config, new Date())
    const recording = recordingAt({ offset: lot.offset, line: 0 })
    countUndone(summary, await takeBack({ ...shared, recording }, lot.changes, Date.now))
    request.onProgress?.(original.journalBytes - lot.offset, original.journalBytes)
    log.debug({ event: 'lot-undone', rows: summary.rows }, 'changes taken back')
  }
  if (last.line === LOOKED_FOR_MEMBERS) return true
  const left: Left[] = []
  for await (const { unenrolled } of outcomes.read()) left.push(...(await findLeftMembers(shared, unenrolled)))
  if (left.length === 0) return true
  const recording = recordingAt({ offset: 0, line: LOOKED_FOR_MEMBERS })
  const undone: Undone = { applied: 0, unchanged: 0, changes: {}, left, unenrolled: [] }
  recording.begin()
  await recording.record(undone)
  recording.committed()
  countUndone(summary, undone)
  return true
}

/** Where an undo is in the journal, in the ledger's terms. */
type Place = NonNullable<Lease['last']>

/** The line in the ledger once that has been done; a journal is not counted in lines. */
const LOOKED_FOR_MEMBERS = 1

interface LotOfChanges {
  readonly offset: number
  readonly changes: readonly Change[]
}

async function* lots(changes: ReadChanges, end: number): AsyncGenerator<LotOfChanges> {
  let gathered: Change[] = []
  let rows = 0
  let first = end
  for await (const { offset, change } of changes(end)) {
    gathered.push(change)
    rows += change.rows.length
    first = offset
    if (rows < LOT_ROWS) continue
    yield { offset, changes: gathered }
    gathered = []
    rows = 0
  }
  if (gathered.length > 0) yield { offset: first, changes: gathered }
}

function reportOf(
  { request, original, summary }: Undo,
  run: string,
  startedAt: Date,
  canBeUndone: boolean,
): UndoReport {
  const { id, name, sha256 } = original
  return {
    run,
    undoes: { id, startedAt: original.startedAt },
    simulated: request.simulate,
    ...(request.startedBy === undefined ? {} : { startedBy: request.startedBy }),
    startedAt,
    finishedAt: new Date(),
    file: { name, sha256 },
    summary,
    canBeUndone,
  }
}

function ended({ ground, summary }: Undo, startedAt: Date, outcome: UndoResult['outcome']): UndoResult {
  const { rows, applied, unchanged, failed } = summary
  const seconds = (Date.now() - startedAt.getTime()) / 1000
  const event = outcome === 'processed' ? 'run-finished' : 'run-interrupted'
  ground.log.info({ event, rows, applied, unchanged, failed, seconds }, 'undo ended')
  return { outcome, summary }
}
