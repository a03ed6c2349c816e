/** What a cell alone tells, whatever is in Moodle. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hintOfCell } from '../../src/hints/cell.ts'

const hint = (code: Parameters<typeof hintOfCell>[0], found: string): string => {
  const { code: of, args } = hintOfCell(code, { found }) ?? { code: 'none', args: {} }
  return [of, ...Object.values(args)].join(' ')
}

test.each([
  ['inscrire', 'near-word add'],
  ['Désinscrire', 'near-word del'],
  ['ADD', 'near-word add'],
  ['delet', 'near-word delete'],
  ['"add"', 'near-word add'],
  ['constructor', 'none'],
  ['__proto__', 'none'],
  ['', 'none'],
])('the command %s: %s', (found, expected) => {
  expect(hint('bad-command', found)).toBe(expected)
})

test.each([
  ['25/09/2026', 'time-near 2026-09-25'],
  ['9/25/2026', 'time-near 2026-09-25'],
  ['1.9.2026', 'time-two 2026-09-01 2026-01-09'],
  ['01/01/2026', 'time-near 2026-01-01'],
  ['01/09/2026 08:30', 'time-two 2026-09-01 08:30 2026-01-09 08:30'],
  ['2026/9/1', 'time-near 2026-09-01'],
  ['2026-9-1 8h30', 'time-near 2026-09-01 08:30'],
  ['2026-02-30', 'no-such-day'],
  ['31/02/2026', 'no-such-day'],
  ['1788220800000', 'milliseconds 1788220800'],
  ['soon', 'none'],
])('the time %s: %s', (found, expected) => {
  expect(hint('bad-time', found)).toBe(expected)
})

test.each([
  ['1.23E+05', 'rounded-number'],
  ['1,23E+05', 'rounded-number'],
  ['1E5', 'rounded-number'],
  ['AmÃ©lie', 'wrong-encoding'],
  ['Am\ufffdlie', 'wrong-encoding'],
  ['Amélie', 'none'],
  ['E1018', 'none'],
])('the identifier %s: %s', (found, expected) => {
  expect(hint('user-not-found', found)).toBe(expected)
})

test('no cell is too strange', () => {
  const codes = ['bad-command', 'bad-group-command', 'bad-time', 'user-not-found', 'group-not-found'] as const
  const odd = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...Object.getOwnPropertyNames(Object.prototype)))
  fc.assert(
    fc.property(fc.constantFrom(...codes), odd, (code, found) => {
      for (const arg of Object.values(hintOfCell(code, { found })?.args ?? {})) expect(typeof arg).toBe('string')
    }),
  )
})
