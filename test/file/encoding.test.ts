/** Encodings: every label of the WHATWG list, read strictly, and the line where bytes are not of it. */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { isKnownEncoding } from '../../src/file/encoding.ts'
import { inShort, inspected, readable, readFile, rowsOf } from './reading.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const HEADER = 'uid;cid;rolename\n'

function utf16be(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

describe('isKnownEncoding', () => {
  test.each([
    'utf-8',
    'UTF-8',
    'utf8',
    ' windows-1252 ',
    'latin1',
    'ISO-8859-15',
    'iso-8859-16',
    'ibm866',
    'macintosh',
    'koi8-u',
    'gb18030',
    'gbk',
    'big5',
    'euc-jp',
    'euc-kr',
    'shift_jis',
    'iso-2022-jp',
    'utf-16',
    'utf-16le',
    'utf-16be',
    'x-user-defined',
  ])('%j is known', label => {
    expect(isKnownEncoding(label)).toBe(true)
  })

  test.each(['', 'utf-7', 'utf-32', 'cp850', 'replacement', 'iso-2022-kr', 'hz-gb-2312', 'utf-8x', 'constructor'])(
    '%j is not',
    label => {
      expect(isKnownEncoding(label)).toBe(false)
    },
  )

  test('a file cannot be read in an unknown one', async () => {
    await expect(inspected(HEADER, { encoding: 'utf-7' })).rejects.toThrow(RangeError)
  })
})

describe('what bytes mean', () => {
  test.each([
    ['utf-8', Buffer.from('é€𝄞'), 'é€𝄞'],
    ['windows-1252', latin1('\xe9\x80\x9f\x81'), 'é€Ÿ\x81'],
    ['latin1', latin1('\x80'), '€'],
    ['iso-8859-15', latin1('\xa4\xbd'), '€œ'],
    ['iso-8859-16', latin1('\xa4'), '€'],
    ['windows-1251', latin1('\xcf\xf0'), 'Пр'],
    ['koi8-r', latin1('\xf0\xd2'), 'Пр'],
    ['macintosh', latin1('\x8e'), 'é'],
    ['gb18030', latin1('\xc4\xe3\xba\xc3'), '你好'],
    ['big5', latin1('\xa4\xa4'), '中'],
    ['euc-kr', latin1('\xb0\xa1'), '가'],
    ['euc-jp', latin1('\xc6\xfc'), '日'],
    ['shift_jis', latin1('\x93\xfa'), '日'],
    // Their second bytes are a backslash, a quote, and a semicolon.
    ['shift_jis', latin1('\x95\x5c'), '表'],
    ['iso-2022-jp', latin1('\x1b$B\x24\x22\x24\x3b\x1b(B'), 'あせ'],
  ])('%s', async (encoding, bytes, text) => {
    const file = Buffer.concat([Buffer.from(`${HEADER}"`), bytes, Buffer.from('";c;r\n')])
    const [row] = readable(await rowsOf(file, { encoding }))
    expect(row!.uid).toBe(text)
  })
})

describe('UTF-16', () => {
  const text = `${HEADER}# é\r\n"Ž\r\n";c;r\rn\u0a0d\u0d0a;c;r\n`

  test.each([
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['utf-16', Buffer.from(text, 'utf16le')],
    ['utf-16be', utf16be(text)],
    ['utf-16le', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['utf-16be', utf16be(`\ufeff${text}`)],
  ])('%s: line ends are looked for in code units', async (encoding, file) => {
    const mark = file.length - 2 * text.length
    const { inspection, rows } = await readFile(file, { encoding })
    expect(inspection.header).toMatchObject({ line: 1, offset: mark, length: 2 * 'uid;cid;rolename'.length })
    expect(readable(rows).map(row => [row.line, row.uid])).toEqual([
      [3, 'Ž'],
      [5, 'n\u0a0d\u0d0a'],
    ])
  })

  test.each(['utf-16le', 'utf-16be'])('%s: a CR, and a character of which one byte is a line feed', async encoding => {
    const text = `${HEADER}a;c;r\r\u010a;c;r\r`
    const file = encoding === 'utf-16le' ? Buffer.from(text, 'utf16le') : utf16be(text)
    expect(inShort(await rowsOf(file, { encoding }))).toEqual(['2 a', '3 \u010a'])
  })

  test('half a code unit at the end is no text', async () => {
    const file = Buffer.concat([Buffer.from(`${HEADER}a;b;c\n`, 'utf16le'), Buffer.from('x')])
    expect((await inspected(file, { encoding: 'utf-16le' })).errors).toMatchObject([{ code: 'bad-encoding', line: 3 }])
  })

  test('half a pair of surrogates is no text', async () => {
    const file = Buffer.from(`${HEADER}a;\ud800;c\n`, 'utf16le')
    expect((await inspected(file, { encoding: 'utf-16le' })).errors).toMatchObject([{ code: 'bad-encoding', line: 2 }])
  })
})

describe('the byte-order mark', () => {
  const mark = latin1('\xef\xbb\xbf')

  test('is dropped, before a comment, a quote and `sep=` too', async () => {
    for (const start of ['# comment\n', '', 'sep=;\n', '\n']) {
      const file = Buffer.concat([mark, Buffer.from(`${start}"uid";cid;rolename\na;b;c\n`)])
      const { inspection, rows } = await readFile(file)
      expect(inspection.errors).toEqual([])
      expect(inspection.header!.offset).toBe(3 + start.length)
      expect(rows).toHaveLength(1)
    }
  })

  test('alone is an empty file', async () => {
    expect((await inspected(mark)).errors).toEqual([{ code: 'empty-file', args: {} }])
  })

  test('is looked for once, at the start', async () => {
    const twice = Buffer.concat([mark, mark, Buffer.from(HEADER)])
    // The second is a blank like others (String.prototype.trim has it so).
    expect((await inspected(twice)).header).toMatchObject({ offset: 3, length: 3 + 'uid;cid;rolename'.length })
  })

  test.each(['utf-8', 'utf-16le'] as const)('%s: at the start of a later line it is a character', async encoding => {
    const file = Buffer.from(`${HEADER}\ufeff#a;c;r\n"b\n\ufeffb";c;r\n`, encoding)
    expect(inShort(await rowsOf(file, { encoding }))).toEqual(['2 #a', '3 b\n\ufeffb'])
  })

  test('a part of one is no UTF-8', async () => {
    for (const length of [1, 2]) {
      expect((await inspected(mark.subarray(0, length))).errors).toMatchObject([{ code: 'bad-encoding', line: 1 }])
    }
  })

  test('of UTF-16 is no UTF-8', async () => {
    const file = Buffer.from(`\ufeff${HEADER}`, 'utf16le')
    expect((await inspected(file)).errors).toMatchObject([{ code: 'bad-encoding', line: 1 }])
  })
})

describe('bytes that the encoding does not have', () => {
  test.each([
    ['utf-8', 'a byte alone', '\xe9'],
    ['utf-8', 'a surrogate', '\xed\xa0\x80'],
    ['utf-8', 'an overlong form', '\xc0\x80'],
    ['utf-8', 'beyond Unicode', '\xf4\x90\x80\x80'],
    ['windows-1253', 'a hole', '\xaa'],
    ['windows-1255', 'a hole', '\xd9'],
    ['iso-8859-6', 'a hole', '\xa1'],
    ['shift_jis', 'half a character', '\x93'],
    ['gb18030', 'half a character', '\xc4'],
    ['iso-2022-jp', 'a byte beyond ASCII', '\xe9'],
  ])('%s: %s', async (encoding, _, bad) => {
    const file = latin1(`${HEADER}a;b;c\na;b;${bad}\na;b;${bad}\n`)
    const { errors, header } = await inspected(file, { encoding })
    expect(errors).toEqual([{ code: 'bad-encoding', line: 3, args: { line: 3, encoding, likely: 'none' } }])
    expect(header).toBeNull()
  })

  test.each([
    ['in a comment', `${HEADER}a;b;c\n# \xe9\na;b;c\n`, 3],
    ['in a comment above the header', `# \xe9\n${HEADER}`, 1],
    ['in the header', 'uid;cid;rolename;\xe9\n', 1],
    ['within a quoted field, at its own line', `${HEADER}a;"b\n\n\xe9";c\n`, 4],
    ['at the end, without a line end', `${HEADER}a;b;c\n\xe9`, 3],
    ['a character that the line end cuts', `${HEADER}a;b;\xc3\n\xa9;b;c\n`, 2],
    ['lines ended by CR', 'uid;cid;rolename\r\r\xe9', 3],
  ])('%s', async (_, text, line) => {
    expect((await inspected(latin1(text))).errors).toMatchObject([{ code: 'bad-encoding', line }])
  })

  test.each([
    ['no header', '\n\xe9'],
    ['a wrong header', 'what;ever\na;b\n\xe9'],
    ['a quote never closed', `${HEADER}"a\n\xe9`],
    ['a record too long', `${HEADER}${'a'.repeat(300)};b;c\n\xe9`],
  ])('count before %s', async (_, text) => {
    const { errors } = await inspected(latin1(text), { maxRecordBytes: 200 })
    expect(errors.map(error => error.code)).toEqual(['bad-encoding'])
  })

  test('are found in a line too long to be held, across its pieces', async () => {
    const long = 'é'.repeat(100_000)
    for (const [text, expected] of [
      [`# ${long}\n${HEADER}`, []],
      [`# ${long}\xff${long}\n${HEADER}`, ['bad-encoding']],
      [`# ${long}\xc3\n${HEADER}`, ['bad-encoding']],
      [`# ${long}\xc3`, ['bad-encoding']],
    ] as const) {
      const bytes = latin1(text.replaceAll('é', '\xc3\xa9'))
      const { errors } = await inspected(bytes, { maxRecordBytes: 200 }, [997])
      expect(errors.map(error => error.code)).toEqual(expected)
    }
  })

  test('NUL is a character', async () => {
    const [row] = await rowsOf(`${HEADER}\0;b\0b;c\n`)
    expect(row).toMatchObject({ uid: '\0', cid: 'b\0b' })
  })
})
