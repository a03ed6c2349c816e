/** `moodle-syncd runs [ID]`: past runs, the newest first; or one run's report, or its failed rows. */
import { pipeline } from 'node:stream/promises'
import { styleText } from 'node:util'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { explain } from '../messages/explain.ts'
import { onOneLine, plainJson } from '../messages/one-line.ts'
import { say } from '../messages/say.ts'
import { withMoodle } from '../moodle/connect.ts'
import { type LedgerEntry, unfinishedRuns } from '../moodle/ledger.ts'
import { allPastRuns, type PastRun, shortId, timeOf, undoneBy } from '../report/past.ts'
import { openFile } from '../store/move.ts'
import { openStore, type Store } from '../store/store.ts'
import type { CommandContext } from './context.ts'

export interface RunsOptions {
  /** Of one run, its failed rows instead of its report. */
  readonly retryFile: boolean
}

/** @throws Problem 64 where there is no such run, or what is asked of it is not there */
export async function runs(
  context: CommandContext,
  id: string | undefined,
  { retryFile }: RunsOptions,
): Promise<ExitStatus> {
  const config = await loadConfig(context.configPath)
  const store = await openStore(config.store.directory)
  if (id !== undefined) await print(context, await findRun(store, id), retryFile)
  else if (retryFile) throw new Problem('retry-file-of-what', {}, EXIT.usage)
  else await list(context, config, store)
  return EXIT.done
}

/** The one run whose id begins so. */
async function findRun(store: Store, beginning: string): Promise<PastRun> {
  const [run, another] = (await allPastRuns(store)).filter(({ run }) => run.startsWith(beginning.toLowerCase()))
  if (run === undefined)
    throw new Problem('report-unknown', { run: beginning, folder: store.folder.reports }, EXIT.usage)
  if (another !== undefined) throw new Problem('run-ambiguous', { run: beginning }, EXIT.usage)
  return run
}

async function print({ stdout, format }: CommandContext, run: PastRun, retryFile: boolean): Promise<void> {
  const path = retryFile ? run.retryFile : run[format]
  // Nothing failed: there is nothing to print, and nothing wrong with that.
  if (path === null) return
  const file = await openFile(path)
  if (file === null) throw new Problem('report-gone', { path }, EXIT.usage)
  await pipeline(file.createReadStream(), stdout, { end: false })
}

/** A run as it is listed: one that has ended, or one that has not. */
type Listed = { readonly past: PastRun; readonly undoneBy: string | null } | { readonly unfinished: LedgerEntry }

async function list(context: CommandContext, config: Config, store: Store): Promise<void> {
  const past = await allPastRuns(store)
  const undoOf = undoneBy(past)
  const listed: Listed[] = [
    ...(await findUnfinished(context, config)).map(unfinished => ({ unfinished })),
    ...past.map(run => ({ past: run, undoneBy: undoOf(run.run)?.run ?? null })),
  ]
  listed.sort((a, b) => begun(b).getTime() - begun(a).getTime())
  context.stdout.write(context.format === 'json' ? asJson(listed) : asTable(listed, context))
}

const begun = (listed: Listed): Date => ('past' in listed ? listed.past : listed.unfinished).startedAt

/** Runs that have no report yet are known to the ledger alone. Where that is out of reach, the others are shown all the same. */
async function findUnfinished({ stderr, lang }: CommandContext, config: Config): Promise<LedgerEntry[]> {
  try {
    return await withMoodle(config, unfinishedRuns)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    stderr.write(`${say(lang, 'runs.unfinished-unknown', { reason: explain(lang, error) })}\n`)
    return []
  }
}

function asJson(listed: readonly Listed[]): string {
  const runs = listed.map(one => {
    if ('unfinished' in one) {
      const { id, undoes, startedAt, name, rowsDone } = one.unfinished
      return {
        run: id,
        ...(undoes === null ? {} : { undoes }),
        startedAt: startedAt.toISOString(),
        finishedAt: null,
        file: { name, outcome: 'unfinished' },
        summary: { rows: rowsDone },
      }
    }
    const { run, undoes, startedAt, finishedAt, file, summary, canBeUndone, json, retryFile } = one.past
    return {
      run,
      ...(undoes === null ? {} : { undoes }),
      ...(one.undoneBy === null ? {} : { undoneBy: one.undoneBy }),
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
      file,
      summary,
      canBeUndone: canBeUndone && one.undoneBy === null,
      report: json,
      ...(retryFile === null ? {} : { retryFile }),
    }
  })
  return `${plainJson(JSON.stringify({ runs }, null, 2))}\n`
}

const COLUMNS = ['run', 'begun', 'outcome', 'applied', 'unchanged', 'failed', 'file'] as const
const NUMBERS: ReadonlySet<string> = new Set(['applied', 'unchanged', 'failed'])
/** Outcomes that somebody should look at. */
const COLOURS: Readonly<Record<string, 'red' | 'yellow'>> = { refused: 'red', held: 'yellow', unfinished: 'yellow' }

function asTable(listed: readonly Listed[], { lang, colour }: CommandContext): string {
  if (listed.length === 0) return `${say(lang, 'runs.none')}\n`
  const lines = [COLUMNS.map(column => say(lang, `runs.column.${column}`)), ...listed.map(one => cellsOf(one, lang))]
  const widths = COLUMNS.map((_, at) => Math.max(...lines.map(line => line[at]!.length)))
  return lines
    .map((cells, row) => {
      const padded = cells.map((cell, at) =>
        NUMBERS.has(COLUMNS[at]!) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!),
      )
      const tone = row === 0 ? 'bold' : COLOURS[outcomeOf(listed[row - 1]!)]
      if (colour && tone !== undefined) padded[2] = styleText(tone, padded[2]!, { validateStream: false })
      return `${padded.join('  ').trimEnd()}\n`
    })
    .join('')
}

function outcomeOf(listed: Listed): string {
  if ('unfinished' in listed) return 'unfinished'
  return listed.undoneBy === null ? listed.past.file.outcome : 'undone'
}

function cellsOf(listed: Listed, lang: CommandContext['lang']): string[] {
  const run = 'past' in listed ? listed.past : listed.unfinished
  const [id, name] =
    'past' in listed ? [listed.past.run, listed.past.file.name] : [listed.unfinished.id, listed.unfinished.name]
  const numbers =
    'past' in listed && listed.past.file.outcome === 'processed'
      ? [listed.past.summary.applied, listed.past.summary.unchanged, listed.past.summary.failed].map(String)
      : ['', '', '']
  return [
    shortId(id),
    timeOf(run.startedAt),
    say(lang, `runs.outcome.${outcomeOf(listed)}`),
    ...numbers,
    onOneLine(run.undoes === null ? name : say(lang, 'runs.undo', { run: shortId(run.undoes), name })),
  ]
}
