/**
 * A command file, read twice: `inspect` looks for everything that refuses it before a row takes effect, `readRows` gives
 * its rows. Both read a stream, once, in memory that does not grow with the file.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { encodingOf } from './encoding.ts'
import { type HeaderNames, readHeader } from './header.ts'
import { type LikelyContent, LOOKED_AT, likelyContent, rightSeparator } from './likely.ts'
import { FIRST_LINE, type Line, type LineStart, readLines } from './lines.ts'
import { type CsvRecord, type RecordFault, type RecordReader, recordReader } from './records.ts'
import { type RowRules, rowReader } from './rows.ts'
import type { CsvOptions, FileError, FileWarning, Header, Row, Separator } from './types.ts'

export interface Inspection {
  /**
   * Why the file is refused; empty, it is not. Of bytes that are not of the encoding, a record without an end, no header,
   * faults of the header, and a number of rows that is not the one that the file itself says, only the first that there is
   * counts, and only faults of the header are more than one error.
   */
  readonly errors: readonly FileError[]
  readonly warnings: readonly FileWarning[]
  /** Null where the file is refused. */
  readonly header: Header | null
  /** Records below the header. Where the file is refused, this and the next are as far as counted. */
  readonly rows: number
  /** Comments, empty lines, and Excel's line that names the separator. */
  readonly passedOver: number
  /** Size of the file. */
  readonly bytes: number
  /** Of the bytes as they are, in hexadecimal. */
  readonly sha256: string
}

/** In the order in which `auto` tries them. */
const SEPARATORS: readonly Separator[] = [';', ',', ':', '\t']

/** Reads a whole file, and says why it is to be refused or what is in it. Throws for nothing that a file holds. */
export async function inspect(bytes: AsyncIterable<Uint8Array>, options: CsvOptions): Promise<Inspection> {
  const hash = createHash('sha256')
  let size = 0
  let beginning: Uint8Array = new Uint8Array()
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk)
      if (size < LOOKED_AT) beginning = Buffer.concat([beginning, chunk.subarray(0, LOOKED_AT - size)])
      size += chunk.length
      yield chunk
    }
  }

  const start = (separator: Separator) => startReading(separator, options.maxRecordBytes)
  let readings = (options.separator === 'auto' ? SEPARATORS : [options.separator]).map(start)
  let separatorLines = 0
  let badLine: number | null = null
  for await (const lines of readLines(measured(), encodingOf(options.encoding), options.maxRecordBytes)) {
    for (const line of lines) {
      const { text } = line
      if (text === null) badLine ??= line.line
      // The rest of the file is read for its hash.
      if (badLine !== null || text === null) break
      const named = separatorNamedBy(line, text)
      if (named !== null) {
        readings = [start(named)]
        separatorLines = 1
        continue
      }
      for (const reading of readings) take(reading, line, text)
      if (readings.length > 1 && readings.every(isDecided)) readings = [preferred(readings)]
    }
  }
  for (const reading of readings) reading.fault ??= reading.records.finish()
  const reading = preferred(readings)
  const likely = likelyContent(beginning)
  const errors =
    badLine === null
      ? errorsOf(reading, options, likely)
      : [{ code: 'bad-encoding' as const, line: badLine, args: { line: badLine, encoding: options.encoding, likely } }]
  return {
    errors,
    warnings: reading.names?.columns.includes('hidden') ? [{ code: 'column-ignored', column: 'hidden' }] : [],
    header: errors.length === 0 ? headerOf(reading) : null,
    rows: reading.rows,
    passedOver: reading.passedOver + separatorLines,
    bytes: size,
    sha256: hash.digest('hex'),
  }
}

/**
 * The rows of a file that `inspect` did not refuse, in file order, in lists: those that each block of bytes completes.
 *
 * `from` is where a row begins, as that row has it, to start again there: `bytes` then begin at that byte. A file that is
 * not the inspected one may throw.
 */
export async function* readRows(
  bytes: AsyncIterable<Uint8Array>,
  options: CsvOptions,
  header: Header,
  rules: RowRules,
  from: LineStart = FIRST_LINE,
): AsyncGenerator<Row[]> {
  const records = recordReader(header.separator, options.maxRecordBytes)
  const toRow = rowReader(header, rules)
  for await (const lines of readLines(bytes, encodingOf(options.encoding), options.maxRecordBytes, from)) {
    const rows: Row[] = []
    for (const line of lines) {
      if (line.text === null) throw changed('bad-encoding', line.line)
      const read = records.read(line, line.text)
      if (typeof read === 'string') continue
      if (read.code !== undefined) throw changed(read.code, read.line)
      // The header, and Excel's line above it.
      if (read.offset <= header.offset) continue
      rows.push(toRow(read))
    }
    if (rows.length > 0) yield rows
  }
  const fault = records.finish()
  if (fault !== null) throw changed(fault.code, fault.line)
}

function changed(code: string, line: number): Error {
  return new Error(`the file is not the one that was inspected: ${code} in line ${line}`)
}

/** What the file is with one separator. */
interface Reading {
  readonly separator: Separator
  readonly records: RecordReader
  header: CsvRecord | null
  /** As it stands in the file. */
  headerText: string
  names: HeaderNames | null
  fault: RecordFault | null
  rows: number
  passedOver: number
  /** What the file itself says of its rows: first, and where that is contradicted. */
  said: SaidRows | null
  saidElse: SaidRows | null
}

/** A comment that tells how many rows the file has. */
interface SaidRows {
  readonly line: number
  readonly rows: number
}

function startReading(separator: Separator, maxRecordBytes: number): Reading {
  const records = recordReader(separator, maxRecordBytes)
  return {
    separator,
    records,
    header: null,
    headerText: '',
    names: null,
    fault: null,
    rows: 0,
    passedOver: 0,
    said: null,
    saidElse: null,
  }
}

function take(reading: Reading, line: Line, text: string): void {
  if (reading.fault !== null) return
  const read = reading.records.read(line, text)
  if (read === 'passed-over') {
    reading.passedOver++
    noteSaidRows(reading, line, text)
  } else if (read === 'unfinished') return
  else if (read.code !== undefined) reading.fault = read
  else if (reading.header === null) {
    reading.header = read
    reading.headerText = text
    reading.names = readHeader(read)
  } else reading.rows++
}

/**
 * `# rows=N`: so many rows the file has, wherever this stands. At the end it tells that a file was appended to another; at
 * the beginning, that the end is missing, too.
 */
function noteSaidRows(reading: Reading, { line }: Line, text: string): void {
  const number = /^#\s*rows\s*=\s*(\d{1,15})\s*$/i.exec(text)?.[1]
  if (number === undefined) return
  const said = { line, rows: Number(number) }
  if (reading.said === null) reading.said = said
  else if (reading.said.rows !== said.rows) reading.saidElse ??= said
}

/** The separator that a file's first line names for Excel, which is then no header: `sep=;`. */
function separatorNamedBy(line: Line, text: string): Separator | null {
  if (line.line !== 1) return null
  const match = /^sep=([;,:\t])\s*$/i.exec(text)
  return match === null ? null : (match[1] as Separator)
}

function isDecided(reading: Reading): boolean {
  return reading.names !== null || reading.fault !== null
}

/** The first reading with a valid header; where there is none, the first of those that know the most columns. */
function preferred(readings: readonly Reading[]): Reading {
  const valid = readings.find(reading => reading.names?.errors.length === 0)
  const known = (reading: Reading) => reading.names?.columns.length ?? 0
  return valid ?? readings.reduce((best, reading) => (known(reading) > known(best) ? reading : best))
}

function errorsOf(reading: Reading, options: CsvOptions, likely: LikelyContent): readonly FileError[] {
  const { fault, names } = reading
  if (fault !== null) {
    return [{ code: fault.code, line: fault.line, args: { line: fault.line, limit: options.maxRecordBytes } }]
  }
  if (names === null) return [{ code: 'empty-file', args: {} }]
  if (names.errors.length > 0) {
    const right = rightSeparator(reading.headerText) ?? 'none'
    const separator = right === '\t' ? 'tab' : right
    return names.errors.map(error => ({ ...error, args: { ...error.args, likely, separator } }))
  }
  const { said, saidElse, rows } = reading
  const wrong = said !== null && said.rows !== rows ? said : saidElse
  if (wrong === null) return []
  return [{ code: 'incomplete', line: wrong.line, args: { line: wrong.line, said: wrong.rows, found: rows } }]
}

function headerOf(reading: Reading): Header | null {
  const { header, names, separator } = reading
  if (header === null || names === null) return null
  return { columns: names.columns, separator, line: header.line, offset: header.offset, length: header.length }
}
