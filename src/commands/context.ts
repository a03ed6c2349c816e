/** What every command is given by `cli.ts`. A command reads no argument vector and no environment of its own. */
import { userInfo } from 'node:os'
import type { Writable } from 'node:stream'
import type { Lang } from '../messages/say.ts'
import type { StartedBy } from '../report/report.ts'

/** `html` is for reports of runs alone. */
export type OutputFormat = 'text' | 'json' | 'html'

export interface CommandContext {
  /** Absolute. The file need not exist: `loadConfig` says so in its own words. */
  readonly configPath: string
  readonly format: OutputFormat
  readonly lang: Lang
  /** What the command is about: reports, findings. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  /** What else a person should know: progress, problems. Logs go to file descriptor 2 by `log.ts`. */
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  /** Colours and a progress bar may be shown: standard output is a terminal, and NO_COLOR is not set. */
  readonly colour: boolean
  /** Read by commands that look for programs or a temporary folder (PATH, TMPDIR). */
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/** Who has typed the command: the person behind sudo, where it is by that. */
export function whoTypes({ env }: Pick<CommandContext, 'env'>): StartedBy {
  return { by: 'command-line', user: env.SUDO_USER || nameOfUser() }
}

function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    // In a container, a user may have a number and no name.
    return String(process.getuid?.() ?? '')
  }
}
