/**
 * Bytes to text, strictly: bytes that an encoding does not have are told, never replaced.
 *
 * Decoding is @exodus/bytes, not Node's own TextDecoder, which reads the € of windows-1252 as a control character, takes
 * bytes that windows-1253 does not have, and lacks ISO-8859-16.
 */
import { type Buffer, isAscii, isUtf8 } from 'node:buffer'
import { normalizeEncoding, TextDecoder } from '@exodus/bytes/encoding.js'

export interface Encoding {
  /** The name of the WHATWG encoding list, in small letters. */
  readonly name: string
  /** Bytes of one code unit: line ends are looked for in these. */
  readonly unit: 1 | 2
  /** Where in a code unit its lower byte stands. */
  readonly lowByte: 0 | 1
  /** Its byte-order mark; empty where it has none. */
  readonly mark: readonly number[]
}

/** Whether a label is one of the WHATWG encoding list. Its `replacement` is none that text could be in. */
export function isKnownEncoding(label: string): boolean {
  const name = normalizeEncoding(label)
  return name !== null && name !== 'replacement'
}

/** The encoding that a label means. An unknown label throws: the configuration has been checked before. */
export function encodingOf(label: string): Encoding {
  const name = normalizeEncoding(label)
  if (name === null || name === 'replacement') throw new RangeError(`unknown encoding ${label}`)
  if (name === 'utf-16le') return { name, unit: 2, lowByte: 0, mark: [0xff, 0xfe] }
  if (name === 'utf-16be') return { name, unit: 2, lowByte: 1, mark: [0xfe, 0xff] }
  return { name, unit: 1, lowByte: 0, mark: name === 'utf-8' ? [0xef, 0xbb, 0xbf] : [] }
}

/** Whether bytes begin with the byte-order mark of an encoding that has one. */
export function beginsWithMark(bytes: Uint8Array, encoding: Encoding): boolean {
  const { mark } = encoding
  return mark.length > 0 && bytes.length >= mark.length && mark.every((byte, i) => bytes[i] === byte)
}

/** The text of bytes `start` to `end` of a block, or null where they are not of the encoding. */
export type LineDecoder = (start: number, end: number) => string | null

/**
 * What decodes the lines of a file, block by block: a block is looked at as a whole first, since nearly all of them are
 * plain ASCII or valid UTF-8, where a line costs no more than a copy.
 */
export function lineDecoderOf(encoding: Encoding): (block: Buffer) => LineDecoder {
  const decoder = strictDecoderOf(encoding)
  const decode = (bytes: Uint8Array): string | null => {
    try {
      return decoder.decode(bytes)
    } catch {
      return null
    }
  }
  // ISO-2022-JP switches its meaning of ASCII's bytes by escape sequences. Every other one has ASCII as it is.
  const hasAscii = encoding.unit === 1 && encoding.name !== 'iso-2022-jp'
  return block => {
    if (hasAscii && isAscii(block)) return (start, end) => block.toString('latin1', start, end)
    if (encoding.name === 'utf-8' && isUtf8(block)) return (start, end) => block.toString('utf8', start, end)
    return (start, end) => decode(block.subarray(start, end))
  }
}

/** Decodes a line that comes in pieces: `decode(piece, { stream: true })` throws where bytes are not of the encoding. */
export function strictDecoderOf(encoding: Encoding): InstanceType<typeof TextDecoder> {
  return new TextDecoder(encoding.name, { fatal: true, ignoreBOM: true })
}
