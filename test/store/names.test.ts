import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkName, matches, numbered, safeName, stamp, stamped, stampedAt } from '../../src/store/names.ts'

const NOW = new Date(2025, 8, 1, 7, 5, 9)

/** What Linux lets a file be called, made of letters of one to four bytes, dots, dashes, blanks and line ends. */
const fileNames = fc
  .array(fc.constantFrom('a', 'é', '€', '𝒳', '.', '-', ' ', '\n'), { minLength: 1, maxLength: 255 })
  .map(letters => letters.join(''))
  .filter(name => Buffer.byteLength(name) <= 255 && !/^\.{1,2}$/.test(name))

describe('a stamp', () => {
  test('is local time, to the second', () => {
    expect(stamp(NOW)).toBe('20250901-070509')
  })

  test('can be read again', () => {
    expect(stampedAt('20250901-070509_enrols.csv')).toEqual(NOW)
  })

  test.each(['enrols.csv', '20250901_enrols.csv', 'x20250901-070509_enrols.csv', ''])('%j has none', name => {
    expect(stampedAt(name)).toBeUndefined()
  })
})

describe('a name to try', () => {
  test('gets its number before the extension', () => {
    expect([1, 2, 3].map(numbered('enrols.csv'))).toEqual(['enrols.csv', 'enrols-2.csv', 'enrols-3.csv'])
    expect([1, 2].map(numbered('enrols'))).toEqual(['enrols', 'enrols-2'])
    expect([1, 2].map(stamped('enrols.csv', NOW, '.txt'))).toEqual([
      '20250901-070509_enrols.csv.txt',
      '20250901-070509_enrols-2.csv.txt',
    ])
  })

  test('that is too long loses the end of its stem, between two characters', () => {
    expect(stamped(`${'é'.repeat(125)}.csv`, NOW)(1)).toBe(`20250901-070509_${'é'.repeat(117)}.csv`)
  })

  test('that is one long extension keeps its beginning', () => {
    expect(stamped(`a.${'b'.repeat(253)}`, NOW)(2)).toBe(`20250901-070509_a.${'b'.repeat(235)}-2`)
  })

  test('always is the name of a file, and another one for each number', () => {
    fc.assert(
      fc.property(fileNames, fc.constantFrom('', '.txt', '.json'), (name, suffix) => {
        const tried = [1, 2, 3, 10, 1000].flatMap(n => [stamped(name, NOW, suffix)(n)])
        for (const candidate of tried) {
          expect(Buffer.byteLength(candidate)).toBeLessThanOrEqual(255)
          expect(Buffer.from(candidate).toString()).toBe(candidate)
          expect(checkName(candidate)).toBe(candidate)
          expect(candidate.endsWith(suffix)).toBe(true)
          expect(stampedAt(candidate)).toEqual(NOW)
        }
        expect(new Set(tried).size).toBe(tried.length)
      }),
    )
  })

  test('is the name itself where there is nothing to add', () => {
    fc.assert(
      fc.property(fileNames, name => {
        expect(numbered(name)(1)).toBe(name)
      }),
    )
  })
})

test.each(['', '.', '..', 'a/b', '/etc/passwd', '../a', 'a\0b'])('%j is no name of a file', name => {
  expect(() => checkName(name)).toThrow('not the name of a file')
})

describe('enrol.file', () => {
  test.each([
    ['enrols.csv', 'enrols.csv', true],
    ['enrols.csv', 'enrolsxcsv', false],
    ['enrols.csv', 'Enrols.csv', false],
    ['enrols.csv', 'enrols.csv.bak', false],
    ['enrols.csv', 'enrols.csv\n', false],
    ['*.csv', 'a.csv', true],
    ['*.csv', '.csv', true],
    ['*.csv', 'a\nb.csv', true],
    ['*.csv', 'a.csv.gz', false],
    ['enrols-??.csv', 'enrols-01.csv', true],
    ['enrols-??.csv', 'enrols-𝒳€.csv', true],
    ['enrols-??.csv', 'enrols-1.csv', false],
    ['a[1]{2}(3)|4^$+\\.csv', 'a[1]{2}(3)|4^$+\\.csv', true],
    ['a[1].csv', 'a1.csv', false],
    ['in/enrols.csv', 'enrols.csv', false],
    ['inscriptions-été.csv', 'inscriptions-e\u0301te\u0301.csv', true],
  ])('%j, and a file called %j: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected)
  })

  test('names itself, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), name => {
        expect(matches(name, name)).toBe(true)
      }),
    )
  })
})

describe('safeName', () => {
  const crafted = fc.string({
    unit: fc.constantFrom(...'._ \u0001\u200d\u0301\ufffd\u00a0e', 'a'.repeat(60)),
    maxLength: 12,
  })
  test.each([
    ['enrols.csv', 'enrols.csv'],
    ['C:\\Users\\me\\rentrée 2026.csv', 'rentre\u0301e 2026.csv'.normalize('NFC')],
    ['../../etc/passwd', 'passwd'],
    ['..', 'otherwise.csv'],
    ['', 'otherwise.csv'],
    ['._a\0b\u202egpj.csv\r\n', 'abgpj.csv'],
    // Who takes something off its beginning looks at what begins it then.
    ['\u0001.hidden.csv', 'hidden.csv'],
    [' \u200b._hidden.csv', 'hidden.csv'],
    ['e\u200d\u0301.csv', '\u00e9.csv'],
    [`x.${'a'.repeat(300)}`, `x.${'a'.repeat(198)}`],
    [`${'é'.repeat(300)}.csv`, `${'é'.repeat(98)}.csv`],
  ])('%j becomes %j', (given, expected) => {
    expect(safeName(given, 'otherwise.csv')).toBe(expected)
  })

  test('whatever is sent, it names a file in a folder that the drop directory would take, and leaves room for a stamp', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), crafted), given => {
        const name = safeName(given, 'otherwise.csv')
        expect(checkName(name)).toBe(name)
        expect(name).not.toMatch(/^[._]|[\p{Cc}\u202a-\u202e]/u)
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(220)
        expect(safeName(name, 'otherwise.csv')).toBe(name)
      }),
    )
  })
})
