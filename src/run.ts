/**
 * THE LIFE OF ONE FILE: looked at whole, refused or applied chunk by chunk, reported. The same way for every entrance, and
 * for a simulated run, which differs in one `if` at the last step (`moodle/transaction.ts`).
 * What becomes of the file itself afterwards is the store's affair (`store/conclude.ts`).
 */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { Config } from './config/config.ts'
import { EXIT, Problem } from './errors.ts'
import { type Inspection, inspect, readRows } from './file/read.ts'
import { composeRetryFile } from './file/retry.ts'
import type { Row } from './file/types.ts'
import { type Logger, warnOnce } from './log.ts'
import type { Lang } from './messages/say.ts'
import { withMoodle } from './moodle/connect.ts'
import { consequences } from './moodle/consequences/index.ts'
import { withMoodleLock } from './moodle/lock.ts'
import { loadSettings, loadSite, timeZoneOf } from './moodle/site.ts'
import { applyChunk } from './moodle/transaction.ts'
import type { RowResult } from './plan/outcome.ts'
import { reportAsJson } from './report/json.ts'
import { type Outcomes, withOutcomes } from './report/outcomes.ts'
import { count, emptySummary, type Report, type Summary } from './report/report.ts'
import { reportAsText } from './report/text.ts'
import { writeDurably } from './store/durable.ts'
import { stamped } from './store/names.ts'
import type { Store } from './store/store.ts'

export interface RunRequest {
  /** The run's id, unique for this store. */
  readonly id: string
  /** The command file's own name. */
  readonly name: string
  /** Where it lies now. It is read there, and stays there. */
  readonly path: string
  readonly simulate: boolean
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
  /** Paths in the store; null where there is none. */
  readonly reportText: string | null
  readonly reportJson: string | null
  readonly retryFile: string | null
}

/** Rows that share a transaction: enough that statements are large, few enough that locks are short. */
const CHUNK_ROWS = 1_000

/** How long a run waits for another one on the same Moodle, in seconds. */
const WAIT_FOR_OTHER_RUN = 30

/**
 * Runs a command file.
 * @throws Problem 64 where it cannot be read, 69 or 75 where it must be tried later; what was committed stays, and
 *   running the file again changes nothing more about that
 */
export async function run(request: RunRequest, ground: RunGround): Promise<RunResult> {
  const { config, log } = ground
  const startedAt = new Date()
  const file = await openFile(request.path)
  try {
    const inspection = await inspect(bytesOf(file), config.csv)
    log.info({ event: 'run-started', rows: inspection.rows, simulated: request.simulate }, 'run started')
    const summary = emptySummary(inspection.passedOver)
    const work = request.simulate ? tmpdir() : ground.store.folder.running
    const outcomesPath = join(work, `${request.id}.outcomes`)
    try {
      return await withOutcomes(outcomesPath, async outcomes => {
        if (inspection.header !== null) {
          const finished = await applyRows(request, ground, file, inspection, summary, outcomes)
          if (!finished) {
            log.info({ event: 'run-interrupted', rows: summary.rows }, 'run interrupted')
            return { outcome: 'interrupted', startedAt, summary, ...NOTHING_WRITTEN }
          }
        }
        return await report(request, ground, file, inspection, summary, outcomes, startedAt)
      })
    } finally {
      await rm(outcomesPath, { force: true })
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

/** The file from its beginning. Not a stream of Node's, which would close the file at its end. */
async function* bytesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let offset = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, offset)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    offset += bytesRead
  }
}

const NOTHING_WRITTEN = { reason: null, reportText: null, reportJson: null, retryFile: null } as const

/** Applies every row, chunk by chunk. @returns whether all rows are done */
async function applyRows(
  request: RunRequest,
  { config, log }: RunGround,
  file: FileHandle,
  inspection: Inspection,
  summary: Summary,
  outcomes: Outcomes,
): Promise<boolean> {
  const { simulate, signal, onProgress } = request
  const looked = await file.stat({ bigint: true })
  const unchanged = async (): Promise<void> => {
    const { size, mtimeNs } = await file.stat({ bigint: true })
    if (size === looked.size && mtimeNs === looked.mtimeNs) return
    throw new Problem('file-changed', { path: request.path, rows: summary.rows }, EXIT.tryLater)
  }
  return withMoodle(config, async moodle => {
    const settings = await loadSettings(moodle, config)
    const site = await loadSite(moodle, settings, config)
    const remembered = { coursesById: new Map(), participants: new Map() }
    const warn = warnOnce(log)
    const chunkGround = { moodle, config, settings, site, consequences, warn, remembered, rules: config.enrol, simulate }
    const rules = { defaultCommand: config.enrol.defaultCommand, timeZone: timeZoneOf(settings) }
    const apply = async (): Promise<boolean> => {
      for await (const rows of chunks(readRows(bytesOf(file), config.csv, inspection.header!, rules))) {
        if (signal?.aborted) return false
        await unchanged()
        const results = await applyChunk(chunkGround, rows, Date.now)
        await outcomes.add(results)
        for (const result of results) count(summary, result)
        onProgress?.(summary.rows, inspection.rows)
        log.debug({ event: 'chunk-applied', rows: summary.rows }, 'chunk applied')
      }
      return true
    }
    return simulate ? apply() : withMoodleLock(moodle, WAIT_FOR_OTHER_RUN, apply)
  })
}

/** Gathers what the reader gives into chunks of one size. */
async function* chunks(batches: AsyncIterable<readonly Row[]>): AsyncGenerator<Row[]> {
  let gathered: Row[] = []
  for await (const batch of batches) {
    for (const row of batch) {
      gathered.push(row)
      if (gathered.length === CHUNK_ROWS) {
        yield gathered
        gathered = []
      }
    }
  }
  if (gathered.length > 0) yield gathered
}

/** Writes the reports and the retry file into the store, unless the run was simulated. */
async function report(
  request: RunRequest,
  { config, store, log, lang }: RunGround,
  file: FileHandle,
  { header, errors, warnings, sha256 }: Inspection,
  summary: Summary,
  outcomes: Outcomes,
  startedAt: Date,
): Promise<RunResult> {
  const { name, simulate } = request
  const outcome = errors.length > 0 ? 'refused' : 'processed'
  const named = (ending: string) => stamped(name, startedAt, ending)
  const retry =
    simulate || summary.failed === 0 || header === null
      ? null
      : await writeDurably(store.folder.retry, named(''), stream =>
          pipeline(composeRetryFile(header, failedPlaces(outcomes), config.csv.encoding, rangeReader(file)), stream),
        )
  const made: Report = {
    run: request.id,
    simulated: simulate,
    startedAt,
    finishedAt: new Date(),
    file: { name, sha256, outcome, errors, warnings },
    summary,
    retryFile: retry,
  }
  await request.onReport?.(made, outcomes.read)
  const write = (ending: string, pieces: AsyncIterable<string>) =>
    simulate ? null : writeDurably(store.folder.reports, named(ending), stream => pipeline(pieces, stream))
  const reportText = await write('.txt', reportAsText(made, outcomes.read(), lang))
  const reportJson = await write('.json', reportAsJson(made, outcomes.read(), lang))
  log.info(
    {
      event: outcome === 'refused' ? 'file-refused' : 'run-finished',
      ...summary,
      seconds: (made.finishedAt.getTime() - startedAt.getTime()) / 1000,
      ...(outcome === 'refused' ? { errors: errors.map(({ code }) => code) } : {}),
    },
    outcome === 'refused' ? 'file refused' : 'run finished',
  )
  const reason = outcome === 'refused' ? await text(reportAsText(made, outcomes.read(), lang)) : null
  return { outcome, startedAt, summary, reason, reportText, reportJson, retryFile: retry }
}

async function* failedPlaces(outcomes: Outcomes) {
  for await (const { outcome, place } of outcomes.read()) if (outcome === 'failed') yield place
}

const rangeReader =
  (file: FileHandle) =>
  async (offset: number, length: number): Promise<Uint8Array> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  }
