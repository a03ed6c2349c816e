// @ts-check
/**
 * `npm run docs`: writes what can be made from the code: config/grants.sql, and of docs/ what stands between `<!-- made by npm
 * run docs -->` and `<!-- end -->`, or is a sentence of the program. With --check it writes nothing, says what differs, and
 * ends with 1.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IntlMessageFormat } from 'intl-messageformat'

/** @param {string} path */
const inProject = path => fileURLToPath(new URL(`../${path}`, import.meta.url))
/** @param {string} path */
const read = path => readFileSync(inProject(path), 'utf8')

/** @type {typeof import('../src/moodle/rights.ts')} */
const { LEDGER_RIGHTS, PAGE_RIGHTS, RIGHTS, UNDO_RIGHTS } = await import(
  new URL('../dist/moodle/rights.js', import.meta.url).href
)
/** @type {typeof import('../src/moodle/consequences/index.ts')} */
const { consequences } = await import(new URL('../dist/moodle/consequences/index.js', import.meta.url).href)
/** @type {Record<string, string>} */
const sentences = JSON.parse(read('src/messages/en.json'))

/** What is made, by its path. */
const MADE = {
  'config/grants.sql': grants(),
  'docs/map.md': filled(read('docs/map.md'), tree()),
  'docs/consequences.md': filled(read('docs/consequences.md'), consequenceList()),
  'docs/messages.md': withSentences(filled(read('docs/messages.md'), otherSentences())),
}

const isCheck = process.argv.includes('--check')
for (const [path, text] of Object.entries(MADE)) {
  if (read(path) === text) continue
  process.stdout.write(isCheck ? `${path} is not what npm run docs makes of it\n` : `${path} written\n`)
  if (isCheck) process.exitCode = 1
  else writeFileSync(inProject(path), text)
}

/**
 * A page with its made part replaced.
 * @param {string} page @param {string} made
 */
function filled(page, made) {
  const parts = page.split(/(?<=<!-- made by npm run docs -->\n)[\s\S]*?(?=<!-- end -->)/)
  if (parts.length !== 2) throw new Error('a page must have one part that is made')
  return parts.join(`\n${made}\n\n`)
}

function grants() {
  const head = `\
-- What the database user of moodle-syncd must be allowed, and nothing beyond. Made by \`npm run docs\` from
-- src/moodle/rights.ts. Run it as an administrator of the database server, with Moodle's database as the default one:
--
--   mariadb --force moodle < grants.sql        (or mysql --force moodle < grants.sql)
--
-- Where Moodle's prefix is not mdl_, or the user not moodle-syncd on this host, change it here first. A table that your
-- Moodle does not have (of a plugin that was removed, or of a later version) makes an error that does not matter: --force
-- goes on. Whether all is granted that is needed, \`moodle-syncd check\` says.
`
  const granted = (/** @type {string} */ table, /** @type {readonly string[]} */ rights) =>
    `GRANT ${rights.join(', ')} ON \`${table}\` TO 'moodle-syncd'@'localhost';`
  const ofMoodle = (/** @type {Readonly<Record<string, readonly string[]>>} */ all) =>
    Object.entries(all).map(([table, rights]) => granted(`mdl_${table}`, rights))
  return [
    head,
    ...ofMoodle(RIGHTS),
    '\n-- Tables of our own.\n',
    ...Object.entries(LEDGER_RIGHTS).map(([table, rights]) => granted(table, rights)),
    '\n-- What is needed beside to take a run back.\n',
    ...ofMoodle(UNDO_RIGHTS),
    '\n-- What is needed beside to log in on the page with a password of Moodle. With web.listen: null or web.proxyHeader, leave it out.\n',
    ...ofMoodle(PAGE_RIGHTS),
    '',
  ].join('\n')
}

/** Every file of src, folder by folder in the order in which a command file meets them, with its opening sentence. */
function tree() {
  /** @type {Record<string, string>} */
  const folders = {
    '': 'the program, and the life of one file',
    intake: 'is a dropped file whole? take it',
    store: 'where each file is, and the only code that moves one',
    file: 'what a command file says. Pure: bytes to rows or faults',
    plan: 'what it would do. Pure: rows and facts to outcomes and changes',
    moodle: 'every SQL statement of the project, and what is known of Moodle',
    'moodle/consequences': 'what Moodle itself does because of a change: one file each, all of one shape',
    'moodle/caches': "Moodle's caches, which would show people what was",
    hints: 'what failed rows may have meant. Pure, but for the one file that asks Moodle',
    report: 'outcomes to text, JSON and HTML',
    web: 'the page',
    notify: 'who is told of what, beside the report',
    commands: 'one file for each command, named as typed',
    config: 'one table of options, and what makes a configuration of it',
    messages: 'every sentence that a person can read',
    demo: 'the private server and the small school of demo, tests and benchmark',
  }
  const paths = readdirSync(inProject('src'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`.slice(inProject('src/').length))
    .sort()
  const folderOf = (/** @type {string} */ path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))
  const strange = paths.find(path => !Object.hasOwn(folders, folderOf(path)))
  if (strange !== undefined) throw new Error(`the folder of src/${strange} has no sentence in scripts/docs.mjs`)
  return Object.entries(folders)
    .map(([folder, sentence]) => {
      const files = paths.filter(path => folderOf(path) === folder)
      const lines = files.map(path => `- \`${path.slice(folder === '' ? 0 : folder.length + 1)}\` ${openingOf(path)}`)
      return [`**\`src/${folder === '' ? '' : `${folder}/`}\`** ${sentence}`, '', ...lines].join('\n')
    })
    .join('\n\n')
}

/** What a file is for: the first sentence of the comment that it begins with. @param {string} path */
function openingOf(path) {
  const language = /^messages\/(en|fr)\.json$/.exec(path)?.[1]
  if (language !== undefined) return `Every sentence, in ${language === 'en' ? 'English' : 'French'}.`
  const comment = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(read(`src/${path}`))?.[1]
  if (comment === undefined) throw new Error(`src/${path} does not begin by saying what it is for`)
  const [paragraph = ''] = comment.split(/\n \*\n/)
  const text = paragraph.replaceAll(/\s*\n \* ?/g, ' ').trim()
  return /^.*?[.?](?= [A-Z`(]|$)/.exec(text)?.[0] ?? text
}

function consequenceList() {
  return consequences.map(({ name, does, follows }) => `- **${name}**: ${does}.\n  Follows \`${follows}\`.`).join('\n')
}

/** The families of codes that docs/messages.md explains one by one; `###` and the code is the head of each. */
const EXPLAINED = ['file-error', 'file-warning', 'row-error', 'row-warning', 'hold', 'problem']

/** Puts the sentence of the program below the head of each code. @param {string} page */
function withSentences(page) {
  let family = ''
  return page
    .split(/^(?=##)/m)
    .map(section => {
      family = /^## .*\(`([\w-]+)`\)\n/.exec(section)?.[1] ?? family
      const code = /^### `([\w-]+)`/.exec(section)?.[1]
      if (code === undefined) return section
      const sentence = [
        sentences[`${family}.${code}`],
        family === 'row-error' ? sentences[`remedy.${code}`] : undefined,
      ]
        .filter(part => part !== undefined)
        .join(' ')
      if (sentence === '') throw new Error(`docs/messages.md explains ${family}.${code}, which there is not`)
      return section.replace(/^(### .*\n)\n(?:>.*\n)*\n*/, (_, head) => `${head}\n> ${shown(sentence)}\n\n`)
    })
    .join('')
}

/** Sentences that say by themselves what to do. */
function otherSentences() {
  /** @type {Record<string, string>} */
  const heads = {
    'check.': 'Findings of check',
    'configuration.': 'Faults of a configuration',
    'notice.': 'What administrators are told',
    'undo.left.': 'What an undo leaves as it is',
    'hint.': 'What a row may have meant',
    'pattern.': 'What many rows have in common',
  }
  return Object.entries(heads)
    .map(([family, head]) => {
      const lines = Object.entries(sentences)
        .filter(([key]) => key.startsWith(family) && !/^check\.(level-|would-)/.test(key))
        .map(([key, sentence]) => `- \`${key.slice(family.length)}\` ${shown(sentence)}`)
      return [`### ${head}`, '', ...lines].join('\n')
    })
    .join('\n\n')
}

/** A sentence with its blanks as ‹name›, plurals as of many. @param {string} sentence */
function shown(sentence) {
  /** @type {(elements: any[], subject?: string) => string} */
  const text = (elements, subject = '') =>
    elements
      .map(element => {
        if (element.type === 0) return element.value
        if (element.type === 7) return `‹${subject}›`
        if (element.options) return text(element.options.other.value, element.value)
        return `‹${element.value}›`
      })
      .join('')
  return text(new IntlMessageFormat(sentence, 'en', undefined, { ignoreTag: true }).getAst()).replaceAll('\n', ' ')
}

/** The codes that docs/messages.md does not explain. */
for (const key of Object.keys(sentences)) {
  const [family = '', code = ''] = key.split('.')
  if (EXPLAINED.includes(family) && !MADE['docs/messages.md'].includes(`\n### \`${code}\``)) {
    process.stdout.write(`docs/messages.md does not explain ${key}\n`)
    process.exitCode = 1
  }
}
