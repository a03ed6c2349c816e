/**
 * `moodle-syncd lint FILE`: what each line would mean here, and where `tool_sync` would have done otherwise. It is a simulated
 * run that explains its rows. Without a database, what the file itself shows is told: what refuses it, and rows that cannot be
 * read.
 */
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { loadConfig } from '../config/load.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { inspect, readRows } from '../file/read.ts'
import { explainFailure } from '../plan/explain.ts'
import type { RowResult } from '../plan/outcome.ts'
import { unreadableAsText } from '../report/lint.ts'
import { bytesOf } from '../store/bytes.ts'
import type { CommandContext } from './context.ts'
import { run } from './run.ts'

/** @returns the exit status of that simulated run */
export async function lint(context: CommandContext, file: string): Promise<ExitStatus> {
  try {
    return await run(context, file, { simulate: true, explain: true })
  } catch (error) {
    const isAway = error instanceof Problem && error.exit === EXIT.unavailable
    // What came by standard input is gone; and programs are told by the status.
    if (isAway && file !== '-' && context.format === 'text') await tellUnreadable(context, file)
    throw error
  }
}

async function tellUnreadable({ configPath, env, stdout, lang }: CommandContext, path: string): Promise<void> {
  const { csv, enrol } = await loadConfig(configPath, env)
  const file = await open(path)
  try {
    const { header } = await inspect(bytesOf(file, 0), csv)
    if (header === null) return
    // Whether a time can be read does not depend on where it is.
    const rules = { defaultCommand: enrol.defaultCommand, timeZone: 'UTC', keepWording: true }
    const rows = readRows(bytesOf(file, 0), csv, header, rules)
    await pipeline(unreadableAsText(unreadable(rows), lang), stdout, { end: false })
  } finally {
    await file.close()
  }
}

/** The rows that fail whatever is in Moodle. */
async function* unreadable(rows: ReturnType<typeof readRows>): AsyncGenerator<RowResult> {
  for await (const some of rows) {
    for (const row of some) {
      if (row.error === undefined) continue
      const place = { line: row.line, offset: row.offset, length: row.length }
      const explanation = explainFailure(row, row.error)
      yield { place, outcome: 'failed', error: row.error, warnings: [], changes: [], explanation }
    }
  }
}
