/** White space, as Unicode has it: what cells are trimmed of, and what a line may be passed over for. */

/** U+0085, a line end of mainframes, is white space for Unicode, and not for JavaScript. */
const BLANK = /[\s\u0085]/

/** Whether one character is white space. */
export const isBlank = (character: string): boolean => BLANK.test(character)

/** `String.prototype.trim`, of U+0085 as well. */
export function trimBlanks(text: string): string {
  if (!text.includes('\u0085')) return text.trim()
  let start = 0
  let end = text.length
  while (start < end && isBlank(text[start]!)) start++
  while (end > start && isBlank(text[end - 1]!)) end--
  return text.slice(start, end)
}
