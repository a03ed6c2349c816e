/** What was done, as plain data: codes and arguments, no sentences. Text, JSON and HTML are made of it beside this file. */
import type { FileError, FileWarning } from '../file/types.ts'
import type { Faults } from '../hints/faults.ts'
import type { Hold } from '../plan/limits.ts'
import type { RowErrorCode, RowResult, RowWarningCode } from '../plan/outcome.ts'
import type { ChangeWord } from '../plan/world.ts'

/** How the report's summary counts each change. */
const COUNTED: Readonly<Record<ChangeWord, string>> = {
  enrolled: 'enrolled',
  'enrolment-updated': 'enrolmentsUpdated',
  suspended: 'suspended',
  reactivated: 'reactivated',
  unenrolled: 'unenrolled',
  'role-assigned': 'rolesAssigned',
  'role-removed': 'rolesRemoved',
  'group-created': 'groupsCreated',
  'group-member-added': 'groupMembersAdded',
  'group-member-removed': 'groupMembersRemoved',
}

export interface Summary {
  rows: number
  applied: number
  unchanged: number
  failed: number
  /** Comments and empty lines. */
  passedOver: number
  /** By the names of `COUNTED`, all of them, in that order. */
  readonly changes: Record<string, number>
  /** Rows that failed, by their error. */
  readonly errors: Partial<Record<RowErrorCode, number>>
  /** Rows that were warned, by each warning; rows that failed left out. */
  readonly warnings: Partial<Record<RowWarningCode, number>>
}

/** What a person can do about a file that is held. */
export interface Release {
  /** What names it to `moodle-syncd run`: `held/NAME`, or as it was named. */
  readonly file: string
  /** Where it lies, in the store; null where it lies elsewhere, and stays there. */
  readonly path: string | null
}

/** Who had a run done: the daemon by itself, or a person, by the name that they have there. */
export type StartedBy = { readonly by: 'daemon' } | { readonly by: 'command-line' | 'page'; readonly user: string }

export interface Report {
  /** The run's id. */
  readonly run: string
  readonly simulated: boolean
  readonly startedBy?: StartedBy
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly file: {
    readonly name: string
    readonly sha256: string
    /** `held`: nothing was done, and the rows are what would have been. */
    readonly outcome: 'processed' | 'refused' | 'held'
    readonly errors: readonly FileError[]
    readonly warnings: readonly FileWarning[]
    /** What holds it. */
    readonly held: readonly Hold[]
    /** How a person releases it; null where there is nothing to release, as in a simulated run. */
    readonly release: Release | null
  }
  readonly summary: Summary
  /** Why rows failed or were warned, by cause, and what may have been meant. */
  readonly faults: Faults
  /** Where the retry file is; null where no row failed, or the run was simulated. */
  readonly retryFile: string | null
  /** Whether what it takes to go back was kept. Of a run that was simulated or refused, there is nothing to take back. */
  readonly canBeUndone: boolean
}

/** Whether somebody only wanted to see what a run would do. A file that is held was tried, but it was to be run. */
export const isTrial = ({ simulated, file }: Report): boolean => simulated && file.release === null

export function emptySummary(passedOver = 0): Summary {
  const changes = Object.fromEntries(Object.values(COUNTED).map(name => [name, 0]))
  return { rows: 0, applied: 0, unchanged: 0, failed: 0, passedOver, changes, errors: {}, warnings: {} }
}

/** Counts a row into the summary. */
export function count(summary: Summary, result: RowResult): void {
  summary.rows += 1
  summary[result.outcome] += 1
  for (const word of result.changes) summary.changes[COUNTED[word]]! += 1
  if (result.error !== undefined) {
    summary.errors[result.error.code] = (summary.errors[result.error.code] ?? 0) + 1
    return
  }
  for (const { code } of result.warnings) summary.warnings[code] = (summary.warnings[code] ?? 0) + 1
}
