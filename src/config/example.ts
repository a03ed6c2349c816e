/** The example configuration, made from the table of options: `config/moodle-syncd.example.yaml` is held to it by a test. */
import { stringify } from 'yaml'
import type { Written } from './kinds.ts'
import { defaultOf, isNotBuilt, isOption, OPTIONS, type Option, type Section } from './options.ts'

const HEAD = `\
# The configuration of moodle-syncd, every key with its default and what it does.
# Only what differs from the default needs to be written. Required are the two identifiers of the section enrol, and either
# moodle.configPhp or dataroot and database. Any text may also be { file: PATH }, the content of a file (such as one that
# systemd's LoadCredential= provides), or { env: NAME }, an environment variable.
# Durations are 500ms, 2s, 5m, 3h, 90d. \`moodle-syncd check\` says what is wrong.
`
const WIDTH = 120

/** The whole example file. */
export const exampleConfiguration = (): string => `${HEAD}\n${section(OPTIONS, '', '').join('\n')}\n`

function section(table: Section, path: string, indent: string): string[] {
  return Object.entries(table).flatMap(([key, entry]) => {
    const lines = isOption(entry)
      ? optionLines(key, entry, path + key, indent)
      : [sectionHead(key, entry, indent), ...section(entry, `${path}${key}.`, `${indent}  `)]
    return indent === '' ? [...lines, ''] : lines
  })
}

/** A key that config.php has too is shown, but not set. */
const isCommentedOut = (option: Option<unknown>): boolean => option.default === undefined && !option.required

/** A section of which no key is set must not be either: nothing under a name is no section. */
function sectionHead(key: string, section: Section, indent: string): string {
  const isEmpty = Object.values(section).every(entry => isOption(entry) && isCommentedOut(entry))
  return `${indent}${isEmpty ? '# ' : ''}${key}:`
}

function optionLines(key: string, option: Option<unknown>, path: string, indent: string): string[] {
  const says = isNotBuilt(path) ? `${option.says} Not built yet: no other value is taken.` : option.says
  const value = option.example === undefined ? defaultOf(path, option)! : option.example
  return [...wrapped(says, indent), `${indent}${isCommentedOut(option) ? '# ' : ''}${key}: ${inline(value)}`]
}

const inline = (value: Written): string => stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()

/** A comment in lines that are not too long. */
function wrapped(sentence: string, indent: string): string[] {
  const lines: string[] = []
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`${indent}# ${word}`)
  }
  return lines
}
