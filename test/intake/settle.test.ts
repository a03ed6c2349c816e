import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { doneFileOf, isPassedOver, type Seen, settle } from '../../src/intake/settle.ts'

const STABLE = { stableFor: 2_000, doneFile: null }
const DONE = { stableFor: 2_000, doneFile: '{name}.done' }
const file = (size: number, mtime = 1, ino = 7) => ({ ino: BigInt(ino), size: BigInt(size), mtimeNs: BigInt(mtime) })

describe('a file is whole', () => {
  test('not at first sight, however old it is', () => {
    expect(settle(undefined, file(10, 1), 5_000, STABLE, false)).toEqual({
      whole: false,
      seen: { ...file(10, 1), since: 5_000 },
      until: 7_000,
    })
  })

  test('when neither size nor time has moved for stableFor, and not a moment before', () => {
    const seen = { ...file(10), since: 5_000 }
    expect(settle(seen, file(10), 6_999, STABLE, false)).toEqual({ whole: false, seen, until: 7_000 })
    expect(settle(seen, file(10), 7_000, STABLE, false)).toEqual({ whole: true })
  })

  test.each([
    ['its size', file(11)],
    ['its time', file(10, 2)],
    ['the file itself', file(10, 1, 8)],
  ])('not when %s has changed, however late it is looked at', (_, present) => {
    expect(settle({ ...file(10), since: 0 }, present, 60_000, STABLE, false)).toEqual({
      whole: false,
      seen: { ...present, since: 60_000 },
      until: 62_000,
    })
  })

  test('when its done file is there, and not before, be it stable or not', () => {
    const seen = { ...file(10), since: 0 }
    expect(settle(undefined, file(10), 0, DONE, true)).toEqual({ whole: true })
    expect(settle(seen, file(10), 60_000, DONE, false)).toEqual({ whole: false, seen, until: null })
  })

  test('only ever after it has looked the same for stableFor', () => {
    const looks = fc.array(fc.record({ after: fc.nat(3_000), size: fc.nat(1) }), { minLength: 1 })
    fc.assert(
      fc.property(looks, given => {
        let seen: Seen | undefined
        let now = 0
        let unchangedSince = 0
        let size = -1
        for (const look of given) {
          now += look.after
          if (look.size !== size) unchangedSince = now
          size = look.size
          const settled = settle(seen, file(size), now, STABLE, false)
          expect(settled.whole).toBe(now - unchangedSince >= STABLE.stableFor)
          if (settled.whole) continue
          expect(settled.until).toBe(unchangedSince + STABLE.stableFor)
          seen = settled.seen
        }
      }),
    )
  })
})

describe('passed over', () => {
  test.each([
    '.enrols.csv',
    '_enrols.csv',
    'enrols.csv.part',
    'enrols.csv.PART',
    'enrols.csv.tmp',
    'enrols.csv.filepart',
    'enrols.csv.crdownload',
    'enrols.csv~',
    'lock.txt',
    'alock.txt',
  ])('%j, always', name => {
    expect(isPassedOver(name, null)).toBe(true)
  })

  test.each([
    'enrols.csv',
    'part',
    'a.part.csv',
    'LOCK.TXT',
    'block.txt',
    '~a',
    'a_b.csv',
    'a\n.csv',
    'enrols.csv.done',
  ])('%j is not', name => {
    expect(isPassedOver(name, null)).toBe(false)
  })

  test('done files, where there are such', () => {
    expect(isPassedOver('enrols.csv.done', '{name}.done')).toBe(true)
    expect(isPassedOver('ok-enrols.csv', 'ok-{name}')).toBe(true)
    expect(isPassedOver('.done', '{name}.done')).toBe(true)
    expect(isPassedOver('enrols.csv', '{name}.done')).toBe(false)
  })
})

test('a done file is named after its file, letter for letter and byte for byte', () => {
  expect(doneFileOf(Buffer.from('a.csv'), '{name}.done')).toEqual(Buffer.from('a.csv.done'))
  expect(doneFileOf(Buffer.from('$&{name}'), 'ok-{name}-{name}')).toEqual(Buffer.from('ok-$&{name}-$&{name}'))
  expect(doneFileOf(Buffer.from([0xe9]), 'é{name}.ok')).toEqual(
    Buffer.concat([Buffer.from('é'), Buffer.from([0xe9]), Buffer.from('.ok')]),
  )
})

test('what is passed over as a done file is what done files are called', () => {
  const patterns = fc.constantFrom('{name}.done', 'ok-{name}', '({name})', '{name}-{name}.ok')
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), patterns, (name, pattern) => {
      expect(isPassedOver(doneFileOf(Buffer.from(name), pattern).toString(), pattern)).toBe(true)
    }),
  )
})
