/**
 * Reads Moodle's config.php without running PHP: assignments to `$CFG` whose value can be told from the text alone.
 * Never guesses: what PHP would compute is remembered as such, with its line, for whoever needs that setting.
 */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import {
  type Computed,
  type ConfigPhp,
  isComputed,
  type PhpArray,
  type PhpValue,
  textOf,
  truthOf,
} from './php-value.ts'

/** A config.php that is not PHP. The reason is the parser's, in English. */
export class PhpSyntaxError extends Error {
  readonly line: number
  constructor(line: number, reason: string) {
    super(reason)
    this.line = line
  }
}

/** What the parser calls things, as far as they are understood here. */
type Syntax = { readonly loc: { readonly start: { readonly line: number } } } & (
  | { readonly kind: 'expressionstatement'; readonly expression: Syntax }
  | { readonly kind: 'block'; readonly children: readonly Syntax[] }
  | { readonly kind: 'if'; readonly test: Syntax; readonly body: Syntax; readonly alternate: Syntax | null }
  | { readonly kind: 'include'; readonly target: Syntax }
  | { readonly kind: 'function' | 'class' | 'closure' | 'arrowfunc' | 'inline' }
  | { readonly kind: 'assign'; readonly left: Syntax; readonly right: Syntax; readonly operator: string }
  | { readonly kind: 'variable'; readonly name: unknown }
  | { readonly kind: 'propertylookup' | 'offsetlookup'; readonly what: Syntax; readonly offset: Syntax | false }
  | { readonly kind: 'staticlookup'; readonly what: Syntax; readonly offset: Syntax }
  | { readonly kind: 'identifier' | 'name'; readonly name: string }
  | { readonly kind: 'string' | 'nowdoc' | 'number' | 'magic'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'nullkeyword' }
  | { readonly kind: 'encapsed'; readonly type: string; readonly value: readonly Syntax[] }
  | { readonly kind: 'encapsedpart' | 'empty'; readonly expression: Syntax }
  | { readonly kind: 'isset'; readonly variables: readonly Syntax[] }
  | { readonly kind: 'array'; readonly items: readonly Syntax[] }
  | { readonly kind: 'entry'; readonly key: Syntax | null; readonly value: Syntax; readonly unpack: boolean }
  | { readonly kind: 'bin'; readonly type: string; readonly left: Syntax; readonly right: Syntax }
  | { readonly kind: 'unary'; readonly type: string; readonly what: Syntax }
  | { readonly kind: 'cast'; readonly type: string; readonly expr: Syntax }
  | { readonly kind: 'silent'; readonly expr: Syntax }
  | { readonly kind: 'retif'; readonly test: Syntax; readonly trueExpr: Syntax | null; readonly falseExpr: Syntax }
  | { readonly kind: 'call'; readonly what: Syntax; readonly arguments: readonly Syntax[] }
)

/** No setting is so long; a text that is joined to itself again and again soon fills the memory. */
const MAX_TEXT_LENGTH = 1_048_576

/** A literal of PHP: decimal, octal (`02777`), hexadecimal, binary, with `_` between digits. */
function numberOf(literal: string): number {
  const digits = literal.replaceAll('_', '')
  return Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits)
}

/**
 * What a config.php sets; or another program of Moodle's that only assigns, such as `muc/config.php` and `version.php`.
 * @param path its real path, links resolved: PHP's `__FILE__`
 * @param env for `getenv()`. A variable that is not set here may be set for the web server, so its value counts as computed
 * @param given what `$CFG` holds when the program begins
 * @throws PhpSyntaxError
 */
export function evaluateConfigPhp(
  source: string,
  path: string,
  env: Readonly<NodeJS.ProcessEnv>,
  given: Iterable<readonly [string, PhpValue]> = [],
): ConfigPhp {
  const settings: PhpArray = new Map(given)
  const variables: PhpArray = new Map()
  let setup: string | undefined

  const computed = (node: Syntax): Computed => ({ computedOnLine: node.loc.start.line })

  /** The table and the key in it that an expression names; undefined for what is neither a variable nor a setting. */
  function place(node: Syntax): readonly [PhpArray, string] | undefined {
    if (node.kind === 'variable') return typeof node.name === 'string' ? [variables, node.name] : undefined
    if (node.kind === 'propertylookup') {
      const ofCfg = node.what.kind === 'variable' && node.what.name === 'CFG'
      return ofCfg && node.offset && node.offset.kind === 'identifier' ? [settings, node.offset.name] : undefined
    }
    if (node.kind !== 'offsetlookup') return undefined
    const outer = place(node.what)
    if (outer === undefined) return undefined
    const [table, key] = outer
    let array = table.get(key)
    if (array === undefined || array === null) {
      array = new Map<string, PhpValue>()
      table.set(key, array)
    }
    if (!(array instanceof Map)) return undefined
    if (node.offset === false) return [array, nextKey(array)]
    const offset = textOf(evaluate(node.offset))
    return offset === undefined ? undefined : [array, offset]
  }

  function assign(node: Syntax & { kind: 'assign' }): PhpValue {
    const right = evaluate(node.right)
    const target = place(node.left)
    if (target === undefined) return right
    const [table, key] = target
    const before = table.get(key) ?? null
    const value =
      node.operator === '='
        ? right
        : node.operator === '.='
          ? joined(node, [before, right])
          : node.operator === '??='
            ? (before ?? right)
            : computed(node)
    table.set(key, value)
    return value
  }

  function joined(node: Syntax, values: readonly PhpValue[]): PhpValue {
    const texts = values.map(textOf)
    if (!texts.every(text => text !== undefined)) return computed(node)
    const length = texts.reduce((sum, text) => sum + text.length, 0)
    return length > MAX_TEXT_LENGTH ? computed(node) : texts.join('')
  }

  function evaluate(node: Syntax): PhpValue {
    switch (node.kind) {
      case 'string':
      case 'nowdoc':
        return node.value
      case 'number':
        return numberOf(node.value)
      case 'boolean':
        return node.value
      case 'nullkeyword':
        return null
      case 'magic':
        return node.value === '__FILE__' ? path : node.value === '__DIR__' ? dirname(path) : computed(node)
      case 'encapsed':
        return node.type === 'shell' ? computed(node) : joined(node, node.value.map(evaluate))
      case 'encapsedpart':
        return evaluate(node.expression)
      case 'silent':
        return evaluate(node.expr)
      case 'assign':
        return assign(node)
      case 'array':
        return arrayOf(node.items)
      case 'variable':
        return typeof node.name === 'string' ? (variables.get(node.name) ?? computed(node)) : computed(node)
      case 'propertylookup':
      case 'offsetlookup':
        return lookUp(node)
      case 'staticlookup':
        // `some\name::class`, as if there were no `use`.
        return node.what.kind === 'name' && node.offset.kind === 'identifier' && node.offset.name === 'class'
          ? node.what.name.replace(/^\\/, '')
          : computed(node)
      case 'call':
        return call(node)
      case 'cast':
        return cast(node, evaluate(node.expr))
      case 'unary': {
        const value = evaluate(node.what)
        if (isComputed(value)) return computed(node)
        if (node.type === '!') return !truthOf(value)
        return typeof value === 'number' && (node.type === '-' || node.type === '+')
          ? Number(`${node.type}${value}`)
          : computed(node)
      }
      case 'bin':
        return binary(node)
      case 'retif': {
        const test = evaluate(node.test)
        if (isComputed(test)) return computed(node)
        if (truthOf(test)) return node.trueExpr === null ? test : evaluate(node.trueExpr)
        return evaluate(node.falseExpr)
      }
      case 'empty': {
        const value = evaluate(node.expression)
        return isComputed(value) ? computed(node) : !truthOf(value)
      }
      case 'isset': {
        const values = node.variables.map(evaluate)
        return values.some(isComputed) ? computed(node) : values.every(value => value !== null)
      }
      default:
        return computed(node)
    }
  }

  function arrayOf(items: readonly Syntax[]): PhpValue {
    const array: PhpArray = new Map()
    let next = 0
    for (const item of items) {
      if (item.kind !== 'entry' || item.unpack) return computed(item)
      const key = item.key === null ? String(next) : textOf(evaluate(item.key))
      if (key === undefined) return computed(item)
      if (/^\d+$/.test(key)) next = Math.max(next, Number(key) + 1)
      array.set(key, evaluate(item.value))
    }
    return array
  }

  function lookUp(node: Syntax & { kind: 'propertylookup' | 'offsetlookup' }): PhpValue {
    const { what, offset } = node
    if (!offset) return computed(node)
    if (what.kind === 'variable' && what.name === 'CFG') {
      return offset.kind === 'identifier' ? (settings.get(offset.name) ?? null) : computed(node)
    }
    const key = textOf(evaluate(offset))
    if (key === undefined || node.kind === 'propertylookup') return computed(node)
    if (what.kind === 'variable' && what.name === '_ENV') return env[key] ?? computed(node)
    const array = evaluate(what)
    return array instanceof Map ? (array.get(key) ?? null) : computed(node)
  }

  function call(node: Syntax & { kind: 'call' }): PhpValue {
    const name = node.what.kind === 'name' ? node.what.name.replace(/^\\/, '').toLowerCase() : ''
    const values = node.arguments.map(evaluate)
    const first = values[0]
    if (typeof first !== 'string') return computed(node)
    if (name === 'getenv') return env[first] ?? computed(node)
    if (name === 'trim' && values.length === 1) return first.trim()
    if (name === 'dirname') {
      const levels = values[1] ?? 1
      if (typeof levels !== 'number' || !(levels >= 1 && levels < 100)) return computed(node)
      let folder = first
      for (let level = 0; level < levels; level++) folder = dirname(folder)
      return folder
    }
    return computed(node)
  }

  function cast(node: Syntax & { kind: 'cast' }, value: PhpValue): PhpValue {
    if (isComputed(value)) return computed(node)
    const text = textOf(value)
    if (node.type === 'string' && text !== undefined) return text
    if (node.type === 'bool') return truthOf(value) ?? computed(node)
    if (node.type === 'int' && text !== undefined) return Number.parseInt(text, 10) || 0
    return computed(node)
  }

  function binary(node: Syntax & { kind: 'bin' }): PhpValue {
    const left = evaluate(node.left)
    if (node.type === '??') return isComputed(left) ? computed(node) : (left ?? evaluate(node.right))
    const right = evaluate(node.right)
    if (node.type === '.') return joined(node, [left, right])
    if (typeof left !== 'number' || typeof right !== 'number') return computed(node)
    if (node.type === '+') return left + right
    if (node.type === '-') return left - right
    return node.type === '*' ? left * right : computed(node)
  }

  /** Whatever is assigned anywhere below becomes computed: nobody can tell here whether it is run. */
  function unsettle(part: unknown): void {
    if (Array.isArray(part)) {
      for (const each of part) unsettle(each)
      return
    }
    if (typeof part !== 'object' || part === null || !('kind' in part)) return
    const node = part as Syntax
    if (['function', 'class', 'closure', 'arrowfunc'].includes(node.kind)) return
    if (node.kind === 'assign') {
      const target = place(node.left)
      if (target) target[0].set(target[1], computed(node))
    }
    for (const each of Object.values(node)) unsettle(each)
  }

  /** Runs statements until one calls `lib/setup.php`: what is set after that comes too late for Moodle as well. */
  function run(statements: readonly Syntax[]): void {
    for (const statement of statements) {
      if (setup !== undefined) return
      const node = statement.kind === 'expressionstatement' ? statement.expression : statement
      if (node.kind === 'block') run(node.children)
      else if (node.kind === 'if') choose(node)
      else if (node.kind === 'include') {
        const target = evaluate(node.target)
        if (typeof target === 'string' && target.endsWith('/lib/setup.php')) setup = target
      } else if (node.kind === 'assign') assign(node)
      else unsettle(node)
    }
  }

  function choose(node: Syntax & { kind: 'if' }): void {
    const test = evaluate(node.test)
    if (isComputed(test)) {
      unsettle(node.body)
      unsettle(node.alternate)
    } else if (truthOf(test)) run([node.body])
    else if (node.alternate) run([node.alternate])
  }

  const program = parse(source, path)
  try {
    run(program)
  } catch (error) {
    // Nested so deeply that the stack is full: nobody writes that, but nobody shall crash us with it either.
    if (error instanceof RangeError) throw new PhpSyntaxError(1, error.message)
    throw error
  }
  return { settings, variables, codeDirectory: setup === undefined ? dirname(path) : dirname(dirname(setup)) }
}

/** The key that `$array[] =` would take. */
function nextKey(array: PhpArray): string {
  let next = 0
  for (const key of array.keys()) if (/^\d+$/.test(key)) next = Math.max(next, Number(key) + 1)
  return String(next)
}

/** The parser is loaded where there is something to parse: it takes a good part of the time of a small file's run. */
const load = createRequire(import.meta.url)

function parse(source: string, path: string): readonly Syntax[] {
  try {
    const { Engine } = load('php-parser') as typeof import('php-parser')
    const engine = new Engine({ parser: { php8: true }, ast: { withPositions: true } })
    return engine.parseCode(source, path).children as unknown as readonly Syntax[]
  } catch (error) {
    const line = error instanceof Error && 'lineNumber' in error ? Number(error.lineNumber) : 1
    throw new PhpSyntaxError(line, error instanceof Error ? error.message : String(error))
  }
}
