/** A whole file: what refuses it, what is in it, and that neither chunks nor a new start in the middle change that. */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inspect, readRows } from '../../src/file/read.ts'
import type { CsvOptions, Row } from '../../src/file/types.ts'
import { LANGUAGES, say } from '../../src/messages/say.ts'
import { chunked, inShort, inspected, OPTIONS, RULES, readFile, rowsOf } from './reading.ts'

const HEADER = 'uid;cid;rolename\n'

test('an inspection says how many lines there are of each kind, and which file it was', async () => {
  const text = '# c\n\nuid;cid;rolename\na;b;c\n# c\n"d\n\n# e";f;g\n \n"x"y\nh;i;j'
  expect(await inspected(text)).toEqual({
    errors: [],
    warnings: [],
    header: { columns: ['uid', 'cid', 'rolename'], separator: ';', line: 3, offset: 5, length: 16 },
    rows: 4,
    passedOver: 4,
    bytes: text.length,
    sha256: createHash('sha256').update(text).digest('hex'),
  })
})

test('the size and hash of a refused file are those of all of it', async () => {
  const file = Buffer.from(`\xff\n${'x'.repeat(300_000)}\n"`, 'latin1')
  const { bytes, sha256, errors } = await inspected(file)
  expect(errors).toMatchObject([{ code: 'bad-encoding' }])
  expect({ bytes, sha256 }).toEqual({ bytes: file.length, sha256: createHash('sha256').update(file).digest('hex') })
})

describe('what refuses a file', () => {
  test.each(['', '\n', '# uid;cid;rolename\n', '\n\n \n\t\n(x)', 'sep=;\n', 'sep=;'])(
    '%j has no header',
    async text => {
      for (const separator of [';', 'auto'] as const) {
        expect((await inspected(text, { separator })).errors).toEqual([{ code: 'empty-file', args: {} }])
      }
    },
  )

  test.each([
    ['record-too-long', 2, `${HEADER}${'a'.repeat(100)}\n"`],
    ['unterminated-quote', 3, `${HEADER}a;b;c\n"a;b;c\n`],
    ['record-too-long', 1, 'a'.repeat(100)],
    ['unterminated-quote', 1, '"uid;cid;rolename\na;b;c'],
    ['record-too-long', 2, `wrong;header\n${'a'.repeat(100)}\n`],
    ['unterminated-quote', 2, 'wrong;header\n"\n'],
  ])('%s in line %i: the first, and before faults of the header', async (code, line, text) => {
    for (const separator of [';', 'auto'] as const) {
      const { errors, header } = await inspected(text, { maxRecordBytes: 60, separator })
      expect(errors).toMatchObject([{ code, line }])
      expect(header).toBeNull()
      for (const lang of LANGUAGES) expect(say(lang, `file-error.${code}`, errors[0]!.args)).toContain(` ${line}`)
    }
  })

  test('a header that is just as long as the limit does not', async () => {
    expect((await inspected(HEADER, { maxRecordBytes: 16 })).errors).toEqual([])
    expect((await inspected(HEADER, { maxRecordBytes: 15 })).errors).toMatchObject([{ code: 'record-too-long' }])
  })
})

describe('# rows=N', () => {
  const ROWS = 'a;b;c\nd;e;f\n'

  test.each([
    `# rows=2\n${HEADER}${ROWS}`,
    `${HEADER}${ROWS}# rows=2\n`,
    `${HEADER}${ROWS}#rows = 2 `,
    `${HEADER}# rows=2\n${ROWS}# ROWS=2\n`,
    `${HEADER}# rows=0`,
    // Other comments, and no comment.
    `${HEADER}${ROWS}# rows=3 of Monday\n# row=3\n/ rows=3\n# rows=-3\n`,
    `${HEADER}"# rows=9\n# rows=9";b;c\n# rows=1`,
  ])('agrees: %j', async text => {
    for (const separator of [';', 'auto'] as const) expect((await inspected(text, { separator })).errors).toEqual([])
  })

  test.each([
    ['cut, where it stands first', `# rows=2\n${HEADER}a;b;c\n`, 1, 2, 1],
    ['cut in the middle of a row', `# rows=3\n${HEADER}${ROWS}`, 1, 3, 2],
    ['nothing but the header', `# rows=2\n${HEADER}`, 1, 2, 0],
    ['doubled', `${HEADER}${ROWS}# rows=2\n${ROWS}# rows=2\n`, 4, 2, 4],
    ['appended to', `${HEADER}${ROWS}# rows=2\nd;e;f\n`, 4, 2, 3],
    ['a line lost', `${HEADER}d;e;f\n# rows=2\n`, 3, 2, 1],
    ['two that contradict each other', `${HEADER}${ROWS}# rows=2\n# rows=3\n# rows=4`, 5, 3, 2],
    ['absurd', `${HEADER}# rows=999999999999999\n`, 2, 999_999_999_999_999, 0],
  ])('refuses a file that is not what it says: %s', async (_, text, line, said, found) => {
    for (const separator of [';', 'auto'] as const) {
      const { errors, header } = await inspected(text, { separator })
      expect(errors).toEqual([{ code: 'incomplete', line, args: { line, said, found } }])
      expect(header).toBeNull()
      for (const lang of LANGUAGES) expect(say(lang, 'file-error.incomplete', errors[0]!.args)).toContain(`${line}`)
    }
  })

  test('comes after faults of the header', async () => {
    expect((await inspected(`# rows=2\nuid;cid\n`)).errors).toMatchObject([{ code: 'header-missing-column' }])
  })
})

describe('separator: auto', () => {
  const auto = { separator: 'auto' } as const

  test.each([';', ',', ':', '\t'])('%j', async separator => {
    const text = '# ;,:\t\nuid;"cid";rolename\n"a;b,c:d\te";x;y\n'.replaceAll(/;(?=["crxy])/g, separator)
    const { inspection, rows } = await readFile(text, auto)
    expect(inspection.header!.separator).toBe(separator)
    expect(rows).toMatchObject([{ uid: 'a;b,c:d\te', cid: 'x', role: 'y' }])
    expect(inspection).toMatchObject({ rows: 1, passedOver: 1 })
  })

  test('a header that another separator would have go on and on', async () => {
    const text = 'uid;cid;rolename;g1,"\n;"x"\na;b;c\n'
    // With a comma the quote opens a field that goes on in the next line; with a semicolon it is a character.
    expect((await inspected(text, auto)).errors).toMatchObject([{ code: 'header-unknown-column', column: 'g1,"' }])
    const valid = 'uid,cid,rolename,g1\n"a;b",c,d,"\n"\ne,f,g,h\n'
    const { inspection, rows } = await readFile(valid, auto)
    expect(inspection.header!.separator).toBe(',')
    expect(inShort(rows)).toEqual(['2 a;b', '4 e'])
  })

  test('a valid header counts at once, whatever others make of it', async () => {
    const text = 'uid;cid;rolename\na;b;c,"\nd;e;f\n'
    const { inspection, rows } = await readFile(text, auto)
    expect(inspection.header!.separator).toBe(';')
    expect(inspection.rows).toBe(2)
    expect(rows).toHaveLength(2)
  })

  test.each([
    ['uid,cid,role', ',', ['header-unknown-column role', 'header-missing-column rolename']],
    ['uid:cid:x;y', ':', ['header-unknown-column x;y', 'header-missing-column rolename']],
    // One column is known with each: the first separator counts.
    ['uid;x,cid', ';', ['header-unknown-column x,cid', 'header-missing-column rolename', 'header-missing-column cid']],
    [
      'x,y',
      ';',
      [
        'header-unknown-column x,y',
        'header-missing-column rolename',
        'header-missing-column cid',
        'header-missing-column uid',
      ],
    ],
    [
      'uid,cid,cid,cid;uid',
      ',',
      ['header-duplicate-column cid', 'header-unknown-column cid;uid', 'header-missing-column rolename'],
    ],
  ])('%s: the faults are those with %j', async (header, _, faults) => {
    const { errors } = await inspected(`${header}\n`, auto)
    expect(errors.map(error => `${error.code} ${error.column}`)).toEqual(faults)
  })
})

describe('Excel’s line that names the separator', () => {
  test.each(['sep=,', 'SEP=,', 'Sep=, ', '\ufeffsep=,'])('%j counts, whatever is configured', async line => {
    for (const separator of [';', ',', 'auto'] as const) {
      const { inspection, rows } = await readFile(`${line}\r\nuid,cid,rolename\r\na,b,c\r\n`, { separator })
      expect(inspection.errors).toEqual([])
      expect(inspection).toMatchObject({ rows: 1, passedOver: 1, header: { separator: ',', line: 2 } })
      expect(inShort(rows)).toEqual(['3 a'])
    }
  })

  test('a tab', async () => {
    expect(inShort(await rowsOf('sep=\t\nuid\tcid\trolename\na\tb\tc\n'))).toEqual(['3 a'])
  })

  test('auto does not look for a better one', async () => {
    const { errors } = await inspected('sep=;\nuid,cid,rolename\n', { separator: 'auto' })
    expect(errors[0]).toMatchObject({ code: 'header-unknown-column', column: 'uid,cid,rolename' })
  })

  test.each(['sep=|', 'sep=', 'sep=;;', '# c\nsep=;', '\nsep=;', '"sep=;"', '\tsep=;'])('%j is none', async start => {
    const { errors } = await inspected(`${start}\n${HEADER}`)
    expect(errors[0]).toMatchObject({ code: 'header-unknown-column' })
  })
})

const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '"',
      '""',
      ';',
      ',',
      '\n',
      '\r\n',
      '\r',
      ' ',
      '\t',
      '#',
      'a',
      'é',
      '€',
      '𝄞',
      '\0',
      '\u00a0',
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom('add;U;C;r;gadd;A\n', '"x";y;z\r\n', '# c\n', ';;;\r') },
  { weight: 1, arbitrary: fc.constantFrom('\xff', '\xc3', '\ud800') },
)
const starts = fc
  .constantFrom('', '\ufeff', '\ufeff# c\n', 'sep=,\r\n', '\n')
  .chain(start =>
    fc
      .constantFrom('uid;cid;rolename;cmd', 'cmd,uid,cid,rolename,gcmd,g1', 'uid:"cid\n":rolename', 'uid;x')
      .map(header => start + header),
  )
const encodings = fc.constantFrom('utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'shift_jis')
const limits = fc.constantFrom(30, 60, 1_048_576)
const separators = fc.constantFrom<CsvOptions['separator']>(';', ',', 'auto')

/** Files that are refused, or not, for all kinds of reasons. */
const files = fc
  .record({
    start: starts,
    end: fc.constantFrom('\n', '\r\n', '\r', ''),
    body: fc.array(piece, { maxLength: 60 }),
    encoding: encodings,
  })
  .map(({ start, end, body, encoding }) => {
    const text = start + end + body.join('')
    if (encoding === 'utf-8') {
      // Characters of which UTF-8 has no bytes stand for the bytes alone.
      return {
        encoding,
        bytes: Buffer.concat(
          Array.from(text, c => (c === '\xff' || c === '\xc3' ? Buffer.from(c, 'latin1') : Buffer.from(c))),
        ),
      }
    }
    if (!encoding.startsWith('utf-16')) return { encoding, bytes: Buffer.from(text, 'latin1') }
    const bytes = Buffer.from(text, 'utf16le')
    return { encoding, bytes: encoding === 'utf-16be' ? bytes.swap16() : bytes }
  })

test('how the bytes come in chunks changes nothing', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
  let refused = 0
  let read = 0
  await fc.assert(
    fc.asyncProperty(
      files,
      separators,
      limits,
      sizes,
      async ({ encoding, bytes }, separator, maxRecordBytes, sizes) => {
        const options = { encoding, separator, maxRecordBytes }
        const whole = await readFile(bytes, options)
        expect(await readFile(bytes, options, {}, sizes)).toEqual(whole)
        expect(await readFile(bytes, options, {}, [1])).toEqual(whole)
        if (whole.inspection.errors.length > 0) refused++
        else read += whole.rows.length
        expect(whole.inspection.header === null).toBe(whole.inspection.errors.length > 0)
        expect(whole.rows).toHaveLength(whole.inspection.header === null ? 0 : whole.inspection.rows)
      },
    ),
    { numRuns: 1500 },
  )
  // Both kinds of files were among them.
  expect(refused).toBeGreaterThan(100)
  expect(read).toBeGreaterThan(100)
})

test('no bytes make it throw', async () => {
  const options = fc.record({
    encoding: encodings,
    separator: separators,
    maxRecordBytes: fc.constantFrom(1, 20, 1_048_576),
  })
  const parts = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constantFrom('uid;cid;rolename\n', '"', '\n', ';').map(Buffer.from)),
  )
  await fc.assert(
    fc.asyncProperty(fc.boolean(), parts, options, async (hasHeader, parts, options) => {
      const bytes = Buffer.concat([Buffer.from(hasHeader ? HEADER : ''), ...parts])
      const { inspection } = await readFile(bytes, options)
      for (const { code, args } of inspection.errors) expect(say('fr', `file-error.${code}`, args)).not.toBe('')
    }),
    { numRuns: 1000 },
  )
})

/** The rows from a place on. */
async function rowsFrom(bytes: Buffer, options: Partial<CsvOptions>, from: Row): Promise<Row[]> {
  const all = { ...OPTIONS, ...options }
  const { header } = await inspect(chunked(bytes), all)
  const rows: Row[] = []
  for await (const list of readRows(chunked(bytes.subarray(from.offset), [7]), all, header!, RULES, from))
    rows.push(...list)
  return rows
}

test('reading can begin again at any row', async () => {
  let resumed = 0
  await fc.assert(
    fc.asyncProperty(files, separators, async ({ encoding, bytes }, separator) => {
      const { rows } = await readFile(bytes, { encoding, separator })
      for (const [i, row] of rows.entries()) {
        resumed++
        expect(await rowsFrom(bytes, { encoding, separator }, row)).toEqual(rows.slice(i))
      }
    }),
    { numRuns: 500 },
  )
  expect(resumed).toBeGreaterThan(100)
})

test('a row that begins as a file with a byte-order mark does is read the same from there', async () => {
  const bytes = Buffer.from(`${HEADER}\ufeffa;b;c\nd;e;f\n`)
  const { rows } = await readFile(bytes)
  expect(await rowsFrom(bytes, {}, rows[0]!)).toEqual(rows)
})

test('rows come in lists of bounded length, and all of them', async () => {
  const bytes = Buffer.from(HEADER + 'u;c;r\n'.repeat(200_000))
  const { header } = await inspected(bytes)
  let rows = 0
  let longest = 0
  for await (const list of readRows(chunked(bytes, [bytes.length]), OPTIONS, header!, RULES)) {
    rows += list.length
    longest = Math.max(longest, list.length)
  }
  expect(rows).toBe(200_000)
  expect(longest).toBeLessThan(20_000)
})

test('a file that changed since its inspection is an error, not a guess', async () => {
  const { header } = await inspected(HEADER)
  for (const [text, code] of [
    ['"', 'unterminated-quote'],
    ['\xff', 'bad-encoding'],
    ['x'.repeat(200), 'record-too-long'],
  ] as const) {
    const bytes = Buffer.concat([Buffer.from(HEADER), Buffer.from(text, 'latin1')])
    const options = { ...OPTIONS, maxRecordBytes: 100 }
    const all = async () => {
      for await (const _ of readRows(chunked(bytes), options, header!, RULES));
    }
    await expect(all()).rejects.toThrow(`${code} in line 2`)
  }
})

describe('memory does not grow with the file', () => {
  const MIB = 1_048_576

  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')

  /** Inspects `start` and a filling, repeated up to so many MiB, and says how much memory was held at most, in MiB. */
  async function inspectLarge(start: string, filling: string, mebibytes: number) {
    const block = Buffer.from(filling.repeat(MIB / filling.length))
    const used = () => {
      collectGarbage()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const before = used()
    let most = before
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(start)
      for (let i = 0; i < mebibytes; i++) {
        yield block
        if (i % 10 === 0) most = Math.max(most, used())
      }
    }
    const inspection = await inspect(bytes(), OPTIONS)
    return { inspection, grown: (most - before) / MIB }
  }

  test.each([
    ['one line', HEADER, 'a', 300, ['record-too-long']],
    ['a line of NUL', '', '\0', 100, ['record-too-long']],
    ['a quote never closed', `${HEADER}"`, 'a;b;c\n\n', 40, ['record-too-long']],
    ['a comment', `${HEADER}#`, 'a"', 100, []],
    ['a line of tabs', HEADER, '\t', 100, []],
    ['empty lines', HEADER, '\n', 10, []],
    ['CR only, no line feed', HEADER, 'a;b;c"\r', 40, []],
  ])('%s', { timeout: 60_000 }, async (_, start, filling, mebibytes, codes) => {
    const { inspection, grown } = await inspectLarge(start, filling, mebibytes)
    expect(inspection.errors.map(error => error.code)).toEqual(codes)
    expect(inspection.bytes).toBeGreaterThan((mebibytes - 1) * MIB)
    // A record of the greatest length is held, as the pieces that it came in.
    expect(grown).toBeLessThan(40)
  })
})
