/**
 * THE LIFE OF ONE FILE: looked at whole, refused or applied chunk by chunk, reported. The same way for every entrance, and
 * for a simulated run, which differs in one `if` at the last step (`moodle/transaction.ts`).
 * What becomes of the file itself afterwards is the store's affair (`store/conclude.ts`).
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Config } from './config/config.ts'
import { EXIT, Problem } from './errors.ts'
import { type Inspection, inspect, readRows } from './file/read.ts'
import type { Row } from './file/types.ts'
import { type Logger, warnOnce } from './log.ts'
import type { Lang } from './messages/say.ts'
import { cacheSite } from './moodle/caches/configuration.ts'
import { openCaches } from './moodle/caches/drop.ts'
import { dropNoted, type NotesGround, staleCaches } from './moodle/caches/notes.ts'
import { type Moodle, withMoodle } from './moodle/connect.ts'
import { consequences } from './moodle/consequences/index.ts'
import { keepOff } from './moodle/keep-off.ts'
import {
  beginReport,
  finishRun,
  journalBytesOf,
  type Lease,
  migrateLedger,
  moveCheckpoint,
  takeUp,
} from './moodle/ledger.ts'
import { withMoodleLock } from './moodle/lock.ts'
import { loadSettings, loadSite, timeZoneOf } from './moodle/site.ts'
import { applyChunk, type ChunkGround, type Recording } from './moodle/transaction.ts'
import type { RowResult } from './plan/outcome.ts'
import { chooseReportFiles, type ReportFiles, writeRefusal, writeReportFiles } from './report/files.ts'
import { count, emptySummary, type Report, type Summary } from './report/report.ts'
import { reportAsText } from './report/text.ts'
import { type Journal, putJournalAway, withJournal } from './store/journals.ts'
import { type Lines, withLines } from './store/lines.ts'
import type { Store } from './store/store.ts'

export interface RunRequest {
  /** The run's id, unique for this Moodle. A run of the same id goes on where it was interrupted. */
  readonly id: string
  /** The command file's own name. */
  readonly name: string
  /** Where it lies now. It is read there, and stays there. */
  readonly path: string
  readonly simulate: boolean
  /** Whether the same id will be run again if this run does not come to its end. */
  readonly resumable: boolean
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
  /** `interrupted`: the signal came first; what is done is done, and running the file again does the rest. */
  readonly outcome: 'processed' | 'refused' | 'interrupted'
  readonly startedAt: Date
  readonly summary: Summary
  /** Why the file was refused, for people; null where it was not. */
  readonly reason: string | null
}

/** Rows that share a transaction: enough that statements are large, few enough that locks are short. */
const CHUNK_ROWS = 2_000

/** How long a run waits for another one on the same Moodle, in seconds. */
const WAIT_FOR_OTHER_RUN = 30

/** What the steps of a run share. */
interface Run {
  readonly request: RunRequest
  readonly ground: RunGround
  readonly file: FileHandle
  readonly inspection: Inspection
  readonly summary: Summary
  readonly caches: NotesGround
}

/**
 * Runs a command file.
 * @throws Problem 64 where it cannot be read, 69 or 75 where it must be tried later; what was committed stays, and running
 *   it again under the same id goes on behind that
 */
export async function run(request: RunRequest, ground: RunGround): Promise<RunResult> {
  const startedAt = new Date()
  const file = await openFile(request.path)
  try {
    const inspection = await inspect(bytesOf(file, 0), ground.config.csv)
    ground.log.info({ event: 'run-started', rows: inspection.rows, simulated: request.simulate }, 'run started')
    const { config, store, log } = ground
    const caches: NotesGround = { drop: openCaches(config), folder: store.folder.running, log }
    const run: Run = { request, ground, file, inspection, summary: emptySummary(inspection.passedOver), caches }
    if (inspection.errors.length > 0) return await refuse(run, startedAt)
    try {
      return await withMoodle(config, async moodle => {
        await keepOff(moodle, config, startedAt)
        if (request.simulate) return simulate(run, moodle, startedAt)
        return withMoodleLock(moodle, WAIT_FOR_OTHER_RUN, () => applyAndRecord(run, moodle, startedAt))
      })
    } finally {
      if (!request.simulate) await dropNoted(caches, 'all')
    }
  } finally {
    await file.close()
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'r')
    if ((await file.stat()).isFile()) return file
    await file.close()
    throw new Error('not a regular file')
  } catch (error) {
    throw new Problem('file-unreadable', { path, reason: (error as Error).message }, EXIT.usage, error)
  }
}

const READ_BYTES = 256 * 1024

/** The file from an offset on. Not a stream of Node's, which would close the file at its end. */
async function* bytesOf(file: FileHandle, from: number): AsyncGenerator<Uint8Array> {
  for (let offset = from; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, offset)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    offset += bytesRead
  }
}

/** A refused file needs no database: it has changed nothing, and is reported so. */
async function refuse(run: Run, startedAt: Date): Promise<RunResult> {
  const { request, ground, inspection, summary } = run
  const report = reportOf(run, startedAt, null, false)
  await request.onReport?.(report, noRows)
  if (!request.simulate) await writeRefusal(ground.store, report, ground.lang)
  const errors = inspection.errors.map(({ code }) => code)
  ground.log.info({ event: 'file-refused', errors }, 'file refused')
  return { outcome: 'refused', startedAt, summary, reason: await text(reportAsText(report, noRows(), ground.lang)) }
}

async function* noRows(): AsyncGenerator<RowResult> {}

/** Plans every row against the database as it is, and what earlier rows would have changed; writes nothing. */
async function simulate(run: Run, moodle: Moodle, startedAt: Date): Promise<RunResult> {
  const path = join(tmpdir(), `moodle-syncd-${run.request.id}.outcomes`)
  try {
    return await withLines<RowResult, RunResult>(path, 0, async outcomes => {
      const record = async (results: readonly RowResult[]): Promise<void> => {
        await outcomes.add(results)
        await outcomes.sync()
      }
      const done = await applyRows(run, moodle, null, { begin: () => null, record, committed: outcomes.commit })
      if (!done) return interrupted(run, startedAt)
      await run.request.onReport?.(reportOf(run, startedAt, null, false), outcomes.read)
      return finished(run, startedAt)
    })
  } finally {
    await rm(path, { force: true })
  }
}

/** Applies every row that is not done yet, keeps what became of it, and writes the reports; each step can be done again. */
async function applyAndRecord(run: Run, moodle: Moodle, now: Date): Promise<RunResult> {
  const { request, ground, file, inspection } = run
  const { id, name } = request
  // What an earlier run has left by a crash.
  await dropNoted(run.caches, 'all')
  await migrateLedger(moodle)
  const lease = await takeUp(moodle, { id, name, sha256: inspection.sha256, startedAt: now })
  const { startedAt } = lease
  const path = join(ground.store.folder.running, `${id}.outcomes`)
  let keep = false
  try {
    return await withLines<RowResult, RunResult>(path, lease.outcomesBytes, async outcomes => {
      for await (const result of outcomes.read()) count(run.summary, result)
      if (lease.state === 'running') {
        keep = request.resumable
        const done = await withJournal(ground.store, id, lease.journalBytes, journal =>
          applyRows(run, moodle, lease.last, recordingOf(moodle, lease, outcomes, journal)),
        )
        if (!done) return interrupted(run, startedAt)
      }
      const files: ReportFiles =
        lease.reportFiles ?? (await chooseReportFiles(ground.store, name, startedAt, run.summary.failed > 0))
      await beginReport(moodle, lease, files)
      const journalBytes = await journalBytesOf(moodle, lease)
      const report = reportOf(run, startedAt, files.retry, journalBytes !== null)
      await writeReportFiles(files, report, outcomes.read, file, inspection.header!, ground)
      await request.onReport?.(report, outcomes.read)
      await finishRun(moodle, lease)
      await putJournalAway(ground.store, id, journalBytes)
      keep = false
      return finished(run, startedAt)
    })
  } finally {
    if (!keep) await rm(path, { force: true })
  }
}

/** A chunk's outcomes, and the way back, are on the disk before its changes and their checkpoint are committed together. */
function recordingOf(moodle: Moodle, lease: Lease, outcomes: Lines<RowResult>, journal: Journal): Recording {
  return {
    begin: () => {
      outcomes.forget()
      return journal.begin()
    },
    record: async results => {
      await outcomes.add(results)
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

/** Applies the rows behind the last one that is done, chunk by chunk. @returns whether all rows are done */
async function applyRows(
  { request, ground, file, inspection, summary, caches }: Run,
  moodle: Moodle,
  last: Lease['last'],
  recording: Recording,
): Promise<boolean> {
  const { config, log } = ground
  const settings = await loadSettings(moodle, config)
  const site = await loadSite(moodle, settings, config)
  const remembered = { coursesById: new Map(), participants: new Map() }
  const chunkGround: ChunkGround = {
    moodle,
    config,
    settings,
    site,
    consequences,
    remembered,
    rules: config.enrol,
    simulate: request.simulate,
    recording,
    staleCaches: staleCaches(caches, cacheSite(settings)),
    warn: warnOnce(log),
  }
  const ensureSame = await watchForChange(request, file, summary)
  for await (const rows of chunks(rowsAfter(file, config, inspection, timeZoneOf(settings), last))) {
    if (request.signal?.aborted) return false
    await ensureSame()
    // Maintenance may begin at any time.
    await keepOff(moodle, config, new Date())
    const results = await applyChunk(chunkGround, rows, Date.now)
    for (const result of results) count(summary, result)
    request.onProgress?.(summary.rows, inspection.rows)
    log.debug({ event: 'chunk-applied', rows: summary.rows }, 'chunk applied')
  }
  return true
}

/** The rows behind one that is done already, or all of them. */
async function* rowsAfter(
  file: FileHandle,
  config: Config,
  { header }: Inspection,
  timeZone: string,
  last: Lease['last'],
): AsyncGenerator<Row> {
  const rules = { defaultCommand: config.enrol.defaultCommand, timeZone }
  const from = last ?? { offset: 0, line: 1 }
  for await (const rows of readRows(bytesOf(file, from.offset), config.csv, header!, rules, from)) {
    for (const row of rows) if (row.line !== last?.line) yield row
  }
}

/** A file that is run where it lies may be written to meanwhile: then its rows are no longer those that were looked at. */
async function watchForChange(request: RunRequest, file: FileHandle, summary: Summary): Promise<() => Promise<void>> {
  const looked = await file.stat({ bigint: true })
  return async () => {
    const { size, mtimeNs } = await file.stat({ bigint: true })
    if (size === looked.size && mtimeNs === looked.mtimeNs) return
    throw new Problem('file-changed', { path: request.path, rows: summary.rows }, EXIT.tryLater)
  }
}

async function* chunks(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let gathered: Row[] = []
  for await (const row of rows) {
    gathered.push(row)
    if (gathered.length === CHUNK_ROWS) {
      yield gathered
      gathered = []
    }
  }
  if (gathered.length > 0) yield gathered
}

function reportOf(
  { request, inspection, summary }: Run,
  startedAt: Date,
  retryFile: string | null,
  canBeUndone: boolean,
): Report {
  const { errors, warnings, sha256 } = inspection
  return {
    run: request.id,
    simulated: request.simulate,
    startedAt,
    finishedAt: new Date(),
    file: { name: request.name, sha256, outcome: errors.length > 0 ? 'refused' : 'processed', errors, warnings },
    summary,
    retryFile,
    canBeUndone,
  }
}

function interrupted({ ground, summary }: Run, startedAt: Date): RunResult {
  ground.log.info({ event: 'run-interrupted', rows: summary.rows }, 'run interrupted')
  return { outcome: 'interrupted', startedAt, summary, reason: null }
}

function finished({ ground, summary }: Run, startedAt: Date): RunResult {
  const seconds = (Date.now() - startedAt.getTime()) / 1000
  ground.log.info({ event: 'run-finished', ...summary, seconds }, 'run finished')
  return { outcome: 'processed', startedAt, summary, reason: null }
}
