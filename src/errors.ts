/**
 * What can go wrong, said twice: a code with arguments for people (`messages/`, under `problem.<code>`), a cause for the log.
 *
 * Faults of rows and refusals of files are no exceptions: they are values in the report.
 */

/** Exit statuses of the program, after sysexits.h. They are part of the contract with scripts and service units. */
export const EXIT = {
  done: 0,
  someRowsFailed: 1,
  usage: 64,
  fileRefused: 65,
  unavailable: 69,
  bug: 70,
  tryLater: 75,
  configuration: 78,
} as const

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

/** What the sentences of `messages/` are filled with. */
export type MessageArguments = Readonly<Record<string, string | number>>

/**
 * An error that was foreseen, with the exit status it means. `code` is the key of its sentence: `problem.<code>`.
 * Anything that is not a Problem is a bug, and ends the program with 70.
 */
export class Problem extends Error {
  readonly code: string
  readonly args: MessageArguments
  readonly exit: ExitStatus

  constructor(code: string, args: MessageArguments, exit: ExitStatus, cause?: unknown) {
    super(code, cause === undefined ? undefined : { cause })
    this.name = 'Problem'
    this.code = code
    this.args = args
    this.exit = exit
  }
}
