/**
 * `moodle-syncd why USER COURSE`: every line of every run that has touched that person in that course, the newest first. Told
 * from the reports in the store; lines about a course that this one follows by the method meta are not about this one.
 */
import { pipeline } from 'node:stream/promises'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { eachOnOneLine, onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import { withMoodle } from '../moodle/connect.ts'
import { findNamed } from '../moodle/named.ts'
import { toJson } from '../report/json.ts'
import { allPastRuns, type PastRun, rowsWith, shortId, timeOf, undoneBy } from '../report/past.ts'
import { changedWords } from '../report/sentences.ts'
import { openStore, type Store } from '../store/store.ts'
import type { CommandContext } from './context.ts'

/** A line of a file that has changed something, or what an undo has left of such a change. */
interface Touch {
  readonly by: PastRun
  readonly undoneBy: PastRun | undefined
  readonly row: Readonly<Record<string, unknown>>
}

/** @throws Problem 64 where there is no such user or course */
export async function why(context: CommandContext, user: string, course: string): Promise<ExitStatus> {
  const config = await loadConfig(context.configPath)
  const store = await openStore(config.store.directory)
  const asked = await find(config, user, course)
  const pieces =
    context.format === 'json'
      ? asJson(touches(store, asked), asked)
      : asText(touches(store, asked), asked, context.lang)
  await pipeline(pieces, context.stdout, { end: false })
  return EXIT.done
}

/** Whom and which course somebody asks about: as they have named them, and their ids. */
interface Asked {
  readonly user: string
  readonly course: string
  readonly userId: number
  readonly courseId: number
}

async function find(config: Config, user: string, course: string): Promise<Asked> {
  const found = await withMoodle(config, moodle => findNamed(moodle, config, user, course))
  const { userIdentifier, courseIdentifier } = config.enrol
  if (found.userId === null) throw new Problem('why-no-user', { found: user, identifier: userIdentifier }, EXIT.usage)
  if (found.courseId === null) {
    throw new Problem('why-no-course', { found: course, identifier: courseIdentifier }, EXIT.usage)
  }
  return { user, course, userId: found.userId, courseId: found.courseId }
}

async function* touches(store: Store, { userId, courseId }: Asked): AsyncGenerator<Touch> {
  const past = await allPastRuns(store)
  const undoOf = undoneBy(past)
  // As reports write it: so most of them need not be parsed at all.
  const needle = `"userId":${userId},"courseId":${courseId}`
  for (const by of past) {
    if (by.file.outcome !== 'processed') continue
    for await (const row of rowsWith(by.json, needle)) {
      if (row.courseId === courseId && row.outcome !== 'unchanged') yield { by, undoneBy: undoOf(by.run), row }
    }
  }
}

async function* asText(touches: AsyncIterable<Touch>, asked: Asked, lang: Lang): AsyncGenerator<string> {
  yield `${say(lang, 'why.title', eachOnOneLine({ ...asked }))}\n\n`
  let count = 0
  for await (const touch of touches) {
    count += 1
    yield `${lineOf(touch, lang)}\n`
  }
  if (count === 0) yield `${say(lang, 'why.none')}\n`
}

function lineOf({ by, undoneBy: undo, row }: Touch, lang: Lang): string {
  const what =
    by.undoes === null
      ? say(lang, 'why.line', {
          file: by.file.name,
          line: String(row.line),
          what: changedWords(Array.isArray(row.changes) ? row.changes : [], lang),
        })
      : say(lang, 'why.left', { run: shortId(by.undoes), message: String(row.message) })
  const after =
    undo === undefined ? '' : ` (${say(lang, 'why.undone', { run: shortId(undo.run), at: timeOf(undo.startedAt) })})`
  return onOneLine(`${timeOf(by.startedAt)}  ${shortId(by.run)}  ${what}${after}`)
}

async function* asJson(touches: AsyncIterable<Touch>, asked: Asked): AsyncGenerator<string> {
  const { user, course, userId, courseId } = asked
  const head = { user: { id: userId, named: user }, course: { id: courseId, named: course } }
  yield `${toJson(head).slice(0, -1)},"lines":[`
  let separator = '\n'
  for await (const { by, undoneBy: undo, row } of touches) {
    const line = {
      run: by.run,
      startedAt: by.startedAt.toISOString(),
      file: by.file.name,
      ...(by.undoes === null ? {} : { undoes: by.undoes }),
      ...(undo === undefined ? {} : { undoneBy: undo.run }),
      ...row,
    }
    yield separator + toJson(line)
    separator = ',\n'
  }
  yield ']}\n'
}
