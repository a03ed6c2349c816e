/**
 * The retry file: the header and the failed records, cut out of the original byte for byte, so that nothing of them can be
 * lost in a translation. Excel's `sep=` line and comments are not repeated.
 */
import { Buffer } from 'node:buffer'
import { beginsWithMark, type Encoding, encodingOf } from './encoding.ts'

/** Bytes of the original: a record without its line end. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** Reads bytes of the original: `length` of them (one at least), or fewer where it ends before. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>

/** Records that lie near each other are read at once: a file of failed rows is not read row by row. */
const READ_BYTES = 65_536

/**
 * The bytes of a retry file, in pieces. `header` and `failed` are where these records stand in the original, in file order;
 * `label` is its encoding. Each record ends as the original's header does (with LF where that ends the file); a byte-order
 * mark is kept.
 */
export async function* composeRetryFile(
  header: ByteRange,
  failed: Iterable<ByteRange> | AsyncIterable<ByteRange>,
  label: string,
  readRange: ReadRange,
): AsyncGenerator<Uint8Array> {
  const encoding = encodingOf(label)
  if (encoding.mark.length > 0) {
    const start = await readRange(0, encoding.mark.length)
    if (beginsWithMark(start, encoding)) yield start
  }
  const lineEnd = lineEndIn(await readRange(header.offset + header.length, 2 * encoding.unit), encoding)

  const cut = async (ranges: readonly ByteRange[]): Promise<Uint8Array> => {
    const from = ranges[0]!.offset
    const last = ranges.at(-1)!
    const bytes = await readRange(from, last.offset + last.length - from)
    return Buffer.concat(
      ranges.flatMap(({ offset, length }) => [bytes.subarray(offset - from, offset - from + length), lineEnd]),
    )
  }

  let near: ByteRange[] = [header]
  for await (const range of failed) {
    if (range.offset + range.length - near[0]!.offset > READ_BYTES) {
      yield await cut(near)
      near = []
    }
    near.push(range)
  }
  yield await cut(near)
}

/** The line end that the bytes behind a record begin with. */
function lineEndIn(bytes: Uint8Array, encoding: Encoding): Uint8Array {
  const { unit, lowByte } = encoding
  const units: number[] = []
  for (let i = 0; i + unit <= bytes.length; i += unit) {
    units.push(unit === 1 ? bytes[i]! : bytes[i + lowByte]! | (bytes[i + 1 - lowByte]! << 8))
  }
  const text = String.fromCharCode(...units)
  const end = text.startsWith('\r\n') ? '\r\n' : text.startsWith('\r') ? '\r' : '\n'
  const encoded = Buffer.alloc(end.length * unit)
  for (let i = 0; i < end.length; i++) encoded[i * unit + lowByte] = end.charCodeAt(i)
  return encoded
}
