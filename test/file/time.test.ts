/** What the cells starttime and endtime mean: every way to write a time, every clock change, and nothing else. */
import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { parseTime } from '../../src/file/time.ts'

const utc = (iso: string) => Date.parse(iso) / 1000

describe('a time in the site’s zone', () => {
  test.each([
    ['2026-01-05', '2026-01-04T23:00:00Z'],
    ['2026-07-05', '2026-07-04T22:00:00Z'],
    ['2026-01-05 08:30', '2026-01-05T07:30:00Z'],
    ['2026-01-05T08:30', '2026-01-05T07:30:00Z'],
    ['2026-01-05 08:30:15', '2026-01-05T07:30:15Z'],
    ['2026-01-05T08:30:15', '2026-01-05T07:30:15Z'],
    ['2026-01-05 23:59:59', '2026-01-05T22:59:59Z'],
    ['2024-02-29', '2024-02-28T23:00:00Z'],
    ['2000-02-29', '2000-02-28T23:00:00Z'],
    ['1969-12-31 00:00', '1969-12-30T23:00:00Z'],
    ['9999-12-31 23:59:59', '9999-12-31T22:59:59Z'],
  ])('%s in Paris is %s', (cell, expected) => {
    expect(parseTime(cell, 'Europe/Paris')).toBe(utc(expected))
  })
})

describe('a time with an offset does not depend on the zone', () => {
  test.each([
    ['2026-01-05T08:30:00Z', '2026-01-05T08:30:00Z'],
    ['2026-07-05 08:30Z', '2026-07-05T08:30:00Z'],
    ['2026-01-05Z', '2026-01-05T00:00:00Z'],
    ['2026-01-05T08:30:00+05:30', '2026-01-05T03:00:00Z'],
    ['2026-01-05T08:30:00+0530', '2026-01-05T03:00:00Z'],
    ['2026-07-05 08:30-03:00', '2026-07-05T11:30:00Z'],
    ['2026-07-05 08:30-0300', '2026-07-05T11:30:00Z'],
    ['2026-07-05+0200', '2026-07-04T22:00:00Z'],
    ['2026-03-29 02:30+01:00', '2026-03-29T01:30:00Z'],
    ['2026-01-01 00:00:00+23:59', '2025-12-31T00:01:00Z'],
    ['2026-01-01 00:00-00:00', '2026-01-01T00:00:00Z'],
  ])('%s is %s', (cell, expected) => {
    for (const zone of ['Europe/Paris', 'America/New_York']) expect(parseTime(cell, zone)).toBe(utc(expected))
  })
})

test.each([
  ['0', 0],
  ['5', 5],
  ['2026', 2026],
  ['0000000005', 5],
  ['1767600000', 1_767_600_000],
  ['9999999999', 9_999_999_999],
])('%s is Unix time', (cell, expected) => {
  expect(parseTime(cell, 'Europe/Paris')).toBe(expected)
})

describe('a clock that is put forward or back', () => {
  test.each([
    // In spring 02:00 to 03:00 are skipped: an hour later.
    ['Europe/Paris', '2026-03-29 01:59:59', '2026-03-29T00:59:59Z'],
    ['Europe/Paris', '2026-03-29 02:00', '2026-03-29T01:00:00Z'],
    ['Europe/Paris', '2026-03-29 02:30', '2026-03-29T01:30:00Z'],
    ['Europe/Paris', '2026-03-29 02:59:59', '2026-03-29T01:59:59Z'],
    ['Europe/Paris', '2026-03-29 03:00', '2026-03-29T01:00:00Z'],
    // In autumn 02:00 to 03:00 come twice: the later one.
    ['Europe/Paris', '2026-10-25 01:59:59', '2026-10-24T23:59:59Z'],
    ['Europe/Paris', '2026-10-25 02:00', '2026-10-25T01:00:00Z'],
    ['Europe/Paris', '2026-10-25 02:30', '2026-10-25T01:30:00Z'],
    ['Europe/Paris', '2026-10-25 03:00', '2026-10-25T02:00:00Z'],
    // Half an hour, from +10:30 to +11:00 at 02:00, and back at 02:00.
    ['Australia/Lord_Howe', '2026-10-04 01:59:59', '2026-10-03T15:29:59Z'],
    ['Australia/Lord_Howe', '2026-10-04 02:00', '2026-10-03T15:30:00Z'],
    ['Australia/Lord_Howe', '2026-10-04 02:29:59', '2026-10-03T15:59:59Z'],
    ['Australia/Lord_Howe', '2026-10-04 02:30', '2026-10-03T15:30:00Z'],
    ['Australia/Lord_Howe', '2026-04-05 01:29:59', '2026-04-04T14:29:59Z'],
    ['Australia/Lord_Howe', '2026-04-05 01:30', '2026-04-04T15:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-05 01:59:59', '2026-04-04T15:29:59Z'],
    ['Australia/Lord_Howe', '2026-04-05 02:00', '2026-04-04T15:30:00Z'],
    // A day that begins at 01:00, and one that an island left out.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00Z'],
    ['Pacific/Apia', '2011-12-30 12:00', '2011-12-30T22:00:00Z'],
  ])('in %s, %s is %s', (zone, cell, expected) => {
    expect(parseTime(cell, zone)).toBe(utc(expected))
  })
})

test.each([
  '',
  ' ',
  'tomorrow',
  'never',
  '-5',
  '+5',
  '1.5',
  '1e9',
  '0x10',
  '12345678901',
  '٢٠٢٦',
  '05/01/2026',
  '2026-1-5',
  '26-01-05',
  '20260105T0830',
  '2026-13-01',
  '2026-00-01',
  '0000-00-00',
  '2026-01-00',
  '2026-01-32',
  '2026-02-29',
  '2026-02-30',
  '1900-02-29',
  '2026-04-31',
  '2026-01-05 24:00',
  '2026-01-05 25:00',
  '2026-01-05 08:60',
  '2026-01-05 08:61',
  '2026-01-05 08:30:60',
  '2026-01-05 08:30:15.5',
  '2026-01-05 8:30',
  '2026-01-05 08',
  '2026-01-05  08:30',
  '2026-01-05t08:30',
  '2026-01-05T08:30z',
  '2026-01-05T08:30 Z',
  '2026-01-05T08:30+25:00',
  '2026-01-05T08:30+24:00',
  '2026-01-05T08:30+05:60',
  '2026-01-05T08:30+05',
  '2026-01-05T08:30+5:30',
  '2026-01-05T08:30Z+01:00',
  '2026-01-05T08:30[Europe/Paris]',
  '2026-02-30T00:00Z',
  'x2026-01-05',
  '2026-01-05x',
  '2026-01-05\n',
  '5\n',
])('%j is no time', cell => {
  expect(parseTime(cell, 'Europe/Paris')).toBeNull()
})

test('any time in any zone is what Temporal says, hours being remembered or not', () => {
  const zones = ['Europe/Paris', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Pacific/Apia', 'Asia/Kathmandu', 'UTC']
  // Around the changes, where a remembered hour could be a wrong one, and anywhere.
  const changes = ['2026-03-29', '2026-10-25', '2026-10-04', '2026-04-05', '2018-11-04', '2018-02-18', '2011-12-30']
  const day = fc.oneof(
    fc.constantFrom(...changes),
    fc
      .date({ min: new Date('1880-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map(date => date.toISOString().slice(0, 10)),
  )
  const two = (most: number) => fc.integer({ min: 0, max: most }).map(n => String(n).padStart(2, '0'))
  fc.assert(
    fc.property(day, two(23), two(59), two(59), fc.constantFrom(...zones), (date, hour, minute, second, zone) => {
      const cell = `${date} ${hour}:${minute}:${second}`
      const expected = Temporal.PlainDateTime.from(cell).toZonedDateTime(zone, { disambiguation: 'later' })
      expect(parseTime(cell, zone)).toBe(Math.floor(expected.epochMilliseconds / 1000))
    }),
    { numRuns: 3000 },
  )
})

test('more hours than are remembered are read all the same', () => {
  const begin = utc('2020-01-01T00:00:00Z')
  for (let hour = 0; hour < 12_000; hour++) {
    const time = begin + hour * 3600 + 61
    expect(parseTime(new Date(time * 1000).toISOString().slice(0, 19), 'UTC')).toBe(time)
  }
})
