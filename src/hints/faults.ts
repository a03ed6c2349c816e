/**
 * What went wrong in a run, by its causes: of each, how many rows and which lines, and of each value that was found, what may
 * have been meant. Pure, and bounded: of a million rows with a million names it keeps some hundreds, the first of the file.
 */
import type { MessageArguments } from '../errors.ts'
import { excerpt } from '../file/excerpt.ts'
import type { RowErrorCode, RowResult, RowWarningCode } from '../plan/outcome.ts'
import type { Hint, HintCode } from './hint.ts'

export type FaultCode = RowErrorCode | RowWarningCode

/** Line numbers that follow each other, the first and the last. */
export type LineRange = [first: number, last: number]

export interface Lines {
  readonly ranges: LineRange[]
  /** Lines that are in none of the ranges, since there would be too many. */
  more: number
}

/** A value that was found wrong, or several that belong together: a course, and a group in it. */
export interface FaultValue {
  readonly args: MessageArguments
  rows: number
  readonly lines: Lines
  /** What may have been meant; null: nobody can tell. */
  hint: Hint | null
}

/** What the values of a cause have in common, such as that all of them are of another kind. */
export interface Pattern {
  readonly code: HintCode
  readonly args: MessageArguments
  /** Values that are so, of how many that were looked at. */
  readonly count: number
  readonly of: number
}

/** One cause, with all rows that it concerns. */
export interface Fault {
  readonly code: FaultCode
  rows: number
  readonly lines: Lines
  readonly values: FaultValue[]
  /** Rows whose value is not among those. */
  otherRows: number
  pattern: Pattern | null
}

export interface Faults {
  /** Of rows that failed, the most frequent first. */
  readonly errors: readonly Fault[]
  /** Of rows that did not, but were warned. */
  readonly warnings: readonly Fault[]
  /** What there is to say of a row beside its error; null: nothing. */
  readonly hintOf: (code: FaultCode, args: MessageArguments) => Hint | null
}

export const NO_FAULTS: Faults = { errors: [], warnings: [], hintOf: () => null }

/** Values that are kept of a cause. */
const VALUES_KEPT = 200
/** So many ranges of lines are told of a cause or a value. */
const RANGES_KEPT = 20

/** No name in Moodle is longer. */
const LONGEST_KEPT = 300

/** Two names are the same fault where they are the same up to there: cells can be as long as a record. */
const keyOf = (code: FaultCode, args: MessageArguments): string =>
  `${code} ${Object.values(args)
    .map(arg =>
      typeof arg === 'string' && arg.length > LONGEST_KEPT ? `${arg.slice(0, LONGEST_KEPT)}…${arg.length}` : arg,
    )
    .join('\0')}`

/** Gathers the faults of rows, which come in the order of the file. */
export async function gatherFaults(rows: AsyncIterable<RowResult>): Promise<Faults> {
  const errors = new Map<FaultCode, Fault>()
  const warnings = new Map<FaultCode, Fault>()
  const values = new Map<string, FaultValue>()
  for await (const { error, warnings: warned, place } of rows) {
    if (error !== undefined) note(errors, values, error.code, error.args, place.line)
    else for (const { code, args } of warned) note(warnings, values, code, args, place.line)
  }
  return {
    errors: sorted(errors),
    warnings: sorted(warnings),
    hintOf: (code, args) => values.get(keyOf(code, args))?.hint ?? null,
  }
}

function note(
  faults: Map<FaultCode, Fault>,
  values: Map<string, FaultValue>,
  code: FaultCode,
  args: MessageArguments,
  line: number,
): void {
  let fault = faults.get(code)
  if (fault === undefined) {
    fault = { code, rows: 0, lines: noLines(), values: [], otherRows: 0, pattern: null }
    faults.set(code, fault)
  }
  fault.rows += 1
  addLine(fault.lines, line)
  const key = keyOf(code, args)
  let value = values.get(key)
  if (value === undefined) {
    if (fault.values.length === VALUES_KEPT) {
      fault.otherRows += 1
      return
    }
    value = { args: bounded(args), rows: 0, lines: noLines(), hint: null }
    values.set(key, value)
    fault.values.push(value)
  }
  value.rows += 1
  addLine(value.lines, line)
}

const noLines = (): Lines => ({ ranges: [], more: 0 })

function addLine(lines: Lines, line: number): void {
  const last = lines.ranges.at(-1)
  if (lines.more === 0 && last !== undefined && line - last[1] <= 1) last[1] = line
  else if (lines.ranges.length < RANGES_KEPT) lines.ranges.push([line, line])
  else lines.more += 1
}

/** The most frequent first; then as in the file. */
function sorted(faults: ReadonlyMap<FaultCode, Fault>): Fault[] {
  const all = [...faults.values()].sort((a, b) => b.rows - a.rows)
  for (const { values } of all) values.sort((a, b) => b.rows - a.rows)
  return all
}

/** As long as anything that Moodle could know; what is longer is kept in part. */
const bounded = (args: MessageArguments): MessageArguments =>
  Object.values(args).some(arg => typeof arg === 'string' && arg.length > LONGEST_KEPT) ? shortened(args) : args

/** What is quoted in a sentence: a cell can be longer than any sentence. */
export const shortened = (args: MessageArguments): MessageArguments =>
  Object.fromEntries(Object.entries(args).map(([key, arg]) => [key, typeof arg === 'string' ? excerpt(arg) : arg]))

/** Hints that say something of the whole file, where many values have them. */
const PATTERNS: ReadonlySet<HintCode> = new Set<HintCode>([
  'user-other-identifier',
  'user-other-identifier-known',
  'course-other-identifier',
  'leading-zeros',
  'rounded-number',
  'wrong-encoding',
  'other-separator',
  'quoted-line',
])
const FEWEST_FOR_PATTERN = 3

/** What most of the values have in common; null: nothing. */
export function patternOf(values: readonly FaultValue[]): Pattern | null {
  const counts = new Map<string, { hint: Hint; count: number }>()
  for (const { hint } of values) {
    if (hint === null || !PATTERNS.has(hint.code)) continue
    const key = `${hint.code.replace(/-known$/, '')} ${hint.args.other ?? ''}`
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { hint, count: 1 })
    else known.count += 1
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count)
  if (most === undefined || most.count < FEWEST_FOR_PATTERN || most.count * 2 < values.length) return null
  return { code: most.hint.code, args: most.hint.args, count: most.count, of: values.length }
}
