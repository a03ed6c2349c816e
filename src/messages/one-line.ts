/** What others have written (cells, names of files), made fit for a terminal: it must not obey it, nor show it as ours. */
import type { MessageArguments } from '../errors.ts'

/**
 * What a terminal would obey, and what would have it show text in another order than it is: line ends, escape sequences,
 * and those of Unicode's signs for the direction of text that go beyond their own place.
 */
const OBEYED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu

export const onOneLine = (text: string): string => text.replace(OBEYED, ' ')

/** A sign as an escape sequence that JSON and shells read. @param sign one of those that have four digits */
export const escapeSign = (sign: string): string => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON that is fit for a terminal, too: what it would obey, and JSON lets stand, is escaped. Read, it is the same. */
export const plainJson = (json: string): string =>
  json.replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escapeSign)

/** As `onOneLine`, for what a sentence is filled with. */
export const eachOnOneLine = (args: MessageArguments): MessageArguments =>
  Object.fromEntries(Object.entries(args).map(([key, arg]) => [key, typeof arg === 'string' ? onOneLine(arg) : arg]))
