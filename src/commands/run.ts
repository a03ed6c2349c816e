/** `moodle-syncd run [FILE]`: one manual run in the foreground, the report on standard output. */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { loadConfig } from '../config/load.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { createLog } from '../log.ts'
import type { Lang } from '../messages/say.ts'
import { sendForAWhile } from '../notify/sender.ts'
import { tryUntilDone } from '../patience.ts'
import type { RowResult } from '../plan/outcome.ts'
import { reportAsHtml } from '../report/html.ts'
import { reportAsJson } from '../report/json.ts'
import { lintAsText } from '../report/lint.ts'
import type { Report, Summary } from '../report/report.ts'
import { reportAsText } from '../report/text.ts'
import { type RunGround, type RunRequest, type RunResult, run as runFile } from '../run.ts'
import { standardFiles } from '../store/commands.ts'
import { conclude } from '../store/conclude.ts'
import { failedWith } from '../store/errno.ts'
import { outcomesPath } from '../store/running.ts'
import { openStore, type Store } from '../store/store.ts'
import { type CommandContext, type OutputFormat, whoTypes } from './context.ts'
import { showProgress } from './progress.ts'

export interface RunOptions {
  readonly simulate: boolean
  /** Says of each row what it means. */
  readonly explain?: boolean
  /** Whatever the guard says. */
  readonly approve?: boolean
  /** Milliseconds to wait for what is in the way: a database out of reach, maintenance, another run. */
  readonly wait?: number
}

/** So long at least a run waits whose database goes away while it is at work: half a run is worse than a late one. */
const WAIT_ONCE_BEGUN = 60_000

/** Milliseconds in which mails are sent before the program ends; what is left is the daemon's. */
export const SEND_FOR = 5_000

/** A file that is to be run. */
interface Subject {
  readonly path: string
  readonly name: string
  readonly namedAs: string | null
  /** It is in the store, and goes where the end of its run says. */
  readonly isStored: boolean
}

/**
 * Runs FILE where it lies, standard input for `-`, or without FILE the standard file in the store. A file in `held/` of the
 * store is put away once it has been run, as the standard file is.
 * @returns the exit status: the worst, where `enrol.file` names several files
 */
export async function run(context: CommandContext, file: string | undefined, options: RunOptions): Promise<ExitStatus> {
  const config = await loadConfig(context.configPath)
  const store = await openStore(config.store.directory)
  const ground: RunGround = {
    config,
    store,
    // At a terminal the report tells all that a person wants to know, but for what is wrong.
    log: createLog(context.stderr.isTTY ? { level: 'warn' } : config.log),
    lang: context.lang,
  }
  if (file !== undefined) {
    const held = await findHeld(store, file)
    if (held === null) return runElsewhere(context, ground, file, options)
    const path = join(store.folder.held, held)
    return one(context, ground, { path, name: held, namedAs: join('held', held), isStored: true }, options)
  }
  if (options.approve) {
    const held = await readdir(store.folder.held)
    throw new Problem('approve-what', { count: held.length, files: held.sort().join(', ') }, EXIT.usage)
  }
  const files = await standardFiles(store, config.enrol.file)
  if (files.length === 0) {
    throw new Problem(
      'no-standard-file',
      { pattern: config.enrol.file, directory: store.folder.commands, sync: config.intake.directory },
      EXIT.usage,
    )
  }
  let worst: ExitStatus = EXIT.done
  for (const name of files) {
    const path = join(store.folder.commands, name)
    const subject = { path, name: basename(name), namedAs: null, isStored: true }
    worst = Math.max(worst, await one(context, ground, subject, options)) as ExitStatus
  }
  return worst
}

/** @returns the name of the held file that a person means by `held/NAME` or by its path; null where it is none */
async function findHeld({ folder }: Store, file: string): Promise<string | null> {
  const path = /^held\/[^/]+$/.test(file) ? join(folder.held, basename(file)) : resolve(file)
  try {
    const isInside = (await realpath(dirname(path))) === (await realpath(folder.held))
    return isInside && (await lstat(path)).isFile() ? basename(path) : null
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

async function runElsewhere(
  context: CommandContext,
  ground: RunGround,
  file: string,
  options: RunOptions,
): Promise<ExitStatus> {
  if (file === '-') return spooled(context, ground, process.stdin, { name: 'stdin', namedAs: '-' }, options)
  const path = resolve(file)
  const stats = await stat(path).catch(error => {
    throw new Problem('file-unreadable', { path, reason: (error as Error).message }, EXIT.usage, error)
  })
  const named = { name: basename(path), namedAs: path }
  // A pipe can be read only once, and a run reads twice.
  if (stats.isFIFO()) return spooled(context, ground, createReadStream(path), named, options)
  return one(context, ground, { ...named, path, isStored: false }, options)
}

/** Runs what can be read only once: it is kept in a private folder as long as the run takes. */
async function spooled(
  context: CommandContext,
  ground: RunGround,
  input: Readable,
  named: Pick<Subject, 'name' | 'namedAs'>,
  options: RunOptions,
): Promise<ExitStatus> {
  const folder = await mkdtemp(join(tmpdir(), 'moodle-syncd-'))
  try {
    const path = join(folder, 'input')
    await pipeline(input, createWriteStream(path, { mode: 0o600 }))
    return await one(context, ground, { ...named, path, isStored: false }, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type AsPieces = (report: Report, rows: () => AsyncIterable<RowResult>, lang: Lang) => AsyncIterable<string>

const REPORTS: Readonly<Record<OutputFormat, AsPieces>> = {
  text: (report, rows, lang) => reportAsText(report, rows(), lang),
  json: (report, rows, lang) => reportAsJson(report, rows(), lang),
  html: (report, rows, lang) => reportAsHtml(report, rows, lang),
}

const asLint: AsPieces = (report, rows, lang) => lintAsText(report, rows(), lang)

async function one(
  context: CommandContext,
  { log, ...ground }: RunGround,
  { path, name, namedAs, isStored }: Subject,
  { simulate, explain = false, approve = false, wait = 0 }: RunOptions,
): Promise<ExitStatus> {
  const { stdout, format, lang } = context
  const { config, store } = ground
  const id = randomUUID()
  const runLog = log.child({ run: id, file: name })
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  process.once('SIGINT', abort).once('SIGTERM', abort)
  const progress = showProgress(context)
  const isHeld = isStored && namedAs !== null
  let reported: Summary | undefined
  const request: RunRequest = {
    id,
    name,
    path,
    namedAs,
    simulate,
    explain,
    startedBy: whoTypes(context),
    approval: !approve ? 'none' : isHeld ? 'of-held' : 'given',
    signal: stop.signal,
    onReport: async (report, rows) => {
      // Once, even if the connection is lost between that and the end.
      if (reported !== undefined) return
      reported = report.summary
      progress.end()
      const asPieces: AsPieces = explain && format === 'text' ? asLint : REPORTS[format]
      await pipeline(asPieces(report, rows, lang), stdout, { end: false })
    },
  }
  try {
    const result = await tryUntilDone(
      onProgress => {
        const tellProgress = (done: number, of: number): void => {
          onProgress(done)
          progress.update(done, of)
        }
        return runFile({ ...request, onProgress: tellProgress }, { ...ground, log: runLog })
      },
      runLog,
      stop.signal,
      error => worthWaiting(error, wait),
    )
    // What is held already stays so.
    const staysHeld = isHeld && result.outcome === 'held'
    if (isStored && !simulate && !staysHeld) await conclude(store, config.store, path, result, result.startedAt)
    if (!simulate) await sendForAWhile({ ...ground, log: runLog }, SEND_FOR)
    return exitStatus(result, reported ?? result.summary)
  } finally {
    // Nobody goes on with it.
    await rm(outcomesPath(store, id), { force: true })
    progress.end()
    process.off('SIGINT', abort).off('SIGTERM', abort)
  }
}

/** For how many milliseconds what is in the way is waited for. */
function worthWaiting(error: unknown, wait: number): number {
  if (!(error instanceof Problem) || (error.exit !== EXIT.unavailable && error.exit !== EXIT.tryLater)) return 0
  // The file is another one now: only a person knows whether that is to be run.
  if (error.code === 'file-changed' || error.code === 'file-exchanged') return 0
  return error.code === 'database-lost' ? Math.max(wait, WAIT_ONCE_BEGUN) : wait
}

function exitStatus({ outcome }: RunResult, summary: Summary): ExitStatus {
  if (outcome === 'refused') return EXIT.fileRefused
  if (outcome === 'held' || outcome === 'interrupted') return EXIT.tryLater
  return summary.failed > 0 ? EXIT.someRowsFailed : EXIT.done
}
