/**
 * What a run keeps to be taken back: which rows it has inserted, changed and deleted, with what they were before. One change
 * is what one statement did to one table. Data only; where it is kept is `store/journals.ts`, going back is `undo.ts`.
 */

/** A value of a column, as the driver reads it and takes it. */
export type Value = string | number | null

export interface Change {
  /** Without prefix. */
  readonly table: string
  readonly did: 'inserted' | 'updated' | 'deleted'
  /** `id`, and the columns of `rows`. */
  readonly columns: readonly string[]
  /** What was written, for rows that were inserted; else what was there before. */
  readonly rows: readonly (readonly Value[])[]
  /** What all of the rows were changed to, in the columns that may be changed. Of those that were updated only. */
  readonly to?: Readonly<Record<string, Value>>
}

/** Keeps a change; called before the next statement. */
export type Keep = (change: Change) => Promise<void>

/** What is not taken back: what is only a note of what happened, or has told somebody of it; and what holds secrets. */
const NOT_KEPT: ReadonlySet<string> = new Set([
  'cache_flags',
  // Made again when the person next comes by LTI.
  'enrol_lti_users',
  'logstore_standard_log',
  'message_popup_notifications',
  'notifications',
  'task_adhoc',
  'tool_monitor_events',
  'tool_monitor_subscriptions',
])

export const isKept = (table: string): boolean => !NOT_KEPT.has(table)

/** A change as a line of the journal: values that all of its rows have are written once. */
export interface JournalLine extends Change {
  readonly same: Readonly<Record<string, Value>>
}

export function toLine({ table, did, columns, rows, to }: Change): JournalLine {
  const isSame = columns.map((_, at) => rows.length > 1 && rows.every(row => row[at] === rows[0]![at]))
  const differing = columns.flatMap((_, at) => (isSame[at] ? [] : [at]))
  return {
    table,
    did,
    same: Object.fromEntries(columns.flatMap((column, at) => (isSame[at] ? [[column, rows[0]![at]!]] : []))),
    columns: differing.map(at => columns[at]!),
    rows: rows.map(row => differing.map(at => row[at]!)),
    ...(to === undefined ? {} : { to }),
  }
}

export function fromLine({ same, ...change }: JournalLine): Change {
  const columns = Object.keys(same)
  const values = Object.values(same)
  return { ...change, columns: [...change.columns, ...columns], rows: change.rows.map(row => [...row, ...values]) }
}
