/** Moodle's functions that make texts of what people wrote: names, course names, messages, dates. Pure, and without filters. */
import { Temporal } from 'temporal-polyfill'

/** `str_replace` with lists: one after the other, so that what one has put in is replaced by the next. */
export function replaceInTurn(
  text: string,
  replacements: Iterable<readonly [search: string, replace: string]>,
): string {
  let replaced = text
  for (const [search, replace] of replacements) replaced = replaced.replaceAll(search, () => replace)
  return replaced
}

/** `trim` of PHP, which knows no white space but that of ASCII. */
export const phpTrim = (text: string): string => text.replace(/^[ \t\n\r\0\v]+|[ \t\n\r\0\v]+$/g, '')

/**
 * `format_string`: a name without its tags.
 * @param escapes whether an ampersand that begins no entity becomes one
 * @param keepsTags `config.formatstringstriptags` is 0: only links go
 */
export function formatString(text: string, escapes: boolean, keepsTags = false): string {
  const escaped = escapes ? text.replace(/&(?![a-zA-Z0-9#]{1,8};)/g, '&amp;') : text
  if (keepsTags) return escaped.replace(/<a\s[^>]+?>(.+?)<\/a>/gis, '$1')
  const stripped = stripTags(escaped)
  return escapes ? stripped.replaceAll('<', '&lt;').replaceAll('>', '&gt;') : stripped
}

/** `strip_tags` of PHP: a tag begins with `<` and something that is no blank, and ends with `>` outside of quotes. */
export function stripTags(text: string): string {
  let kept = ''
  let at = 0
  while (at < text.length) {
    const character = text[at]!
    if (character !== '<' || /^\s/.test(text.slice(at + 1, at + 2))) {
      kept += character
      at += 1
    } else if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4)
      at = end === -1 ? text.length : end + 3
    } else {
      at = endOfTag(text, at + 1)
    }
  }
  return kept
}

function endOfTag(text: string, from: number): number {
  let quote = ''
  let depth = 0
  for (let at = from; at < text.length; at += 1) {
    const character = text[at]!
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '<' && !/\s/.test(text[at + 1] ?? '')) depth += 1
    else if (character === '>') {
      if (depth === 0) return at + 1
      depth -= 1
    }
  }
  return text.length
}

/** `text_to_html` without a paragraph about it: line ends become breaks, and nothing is escaped. */
export const textToHtml = (text: string): string =>
  text
    .replace(/>[ \t\n\r\f\v]+</g, '><')
    .replace(/[\n\r]</g, ' <')
    .replace(/>[\n\r]/g, '> ')
    .replace(/\r\n|\n\r|\n|\r/g, '<br />$&')

/** The names of a person, in the order in which `core_user\fields::get_name_fields` has them. */
const NAME_FIELDS = [
  'firstnamephonetic',
  'lastnamephonetic',
  'middlename',
  'alternatename',
  'firstname',
  'lastname',
] as const

export type PersonNames = Readonly<Record<(typeof NAME_FIELDS)[number], string>>

/** The columns of `user` with them, for a SELECT whose rows end with what `namesIn` takes. @param alias of the table */
export const nameColumns = (alias: string): string => NAME_FIELDS.map(field => `${alias}.${field}`).join(', ')

/** What those columns hold, in their order. */
export type NameValues = (string | null)[]

/** The names in these columns. */
export const namesIn = (values: Readonly<NameValues>): PersonNames =>
  Object.fromEntries(NAME_FIELDS.map((field, at) => [field, values[at] ?? ''])) as PersonNames

/**
 * `fullname`: a person's name as the site shows it.
 * @param template `config.fullnamedisplay`: the names of fields in their order
 * @param inLanguage the names as the language orders them, for a template that says so or is empty
 */
export function fullName(person: PersonNames, template: string, inLanguage: (person: PersonNames) => string): string {
  if (template === '' || template === 'language') return inLanguage(person)
  const fields = NAME_FIELDS.filter(field => template.includes(field))
  const filled = replaceInTurn(
    template,
    fields.map(field => [field, person[field] === '' ? 'EMPTY' : person[field]]),
  )
  // The brackets about a name that is not there go with it.
  const displayed = filled
    .replace(/[!-/:-@[-`{-~「」]*EMPTY[!-/:-@[-`{-~「」]*/g, ' ')
    .replace(/\s{2,}/gu, ' ')
    .trim()
  return displayed === '' ? person.firstname : displayed
}

/**
 * `userdate`: a time in words.
 * @param time Unix time in seconds
 * @param format of `strftime`, as language packs have it
 * @param timeZone IANA name or offset
 * @param language Moodle's code: fr, fr_ca
 */
export function userDate(time: number, format: string, timeZone: string, language: string): string {
  const date = Temporal.Instant.fromEpochMilliseconds(time * 1000).toZonedDateTimeISO(timeZone)
  const asUtc = Date.UTC(date.year, date.month - 1, date.day)
  const inWords = (options: Intl.DateTimeFormatOptions, part: 'month' | 'weekday'): string =>
    new Intl.DateTimeFormat(localeOf(language), { ...options, timeZone: 'UTC' })
      .formatToParts(asUtc)
      .find(({ type }) => type === part)!.value
  const two = (number: number): string => String(number).padStart(2, '0')
  const values: Readonly<Record<string, () => string>> = {
    // Moodle takes the nought away that strftime puts before a day and an hour of twelve.
    d: () => String(date.day),
    e: () => String(date.day),
    I: () => String(date.hour % 12 || 12),
    l: () => String(date.hour % 12 || 12),
    H: () => two(date.hour),
    M: () => two(date.minute),
    S: () => two(date.second),
    m: () => two(date.month),
    y: () => two(date.year % 100),
    Y: () => String(date.year),
    p: () => (date.hour < 12 ? 'AM' : 'PM'),
    P: () => (date.hour < 12 ? 'am' : 'pm'),
    // Beside a day, many languages have another form of the month's name.
    B: () => inWords({ month: 'long', day: 'numeric' }, 'month'),
    b: () => inWords({ month: 'short', day: 'numeric' }, 'month'),
    A: () => inWords({ weekday: 'long' }, 'weekday'),
    a: () => inWords({ weekday: 'short' }, 'weekday'),
    '%': () => '%',
  }
  return format.replace(/%([A-Za-z%])/g, (directive, letter: string) => values[letter]?.() ?? directive)
}

function localeOf(language: string): string {
  const [locale] = [language.replaceAll('_', '-'), language.split('_')[0]!].filter(isLocale)
  return locale ?? 'en'
}

function isLocale(tag: string): boolean {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0
  } catch {
    return false
  }
}
