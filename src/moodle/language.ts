/**
 * Moodle's own sentences, in one language, as this site has them: its code's English, the language packs in its dataroot, and
 * what was customised there. They are programs of PHP, which are read and never run.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { isComputed, type PhpValue, textOf } from '../config/php-value.ts'
import type { WarnOnce } from '../log.ts'
import type { Settings } from './site.ts'
import { replaceInTurn } from './text.ts'

/** The files that hold our sentences, by what Moodle calls their component. */
type Component = 'enrol' | 'langconfig' | 'moodle' | 'role'

/** Fills a sentence: `{$a}` where a text is given, else `{$a->name}` for each name. */
export interface Language {
  /** Moodle's code of it: fr, fr_ca. */
  readonly code: string
  readonly string: (component: Component, identifier: string, a?: string | Readonly<Record<string, string>>) => string
}

/** The English of Moodle 4.5 and 5.1, for where Moodle's code is not at hand. */
const ENGLISH: Readonly<Record<Component, Readonly<Record<string, string>>>> = {
  enrol: {
    customwelcomemessageplaceholder: 'Hi {$a->firstname}, you are enrolled in the course {$a->coursename}.',
  },
  langconfig: {
    strftimedatetime: '%d %B %Y, %I:%M %p',
  },
  moodle: {
    authenticateduser: 'Authenticated user',
    coursecreators: 'Course creator',
    defaultcoursestudent: 'Student',
    defaultcourseteacher: 'Teacher',
    fullnamedisplay: '{$a->firstname} {$a->lastname}',
    guest: 'Guest',
    noneditingteacher: 'Non-editing teacher',
    noreplyname: 'Do not reply to this email',
    welcometocourse: 'Welcome to {$a}',
  },
  role: {
    frontpageuser: 'Authenticated user on site home',
    manager: 'Manager',
  },
}

const COMPONENTS = Object.keys(ENGLISH) as Component[]

/**
 * Loads the sentences that the product knows of. A language whose pack is not installed is English, as in Moodle.
 * `core_string_manager_standard::load_component_strings`
 */
export async function loadLanguage(
  code: string,
  config: Config,
  settings: Settings,
  warn: WarnOnce,
): Promise<Language> {
  const packs = settings('', 'langotherroot') ?? join(config.moodle.dataroot, 'lang')
  const customised = settings('', 'langlocalroot') ?? packs
  const read = (folder: string, component: string) => readStrings(join(folder, `${component}.php`), warn)
  const languages = await withParents(code, packs, read)
  const strings = new Map<string, string>()
  for (const component of COMPONENTS) {
    const known = new Map(Object.entries(ENGLISH[component]))
    const sources = [
      ...codeFolders(config).map(folder => join(folder, 'lang', 'en')),
      join(customised, 'en_local'),
      ...languages.flatMap(language => [join(packs, language), join(customised, `${language}_local`)]),
    ]
    for (const folder of sources) {
      for (const [identifier, text] of await read(folder, component)) {
        if (known.has(identifier)) known.set(identifier, text)
      }
    }
    for (const [identifier, text] of known) strings.set(`${component}/${identifier}`, text)
  }
  return {
    code: languages.at(-1) ?? 'en',
    string: (component, identifier, a = {}) => {
      const text = strings.get(`${component}/${identifier}`)
      if (text === undefined) throw new Error(`not one of the sentences that are known: ${component}/${identifier}`)
      return typeof a === 'string'
        ? text.replaceAll('{$a}', () => a)
        : replaceInTurn(
            text,
            Object.entries(a).map(([name, value]) => [`{$a->${name}}`, value]),
          )
    },
  }
}

/** Where Moodle's code can be below the folder of its config.php: from 5.1 on it is under `public`. */
function codeFolders(config: Config): string[] {
  const { codeDirectory } = config.moodle
  return codeDirectory === null ? [] : [codeDirectory, join(codeDirectory, 'public')]
}

/** The language after those that it builds on, English left out. `populate_parent_languages` */
async function withParents(
  code: string,
  packs: string,
  read: (folder: string, component: string) => Promise<ReadonlyMap<string, string>>,
): Promise<string[]> {
  const languages: string[] = []
  for (let language = code; language !== 'en' && !languages.includes(language); ) {
    // A code becomes a part of a path, and comes from the database.
    if (!/^[a-z][a-z0-9_]*$/i.test(language)) break
    const pack = await read(join(packs, language), 'langconfig')
    if (pack.size === 0) break
    languages.unshift(language)
    language = pack.get('parentlanguage') || 'en'
  }
  return languages
}

/** What a file of a language pack says, in `$string`; nothing where there is no such file. */
async function readStrings(path: string, warn: WarnOnce): Promise<ReadonlyMap<string, string>> {
  let source: string
  try {
    source = await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      warn('language-pack-unreadable', 'a language pack of Moodle cannot be read: its sentences stay in English', {
        path,
        code,
      })
    }
    return new Map()
  }
  // The parser of PHP takes long to load, and few sites need it.
  const { evaluateConfigPhp, PhpSyntaxError } = await import('../config/config-php.ts')
  try {
    return textsIn(evaluateConfigPhp(source, path, {}).variables.get('string'))
  } catch (error) {
    if (!(error instanceof PhpSyntaxError)) throw error
    warn('language-pack-unreadable', 'a language pack of Moodle is not PHP: its sentences stay in English', {
      path,
      line: error.line,
    })
    return new Map()
  }
}

function textsIn(strings: PhpValue | undefined): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  if (!(strings instanceof Map)) return texts
  for (const [identifier, value] of strings) {
    const text = isComputed(value) ? undefined : textOf(value)
    if (text !== undefined) texts.set(identifier, text)
  }
  return texts
}
