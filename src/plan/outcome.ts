/** What became of a row, as plain data: what reports are made of. */
import type { MessageArguments } from '../errors.ts'
import type { Place, ReadingErrorCode } from '../file/types.ts'
import type { Move } from './moves.ts'
import type { ChangeWord } from './world.ts'

export type RowErrorCode =
  | ReadingErrorCode
  | 'user-not-found'
  | 'user-ambiguous'
  | 'guest-user'
  | 'course-not-found'
  | 'course-ambiguous'
  | 'site-course'
  | 'empty-role'
  | 'role-not-found'
  | 'role-not-assignable'
  | 'role-not-allowed'
  | 'method-managed-by-moodle'
  | 'method-not-available'
  | 'not-enrolled'
  | 'end-before-start'
  | 'database-refused'

export type RowWarningCode =
  | 'matched-approximately'
  | 'group-command-empty'
  | 'bad-group-command'
  | 'group-not-enrolled'
  | 'group-not-found'
  | 'group-ambiguous'
  | 'group-name-too-long'

export interface RowWarning {
  readonly code: RowWarningCode
  /** Fill the sentence `row-warning.<code>`. */
  readonly args: MessageArguments
}

export interface RowResult {
  readonly place: Place
  readonly outcome: 'applied' | 'unchanged' | 'failed'
  /** Of a row that failed; `args` fill the sentence `row-error.<code>`. */
  readonly error?: { readonly code: RowErrorCode; readonly args: MessageArguments }
  readonly warnings: readonly RowWarning[]
  readonly changes: readonly ChangeWord[]
  /** Whom and which course it is about: ids. Of a row that has not failed. */
  readonly about?: { readonly userId: number; readonly courseId: number }
  /** What it was to people in courses, linked ones too; for the mail to teachers. Of a row that has changed something. */
  readonly moves?: readonly Move[]
  /** Where it was asked for: what the row means. */
  readonly explanation?: Explanation
}

/** A row in words: sentences by their keys in `messages/`, with what fills them. */
export interface Explanation {
  /** What it says, given what is there: `meaning.<code>`. Of a row that fails, nothing. */
  readonly meaning: readonly Remark[]
  /** Where `tool_sync` would have done otherwise: `tool-sync.<code>`. */
  readonly differences: readonly Remark[]
}

export interface Remark {
  readonly code: string
  readonly args: MessageArguments
}
