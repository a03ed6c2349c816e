/**
 * A golden case: a folder of `test/cases` with a command file, what it must do to the school of `demo/school.sql`, and why.
 *
 *     file.csv      the command file
 *     config.yaml   the keys `enrol` and `csv` where they are not the default; may be missing
 *     setup.sql     what the school needs besides; `{table}` is the table of that name; may be missing
 *     expect.yaml   see `Expected`
 *     why.md        one sentence: what the case shows
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import type { CommandContext } from '../../src/commands/context.ts'
import { run } from '../../src/commands/run.ts'
import type { Lang } from '../../src/messages/say.ts'
import type { Overrides, TestSchool } from '../database.ts'
import { until } from '../until.ts'
import { type Delta, deltaOf, loggedEvents, type Moment } from './delta.ts'
import { type Snapshot, snapshot } from './snapshot.ts'

export interface Outcome {
  /** By line: the outcome, then the error, then the warnings. */
  readonly rows: Readonly<Record<string, string>>
  /** In the order in which they were logged, in short. */
  readonly logged: readonly string[]
  /** Of the log only where the case is about it. */
  readonly delta: Delta
}

/** What `expect.yaml` holds. A log that is not in the delta is in `logged`; there is one of the two. */
export interface Expected {
  readonly rows: Readonly<Record<string, string>>
  readonly logged?: readonly string[]
  readonly delta?: Delta
  /** The second run, where it does something: rows of the file undo each other. */
  readonly again?: Omit<Expected, 'again'>
}

/** Reads one of the files of a case that may be missing. */
export const readPart = (folder: string, name: string): Promise<string> =>
  readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })

/** Runs the file of a case as the program does, and says what it has done. */
export async function runCase(
  school: TestSchool,
  folder: string,
  before: Snapshot,
  simulate: boolean,
): Promise<{ readonly outcome: Outcome; readonly after: Snapshot }> {
  const own = (parse(await readPart(folder, 'config.yaml')) ?? {}) as Overrides
  const { report, moment } = await runFile(school, join(folder, 'file.csv'), { config: own, simulate })
  const after = await snapshot(school)
  const delta = deltaOf(before, after, moment)
  return { outcome: { rows: told(report), logged: loggedEvents(delta), delta }, after }
}

/** Runs a command file as `moodle-syncd run` does. */
export async function runFile(
  school: TestSchool,
  path: string,
  {
    config = {},
    simulate = false,
    lang = 'en',
  }: { readonly config?: Overrides; readonly simulate?: boolean; readonly lang?: Lang } = {},
): Promise<{ readonly report: Report; readonly moment: Moment }> {
  const { context, said } = contextFor(await school.writeConfig({ ...config, log: { level: 'silent' } }), lang)
  const from = seconds()
  await run(context, path, { simulate })
  context.stdout.end()
  return { report: JSON.parse(await said) as Report, moment: { from, to: seconds() } }
}

/** What a command is given, and what it says. */
export function contextFor(
  configPath: string,
  lang: Lang = 'en',
): {
  readonly context: Omit<CommandContext, 'stdout'> & { readonly stdout: PassThrough }
  readonly said: Promise<string>
} {
  const stdout = new PassThrough()
  const context = { configPath, format: 'json', lang, stdout, stderr: stdout, colour: false, env: {} } as const
  return { context, said: text(stdout) }
}

const seconds = (): number => Math.floor(Date.now() / 1000)

/** Until what happens has another time than what has happened. */
export async function nextSecond(): Promise<void> {
  const now = seconds()
  await until('the next second', () => (seconds() > now ? true : undefined))
}

/** As `run --format json` prints it: what tests look at. */
interface Report {
  readonly run: string
  readonly retryFile?: string
  readonly rows: readonly {
    readonly line: number
    readonly outcome: string
    readonly code?: string
    readonly warnings: readonly string[]
  }[]
}

/** Outcomes by line, in short. */
export const told = ({ rows }: Pick<Report, 'rows'>): Record<string, string> =>
  Object.fromEntries(
    rows.map(({ line, outcome, code, warnings }) => [
      line,
      [outcome, ...(code === undefined ? [] : [code]), ...warnings.toSorted()].join(' '),
    ]),
  )
