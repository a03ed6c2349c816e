/** Moodle's own functions on texts, as PHP has them. */
import { describe, expect, test } from 'vitest'
import {
  formatString,
  fullName,
  type PersonNames,
  phpTrim,
  replaceInTurn,
  stripTags,
  textToHtml,
  userDate,
} from '../../src/moodle/text.ts'

test('what one replacement puts in is replaced by the next, and never taken for a pattern', () => {
  expect(
    replaceInTurn('{a} {b}', [
      ['{a}', "{b}$&$'"],
      ['{b}', '$1'],
    ]),
  ).toBe("$1$&$' $1")
})

test('only the white space of ASCII is trimmed', () => {
  expect(phpTrim(' \t\n\r\0\v a b\u00a0 ')).toBe('a b\u00a0')
})

test.for<[string, string]>([
  ['no tag', 'no tag'],
  ['a <b>bold</b> word', 'a bold word'],
  ['a < b and b > a', 'a < b and b > a'],
  ['1 <2', '1 '],
  ['<a title="1 > 0" href=\'>\'>link</a>', 'link'],
  ['before<!-- <b> > -->after', 'beforeafter'],
  ['before<!-- never closed', 'before'],
  ['an <open tag', 'an '],
  ['<a <b> c> d', ' d'],
])('tags are stripped as PHP does: %j', ([text, stripped]) => {
  expect(stripTags(text)).toBe(stripped)
})

test('a name has no tags; its ampersands become entities unless they are', () => {
  expect(formatString('A & <b>B</b> &amp; C &#8212; a < b', true)).toBe('A &amp; B &amp; C &#8212; a &lt; b')
  expect(formatString('A & <b>B</b>', false)).toBe('A & B')
  expect(formatString('<a href="x">A</a> & <b>B</b>', false, true)).toBe('A & <b>B</b>')
})

test.for<[string, string]>([
  ['one\ntwo\r\nthree\rfour', 'one<br />\ntwo<br />\r\nthree<br />\rfour'],
  ['<p>one</p>  \n <p>two</p>\nthree\n<b>four</b>', '<p>one</p><p>two</p> three <b>four</b>'],
  ['a & b "c"', 'a & b "c"'],
])('text becomes HTML: %j', ([text, html]) => {
  expect(textToHtml(text)).toBe(html)
})

describe('a name is shown', () => {
  const person: PersonNames = {
    firstname: 'Ada',
    lastname: 'King',
    middlename: '',
    alternatename: '',
    firstnamephonetic: 'ay-da',
    lastnamephonetic: '',
  }
  const inLanguage = ({ firstname, lastname }: PersonNames): string => `${firstname} of ${lastname}`
  test.for<[string, string]>([
    ['', 'Ada of King'],
    ['language', 'Ada of King'],
    ['lastname firstname', 'King Ada'],
    ['firstname (middlename) lastname', 'Ada King'],
    ['firstname - lastname, alternatename', 'Ada - King,'],
    ['firstnamephonetic', 'ay-da'],
    ['alternatename', 'Ada'],
  ])('by the template %j', ([template, shown]) => {
    expect(fullName(person, template, inLanguage)).toBe(shown)
  })
})

describe('a date is said', () => {
  const time = 1756706400
  test.for<[string, string, string, string]>([
    ['%d %B %Y, %I:%M %p', 'Europe/Paris', 'en', '1 September 2025, 8:00 AM'],
    ['%d %B %Y, %I:%M %p', 'America/New_York', 'en', '1 September 2025, 2:00 AM'],
    ['%A %d %B %Y, %H:%M', '+05:30', 'fr', 'lundi 1 septembre 2025, 11:30'],
    ['%d %B %Y', 'UTC', 'cs', '1 září 2025'],
    ['%a %e %b %y, %l:%M:%S %P 100%% %q', 'UTC', 'en_us', 'Mon 1 Sep 25, 6:00:00 am 100% %q'],
    ['%d.%m.', 'UTC', 'de_kids', '1.09.'],
    ['%B', 'UTC', 'xx', 'September'],
  ])('%j in %s, in %s', ([format, zone, language, said]) => {
    expect(userDate(time, format, zone, language)).toBe(said)
  })
})
