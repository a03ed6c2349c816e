/** Whatever a template is filled with is text. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { html } from '../../src/report/html-text.ts'
import { toJson } from '../../src/report/json.ts'

const OBEYED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
const anything = fc.string({ unit: fc.constantFrom(...'<>&"\'a`=/ \u001b\u009b\u202e\u2028\n', '&lt;', '--') })

test('no filling is a tag, ends an attribute, or is obeyed', () => {
  fc.assert(
    fc.property(anything, anything, (one, other) => {
      const { text } = html`<p title="${one}">${[html`<b>${other}</b>`, other]}</p>`
      expect(text.match(/[<>]/g)!.join('')).toBe('<><><><>')
      expect(text.match(/"/g)!.length).toBe(2)
      expect(text).not.toMatch(/'/)
      expect(text).not.toMatch(OBEYED)
      // What was text before is not taken for escaped.
      expect(text.match(/&(?!(amp|lt|gt|quot|#39);)/)).toBeNull()
    }),
  )
})

test('JSON says the same, and has nothing in it that a terminal obeys', () => {
  fc.assert(
    fc.property(anything, text => {
      const json = toJson({ text })
      expect(JSON.parse(json)).toEqual({ text })
      expect(json).not.toMatch(OBEYED)
    }),
  )
})
