/**
 * Physical lines to records of cells: separators, quotes, comments. Knows nothing of columns.
 *
 * Why not csv-parse (which the tests hold this against): it ends at the first bad quote, where here only its row fails; it
 * knows one kind of comment, not six; and a retry file needs to know which bytes of the file a record is.
 */
import { isBlank, trimBlanks } from './blanks.ts'
import type { Line } from './lines.ts'
import type { Place, Separator } from './types.ts'

export interface CsvRecord extends Place {
  /** Trimmed. */
  readonly cells: readonly string[]
  /** There is text after a closing quote. */
  readonly badQuoting: boolean
  /** A cell of it is quoted. */
  readonly isQuoted: boolean
  readonly code?: undefined
}

/** What leaves nobody knowing where the records of a file end. */
export interface RecordFault {
  readonly code: 'record-too-long' | 'unterminated-quote'
  readonly line: number
}

export interface RecordReader {
  /**
   * Takes the next line of the file, of which `text` is not null: a record that it ends, a fault, `'passed-over'` for a
   * comment or a line of blanks, or `'unfinished'` where a quoted field goes on. After a fault there is nothing to read.
   */
  readonly read: (line: Line, text: string) => CsvRecord | RecordFault | 'passed-over' | 'unfinished'
  /** The end of the file: a fault where a quoted field is still open. */
  readonly finish: () => RecordFault | null
}

/** A record whose last field is not closed on its line. */
interface OpenRecord {
  readonly line: number
  readonly offset: number
  readonly cells: string[]
  badQuoting: boolean
  /** The quoted field, as far as it was read. */
  field: string
  /** Where that field was opened; 0: none was yet. */
  quoteLine: number
}

const COMMENT_SIGNS = '#/[(- '

/** Reads the records of one file, whose lines are given in their order. `limit` is `maxRecordBytes`. */
export function recordReader(separator: Separator, limit: number): RecordReader {
  let open: OpenRecord | null = null

  const read: RecordReader['read'] = (line, text) => {
    if (open === null && isPassedOver(text)) return 'passed-over'
    const start: Place | OpenRecord = open ?? line
    const length = line.offset + line.length - start.offset
    if (length > limit) {
      open = null
      return { code: 'record-too-long', line: start.line }
    }
    if (open === null && !text.includes('"')) {
      const cells = plainCells(text, separator)
      return { cells, badQuoting: false, isQuoted: false, line: line.line, offset: line.offset, length }
    }
    const record: OpenRecord = open ?? {
      line: line.line,
      offset: line.offset,
      cells: [],
      badQuoting: false,
      field: '',
      quoteLine: 0,
    }
    const isClosed = readFields(record, text, separator, open !== null, line.line)
    if (!isClosed) {
      record.field += line.end
      open = record
      return 'unfinished'
    }
    open = null
    const { cells, badQuoting, quoteLine } = record
    return { cells, badQuoting, isQuoted: quoteLine > 0, line: record.line, offset: record.offset, length }
  }

  return {
    read,
    finish: () => (open === null ? null : { code: 'unterminated-quote', line: open.quoteLine }),
  }
}

/** Whether a line that is not within a quoted field is a comment, empty, or all blanks. */
function isPassedOver(text: string): boolean {
  const first = text.charCodeAt(0)
  if (first > 0x20 && first < 0x7f) return COMMENT_SIGNS.includes(text[0]!)
  return first === 0x20 || trimBlanks(text) === ''
}

/** The cells of a line without any quote: nearly all lines. */
function plainCells(text: string, separator: Separator): string[] {
  const cells: string[] = []
  let at = 0
  for (;;) {
    const end = endOfField(text, at, separator)
    cells.push(trimmed(text.slice(at, end)))
    if (end === text.length) return cells
    at = end + 1
  }
}

/**
 * Reads the fields of a line into a record; `isInside` says that it begins within the record's open field.
 * False where the line ends within a quoted field.
 */
function readFields(
  record: OpenRecord,
  text: string,
  separator: Separator,
  isInside: boolean,
  lineNumber: number,
): boolean {
  let at = 0
  let inside = isInside
  for (;;) {
    if (!inside) {
      const first = passBlanks(text, at, separator)
      if (text[first] !== '"') {
        const end = endOfField(text, at, separator)
        record.cells.push(trimBlanks(text.slice(at, end)))
        if (end === text.length) return true
        at = end + 1
        continue
      }
      at = first + 1
      record.field = ''
      record.quoteLine = lineNumber
    }
    at = readQuoted(record, text, at)
    if (at === -1) return false
    inside = false
    at = passBlanks(text, at, separator)
    const end = endOfField(text, at, separator)
    if (end > at) {
      record.badQuoting = true
      record.field = `"${record.field}"${text.slice(at, end)}`
    }
    record.cells.push(trimBlanks(record.field))
    if (end === text.length) return true
    at = end + 1
  }
}

/** Reads on in a quoted field, up to behind its closing quote; -1 where the line ends before. */
function readQuoted(record: OpenRecord, text: string, from: number): number {
  let at = from
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) {
      record.field += text.slice(at)
      return -1
    }
    record.field += text.slice(at, quote)
    if (text[quote + 1] !== '"') return quote + 1
    record.field += '"'
    at = quote + 2
  }
}

/** `trimBlanks`, which is dear for the many cells that need none. */
function trimmed(cell: string): string {
  const first = cell.charCodeAt(0)
  const last = cell.charCodeAt(cell.length - 1)
  return first > 0x20 && first < 0x7f && last > 0x20 && last < 0x7f ? cell : trimBlanks(cell)
}

function endOfField(text: string, from: number, separator: Separator): number {
  const end = text.indexOf(separator, from)
  return end === -1 ? text.length : end
}

/** Where the first character stands, from `from` on, that is not white space, or is the separator (a tab, perhaps). */
function passBlanks(text: string, from: number, separator: Separator): number {
  let at = from
  while (at < text.length && text[at] !== separator && isBlank(text[at]!)) at++
  return at
}
