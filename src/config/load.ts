/**
 * From a YAML file, and the Moodle config.php that it names, to a Config; or to all that is wrong with it, line by line.
 * Reads files and nothing else: it makes no folder, opens no connection, changes no environment.
 */
import { dirname, resolve } from 'node:path'
import { closest, distance } from 'fastest-levenshtein'
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import { EXIT, type MessageArguments, Problem } from '../errors.ts'
import { complete } from './complete.ts'
import type { Config } from './config.ts'
import { ConfigurationInvalid, type Fault } from './faults.ts'
import type { Written } from './kinds.ts'
import { isOption, OPTIONS, type Option, optionsIn, type Section, type Values } from './options.ts'
import { readWhole } from './read-whole.ts'

/** In characters from the beginning of the file. */
export type Position = number

/** A file as it is being read: its text, and what has been found wrong so far. */
export interface Reading {
  readonly path: string
  readonly source: string
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** Where each key that is there stands, by its path. */
  readonly positions: Map<string, Position>
  readonly fault: (at: Position, code: string, args: MessageArguments) => void
}

/**
 * Loads the configuration.
 * @throws ConfigurationInvalid with every fault of the file; Problem where there is no such file. Both with exit status 78
 */
export async function loadConfig(path: string, env: Readonly<NodeJS.ProcessEnv> = process.env): Promise<Config> {
  return configOf(path, await readConfiguration(path), env)
}

/**
 * What a configuration says whose text is at hand.
 * @param path where it lies, or will: what it names may be relative to that folder
 * @throws ConfigurationInvalid with every fault of the text
 */
export async function configOf(path: string, source: string, env: Readonly<NodeJS.ProcessEnv>): Promise<Config> {
  const lines = new LineCounter()
  const faults: Fault[] = []
  const positions = new Map<string, Position>()
  const fault = (at: Position, code: string, args: MessageArguments): void => {
    const { line, col } = lines.linePos(at)
    faults.push({ line, column: col, code, args })
  }
  const reading: Reading = { path, source, env, positions, fault }

  const tooDeep = whereTooDeep(source, lines.addNewLine)
  if (tooDeep !== undefined) {
    fault(tooDeep, 'syntax', { reason: `more than ${MAX_DEPTH} levels` })
    throw new ConfigurationInvalid(path, faults)
  }
  const document = parseDocument(source, { prettyErrors: false, version: '1.2' })
  for (const error of [...document.errors, ...document.warnings])
    fault(error.pos[0], ...syntaxFault(error.code, error.message))
  if (faults.length > 0) throw new ConfigurationInvalid(path, faults)

  const values = (await readSection(reading, OPTIONS, document.contents, '')) as unknown as Values
  const config = await complete(reading, values)
  if (faults.length > 0) throw new ConfigurationInvalid(path, faults)
  return config
}

/** No configuration has so many bytes; of what is larger, the parser would take minutes to find every fault. */
const MAX_BYTES = 65_536

/** No key is so deep. The parser calls itself for each level, and would end the process where the stack does. */
const MAX_DEPTH = 50

/** @returns where a text has too many levels, found by the part of the parser that keeps a stack of its own */
function whereTooDeep(source: string, onNewLine: (offset: number) => void): Position | undefined {
  const parser = new Parser(onNewLine)
  onNewLine(0)
  for (const lexeme of new Lexer().lex(source)) {
    for (const _token of parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) return parser.offset
  }
  return undefined
}

/**
 * The keys of the secrets that stand in a configuration as they are, and not as the name of a file or a variable.
 * @param path of one that could be loaded
 */
export async function secretsWrittenIn(path: string): Promise<string[]> {
  const document = parseDocument(await readConfiguration(path))
  const isWritten = (key: string): boolean => {
    const value = document.getIn(key.split('.'))
    return typeof value === 'string' && value !== ''
  }
  return [...optionsIn()].filter(([key, option]) => option.secret && isWritten(key)).map(([key]) => key)
}

/** The text of a configuration. @throws Problem 78 where it cannot be read */
export async function readConfiguration(path: string): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readWhole(path, MAX_BYTES)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw missing
      ? new Problem('configuration-not-found', { path }, EXIT.configuration, error)
      : new Problem('configuration-unreadable', { path, reason }, EXIT.configuration, error)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new Problem('configuration-not-utf8', { path }, EXIT.configuration, error)
  }
}

/** The parser's own words are shown only where they cannot quote a value, which might be a password. */
function syntaxFault(code: string, message: string): [string, MessageArguments] {
  if (code === 'DUPLICATE_KEY') return ['duplicate-key', {}]
  if (code === 'TAG_RESOLVE_FAILED' || code === 'BAD_ALIAS' || code === 'BAD_SCALAR_START')
    return ['special-character', {}]
  if (code === 'TAB_AS_INDENT') return ['tab', {}]
  return ['syntax', { reason: message.split('\n', 1)[0]! }]
}

/** Reads what one section of the table finds in the file. Values that are faulty are left out, and their faults noted. */
async function readSection(
  reading: Reading,
  table: Section,
  node: unknown,
  path: string,
): Promise<Record<string, unknown>> {
  const pairs = pairsOf(reading, node, path)
  for (const [key, { at }] of pairs) if (!Object.hasOwn(table, key)) reading.fault(at, ...unknownKey(table, path, key))
  const values: Record<string, unknown> = {}
  for (const [key, entry] of Object.entries(table)) {
    const pair = pairs.get(key)
    if (pair) reading.positions.set(path + key, pair.at)
    values[key] = isOption(entry)
      ? await readOption(reading, entry, pair?.value, path + key)
      : await readSection(reading, entry, pair?.value, `${path}${key}.`)
  }
  return values
}

/** The keys of a section with their places. A section that is not there, or has nothing in it, has none. */
function pairsOf(reading: Reading, node: unknown, path: string): Map<string, { at: Position; value: Node | null }> {
  const pairs = new Map<string, { at: Position; value: Node | null }>()
  if (node === null || node === undefined || (isScalar(node) && node.value === null)) return pairs
  if (!isMap(node)) {
    reading.fault(startOf(node), path === '' ? 'no-configuration' : 'no-section', { key: path.slice(0, -1) })
    return pairs
  }
  for (const { key, value } of (node as YAMLMap<Node, Node | null>).items) {
    pairs.set(isScalar(key) ? String(key.value) : '', { at: startOf(key), value })
  }
  return pairs
}

const startOf = (node: unknown): Position => (node as Node).range?.[0] ?? 0

/** The sentence for a key that is not in the table: with the key that was meant, if one comes near. */
function unknownKey(table: Section, path: string, key: string): [string, MessageArguments] {
  const siblings = Object.keys(table)
  const near = closest(key.toLowerCase(), siblings)
  if (distance(key.toLowerCase(), near.toLowerCase()) <= Math.max(1, Math.floor(key.length / 3))) {
    return ['unknown-key-near', { key: path + key, near: path + near }]
  }
  const elsewhere = [...optionsIn()].map(([known]) => known).find(known => known.endsWith(`.${key}`))
  if (elsewhere !== undefined) return ['unknown-key-near', { key: path + key, near: elsewhere }]
  return ['unknown-key', { key: path + key, known: siblings.join(', ') }]
}

async function readOption(
  reading: Reading,
  option: Option<unknown>,
  node: Node | null | undefined,
  path: string,
): Promise<unknown> {
  if (node === undefined) {
    return option.default === undefined ? undefined : option.kind.read(option.default)
  }
  const at = reading.positions.get(path)!
  const written = await writtenAt(reading, node, path)
  if (written === undefined) return undefined
  const value = option.kind.read(written)
  if (value === undefined) {
    const found = option.secret ? '***' : excerpt(reading.source, node)
    reading.fault(node === null ? at : startOf(node), option.kind.fault, { key: path, found, ...option.kind.args })
  }
  return value
}

/** What stands there: a scalar, a list, or the content of the file or variable that is named. undefined: a fault was noted. */
async function writtenAt(reading: Reading, node: Node | null, path: string): Promise<Written | undefined> {
  if (node === null) return null
  if (isScalar(node)) {
    const { value } = node
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
  }
  if (isSeq(node)) {
    const items = await Promise.all(node.items.map(item => writtenAt(reading, item as Node, path)))
    return items.every(item => item !== undefined) ? items : undefined
  }
  if (isMap(node) && node.items.length === 1) {
    const { key, value } = node.items[0] as { key: unknown; value: unknown }
    const source = isScalar(key) ? key.value : undefined
    const name = isScalar(value) ? value.value : undefined
    if (typeof name === 'string' && source === 'env') return fromVariable(reading, name, startOf(value), path)
    if (typeof name === 'string' && source === 'file') return fromFile(reading, name, startOf(value), path)
  }
  reading.fault(startOf(node), isAlias(node) ? 'special-character' : 'no-value', { key: path })
  return undefined
}

function fromVariable(reading: Reading, name: string, at: Position, key: string): string | undefined {
  const value = reading.env[name]
  if (value === undefined) reading.fault(at, 'variable-missing', { key, name })
  return value
}

/** The content of a file, without the line end that editors and `echo` leave. Relative to the folder of the configuration. */
async function fromFile(reading: Reading, name: string, at: Position, key: string): Promise<string | undefined> {
  const path = resolve(dirname(reading.path), name)
  try {
    return (await readWhole(path, MAX_BYTES)).toString('utf8').replace(/\r?\n$/, '')
  } catch (error) {
    reading.fault(at, 'file-unreadable', { key, path, reason: error instanceof Error ? error.message : String(error) })
    return undefined
  }
}

/** What was written, in one line that is not too long. */
function excerpt(source: string, node: Node | null): string {
  const [start = 0, end = 0] = node?.range ?? []
  const text = source.slice(start, end).replace(/\s+/g, ' ').trim() || 'null'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
