/** What is wrong with a configuration file: a list, so that all of it can be mended at once. No secret is ever in it. */
import { EXIT, type MessageArguments, Problem } from '../errors.ts'

/** One fault, where it stands. The sentence is `configuration.<code>`. */
export interface Fault {
  /** From 1. */
  readonly line: number
  /** From 1, in characters. */
  readonly column: number
  readonly code: string
  readonly args: MessageArguments
}

export class ConfigurationInvalid extends Problem {
  readonly faults: readonly Fault[]

  /** @param faults at least one */
  constructor(path: string, faults: readonly Fault[]) {
    super('configuration-invalid', { path, count: faults.length }, EXIT.configuration)
    this.faults = faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
  }
}
