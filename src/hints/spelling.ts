/**
 * How near two spellings are, and which spellings a misspelt name may have had. Pure: what there is in Moodle is asked
 * elsewhere (`moodle/near.ts`).
 */
import { distance } from 'fastest-levenshtein'

/** Letters and digits that look alike, or are taken for each other when read from paper. */
const LOOKALIKES: readonly (readonly [string, string])[] = [
  ['0', 'o'],
  ['1', 'l'],
  ['1', 'i'],
  ['5', 's'],
]

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']
const DIGITS = [...'0123456789']
const SIGNS = [...'-_. /@']

/** Names that are longer are not misspelt, but something else. */
export const LONGEST_NAME = 100

/** What nobody sees: signs without width, no-break and doubled blanks, quotes around. */
export function cleaned(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/[\p{Cf}\p{Cc}]/gu, '')
    .replaceAll(/\s+/gu, ' ')
    .trim()
    .replace(/^(["'“”«»])\s*(.*?)\s*["'“”«»]$/u, '$2')
}

/** A name as it is compared: without case and accents. The database decides what is equal; this is only for what is near. */
export const folded = (name: string): string => name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()

/** A name with all signs that look alike made the same. */
function alike(name: string): string {
  let same = folded(name)
  for (const [digit, letter] of LOOKALIKES) same = same.replaceAll(letter, digit)
  return same
}

/**
 * Other forms of a number that programs make of it: with and without zeros before, as 123.0.
 * Only of what looks like one; the likeliest first.
 */
export function numberForms(name: string): string[] {
  const number = /^(0*)(\d+)(?:[.,]0+)?$/.exec(name)
  if (number === null) return []
  const digits = number[2]!
  const padded = [1, 2, 3, 4, 5].map(zeros => '0'.repeat(zeros) + digits)
  return [digits, ...padded].filter(form => form !== name)
}

/**
 * The spellings from which one slip makes this name, the likeliest first: they are looked up as they are, each by the index.
 * @param most so many at most
 */
export function spellingsNear(name: string, most: number): string[] {
  const found = new Set<string>()
  for (const spelling of slips(name)) {
    if (found.size >= most) break
    if (spelling !== name && spelling !== '') found.add(spelling)
  }
  return [...found]
}

function* slips(name: string): Generator<string> {
  const clean = cleaned(name)
  yield clean
  yield* numberForms(clean)
  const signs = [...clean]
  const withSign = (at: number, removed: number, ...put: readonly string[]): string =>
    [...signs.slice(0, at), ...put, ...signs.slice(at + removed)].join('')
  for (const [digit, letter] of LOOKALIKES) {
    yield clean.replaceAll(digit, letter)
    yield clean.replaceAll(new RegExp(letter, 'gi'), digit)
  }
  for (const at of signs.keys()) {
    for (const [digit, letter] of LOOKALIKES) {
      if (signs[at] === digit) yield withSign(at, 1, letter)
      if (signs[at]!.toLowerCase() === letter) yield withSign(at, 1, digit)
    }
  }
  for (const at of signs.keys()) yield withSign(at, 1)
  for (const at of signs.keys()) if (at > 0) yield withSign(at - 1, 2, signs[at]!, signs[at - 1]!)
  for (let at = 0; at <= signs.length; at++) for (const sign of SIGNS) yield withSign(at, 0, sign)
  for (const at of signs.keys()) for (const sign of kindOf(signs[at]!)) yield withSign(at, 1, sign)
  for (let at = 0; at <= signs.length; at++) {
    const around = [signs[at - 1], signs[at]].filter(sign => sign !== undefined)
    for (const sign of new Set(around.flatMap(kindOf))) yield withSign(at, 0, sign)
  }
}

/** The signs that may have been meant instead of one, or beside it. */
function kindOf(sign: string): readonly string[] {
  if (/\d/.test(sign)) return DIGITS
  if (/\p{Lu}/u.test(sign)) return LETTERS.map(letter => letter.toUpperCase())
  if (/\p{L}/u.test(sign)) return LETTERS
  return SIGNS
}

/** A value with the forms in which it is compared: made once, compared with many names. */
export interface Comparable {
  readonly value: string
  readonly folded: string
  readonly alike: string
}

const comparable = (value: string): Comparable => ({ value, folded: folded(value), alike: alike(value) })

/** Each value once, ready to be compared; what is too long to be compared, or empty, is left out. */
export const comparables = (values: Iterable<string>): Comparable[] =>
  [...new Set(values)].filter(value => value !== '' && value.length <= LONGEST_NAME).map(comparable)

/** How many slips lead from one name to another: 0 where they look alike; a pair of signs the wrong way round is one. */
function slipsBetween(one: Comparable, other: Comparable): number {
  if (one.alike === other.alike) return 0
  return isSwapped(one.folded, other.folded) ? 1 : distance(one.folded, other.folded)
}

function isSwapped(one: string, other: string): boolean {
  if (one.length !== other.length) return false
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return (
    at + 1 < one.length &&
    one[at] === other[at + 1] &&
    one[at + 1] === other[at] &&
    one.slice(at + 2) === other.slice(at + 2)
  )
}

/** Slips that a name may have, and still be told: of short names one is much. */
const slipsAllowed = (name: string): number => Math.min(3, Math.max(1, Math.floor(name.length / 4)))

/** Where people are named by numbers, another digit is another person: nobody is to be enrolled by a guess. */
const differsByDigitAlone = (one: string, other: string): boolean =>
  one.length === other.length && !isSwapped(one, other) && one.replaceAll(/\d/g, '#') === other.replaceAll(/\d/g, '#')

/** More than these are no hint any more. */
const MOST_NEAR = 3
const MOST_NEAR_PEOPLE = 2

/**
 * The values that a name may have meant: those that are nearest, if they are near at all, and few.
 * @param ofPeople whether the values are people's identifiers, for which guesses must be better
 * @returns in the order of the alphabet, with how many slips lead there: 0 where it looks alike
 */
export function nearest(
  name: string,
  values: readonly Comparable[],
  { ofPeople = false } = {},
): { readonly values: string[]; readonly slips: number } {
  const none = { values: [], slips: 0 }
  if (name.length > LONGEST_NAME) return none
  const own = comparable(cleaned(name))
  let least = slipsAllowed(own.folded)
  let found: string[] = []
  for (const other of values) {
    if (other.value === name || Math.abs(other.folded.length - own.folded.length) > least) continue
    const slips = slipsBetween(own, other)
    // Of a value, something must be left.
    if (slips > least || slips >= other.folded.length) continue
    if (ofPeople && slips > 0 && differsByDigitAlone(own.folded, other.folded)) continue
    if (slips < least) found = []
    least = slips
    found.push(other.value)
  }
  return found.length > (ofPeople ? MOST_NEAR_PEOPLE : MOST_NEAR) ? none : { values: found.sort(), slips: least }
}
