/** What is near a name, and what a misspelt name may have been. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleaned, comparables, nearest, numberForms, spellingsNear } from '../../src/hints/spelling.ts'

const near = (name: string, values: readonly string[], ofPeople = false) =>
  nearest(name, comparables(values), { ofPeople }).values

describe('nearest', () => {
  test.each([
    ['ECO10l', ['ECO102', 'ECO101', 'ECO10'], ['ECO101']],
    ['ECO1O1', ['ECO101', 'ECO1'], ['ECO101']],
    ['BIO2', ['BIO-2', 'BIO-22'], ['BIO-2']],
    ['MATSH-1', ['MATHS-1', 'MATSH'], ['MATHS-1']],
    ['eco101', ['ECO101'], ['ECO101']],
    ['Delegues', ['Délégués', 'Groupe A'], ['Délégués']],
    ['ECO11', ['ECO12', 'ECO13'], ['ECO12', 'ECO13']],
    ['Groupe', ['Groupe A', 'Groupe B'], []],
    ['x', ['y'], []],
    ['PHILO', ['BIO-2', 'MATHS-1'], []],
    ['', ['a'], []],
  ])('of %s among %j: %j', (name, values, expected) => {
    expect(near(name, values)).toEqual(expected)
  })

  test('too many are no hint', () => {
    expect(near('ECO10', ['ECO11', 'ECO12', 'ECO13', 'ECO14'])).toEqual([])
  })

  test('another digit is another person; a digit too many, or two the wrong way round, may be a slip', () => {
    expect(near('E1018', ['E1019'], true)).toEqual([])
    expect(near('E1018', ['E1081'], true)).toEqual(['E1081'])
    expect(near('E10118', ['E1018'], true)).toEqual(['E1018'])
    expect(near('EI018', ['E1018'], true)).toEqual(['E1018'])
    expect(near('jdupomt', ['jdupont', 'jdurand'], true)).toEqual(['jdupont'])
    expect(near('1018', ['101', '108', '118'], true)).toEqual([])
  })

  test('is never the name itself, and whatever the name is, it is one of the values', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 120 })
    fc.assert(
      fc.property(text, fc.array(text), fc.boolean(), (name, values, ofPeople) => {
        for (const value of near(name, values, ofPeople)) {
          expect(value).not.toBe(name)
          expect(values).toContain(value)
        }
      }),
    )
  })
})

describe('spellingsNear', () => {
  test('has what one slip would make the name of', () => {
    const word = fc.stringMatching(/^[a-z0-9]{2,8}$/)
    fc.assert(
      fc.property(word, fc.nat(), fc.constantFrom('drop', 'swap', 'double'), (word, at, slip) => {
        const i = at % word.length
        const j = Math.min(i + 1, word.length - 1)
        const misspelt = {
          drop: word.slice(0, i) + word.slice(i + 1),
          swap: word.slice(0, i) + word[j]! + (i === j ? '' : word[i]!) + word.slice(j + 1),
          double: word.slice(0, i) + word[i]! + word.slice(i),
        }[slip]
        // A letter that no neighbour is like is not thought of.
        fc.pre(misspelt !== '' && misspelt !== word && (slip !== 'drop' || /^([a-z]+|\d+)$/.test(word)))
        expect(spellingsNear(misspelt, 1_000)).toContain(word)
      }),
    )
  })

  test('are as many as asked for, each once, and not the name itself', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.integer({ min: 1, max: 300 }), (name, most) => {
        const found = spellingsNear(name, most)
        expect(found.length).toBeLessThanOrEqual(most)
        expect(new Set(found).size).toBe(found.length)
        expect(found).not.toContain(name)
      }),
    )
  })
})

test('numbers have other forms, names have none', () => {
  expect(numberForms('1234')).toEqual(['01234', '001234', '0001234', '00001234', '000001234'])
  expect(numberForms('0012')).toContain('12')
  expect(numberForms('1234.0')[0]).toBe('1234')
  expect(numberForms('E1')).toEqual([])
})

test('what nobody sees is taken away', () => {
  expect(cleaned('\u00a0\u200bE1018 ')).toBe('E1018')
  expect(cleaned('“E1018”')).toBe('E1018')
  expect(cleaned('Groupe  A')).toBe('Groupe A')
  expect(cleaned("O'Neill")).toBe("O'Neill")
})
