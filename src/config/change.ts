/**
 * Changing single keys of a configuration file, as its text: comments and order stay. What is written is whole and valid, or
 * the file stays as it was.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chown, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Document, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { EXIT, Problem } from '../errors.ts'
import { replaceDurably } from '../store/durable.ts'
import type { Written } from './kinds.ts'
import { configOf, readConfiguration } from './load.ts'

/** A configuration file as it stands. */
export interface ConfigText {
  readonly source: string
  /** Tells whether it is still the same. */
  readonly sum: string
  /** What stands at a key; undefined: nothing. `elsewhere`: the name of a file or a variable that has it. */
  readonly written: (key: string) => Written | undefined | { readonly elsewhere: string }
}

/** @throws Problem 78 where it cannot be read */
export async function readConfigText(path: string): Promise<ConfigText> {
  const source = await readConfiguration(path)
  const document = parse(source)
  return {
    source,
    sum: createHash('sha256').update(source).digest('hex'),
    written: key => {
      const node = document.getIn(key.split('.'), true)
      if (node === undefined) return undefined
      if (isMap(node)) return { elsewhere: Object.values(node.toJSON() as object).join() }
      if (isScalar(node) || isSeq(node)) return node.toJSON() as Written
      return undefined
    },
  }
}

/** Why the file cannot be changed by this process; null: it can. Its folder counts: it is replaced, not written over. */
export async function whyNotWritable(path: string): Promise<string | null> {
  try {
    await access(`${dirname(await realpath(path))}/.`, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * Sets keys, and writes the file. Its permissions stay; its group, where that is allowed.
 * @param changes by key, what is to be written there
 * @throws ConfigurationInvalid where the result would not do; Problem 78 where it cannot be written. Then nothing is changed
 */
export async function changeConfiguration(
  path: string,
  source: string,
  changes: ReadonlyMap<string, Written>,
): Promise<void> {
  const document = parse(source)
  for (const [key, value] of changes) set(document, key, value)
  // Long lines of a map in braces stay one line; what is not touched is written as it was.
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: true })
  await configOf(path, text, process.env)
  try {
    const real = await realpath(path)
    const { mode, gid } = await stat(real)
    await replaceDurably(real, stream => pipeline([text], stream), mode & 0o777)
    if ((await stat(real)).gid !== gid) await chown(real, -1, gid).catch(() => {})
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Problem('configuration-unwritable', { path, reason: message }, EXIT.configuration, error)
  }
}

const parse = (source: string): Document => parseDocument(source, { version: '1.2' })

function set(document: Document, key: string, value: Written): void {
  const path = key.split('.')
  const node = document.getIn(path, true)
  // A scalar keeps its comments and its place; and its quotes, where they do.
  if (isScalar(node) && !Array.isArray(value)) node.value = value
  else {
    const section = path.slice(0, -1)
    // Nothing under a name is no map yet.
    if (section.length > 0 && !isMap(document.getIn(section, true))) document.setIn(section, document.createNode({}))
    document.setIn(path, document.createNode(value, { flow: true }))
  }
}
