/** A problem in the words of its reader: one sentence, and for a configuration one line more for each of its faults. */
import { ConfigurationInvalid } from '../config/faults.ts'
import type { Problem } from '../errors.ts'
import { onOneLine } from './one-line.ts'
import { type Lang, say } from './say.ts'

/** The text for people, without a line end. No secret is in it. */
export function explain(lang: Lang, problem: Problem): string {
  const sentence = lineByLine(say(lang, `problem.${problem.code}`, problem.args))
  if (!(problem instanceof ConfigurationInvalid)) return sentence
  const faults = problem.faults.map(({ line, column, code, args }) => {
    const what = onOneLine(say(lang, `configuration.${code}`, args))
    return `  ${say(lang, 'configuration.at', { line, column, what })}`
  })
  return [sentence, ...faults].join('\n')
}

/** What a program has said may have several lines; what a terminal would obey is in none of them. */
const lineByLine = (text: string): string => text.split('\n').map(onOneLine).join('\n')
