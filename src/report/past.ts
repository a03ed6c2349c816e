/**
 * Past runs, as the reports in the store tell of them: each report begins with a line that says all but the rows. Nothing else
 * keeps a run that has ended, so that what is shown here needs no database, and is forgotten together with the report.
 */
import { type FileHandle, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openFile } from '../store/move.ts'
import type { Store } from '../store/store.ts'
import type { StartedBy } from './report.ts'

/** What the report of a run says before its rows. */
export interface PastRun {
  readonly run: string
  /** The run that this one took back. */
  readonly undoes: string | null
  readonly startedAt: Date
  readonly finishedAt: Date
  /** null: older reports do not tell. */
  readonly startedBy: StartedBy | null
  readonly file: {
    readonly name: string
    readonly sha256: string
    readonly outcome: 'processed' | 'refused' | 'held'
  }
  readonly summary: {
    readonly rows: number
    readonly applied: number
    readonly unchanged: number
    readonly failed: number
  }
  readonly canBeUndone: boolean
  /** Where the report is. */
  readonly json: string
  /** Where it is as text, if nobody has removed it. */
  readonly text: string
  /** Where it is as a page to look at, if nobody has removed it, and the run was not of a version that wrote none. */
  readonly html: string
  /** Where the failed rows are; null where none failed. */
  readonly retryFile: string | null
}

/** The head of a report as JSON, as programs read it; sentences are in the language of the run. */
export interface ReportHead {
  readonly run: string
  readonly undoes?: string
  readonly simulated: boolean
  readonly startedBy?: StartedBy
  readonly startedAt: string
  readonly finishedAt: string
  readonly file: {
    readonly name: string
    readonly sha256: string
    readonly outcome: 'processed' | 'refused' | 'held'
    readonly errors: readonly { readonly code: string; readonly message: string }[]
    readonly warnings: readonly { readonly code: string; readonly message: string }[]
    readonly held?: readonly { readonly message: string }[]
  }
  /** Counts of rows by outcome and of changes, each by its name; and rows by error and by warning. */
  readonly summary: Readonly<Record<string, number>> & {
    readonly errors: Readonly<Record<string, number>>
    readonly warnings: Readonly<Record<string, number>>
  }
  readonly retryFile?: string
  readonly canBeUndone: boolean
  /** What went wrong, the most frequent first. */
  readonly causes: readonly ReportCause[]
}

/** One cause, with all rows that it concerns. */
export interface ReportCause {
  readonly code: string
  readonly outcome: 'failed' | 'warned'
  readonly rows: number
  readonly message: string
  readonly remedy?: string
  readonly pattern?: { readonly message: string }
  /** What was found, under the names `user`, `found` and `course`, and what may have been meant. */
  readonly values: readonly { readonly [cell: string]: unknown; readonly hint?: { readonly message: string } }[]
}

/** Past runs, the newest first. */
export async function* pastRuns({ folder }: Store): AsyncGenerator<PastRun> {
  const names = (await readdir(folder.reports)).filter(name => name.endsWith('.json') && !name.startsWith('.'))
  // Names begin with the second in which the run did.
  for (const together of bySecond(names.sort().reverse())) {
    const runs: PastRun[] = []
    for (const name of together) {
      const run = await readHead(join(folder.reports, name), folder.retry)
      if (run !== null) runs.push(run)
    }
    yield* runs.sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime())
  }
}

/** All of them, where one is to be told from the others. */
export async function allPastRuns(store: Store): Promise<PastRun[]> {
  const runs: PastRun[] = []
  for await (const run of pastRuns(store)) runs.push(run)
  return runs
}

const STAMP_LENGTH = 'YYYYMMDD-HHmmss'.length

function* bySecond(names: readonly string[]): Generator<string[]> {
  let together: string[] = []
  for (const name of names) {
    if (together.length > 0 && name.slice(0, STAMP_LENGTH) !== together[0]!.slice(0, STAMP_LENGTH)) {
      yield together
      together = []
    }
    together.push(name)
  }
  if (together.length > 0) yield together
}

/** null: it is no report, or gone by now. */
async function readHead(path: string, retryFolder: string): Promise<PastRun | null> {
  try {
    const handle = await openFile(path)
    if (handle === null) return null
    try {
      return parse(await firstLine(handle), path, retryFolder)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** What a report says before its rows, as it stands there; null: there is no such report. */
export async function readReportHead(path: string): Promise<ReportHead | null> {
  const handle = await openFile(path)
  if (handle === null) return null
  try {
    let head: Omit<ReportHead, 'causes'> | undefined
    const causes: ReportCause[] = []
    for await (const line of handle.readLines()) {
      if (head === undefined) head = JSON.parse(completed(line)) as Omit<ReportHead, 'causes'>
      else causes.push(JSON.parse(line.replace(/(,|\],"rows":\[(\]\})?)$/, '')) as ReportCause)
      // Of causes there are few; of rows there may be a million.
      if (!line.endsWith('"causes":[') && !/^\{"code":.*\},$/.test(line)) break
    }
    return head === undefined ? null : { ...head, causes }
  } finally {
    await handle.close()
  }
}

const HEAD_BYTES = 4_096
/** No head is longer, however much is wrong with a header. */
const LONGEST_HEAD = 1024 ** 2

async function firstLine(handle: FileHandle): Promise<string> {
  let head = Buffer.alloc(0)
  for (let size = HEAD_BYTES; head.length < LONGEST_HEAD; size *= 2) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, head.length)
    head = Buffer.concat([head, buffer.subarray(0, bytesRead)])
    const end = head.indexOf('\n')
    if (end >= 0) return head.toString('utf8', 0, end)
    if (bytesRead === 0) break
  }
  return head.toString()
}

const completed = (line: string): string => (/"(causes|rows)":\[$/.test(line) ? `${line}]}` : line)

function parse(line: string, path: string, retryFolder: string): PastRun | null {
  const head = JSON.parse(completed(line)) as Partial<ReportHead>
  const {
    run,
    startedAt,
    finishedAt,
    file,
    summary,
    undoes = null,
    canBeUndone = false,
    retryFile,
    startedBy = null,
  } = head
  if (run === undefined || startedAt === undefined || finishedAt === undefined) return null
  if (file === undefined || summary === undefined) return null
  return {
    run,
    undoes,
    startedAt: new Date(startedAt),
    finishedAt: new Date(finishedAt),
    startedBy,
    file: { name: file.name, sha256: file.sha256, outcome: file.outcome },
    summary: {
      rows: summary.rows!,
      applied: summary.applied!,
      unchanged: summary.unchanged!,
      failed: summary.failed!,
    },
    canBeUndone,
    json: path,
    text: path.replace(/json$/, 'txt'),
    html: path.replace(/json$/, 'html'),
    // No path in a file leads out of the store.
    retryFile: retryFile === undefined ? null : join(retryFolder, basename(retryFile)),
  }
}

/**
 * Which run has taken back which, as the past runs tell: one that was taken back itself does not count.
 * @returns the run that took a run back; undefined: it holds
 */
export function undoneBy(runs: readonly PastRun[]): (run: string) => PastRun | undefined {
  const undos = new Map<string, PastRun[]>()
  for (const run of runs) {
    if (run.undoes !== null) undos.set(run.undoes, [...(undos.get(run.undoes) ?? []), run])
  }
  const find = (run: string): PastRun | undefined => undos.get(run)?.find(undo => find(undo.run) === undefined)
  return find
}

/** So much of an id is told; as a rule it is enough to name the run. */
export const shortId = (id: string): string => id.slice(0, 8)

/** `YYYY-MM-DD hh:mm:ss` in the server's time, which sorts and aligns in every language. */
export function timeOf(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`
}

/** What rows begin with, those of an undo the second; and neither the first line, nor a cause. */
const ROW = /^\{"(line|outcome)":/

const BLOCK = 1024 ** 2

/** The rows of a report in which a text occurs, as they stand there. Whole reports are searched, in little memory. */
export async function* rowsWith(path: string, text: string): AsyncGenerator<Record<string, unknown>> {
  const handle = await openFile(path)
  if (handle === null) return
  try {
    const block = Buffer.alloc(BLOCK)
    let rest = Buffer.alloc(0)
    for (;;) {
      const { bytesRead } = await handle.read(block, 0, BLOCK)
      if (bytesRead === 0) return
      const data = Buffer.concat([rest, block.subarray(0, bytesRead)])
      const end = data.lastIndexOf('\n') + 1
      yield* rowsIn(data.subarray(0, end), text)
      rest = data.subarray(end)
    }
  } finally {
    await handle.close()
  }
}

/** @param lines whole ones */
function* rowsIn(lines: Buffer, text: string): Generator<Record<string, unknown>> {
  for (let at = lines.indexOf(text); at >= 0; ) {
    const end = lines.indexOf('\n', at)
    const line = lines.toString('utf8', lines.lastIndexOf('\n', at) + 1, end)
    // The head and the causes may have the text as well. What parts a row from the next one, or from the end, is cut off.
    if (ROW.test(line)) yield JSON.parse(line.replace(/(,|\]\})$/, '')) as Record<string, unknown>
    at = lines.indexOf(text, end)
  }
}
