/**
 * `moodle-syncd lint FILE`: what each line would mean here, and where `tool_sync` would have done otherwise. It is a simulated
 * run that explains its rows; what refuses the file is told without a database.
 */
import type { ExitStatus } from '../errors.ts'
import type { CommandContext } from './context.ts'
import { run } from './run.ts'

/** @returns the exit status of that simulated run */
export const lint = (context: CommandContext, file: string): Promise<ExitStatus> =>
  run(context, file, { simulate: true, explain: true })
