/**
 * Configurations with a comment to every key, made from the table of options: the example, to which a test holds
 * `config/moodle-syncd.example.yaml`, and those that `moodle-syncd init` writes.
 */
import { stringify } from 'yaml'
import { say } from '../messages/say.ts'
import type { Written } from './kinds.ts'
import { isOption, OPTIONS, type Option, type Section } from './options.ts'

const HEAD = `\
# The configuration of moodle-syncd, every key with its default and what it does.
# Only what differs from the default needs to be written. Required are the two identifiers of the section enrol, and either
# moodle.configPhp or dataroot and database. Any text may also be { file: PATH }, the content of a file (such as one that
# systemd's LoadCredential= provides), or { env: NAME }, an environment variable.
# Durations are 500ms, 2s, 5m, 3h, 90d. \`moodle-syncd check\` says what is wrong.
`
const WIDTH = 120

/** How one key is shown. */
export interface Shown {
  readonly value: Written
  /** Not so: as a comment, for who wants to set it. */
  readonly isSet: boolean
  /** Whole sentences that stand above it. */
  readonly comments: readonly string[]
}

/** The whole example file: every key set, but those that config.php has too. */
export const exampleConfiguration = (): string =>
  configurationText(HEAD, (path, option) => ({
    value: option.example === undefined ? option.default! : option.example,
    isSet: !(option.default === undefined && !option.required),
    comments: [say('en', `option.${path}`)],
  }))

/**
 * A configuration with every key.
 * @param head comments, with `#` and line ends
 * @param show how each key is shown
 */
export const configurationText = (head: string, show: (path: string, option: Option<unknown>) => Shown): string =>
  `${head}\n${section(OPTIONS, '', '', show).join('\n')}\n`

type Show = Parameters<typeof configurationText>[1]

function section(table: Section, path: string, indent: string, show: Show): string[] {
  return Object.entries(table).flatMap(([key, entry]) => {
    const lines = isOption(entry)
      ? optionLines(key, indent, show(path + key, entry))
      : [`${indent}${key}:`, ...section(entry, `${path}${key}.`, `${indent}  `, show)]
    return indent === '' ? [...lines, ''] : lines
  })
}

function optionLines(key: string, indent: string, shown: Shown): string[] {
  const comments = shown.comments.flatMap(sentence => wrapped(sentence, indent))
  return [...comments, `${indent}${shown.isSet ? '' : '# '}${key}: ${inline(shown.value)}`]
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
