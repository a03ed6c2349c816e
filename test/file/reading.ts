/** What the tests of `file/` read files with: bytes that come in chunks of given sizes, and the whole of what is read. */
import { Buffer } from 'node:buffer'
import { type Inspection, inspect, readRows } from '../../src/file/read.ts'
import type { RowRules } from '../../src/file/rows.ts'
import type { CommandRow, CsvOptions, Row } from '../../src/file/types.ts'

export const OPTIONS: CsvOptions = { separator: ';', encoding: 'utf-8', maxRecordBytes: 1_048_576 }
export const RULES: RowRules = { defaultCommand: 'add', timeZone: 'Europe/Paris' }

/** Bytes in chunks of these sizes, over and over. */
export async function* chunked(bytes: Uint8Array, sizes: readonly number[] = [65_536]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

const bytesOf = (content: string | Uint8Array) => (typeof content === 'string' ? Buffer.from(content) : content)

export function inspected(content: string | Uint8Array, options: Partial<CsvOptions> = {}, sizes?: readonly number[]) {
  return inspect(chunked(bytesOf(content), sizes), { ...OPTIONS, ...options })
}

/** What a file says: its inspection, and its rows where it is not refused. */
export async function readFile(
  content: string | Uint8Array,
  options: Partial<CsvOptions> = {},
  rules: Partial<RowRules> = {},
  sizes?: readonly number[],
): Promise<{ inspection: Inspection; rows: Row[] }> {
  const inspection = await inspected(content, options, sizes)
  const rows: Row[] = []
  if (inspection.header !== null) {
    const bytes = chunked(bytesOf(content), sizes)
    const lists = readRows(bytes, { ...OPTIONS, ...options }, inspection.header, { ...RULES, ...rules })
    for await (const list of lists) rows.push(...list)
  }
  return { inspection, rows }
}

/** The rows of a file that must not be refused. */
export async function rowsOf(
  content: string | Uint8Array,
  options: Partial<CsvOptions> = {},
  rules: Partial<RowRules> = {},
): Promise<Row[]> {
  const { inspection, rows } = await readFile(content, options, rules)
  if (inspection.errors.length > 0) throw new Error(`refused: ${JSON.stringify(inspection.errors)}`)
  return rows
}

/** Rows that must all be readable. */
export function readable(rows: readonly Row[]): CommandRow[] {
  return rows.map(row => {
    if (row.error !== undefined) throw new Error(`line ${row.line}: ${JSON.stringify(row.error)}`)
    return row
  })
}

/** Outcomes in short: the line, and the error or the user. */
export const inShort = (rows: readonly Row[]) =>
  rows.map(row => `${row.line} ${row.error === undefined ? row.uid : row.error.code}`)
