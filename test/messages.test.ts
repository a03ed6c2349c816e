/** Both languages say the same things, with the same blanks to fill, about everything that has a code. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { IntlMessageFormat } from 'intl-messageformat'
import { describe, expect, test } from 'vitest'
import { withReason } from '../src/messages/explain.ts'
import { LANGUAGES, languageOf, say, sentencesOf } from '../src/messages/say.ts'

const FILE_ERRORS = [
  'bad-encoding',
  'record-too-long',
  'unterminated-quote',
  'empty-file',
  'header-unknown-column',
  'header-missing-column',
  'header-duplicate-column',
  'header-empty-column',
  'incomplete',
]
const FILE_WARNINGS = ['column-ignored']
const ROW_ERRORS = [
  'bad-quoting',
  'wrong-number-of-cells',
  'bad-command',
  'empty-user',
  'empty-course',
  'bad-time',
  'user-not-found',
  'user-ambiguous',
  'guest-user',
  'course-not-found',
  'course-ambiguous',
  'site-course',
  'empty-role',
  'role-not-found',
  'role-not-assignable',
  'role-not-allowed',
  'method-managed-by-moodle',
  'method-not-available',
  'not-enrolled',
  'end-before-start',
]
const ROW_WARNINGS = [
  'matched-approximately',
  'group-command-empty',
  'bad-group-command',
  'group-not-enrolled',
  'group-not-found',
  'group-ambiguous',
  'group-name-too-long',
]

const keysOf = (lang: (typeof LANGUAGES)[number]) => Object.keys(sentencesOf(lang)).sort()
const english = sentencesOf('en')

/** The blanks of a sentence, whatever their form: plain, number, plural. */
function placeholders(sentence: string): string[] {
  const found = new Set<string>()
  const walk = (elements: ReturnType<IntlMessageFormat['getAst']>): void => {
    for (const element of elements) {
      // 0 is literal text, 7 is the # of a plural: neither is a blank.
      if (element.type !== 0 && element.type !== 7) found.add(element.value)
      if ('options' in element) for (const option of Object.values(element.options)) walk(option.value)
    }
  }
  walk(new IntlMessageFormat(sentence, 'en', undefined, { ignoreTag: true }).getAst())
  return [...found].sort()
}

/** Every TypeScript source of the program. */
const sources = readdirSync(fileURLToPath(new URL('../src', import.meta.url)), { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => ({ name: entry.name, text: readFileSync(join(entry.parentPath, entry.name), 'utf8') }))

describe('sentences', () => {
  test('the languages have the same keys', () => {
    expect(keysOf('fr')).toEqual(keysOf('en'))
  })

  test.each(Object.keys(english))('%s has the same blanks in every language', key => {
    for (const lang of LANGUAGES) {
      const sentence = sentencesOf(lang)[key] ?? ''
      expect(sentence.trim(), lang).not.toBe('')
      expect(placeholders(sentence), lang).toEqual(placeholders(english[key]!))
    }
  })

  test('every code has its sentence', () => {
    const wanted = [
      ...FILE_ERRORS.map(code => `file-error.${code}`),
      ...FILE_WARNINGS.map(code => `file-warning.${code}`),
      ...ROW_ERRORS.map(code => `row-error.${code}`),
      ...ROW_WARNINGS.map(code => `row-warning.${code}`),
    ]
    for (const lang of LANGUAGES) expect(keysOf(lang)).toEqual(expect.arrayContaining(wanted))
  })

  test('every key and every problem that the program names has its sentence', () => {
    const missing = sources.flatMap(({ name, text }) => {
      const keys = [...text.matchAll(/\bsay\([\w.]+,\s*'([^']+)'/g)].map(match => match[1]!)
      const problems = [...text.matchAll(/\bnew Problem\(\s*'([^']+)'/g)].map(match => `problem.${match[1]}`)
      return [...keys, ...problems].filter(key => !Object.hasOwn(english, key)).map(key => `${name}: ${key}`)
    })
    expect(missing).toEqual([])
  })

  test('no French sentence has an ordinary space where French has a no-break space', () => {
    const wrong = Object.entries(sentencesOf('fr')).filter(([, sentence]) => /« | [»;?!]| :( |$)/.test(sentence))
    expect(wrong.map(([key]) => key)).toEqual([])
  })
})

describe('say', () => {
  test('fills the blanks, with the plural of the language', () => {
    const args = { found: 1, expected: 0 }
    expect(say('en', 'row-error.wrong-number-of-cells', args)).toBe('The line has 1 cell, the header 0 columns.')
    expect(say('fr', 'row-error.wrong-number-of-cells', args)).toBe('La ligne a 1 cellule, l’en-tête 0 colonne.')
  })

  test('an argument is text, whatever is in it', () => {
    expect(say('en', 'configuration.syntax', { reason: "{x} <b> '{" })).toBe("this is not YAML: {x} <b> '{")
  })

  test('an unknown key throws, also one that every object has', () => {
    expect(() => say('en', 'row-error.no-such-code')).toThrow('no sentence')
    expect(() => say('en', 'constructor')).toThrow('no sentence')
  })

  test('a missing argument throws', () => {
    expect(() => say('en', 'file-warning.column-ignored')).toThrow('column')
  })
})

describe('languageOf', () => {
  test.each([
    ['fr', {}, 'fr'],
    [undefined, {}, 'en'],
    ['en', { LANG: 'fr_FR.UTF-8' }, 'en'],
    [undefined, { LANG: 'fr_CA.UTF-8' }, 'fr'],
    [undefined, { LANG: 'fr' }, 'fr'],
    [undefined, { LC_ALL: 'C', LANG: 'fr_FR.UTF-8' }, 'en'],
    [undefined, { LC_ALL: '', LC_MESSAGES: 'fr_FR', LANG: 'en_US' }, 'fr'],
    [undefined, { LANG: 'frisian' }, 'en'],
  ] as const)('%s in %o is %s', (option, env, expected) => {
    expect(languageOf(option, env)).toBe(expected)
  })
})

describe('a reason of the system', () => {
  test.each([
    ["ENOENT: no such file or directory, open '/x'", 'ce fichier ou ce dossier n’existe pas (ENOENT)'],
    ["EACCES: permission denied, mkdir '/x'", 'cet utilisateur n’en a pas le droit (EACCES)'],
    ['ENOSPC: no space left on device, write', 'le disque est plein (ENOSPC)'],
    // Neither of files that nobody has thought of, nor of databases, which say where they were looked for.
    ["EOWNERDEAD: owner died, open '/x'", "EOWNERDEAD: owner died, open '/x'"],
    ['connect ECONNREFUSED 127.0.0.1:3306', 'connect ECONNREFUSED 127.0.0.1:3306'],
  ])('%s', (reason, expected) => {
    expect(withReason('fr', { reason, path: '/x' })).toEqual({ reason: expected, path: '/x' })
  })

  test('is asked of nothing that has none', () => {
    expect(withReason('fr', { count: 1 })).toEqual({ count: 1 })
  })
})
