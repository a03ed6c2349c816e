/** The retry file: the failed records as they stood, which read as they did. */
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ByteRange, composeRetryFile } from '../../src/file/retry.ts'
import type { CsvOptions, Row } from '../../src/file/types.ts'
import { readFile } from './reading.ts'

/** The retry file of an original, of the rows that are chosen, and how it was read. */
async function retryFileOf(
  original: Buffer,
  isFailed: (row: Row, i: number) => boolean,
  options: Partial<CsvOptions> = {},
): Promise<{ bytes: Buffer; reads: number; bytesRead: number; rows: Row[] }> {
  const { inspection, rows } = await readFile(original, options)
  let reads = 0
  let bytesRead = 0
  const readRange = (offset: number, length: number) => {
    reads++
    bytesRead += length
    // Node refuses to read into nothing.
    expect(length).toBeGreaterThan(0)
    return Promise.resolve(original.subarray(offset, offset + length))
  }
  const pieces: Uint8Array[] = []
  const failed: ByteRange[] = rows.filter(isFailed)
  for await (const piece of composeRetryFile(inspection.header!, failed, options.encoding ?? 'utf-8', readRange)) {
    pieces.push(piece)
  }
  return { bytes: Buffer.concat(pieces), reads, bytesRead, rows }
}

const every = () => true
const second = (_: Row, i: number) => i === 1

describe('the failed records under the original header', () => {
  test.each([
    ['LF', '# c\nuid;cid;rolename\na;b;c\nd;e;f\ng;h;i\n', 'uid;cid;rolename\nd;e;f\n'],
    ['CRLF', 'uid;cid;rolename\r\na;b;c\r\nd;e;f\r\ng;h;i\r\n', 'uid;cid;rolename\r\nd;e;f\r\n'],
    ['CR', 'uid;cid;rolename\ra;b;c\rd;e;f\rg;h;i\r', 'uid;cid;rolename\rd;e;f\r'],
    ['no line end at the end', 'uid;cid;rolename\r\na;b;c\r\nd;e;f', 'uid;cid;rolename\r\nd;e;f\r\n'],
    ['mixed ends: the header’s', 'uid;cid;rolename\na;b;c\rd;e;f\r\ng;h;i\n', 'uid;cid;rolename\nd;e;f\n'],
    [
      'blanks, quotes and line ends as they are',
      'uid ;"cid";rolename\na;b;c\n d ;e\nd\t;"e""\r\n e" ; f\n',
      'uid ;"cid";rolename\nd\t;"e""\r\n e" ; f\n',
    ],
    ['a byte-order mark', '\ufeffuid;cid;rolename\na;b;c\nd;e;f\n', '\ufeffuid;cid;rolename\nd;e;f\n'],
    ['no `sep=` line', '\ufeffsep=,\nuid,cid,rolename\na,b,c\nd,e,f\n', '\ufeffuid,cid,rolename\nd,e,f\n'],
  ])('%s', async (_, original, expected) => {
    expect((await retryFileOf(Buffer.from(original), second)).bytes.toString()).toBe(expected)
  })

  test('in their own encoding', async () => {
    const original = Buffer.from('uid;cid;rolename\n\xe9;b;c\nd\xe9;\x80;f\n', 'latin1')
    const { bytes } = await retryFileOf(original, second, { encoding: 'windows-1252' })
    expect(bytes.toString('latin1')).toBe('uid;cid;rolename\nd\xe9;\x80;f\n')
  })

  test.each(['utf-16le', 'utf-16be'])('%s, line ends and mark included', async encoding => {
    const encoded = (text: string) => {
      const bytes = Buffer.from(text, 'utf16le')
      return encoding === 'utf-16be' ? bytes.swap16() : bytes
    }
    for (const mark of ['\ufeff', '']) {
      for (const end of ['\n', '\r\n', '\r']) {
        const original = encoded(`${mark}# c${end}uid;cid;rolename${end}a;b;c${end}é;e;f`)
        const { bytes } = await retryFileOf(original, second, { encoding })
        expect(bytes).toEqual(encoded(`${mark}uid;cid;rolename${end}é;e;f${end}`))
      }
    }
  })

  test('none: the header alone', async () => {
    const { bytes } = await retryFileOf(Buffer.from('uid;cid;rolename\r\na;b;c\r\n'), () => false)
    expect(bytes.toString()).toBe('uid;cid;rolename\r\n')
  })
})

test('records that lie near each other are read at once, far ones without what lies between', async () => {
  const comment = `# ${'x'.repeat(200_000)}\n`
  const lines = Array.from({ length: 2000 }, (_, i) => `user ${i};course;student\n`).join('')
  const { bytes, reads, bytesRead } = await retryFileOf(
    Buffer.from(`uid;cid;rolename\n${lines}${comment}${lines}`),
    every,
  )
  expect(bytes.toString()).toBe(`uid;cid;rolename\n${lines}${lines}`)
  expect(reads).toBeLessThan(8)
  expect(bytesRead).toBeLessThan(bytes.length + 100)
})

const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ';', '\n', '\r', ' ', '#', '€'), maxLength: 8 })
const line = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc.oneof(
          cell.map(text => `"${text.replaceAll('"', '""')}"`),
          fc.constantFrom('x', 'ü', '\u00a0y'),
        ),
        { minLength: 1, maxLength: 5 },
      )
      .map(cells => cells.join(';')),
  },
  { weight: 1, arbitrary: fc.constantFrom('# comment', '', '\t', 'a;"b"x;c', 'add;b;c') },
)
const ends = fc.constantFrom('\n', '\r\n', '\r')
const files = fc
  .tuple(fc.boolean(), ends, fc.array(fc.tuple(line, ends), { maxLength: 20 }))
  .map(([mark, end, lines]) => {
    return Buffer.from(`${mark ? '\ufeff' : ''}uid;cid;rolename;cmd${end}${lines.map(pair => pair.join('')).join('')}`)
  })

test('a retry file of every row gives the same rows again, and its own retry file is itself', async () => {
  const said = (rows: readonly Row[]) => rows.map(({ line, offset, length, ...rest }) => rest)
  await fc.assert(
    fc.asyncProperty(files, async original => {
      const { bytes, rows } = await retryFileOf(original, every)
      const again = await retryFileOf(bytes, every)
      expect(said(again.rows)).toEqual(said(rows))
      expect(again.bytes).toEqual(bytes)
    }),
    { numRuns: 500 },
  )
})

test('each record is in it byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(files, async original => {
      const { bytes, rows } = await retryFileOf(original, every)
      const { inspection } = await readFile(original)
      const end = original.includes('cmd\r\n') ? '\r\n' : original.includes('cmd\r') ? '\r' : '\n'
      const records = [inspection.header!, ...rows].map(
        ({ offset, length }) => original.toString('utf8', offset, offset + length) + end,
      )
      const mark = inspection.header!.offset === 3 ? '\ufeff' : ''
      expect(bytes.toString()).toBe(mark + records.join(''))
    }),
  )
})
