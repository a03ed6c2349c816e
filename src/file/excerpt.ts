/** What is quoted of a file in a sentence: cells can be as long as the longest record, sentences cannot. */

const EXCERPT_LENGTH = 100

/** A cell, or as much of it as can be read. */
export function excerpt(cell: string): string {
  if (cell.length <= EXCERPT_LENGTH) return cell
  // The cut may have gone through a pair of surrogates.
  return `${cell.slice(0, EXCERPT_LENGTH).replace(/[\uD800-\uDBFF]$/, '')}…`
}
