/** What reports say of rows and of causes, as sentences: the same in text, JSON and HTML. */
import type { MessageArguments } from '../errors.ts'
import { type Fault, type FaultCode, type Faults, type FaultValue, type Lines, shortened } from '../hints/faults.ts'
import type { Hint } from '../hints/hint.ts'
import { onOneLine } from '../messages/one-line.ts'
import { type Lang, localTime, say } from '../messages/say.ts'
import type { Remark, RowErrorCode, RowResult } from '../plan/outcome.ts'
import type { Report, StartedBy } from './report.ts'

/** Arguments that errors have had since a later version: a run that an earlier one has begun is reported by this one. */
const SINCE = { identifier: 'unknown', others: '' }

const filled = (args: MessageArguments): MessageArguments => ({ ...SINCE, ...shortened(args) })

/** Which run it was, when, how long it took, and who started it. */
export const runSentence = (
  { run, startedAt, finishedAt, startedBy }: Pick<Report, 'run' | 'startedAt' | 'finishedAt' | 'startedBy'>,
  lang: Lang,
): string =>
  say(lang, 'report.run', {
    run,
    started: localTime(startedAt, lang),
    seconds: Math.max(0, (finishedAt.getTime() - startedAt.getTime()) / 1000),
  }) + startedByLine(startedBy, lang)

/** Who started a run, in a line of its own; nothing for what the daemon does by itself. */
const startedByLine = (startedBy: StartedBy | undefined, lang: Lang): string =>
  startedBy === undefined || startedBy.by === 'daemon'
    ? ''
    : `\n${say(lang, `report.started-by.${startedBy.by}`, { user: onOneLine(startedBy.user) })}`

/** The changes that there are, each by its name and as a sentence. @param counts how often, by name */
export const changeSentences = (
  counts: Readonly<Record<string, number>>,
  lang: Lang,
): { readonly name: string; readonly sentence: string }[] =>
  Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => ({ name, sentence: say(lang, `report.change.${name}`, { number }) }))

/** What a row has changed, in a few words, or that it has changed nothing. */
export function changesSentence({ outcome, changes }: RowResult, lang: Lang): string {
  return outcome === 'unchanged' ? say(lang, 'report.unchanged') : changedWords(changes, lang)
}

/** What has changed, in a few words. @param changes none: there are some in linked courses alone */
export const changedWords = (changes: readonly string[], lang: Lang): string =>
  (changes.length > 0 ? changes : ['elsewhere']).map(word => say(lang, `change.${word}`)).join(', ')

/** What there is to say of a row: its error, what may have been meant, and what to do; or its warnings. */
export function rowSentences(result: RowResult, faults: Faults, lang: Lang): string[] {
  const said = findings(result, faults, lang)
  return result.error === undefined ? said : [`${said.join(' ')} ${remedyOf(result.error.code, lang)}`.trimEnd()]
}

/** The same without what to do, which stands above where rows are shown below their cause. */
export function findings({ error, warnings }: RowResult, { hintOf }: Faults, lang: Lang): string[] {
  const said = (family: 'row-error' | 'row-warning', code: FaultCode, args: MessageArguments): string => {
    const hint = hintOf(code, args)
    const sentence = say(lang, `${family}.${code}`, filled(args))
    return hint === null ? sentence : `${sentence} ${hintSentence(hint, lang)}`
  }
  if (error !== undefined) return [said('row-error', error.code, error.args)]
  return warnings.map(({ code, args }) => said('row-warning', code, args))
}

export const hintSentence = ({ code, args }: Hint, lang: Lang): string => say(lang, `hint.${code}`, shortened(args))

/** What to do about an error, whatever was found; '' where its sentence says so. */
export const remedyOf = (code: RowErrorCode, lang: Lang): string =>
  code === 'database-refused' ? '' : say(lang, `remedy.${code}`)

/** What a cause is called, and how many rows it concerns. */
export const causeTitle = (fault: Fault, family: 'cause' | 'warning-cause', lang: Lang): string =>
  say(lang, `report.${family}.${fault.code}`, { number: fault.rows })

/** What most of a cause's values have in common; '' where it is nothing. */
export function patternSentence({ pattern }: Fault, lang: Lang): string {
  if (pattern === null) return ''
  const { code, args, count, of } = pattern
  const kind = code.replace(/-known$/, '')
  return say(lang, `pattern.${kind}`, { ...args, count, of })
}

/** Line numbers, as people write them: “lines 1–3, 7, 9 and 12 more”. */
export function linesOf({ ranges, more }: Lines, lang: Lang): string {
  const list = ranges.map(([first, last]) => (first === last ? String(first) : `${first}–${last}`)).join(', ')
  const isOne = more === 0 && ranges.length === 1 && ranges[0]![0] === ranges[0]![1]
  return say(lang, 'report.lines', { list, more, many: isOne ? 'no' : 'yes' })
}

/** What was found, as it stands in the file; where that is said in several cells, all of them. '' where there is no value. */
export function cellsOf({ args }: FaultValue): string {
  const { user, found, course } = shortened(args)
  const cells = [user, found, course].filter(cell => typeof cell === 'string')
  return cells.join(' · ')
}

/** What a row means. */
export const meaningOf = ({ code, args }: Remark, lang: Lang): string => say(lang, `meaning.${code}`, args)

/** What `tool_sync` would have done with a row. */
export const differenceOf = ({ code, args }: Remark, lang: Lang): string => say(lang, `tool-sync.${code}`, args)
