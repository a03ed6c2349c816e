/** A problem in the words of its reader: one sentence, and for a configuration one line more for each of its faults. */
import { ConfigurationInvalid } from '../config/faults.ts'
import type { MessageArguments, Problem } from '../errors.ts'
import { eachOnOneLine, onOneLine } from './one-line.ts'
import { type Lang, say, sentencesOf } from './say.ts'

/** The text for people, without a line end. No secret is in it. */
export function explain(lang: Lang, problem: Problem): string {
  const sentence = lineByLine(say(lang, `problem.${problem.code}`, namesOnOneLine(withReason(lang, problem.args))))
  if (!(problem instanceof ConfigurationInvalid)) return sentence
  const faults = problem.faults.map(({ line, column, code, args }) => {
    const what = onOneLine(say(lang, `configuration.${code}`, withReason(lang, args)))
    return `  ${say(lang, 'configuration.at', { line, column, what })}`
  })
  return [sentence, ...faults].join('\n')
}

/**
 * What fills a sentence, with a reason that the system gives in English in the reader's words. Node has those of files as
 * `ENOENT: no such file or directory, open '/x'`; of what is not known, and of databases, they stay as they are.
 */
export function withReason(lang: Lang, args: MessageArguments): MessageArguments {
  const code = /^(E[A-Z0-9]+): [^,]+, \w+/.exec(String(args.reason ?? ''))?.[1]
  const key = `system.${code}`
  return code !== undefined && Object.hasOwn(sentencesOf(lang), key)
    ? { ...args, reason: say(lang, key, { code }) }
    : args
}

/** A name has one line, and makes no other that looks as if it were ours. */
function namesOnOneLine(args: MessageArguments): MessageArguments {
  const { reason, log, ...names } = args
  return { ...args, ...eachOnOneLine(names) }
}

/** What a program has said may have several lines; what a terminal would obey is in none of them. */
const lineByLine = (text: string): string => text.split('\n').map(onOneLine).join('\n')
