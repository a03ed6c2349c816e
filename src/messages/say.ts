/** Sentences for people, in their language. The only place that reads `en.json` and `fr.json`; it decides nothing. */
import { createRequire } from 'node:module'
import { IntlMessageFormat } from 'intl-messageformat'
import type { MessageArguments } from '../errors.ts'

export const LANGUAGES = ['en', 'fr'] as const
export type Lang = (typeof LANGUAGES)[number]

// An import of JSON prints a warning on Node 20; reading the file by hand would need its path.
const load = createRequire(import.meta.url)
const sentences = new Map<Lang, Readonly<Record<string, string>>>()
const formatters = new Map<string, Pick<IntlMessageFormat, 'format'>>()

/** A language as those write dates in it who read ours. */
const LOCALES: Readonly<Record<Lang, string>> = { en: 'en-GB', fr: 'fr-FR' }

/** A time as people write it, in the time zone of the server. @param dateStyle how much of the day's name is written out */
export const localTime = (time: Date, lang: Lang, dateStyle: 'long' | 'medium' = 'long'): string =>
  new Intl.DateTimeFormat(LOCALES[lang], { dateStyle, timeStyle: 'medium' }).format(time)

/** Every sentence of a language, by its key, as written in its file: ICU MessageFormat. */
export function sentencesOf(lang: Lang): Readonly<Record<string, string>> {
  let all = sentences.get(lang)
  if (all === undefined) {
    all = load(`./${lang}.json`) as Record<string, string>
    sentences.set(lang, all)
  }
  return all
}

/**
 * The sentence `key` in a language, filled with `args`.
 * An unknown key, or an argument that is missing, is a bug and throws.
 */
export function say(lang: Lang, key: string, args: MessageArguments = {}): string {
  const id = `${lang} ${key}`
  let formatter = formatters.get(id)
  if (formatter === undefined) {
    const all = sentencesOf(lang)
    if (!Object.hasOwn(all, key)) throw new Error(`no sentence “${key}” in messages/${lang}.json`)
    formatter = formatterOf(all[key]!, lang)
    formatters.set(id, formatter)
  }
  return String(formatter.format(args))
}

function formatterOf(sentence: string, lang: Lang): Pick<IntlMessageFormat, 'format'> {
  // Nothing to fill in, nothing to unquote: parsing those of the help alone took a tenth of the start.
  if (!/[{}']/.test(sentence)) return { format: () => sentence }
  // Sentences are plain text: `<dataroot>` is no tag.
  return new IntlMessageFormat(sentence, lang, undefined, { ignoreTag: true })
}

/** The language asked for: the option, else what the environment says (in the order of POSIX), else English. */
export function languageOf(option: string | undefined, env: Readonly<NodeJS.ProcessEnv>): Lang {
  const wanted = option || env.LC_ALL || env.LC_MESSAGES || env.LANG || ''
  return /^fr([-_.@]|$)/i.test(wanted) ? 'fr' : 'en'
}
