/** `moodle-syncd run [FILE]`: one manual run in the foreground, the report on standard output. */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { loadConfig } from '../config/load.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { createLog } from '../log.ts'
import { reportAsJson } from '../report/json.ts'
import { reportAsText } from '../report/text.ts'
import { type RunGround, type RunResult, run as runFile } from '../run.ts'
import { standardFiles } from '../store/commands.ts'
import { conclude } from '../store/conclude.ts'
import { openStore } from '../store/store.ts'
import type { CommandContext } from './context.ts'
import { showProgress } from './progress.ts'

export interface RunOptions {
  readonly simulate: boolean
}

/**
 * Runs FILE where it lies, standard input for `-`, or without FILE the standard file in the store.
 * @returns the exit status: the worst, where `enrol.file` names several files
 */
export async function run(context: CommandContext, file: string | undefined, options: RunOptions): Promise<ExitStatus> {
  const config = await loadConfig(context.configPath)
  const ground: RunGround = {
    config,
    store: await openStore(config.store.directory),
    // At a terminal the report tells all that a person wants to know, but for what is wrong.
    log: createLog(context.stderr.isTTY ? { level: 'warn' } : config.log),
    lang: context.lang,
  }
  if (file === '-') return spooled(context, ground, process.stdin, 'stdin', options)
  if (file !== undefined) {
    const path = resolve(file)
    const stats = await stat(path).catch(error => {
      throw new Problem('file-unreadable', { path, reason: (error as Error).message }, EXIT.usage, error)
    })
    // A pipe can be read only once, and a run reads twice.
    if (stats.isFIFO()) return spooled(context, ground, createReadStream(path), basename(path), options)
    return exitStatus(await one(context, ground, path, basename(path), options))
  }
  const { store } = ground
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
    const result = await one(context, ground, path, basename(name), options)
    if (!options.simulate && result.outcome !== 'interrupted') {
      const verdict =
        result.outcome === 'refused'
          ? { outcome: result.outcome, reason: result.reason ?? '' }
          : { outcome: result.outcome }
      await conclude(store, config.store, path, verdict, result.startedAt)
    }
    worst = Math.max(worst, exitStatus(result)) as ExitStatus
  }
  return worst
}

/** Runs what can be read only once: it is kept in a private folder as long as the run takes. */
async function spooled(
  context: CommandContext,
  ground: RunGround,
  input: Readable,
  name: string,
  options: RunOptions,
): Promise<ExitStatus> {
  const folder = await mkdtemp(join(tmpdir(), 'moodle-syncd-'))
  try {
    const path = join(folder, 'input')
    await pipeline(input, createWriteStream(path, { mode: 0o600 }))
    return exitStatus(await one(context, ground, path, name, options))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function one(
  context: CommandContext,
  { log, ...ground }: RunGround,
  path: string,
  name: string,
  { simulate }: RunOptions,
): Promise<RunResult> {
  const { stdout, format, lang } = context
  const id = randomUUID()
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  process.once('SIGINT', abort).once('SIGTERM', abort)
  const progress = showProgress(context)
  try {
    return await runFile(
      {
        id,
        name,
        path,
        simulate,
        resumable: false,
        signal: stop.signal,
        onProgress: progress.update,
        onReport: (report, rows) => {
          progress.end()
          const pieces = format === 'json' ? reportAsJson(report, rows(), lang) : reportAsText(report, rows(), lang)
          return pipeline(pieces, stdout, { end: false })
        },
      },
      { ...ground, log: log.child({ run: id, file: name }) },
    )
  } finally {
    progress.end()
    process.off('SIGINT', abort).off('SIGTERM', abort)
  }
}

function exitStatus({ outcome, summary }: RunResult): ExitStatus {
  if (outcome === 'refused') return EXIT.fileRefused
  if (outcome === 'interrupted') return EXIT.tryLater
  return summary.failed > 0 ? EXIT.someRowsFailed : EXIT.done
}
