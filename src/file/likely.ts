/** What a file that cannot be read as it should is likely to be: for the sentence about it, and nothing else. Pure. */
import { readHeader } from './header.ts'
import { type CsvRecord, recordReader } from './records.ts'
import type { Separator } from './types.ts'

/** Bytes of the beginning of a file that are looked at. */
export const LOOKED_AT = 4096

/** `none`: nothing can be told. A word of the sentences `file-error.bad-encoding` and `header-unknown-column`. */
export type LikelyContent = 'utf16le' | 'utf16be' | 'workbook' | 'compressed' | 'binary' | 'none'

/** What the first bytes of a file say of it. */
export function likelyContent(bytes: Uint8Array): LikelyContent {
  const begins = (...start: readonly number[]): boolean => start.every((byte, i) => bytes[i] === byte)
  if (begins(0xff, 0xfe)) return 'utf16le'
  if (begins(0xfe, 0xff)) return 'utf16be'
  // A workbook of today is a ZIP archive, one of old begins as every document of its program.
  if (begins(0x50, 0x4b, 0x03, 0x04) || begins(0xd0, 0xcf, 0x11, 0xe0)) return 'workbook'
  if (begins(0x1f, 0x8b)) return 'compressed'
  const zeros = [0, 0]
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros[i % 2]! += 1
  const [even = 0, odd = 0] = zeros
  if (even + odd === 0) return 'none'
  // Of text in UTF-16, most letters have a zero in one half, and none has one in the other.
  if (even === 0 && odd > bytes.length / 8) return 'utf16le'
  if (odd === 0 && even > bytes.length / 8) return 'utf16be'
  return 'binary'
}

const SEPARATORS: readonly Separator[] = [';', ',', ':', '\t']

/** The separator by which a header that is wrong would be right; null: there is none. */
export function rightSeparator(header: string): Separator | null {
  return SEPARATORS.find(separator => isRight(header, separator)) ?? null
}

function isRight(header: string, separator: Separator): boolean {
  const line = { line: 1, offset: 0, length: 0, text: header, end: '' } as const
  const record = recordReader(separator, Infinity).read(line, header)
  return typeof record !== 'string' && record.code === undefined && readHeader(record as CsvRecord).errors.length === 0
}
