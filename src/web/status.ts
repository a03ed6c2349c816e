/** Whether everything is all right: what runs and waits, and why; when something last came; and what `check` has to say. */
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { diagnose } from '../diagnosis.ts'
import { Problem } from '../errors.ts'
import type { Finding } from '../finding.ts'
import { explain, withReason } from '../messages/explain.ts'
import { type Lang, say } from '../messages/say.ts'
import type { Turn } from '../queue.ts'
import { type PastRun, pastRuns, undoneBy } from '../report/past.ts'
import type { Page } from './page.ts'

const TURNS_SHOWN = 20
const RUNS_SHOWN = 5
/** Milliseconds for which a look is good: it asks the database for every right, and the mail server for an answer. */
const GOOD_FOR = 30_000
/** Milliseconds that the page waits for it: where a server does not answer, all else is shown meanwhile. */
const LOOK_AT_MOST = 3_000

export function statusRoutes(page: Page): void {
  const { app, ground, show } = page
  const look = rememberedFor(GOOD_FOR, () => diagnose(ground.current.value, ground.now()))

  app.get('/', async (request, reply) => {
    const { lang } = request
    const { store } = ground
    const findings = (await Promise.race([look(), sleep(LOOK_AT_MOST, null, { ref: false })])) ?? []
    const isKnown = findings.length > 0
    const held = (await readdir(store.folder.held)).filter(name => !name.startsWith('.'))
    // What took one of these back came after it, and so is one of these.
    const newest = await firstOf(pastRuns(store), RUNS_SHOWN)
    const undoOf = undoneBy(newest)
    const refused = newest[0]?.file.outcome === 'refused' ? newest[0] : null
    const problems = findings.filter(({ level }) => level !== 'ok').map(finding => said(finding, lang))
    return show(request, reply, 'status', {
      title: 'web.status',
      part: 'status',
      ...workOf(page, lang),
      held: held.length,
      isKnown,
      problems,
      refused,
      toLookAt: problems.length + (held.length > 0 ? 1 : 0) + (refused === null ? 0 : 1),
      fine: findings.filter(({ level }) => level === 'ok').map(finding => said(finding, lang)),
      newest: newest.map(run => ({ ...run, isUndone: undoOf(run.run) !== undefined })),
      standing: ground.standing(),
      next: ground.nextScheduled(),
      schedule: ground.current.value.schedule,
      directory: ground.current.value.intake.directory,
      standardFile: ground.current.value.enrol.file,
      mail: mailOf(ground.current.value),
      waitingForRestart: ground.current.waitingForRestart(),
    })
  })

  // For the little that the page does by itself: what runs and waits, as it is now.
  app.get('/work', (request, reply) =>
    show(request, reply, 'work', { title: 'web.status', ...workOf(page, request.lang) }),
  )
}

function workOf({ ground }: Page, lang: Lang): { readonly turns: readonly ShownTurn[]; readonly waiting: number } {
  const { first, count } = ground.queue.turns(TURNS_SHOWN)
  const turns = first.map(turn => shownTurn(turn, lang, ground.now()))
  return { turns, waiting: Math.max(0, count - first.length) }
}

/** Something that runs or waits, as it is shown. */
export interface ShownTurn extends Pick<Turn, 'id' | 'kind' | 'name' | 'startedBy' | 'begunAt' | 'done' | 'of'> {
  /** Rows a second; null: not known yet. */
  readonly rate: number | null
  readonly secondsLeft: number | null
  /** Why it is waited for, for people; null: it is not. */
  readonly postponed: string | null
}

export function shownTurn(turn: Readonly<Turn>, lang: Lang, now: Date): ShownTurn {
  const { id, kind, name, startedBy, begunAt, done, of, postponedBy } = turn
  const seconds = begunAt === null ? 0 : (now.getTime() - begunAt.getTime()) / 1000
  const rate = seconds > 0 && done > 0 ? done / seconds : null
  const secondsLeft = rate === null || of === null ? null : Math.max(0, (of - done) / rate)
  return { id, kind, name, startedBy, begunAt, done, of, rate, secondsLeft, postponed: reasonOf(postponedBy, lang) }
}

/** A reason in the words of its reader; null: there is none. */
export function reasonOf(error: unknown, lang: Lang): string | null {
  if (error === null || error === undefined) return null
  return error instanceof Problem ? explain(lang, error) : say(lang, 'web.failed-by-fault', { reason: String(error) })
}

/** A finding in the words of its reader. */
const said = ({ level, key, args }: Finding, lang: Lang): { readonly level: string; readonly sentence: string } => ({
  level,
  sentence: say(lang, key, withReason(lang, args)),
})

function mailOf({ mail }: Config): { readonly admins: number; readonly isOwn: boolean } {
  return { admins: mail.admins.length, isOwn: mail.smtp !== null }
}

/** The first of them. */
async function firstOf(runs: AsyncIterable<PastRun>, most: number): Promise<PastRun[]> {
  const first: PastRun[] = []
  for await (const run of runs) {
    first.push(run)
    if (first.length >= most) break
  }
  return first
}

/** Does something at most so often, in milliseconds, however often it is asked for. */
export function rememberedFor<T>(milliseconds: number, work: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly result: Promise<T> } | undefined
  return () => {
    const at = performance.now()
    if (last === undefined || at - last.at > milliseconds) {
      last = { at, result: work() }
      last.result.catch(() => {
        last = undefined
      })
    }
    return last.result
  }
}
