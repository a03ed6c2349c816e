/** Lines to records: separators, quotes, comments, line ends, the limit; csv-parse agrees on what is well formed. */
import { Buffer } from 'node:buffer'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodingOf } from '../../src/file/encoding.ts'
import { readLines } from '../../src/file/lines.ts'
import { type CsvRecord, type RecordFault, recordReader } from '../../src/file/records.ts'
import type { Separator } from '../../src/file/types.ts'
import { chunked } from './reading.ts'

const SEPARATORS: readonly Separator[] = [';', ',', ':', '\t']
const LINE_ENDS = ['\n', '\r\n', '\r'] as const

/** The records of a text, up to a fault, and how many lines were passed over. */
async function recordsOf(text: string, separator: Separator = ';', limit = 1_048_576) {
  const reader = recordReader(separator, limit)
  const records: CsvRecord[] = []
  let fault: RecordFault | null = null
  let passedOver = 0
  for await (const lines of readLines(chunked(Buffer.from(text)), encodingOf('utf-8'), limit)) {
    for (const line of lines) {
      if (fault !== null) break
      const read = reader.read(line, line.text!)
      if (read === 'passed-over') passedOver++
      else if (read === 'unfinished') continue
      else if (read.code !== undefined) fault = read
      else records.push(read)
    }
  }
  return { records, fault: fault ?? reader.finish(), passedOver }
}

async function cellsOf(text: string, separator?: Separator): Promise<(readonly string[])[]> {
  const { records, fault } = await recordsOf(text, separator)
  expect(fault).toBeNull()
  return records.map(record => record.cells)
}

describe('cells', () => {
  test.each<[string, string, string[]]>([
    ['plain', 'a;b;c', ['a', 'b', 'c']],
    ['empty', ';;', ['', '', '']],
    ['only one', 'a', ['a']],
    ['a separator at the end', 'a;', ['a', '']],
    ['trimmed', 'a ;\tb\t; c', ['a', 'b', 'c']],
    ['trimmed of Unicode’s white space', '\u00a0a\u2003;\u3000b\ufeff;\u2028c\v', ['a', 'b', 'c']],
    [
      'trimmed of the one that JavaScript does not take for such',
      '\u0085a \u0085;"\u0085b"\u0085;\u0085',
      ['a', 'b', ''],
    ],
    ['blanks inside stay', 'a  b;c\u00a0d', ['a  b', 'c\u00a0d']],
    ['quoted', '"a";"b;c";""', ['a', 'b;c', '']],
    ['a doubled quote', '"a""b";"""";"""a"""', ['a"b', '"', '"a"']],
    ['quoted and trimmed', '" a ";"\u00a0"', ['a', '']],
    ['blanks about the quotes', 'x; "a;b" \t; \u00a0"c"\u2003;d', ['x', 'a;b', 'c', 'd']],
    ['blanks about quotes at the ends', '\t"a";b; "c" ', ['a', 'b', 'c']],
    ['a quote that is not the first thing', 'a"b;c""d;e"', ['a"b', 'c""d', 'e"']],
    ['other separators are characters', 'a,b:c\td;"e,f"', ['a,b:c\td', 'e,f']],
    ['comment signs in a quoted first cell', '"# a";b', ['# a', 'b']],
    ['comment signs in a later cell', 'a;#b;-c', ['a', '#b', '-c']],
  ])('%s', async (_, text, cells) => {
    for (const end of ['', ...LINE_ENDS]) expect(await cellsOf(text + end)).toEqual([cells])
  })

  test.each(SEPARATORS)('separated by %j, which no blank is where it is a tab', async separator => {
    const text = ['a', '"b"', ' "c" ', '', 'd'].join(separator)
    expect(await cellsOf(text, separator)).toEqual([['a', 'b', 'c', '', 'd']])
    expect(await cellsOf(`${separator}x`, separator)).toEqual([['', 'x']])
    expect(await cellsOf(`"a${separator}b"${separator}`, separator)).toEqual([[`a${separator}b`, '']])
  })

  test('a quoted field holds line ends, empty lines and comments as they are', async () => {
    expect(await cellsOf('a;"b\n\r\n# c\r  d\n";e\r\nf')).toEqual([['a', 'b\n\r\n# c\r  d', 'e'], ['f']])
  })

  test('quoted fields may each go over several lines', async () => {
    expect(await cellsOf('"a\nb";"c\nd"\n"e"\n')).toEqual([['a\nb', 'c\nd'], ['e']])
    expect(await cellsOf('"a\n""b""\n"\n')).toEqual([['a\n"b"']])
  })
})

describe('text after a closing quote', () => {
  test.each([
    ['"a"x;b', ['"a"x', 'b']],
    ['"a"x"y;z";b', ['"a"x"y', 'z"', 'b']],
    ['"a" "b";c', ['"a""b"', 'c']],
    ['"a";"b"x', ['a', '"b"x']],
    ['"a\nb"x;c', ['"a\nb"x', 'c']],
  ])('%j: the row is marked, and its fields end at the separator', async (text, cells) => {
    const { records, fault } = await recordsOf(`${text}\nnext;"row"\n`)
    expect(fault).toBeNull()
    expect(records).toMatchObject([
      { badQuoting: true, cells },
      { badQuoting: false, cells: ['next', 'row'] },
    ])
  })
})

describe('what is passed over', () => {
  const lines = [
    '',
    ' ',
    '\t',
    ' \t ',
    '\u00a0',
    '\u3000\t',
    '\t\u0085',
    '#',
    '# a;b',
    '/a',
    '// a',
    '[a]',
    '(a)',
    '-a',
    '---',
    ' a;b',
    '#"',
  ]

  test.each(lines)('%j', async line => {
    for (const end of LINE_ENDS) {
      const { records, passedOver, fault } = await recordsOf(`${line}${end}a;b${end}${line}${end}c;d${end}`)
      expect(records.map(record => record.line)).toEqual([2, 4])
      expect(passedOver).toBe(2)
      expect(fault).toBeNull()
    }
  })

  test.each(['\ta', '\u00a0a', ';', '""', '*a', '+a', '%', ')a', 'a # b', '\t#', '\t"a"'])('%j is not', async line => {
    expect((await recordsOf(`${line}\n`)).records).toHaveLength(1)
  })

  test('a line of tabs only, where tabs separate', async () => {
    expect(await recordsOf('\t\t\na\tb\n', '\t')).toMatchObject({ passedOver: 1, records: [{ line: 2 }] })
  })

  test('a comment may be longer than any record, and so may a line of blanks', async () => {
    const text = `# ${'x'.repeat(500_000)}\n${'\t'.repeat(500_000)}\n${' x'.repeat(100_000)}\na;b\n`
    expect(await recordsOf(text, ';', 10)).toMatchObject({ passedOver: 3, fault: null, records: [{ line: 4 }] })
  })
})

describe('where a record stands', () => {
  test('lines are counted as an editor does, bytes are those of the file', async () => {
    const text = 'é;a\r\n# é\r"b\n\n€";c\n\r\nd\r'
    const { records } = await recordsOf(text)
    const bytes = Buffer.from(text)
    expect(records.map(({ line, offset, length }) => [line, bytes.toString('utf8', offset, offset + length)])).toEqual([
      [1, 'é;a'],
      [3, '"b\n\n€";c'],
      [7, 'd'],
    ])
  })
})

describe('the limit', () => {
  const limit = 20

  test.each([
    ['just as long', 'a'.repeat(20), null],
    ['one byte longer', 'a'.repeat(21), 1],
    ['bytes count, not characters', 'é'.repeat(11), 1],
    ['just as long, after others', `a;b\n# c\n${'a'.repeat(20)}`, null],
    ['one byte longer, after others', `a;b\n# c\n${'a'.repeat(21)}`, 3],
    ['just as long, over several lines', '"aaaaa\r\naaaaa\naaaaa"', null],
    ['one byte longer, over several lines', 'a\n"aaaaa\r\naaaaa\naaaaaa"', 2],
    ['a quote that is closed too late', `"aaaaa\n${'a'.repeat(30)}"\n`, 1],
    ['a quote that is never closed', `a\n"b\n${'a;b\n'.repeat(30)}`, 2],
    ['blanks at its end count', `a${' '.repeat(20)}`, 1],
    ['a line of tabs that ends in text', `${'\t'.repeat(200)}a`, 1],
  ])('%s', async (_, text, line) => {
    for (const end of ['', ...LINE_ENDS]) {
      const { fault } = await recordsOf(text + end, ';', limit)
      expect(fault).toEqual(line === null ? null : { code: 'record-too-long', line })
    }
  })
})

test.each([
  ['"', 1],
  ['a;"b', 1],
  ['a;b\n# c\na;"b\n\nc;d\n', 3],
  ['"a\nb";"c\nd\n', 2],
  ['"a""', 1],
  ['"a""\n"";b\n', 1],
])('%j: a quote is never closed; it was opened in line %i', async (text, line) => {
  expect((await recordsOf(text)).fault).toEqual({ code: 'unterminated-quote', line })
})

const separators = fc.constantFrom(...SEPARATORS)
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(';', ',', ':', '\t', '"', ' ', '\u00a0', '\n', '\r', 'a', '#'),
    fc.string({ maxLength: 1, minLength: 1, unit: 'grapheme' }),
  ),
  maxLength: 12,
})
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

test('whatever is written in quotes is read, trimmed', async () => {
  const rows = fc.array(fc.array(anyText, { minLength: 1, maxLength: 5 }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(rows, separators, fc.constantFrom(...LINE_ENDS), async (cells, separator, end) => {
      const text = cells.map(row => row.map(quoted).join(separator) + end).join('')
      expect(await cellsOf(text, separator)).toEqual(cells.map(row => row.map(cell => cell.trim())))
    }),
  )
})

test('csv-parse reads the same cells out of well-formed records', async () => {
  const plain = anyText.map(text => text.replace(/[;,:\t"\r\n]/g, ''))
  const cell = fc.oneof(anyText.map(quoted), plain)
  // A first cell in quotes keeps the record from being a comment or a line of blanks, of which csv-parse knows others.
  const row = fc
    .tuple(anyText.map(quoted), fc.array(cell, { maxLength: 5 }))
    .map(([first, others]) => [first, ...others])
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 6 }),
      separators,
      fc.constantFrom(...LINE_ENDS),
      async (rows, separator, end) => {
        const text = rows.map(cells => cells.join(separator)).join(end)
        const expected: string[][] = parse(text, {
          delimiter: separator,
          record_delimiter: end,
          relax_column_count: true,
          // Blanks about a quoted field do not count: nor for csv-parse, where it is told to trim.
          trim: true,
        })
        expect(await cellsOf(text, separator)).toEqual(expected.map(cells => cells.map(text => text.trim())))
      },
    ),
    { numRuns: 500 },
  )
})
