/** What a file that is refused is likely to be, and what the sentence about it says to do. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { inspect } from '../../src/file/read.ts'
import type { CsvOptions } from '../../src/file/types.ts'
import { LANGUAGES, say } from '../../src/messages/say.ts'

const FILE = 'cmd;cid;uid;rolename\nadd;BIO-2;E1018;student\n'
const swapped = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

async function sentencesOf(bytes: Uint8Array, options: Partial<CsvOptions> = {}): Promise<string> {
  async function* chunks() {
    // In small pieces: what is looked at may come in several.
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
  }
  const usual: CsvOptions = { separator: ';', encoding: 'utf-8', maxRecordBytes: 1_048_576 }
  const { errors } = await inspect(chunks(), { ...usual, ...options })
  for (const lang of LANGUAGES) for (const { code, args } of errors) say(lang, `file-error.${code}`, args)
  return errors.map(({ code, args }) => say('en', `file-error.${code}`, args)).join('\n')
}

describe('of a file that is refused', () => {
  test.each<[string, Uint8Array, string]>([
    ['UTF-16 as Windows has it', Buffer.from(`\ufeff${FILE}`, 'utf16le'), 'set csv.encoding to utf-16le'],
    ['UTF-16 of the other order', swapped(`\ufeff${FILE}`), 'set csv.encoding to utf-16be'],
    ['UTF-16 without a mark', Buffer.from(FILE, 'utf16le'), 'set csv.encoding to utf-16le'],
    ['UTF-16 of the other order without a mark', swapped(FILE), 'set csv.encoding to utf-16be'],
    ['a workbook', Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 6, 0, 8, 0, 0xff, 0xfe]), 'save it as CSV'],
    ['an old workbook', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1]), 'save it as CSV'],
    ['a compressed file', gzipSync(FILE), 'unpack it first'],
    [
      'a program',
      Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0xff]),
      'It does not look like text at all',
    ],
    ['a text with zeros', Buffer.from('a\0b\0\0\0;c'), 'does not look like text at all'],
    ['another encoding', Buffer.from('cid;uid;rolename\nBIO-2;É;student', 'latin1'), 'such as windows-1252'],
  ])('%s is told', async (_, bytes, expected) => {
    expect(await sentencesOf(bytes)).toContain(expected)
  })

  test.each([
    ['cid,uid,rolename', ';', 'separated by “,”: set csv.separator'],
    ['cid;uid;rolename', ',', 'separated by “;”: set csv.separator'],
    ['"cid"\t"uid"\trolename', ';', 'separated by “tab”: set csv.separator'],
    ['cid;uid;role', ';', 'Known are rolename'],
    // By no separator is this right.
    ['cid,uid;rolename', ';', 'Known are rolename'],
  ] as const)('the separator of %j is told', async (header, separator, expected) => {
    expect(await sentencesOf(Buffer.from(`${header}\n`), { separator })).toContain(expected)
  })
})
