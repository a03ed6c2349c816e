/**
 * Going through the rows of a file, chunk by chunk: to apply them, or, simulated, to know what applying them would do.
 * What comes before and after is `run.ts`.
 */
import { type FileHandle, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config/config.ts'
import { EXIT, Problem } from './errors.ts'
import { type Inspection, readRows } from './file/read.ts'
import type { Row } from './file/types.ts'
import { warnOnce } from './log.ts'
import { cacheSite } from './moodle/caches/configuration.ts'
import { type NotesGround, staleCaches } from './moodle/caches/notes.ts'
import type { Moodle } from './moodle/connect.ts'
import type { Consequence } from './moodle/consequences/consequence.ts'
import { keepOff } from './moodle/keep-off.ts'
import type { Lease } from './moodle/ledger.ts'
import { loadSettings, loadSite, type Settings, timeZoneOf } from './moodle/site.ts'
import { applyChunk, type ChunkGround, type Recording } from './moodle/transaction.ts'
import type { RowResult } from './plan/outcome.ts'
import type { Observer, Site } from './plan/world.ts'
import { count, type Summary } from './report/report.ts'
import type { RunGround, RunRequest } from './run.ts'
import { bytesOf } from './store/bytes.ts'
import { type Lines, withLines } from './store/lines.ts'

/** What the steps of a run share. */
export interface Run {
  readonly request: RunRequest
  readonly ground: RunGround
  readonly file: FileHandle
  readonly inspection: Inspection
  readonly summary: Summary
  readonly caches: NotesGround
  /** @throws Problem 75 where the file is no longer what was inspected */
  readonly ensureSame: () => Promise<void>
}

/** What of Moodle is the same for all rows. */
export interface Facts {
  readonly settings: Settings
  readonly site: Site
}

/** How rows are gone through. */
interface Passage {
  /** Which rows; without, all of them. */
  readonly isIncluded?: (row: Row) => boolean
  readonly simulate: boolean
  /** The last row that is done already; null: none is. */
  readonly last: Lease['last']
  readonly consequences: readonly Consequence[]
  readonly observers: readonly Observer[]
  readonly recording: Recording
}

/** Rows that share a transaction: enough that statements are large, few enough that locks are short. */
const CHUNK_ROWS = 2_000

export async function loadFacts(moodle: Moodle, config: Config): Promise<Facts> {
  const settings = await loadSettings(moodle, config)
  return { settings, site: await loadSite(moodle, settings, config) }
}

/** Applies the rows behind the last one that is done, chunk by chunk. @returns whether all rows are done */
export async function applyRows(run: Run, moodle: Moodle, facts: Facts, passage: Passage): Promise<boolean> {
  const { request, ground, inspection, summary, caches } = run
  const { config, log } = ground
  const { last, isIncluded, ...how } = passage
  const chunkGround: ChunkGround = {
    moodle,
    config,
    ...facts,
    ...how,
    remembered: { coursesById: new Map(), participants: new Map() },
    rules: request.explain ? { ...config.enrol, explainIn: timeZoneOf(facts.settings) } : config.enrol,
    staleCaches: staleCaches(caches, cacheSite(facts.settings)),
    warn: warnOnce(log),
  }
  for await (const rows of chunksOf(run, moodle, facts, last, isIncluded)) {
    if (request.signal?.aborted) return false
    await run.ensureSame()
    // Maintenance may begin at any time.
    await keepOff(moodle, config, new Date())
    const results = await applyChunk(chunkGround, rows, Date.now)
    for (const result of results) count(summary, result)
    request.onProgress?.(summary.rows, inspection.rows)
    log.debug({ event: 'chunk-applied', rows: summary.rows, simulated: how.simulate }, 'chunk applied')
  }
  return true
}

/**
 * Plans every row against the database as it is, and what earlier rows would have changed; writes nothing there.
 * @param how the consequences that are planned as well, and who listens
 * @param use is given the outcomes, which are gone when it is done
 * @returns what `use` does; `'interrupted'` where the signal came first
 */
export async function simulate<T>(
  run: Run,
  moodle: Moodle,
  facts: Facts,
  how: Pick<Passage, 'consequences' | 'observers'>,
  use: (outcomes: Lines<RowResult>) => Promise<T>,
): Promise<T | 'interrupted'> {
  const path = join(tmpdir(), `moodle-syncd-${run.request.id}.outcomes`)
  try {
    return await withLines<RowResult, T | 'interrupted'>(path, 0, async outcomes => {
      const checkpoint = async (): Promise<void> => {
        await outcomes.sync()
      }
      const recording = { begin: () => null, add: outcomes.add, checkpoint, committed: outcomes.commit }
      const isDone = await applyRows(run, moodle, facts, { ...how, simulate: true, last: null, recording })
      return isDone ? use(outcomes) : 'interrupted'
    })
  } finally {
    await rm(path, { force: true })
  }
}

/** Bytes of a statement that a row takes beside its names: ids, and what stands about them. */
const BYTES_ABOUT_A_ROW = 100

/**
 * The rows behind one that is done already, or all of them, in lists that are applied together: their names have room in one
 * statement. The next list is read ahead.
 */
export function chunksOf(
  run: Run,
  { maxStatementBytes }: Moodle,
  { settings }: Facts,
  last: Lease['last'],
  isIncluded: (row: Row) => boolean = () => true,
): AsyncGenerator<Row[]> {
  return readAhead(gatherChunks(rowsAfter(run, timeZoneOf(settings), last), isIncluded, maxStatementBytes / 2))
}

async function* gatherChunks(
  lists: AsyncIterable<Row[]>,
  isIncluded: (row: Row) => boolean,
  maxBytes: number,
): AsyncGenerator<Row[]> {
  let gathered: Row[] = []
  let bytes = 0
  for await (const rows of lists) {
    for (const row of rows) {
      if (!isIncluded(row)) continue
      gathered.push(row)
      bytes += row.length + BYTES_ABOUT_A_ROW
      if (gathered.length < CHUNK_ROWS && bytes <= maxBytes) continue
      yield gathered
      gathered = []
      bytes = 0
    }
  }
  if (gathered.length > 0) yield gathered
}

/** Asks for the next one while the last one is worked on. */
async function* readAhead<Item>(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  try {
    for (let next = items.next(); ; ) {
      const { done, value } = await next
      if (done) return
      next = items.next()
      // Heard when it is its turn, if it ever is.
      next.catch(() => {})
      yield value
    }
  } finally {
    await items.return(undefined)
  }
}

async function* rowsAfter(
  { file, ground, inspection, request }: Run,
  timeZone: string,
  last: Lease['last'],
): AsyncGenerator<Row[]> {
  const { config } = ground
  const rules = { defaultCommand: config.enrol.defaultCommand, timeZone, keepWording: request.explain === true }
  const from = last ?? { offset: 0, line: 1 }
  for await (const rows of readRows(bytesOf(file, from.offset), config.csv, inspection.header!, rules, from)) {
    yield last === null ? rows : rows.filter(({ line }) => line !== last.line)
  }
}

/**
 * A file that is run where it lies may be written to meanwhile: then its rows are no longer those that were looked at.
 * @param summary how far the run is
 * @returns what throws where the file has changed since now: Problem 75
 */
export async function watchForChange(path: string, file: FileHandle, summary: Summary): Promise<() => Promise<void>> {
  const looked = await file.stat({ bigint: true })
  return async () => {
    const { size, mtimeNs } = await file.stat({ bigint: true })
    if (size === looked.size && mtimeNs === looked.mtimeNs) return
    throw new Problem('file-changed', { path, rows: summary.rows }, EXIT.tryLater)
  }
}
