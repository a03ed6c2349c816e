/**
 * Bytes to physical lines, each with its number and where it stands in the file. Knows nothing of quotes or comments.
 *
 * It must never hold more than a block and one line of the length that is allowed: what is longer is only looked through.
 */
import { Buffer } from 'node:buffer'
import { trimBlanks } from './blanks.ts'
import { beginsWithMark, type Encoding, type LineDecoder, lineDecoderOf, strictDecoderOf } from './encoding.ts'

/** A line as an editor counts it: up to LF, CRLF, CR or the end of the file. */
export interface Line {
  readonly line: number
  /** Where its first byte stands in the file, behind a byte-order mark. */
  readonly offset: number
  /** In bytes, without the line end. */
  readonly length: number
  /**
   * Null where its bytes are not of the encoding. Of a line longer than the limit that may be no more than its first
   * character and its first one that is not blank: enough to tell a comment, and its length says the rest.
   */
  readonly text: string | null
  readonly end: '\n' | '\r\n' | '\r' | ''
}

/** A place where a line begins. */
export interface LineStart {
  readonly offset: number
  readonly line: number
}

export const FIRST_LINE: LineStart = { offset: 0, line: 1 }

const LF = 10
const CR = 13
/** A source may hand over any size of chunk; lines come out in lists that are bounded by this many bytes. */
const BLOCK_BYTES = 65_536

/**
 * The lines of a file, in lists: those that each block of bytes completes.
 * `bytes` begin at `from`, which is where a line begins; `limit` is the length in bytes from which a line is not held.
 */
export async function* readLines(
  bytes: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  limit: number,
  from: LineStart = FIRST_LINE,
): AsyncGenerator<Line[]> {
  const splitter = new LineSplitter(encoding, limit, from)
  for await (const chunk of bytes) {
    for (let start = 0; start < chunk.length; start += BLOCK_BYTES) {
      const lines = splitter.push(chunk.subarray(start, start + BLOCK_BYTES))
      if (lines.length > 0) yield lines
    }
  }
  const lines = splitter.finish()
  if (lines.length > 0) yield lines
}

/** The bytes that no line has been made of yet, and how far they have been looked through. */
class LineSplitter {
  readonly #encoding: Encoding
  readonly #limit: number
  readonly #decoderOfBlock: ReturnType<typeof lineDecoderOf>
  #buffer = Buffer.allocUnsafe(2 * BLOCK_BYTES)
  /** The buffer is in use up to here. */
  #filled = 0
  /** No line ends before here; here one may, if it is a CR whose next byte is not known yet. */
  #searched = 0
  /** Where the buffer begins in the file. */
  #offset: number
  #line: number
  #markIsPossible: boolean
  /** The line that the buffer begins in the middle of, as it is too long to be held. */
  #long: LongLine | null = null

  constructor(encoding: Encoding, limit: number, from: LineStart) {
    this.#encoding = encoding
    this.#limit = limit
    this.#decoderOfBlock = lineDecoderOf(encoding)
    this.#offset = from.offset
    this.#line = from.line
    this.#markIsPossible = from.offset === 0
  }

  push(bytes: Uint8Array): Line[] {
    const needed = this.#filled + bytes.length
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#filled)
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#filled)
    this.#filled = needed
    return this.#takeLines(false)
  }

  finish(): Line[] {
    return this.#takeLines(true)
  }

  #takeLines(isLast: boolean): Line[] {
    if (this.#markIsPossible && !this.#passMark(isLast)) return []
    const ends = this.#findLineEnds(isLast)
    const lines: Line[] = []
    const decode = this.#decoderOfBlock(this.#buffer.subarray(0, ends.at(-1) ?? 0))
    let start = 0
    for (let i = 0; i < ends.length; i += 2) {
      lines.push(this.#makeLine(start, ends[i]!, ends[i + 1]!, decode))
      start = ends[i + 1]!
    }
    const rest = isLast ? this.#filled : this.#searched
    if (this.#long !== null || rest - start > this.#limit) {
      this.#long ??= startLongLine(this.#encoding, this.#offset + start)
      lookThrough(this.#long, this.#buffer.subarray(start, rest))
      start = rest
      if (isLast) lines.push(this.#endLongLine(''))
    } else if (isLast && rest > start) {
      const decodeRest = this.#decoderOfBlock(this.#buffer.subarray(0, rest))
      lines.push(this.#makeLine(start, rest, rest, decodeRest))
      start = rest
    }
    this.#drop(start)
    return lines
  }

  /** Passes over a byte-order mark. False where too little of the file is there to see whether it begins with one. */
  #passMark(isLast: boolean): boolean {
    const { mark } = this.#encoding
    if (this.#filled < mark.length && !isLast) return false
    this.#markIsPossible = false
    if (beginsWithMark(this.#buffer.subarray(0, this.#filled), this.#encoding)) this.#drop(mark.length)
    return true
  }

  /** Where lines end, and where the next ones begin: pairs of places in the buffer. */
  #findLineEnds(isLast: boolean): number[] {
    const buffer = this.#buffer
    const filled = this.#filled
    const { unit, lowByte } = this.#encoding
    const highByte = 1 - lowByte
    const ends: number[] = []
    let at = this.#searched
    while (at + unit <= filled) {
      const byte = buffer[at + lowByte]!
      if ((byte !== LF && byte !== CR) || (unit === 2 && buffer[at + highByte] !== 0)) {
        at += unit
        continue
      }
      let next = at + unit
      if (byte === CR) {
        if (next + unit <= filled) {
          if (buffer[next + lowByte] === LF && (unit === 1 || buffer[next + highByte] === 0)) next += unit
        } else if (!isLast) {
          // Half of a CRLF, perhaps: the next block tells.
          break
        }
      }
      ends.push(at, next)
      at = next
    }
    this.#searched = at
    return ends
  }

  #makeLine(start: number, end: number, next: number, decode: LineDecoder): Line {
    const lineEnd = this.#lineEndAt(end, next)
    if (this.#long !== null) {
      lookThrough(this.#long, this.#buffer.subarray(start, end))
      return this.#endLongLine(lineEnd)
    }
    const line = this.#line++
    return { line, offset: this.#offset + start, length: end - start, text: decode(start, end), end: lineEnd }
  }

  #lineEndAt(end: number, next: number): Line['end'] {
    if (next === end) return ''
    if (next - end > this.#encoding.unit) return '\r\n'
    return this.#buffer[end + this.#encoding.lowByte] === CR ? '\r' : '\n'
  }

  #endLongLine(end: Line['end']): Line {
    const { offset, length, text } = endLongLine(this.#long!)
    this.#long = null
    return { line: this.#line++, offset, length, text, end }
  }

  #drop(count: number): void {
    this.#buffer.copyWithin(0, count, this.#filled)
    this.#filled -= count
    this.#searched = Math.max(0, this.#searched - count)
    this.#offset += count
  }
}

/** A line too long to be held: what is remembered of it while it goes by. */
interface LongLine {
  readonly offset: number
  readonly decoder: ReturnType<typeof strictDecoderOf>
  length: number
  text: string | null
}

function startLongLine(encoding: Encoding, offset: number): LongLine {
  return { offset, decoder: strictDecoderOf(encoding), length: 0, text: '' }
}

function lookThrough(long: LongLine, piece: Uint8Array): void {
  long.length += piece.length
  decodePiece(long, () => long.decoder.decode(piece, { stream: true }))
}

function endLongLine(long: LongLine): LongLine {
  // Without `stream`, a character that has only begun is an error.
  decodePiece(long, () => long.decoder.decode())
  return long
}

function decodePiece(long: LongLine, decode: () => string): void {
  if (long.text === null) return
  try {
    const piece = decode()
    const first = long.text === '' ? piece.slice(0, 1) : long.text
    long.text = trimBlanks(first) === '' ? first + trimBlanks(piece).slice(0, 1) : first
  } catch {
    long.text = null
  }
}
