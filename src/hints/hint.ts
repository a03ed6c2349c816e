/** What a report says of a row that failed beside its error: what may have been meant, as a code with arguments. */
import type { MessageArguments } from '../errors.ts'

export type HintCode =
  | 'near'
  | 'near-word'
  | 'near-two'
  | 'near-some'
  | 'nothing-near'
  | 'lookalike'
  | 'leading-zeros'
  | 'invisible'
  | 'rounded-number'
  | 'wrong-encoding'
  | 'user-other-identifier'
  | 'user-other-identifier-known'
  | 'user-deleted'
  | 'course-other-identifier'
  | 'ids'
  | 'role-named'
  | 'roles'
  | 'methods'
  | 'no-methods'
  | 'method-disabled'
  | 'method-disabled-site'
  | 'groups'
  | 'no-groups'
  | 'enrolled-by'
  | 'times'
  | 'spreadsheet-day'
  | 'time-near'
  | 'time-two'
  | 'no-such-day'
  | 'milliseconds'
  | 'other-separator'
  | 'quoted-line'
  | 'unquoted-separator'

export interface Hint {
  readonly code: HintCode
  /** Fill the sentence `hint.<code>`. */
  readonly args: MessageArguments
}

/** A word of a file that has few: one of them is surely meant. */
export const wordHint = ([near]: readonly string[]): Hint | null =>
  near === undefined ? null : { code: 'near-word', args: { near } }

/** @param found the values that may be meant, the likeliest first */
export function nearHint(found: readonly string[]): Hint | null {
  const [near, other] = found
  if (near === undefined) return null
  if (other === undefined) return { code: 'near', args: { near } }
  if (found.length === 2) return { code: 'near-two', args: { near, other } }
  return { code: 'near-some', args: { near: found.join(', ') } }
}
