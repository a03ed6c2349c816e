/**
 * The daemon, killed at every step of a run, and at instants of no meaning: whatever is left, the next one ends where it would
 * have ended uninterrupted. Every table and every file is compared.
 *
 * MOODLE_SYNCD_TEST_KILLS is how often it is killed at random, 15 times if it is not set; with more, every statement is a
 * step, and each step is tried alone as well.
 */
import { existsSync, type FSWatcher, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../until.ts'
import { type Site, spawnDaemon } from './daemon.ts'
import { finish, isDone, kindOf, LONGEST_RUN, newStage, type Stage, setUp } from './stage.ts'

const FEW_KILLS = 15
const KILLS = Number(process.env.MOODLE_SYNCD_TEST_KILLS ?? FEW_KILLS)
const isThorough = KILLS > FEW_KILLS

const LONGEST_TEST = isThorough ? 7_200_000 : 300_000

/** Starts a daemon, and kills it where it comes to a stop. @returns whether it came there before all was done */
async function killAt(stage: Stage, stop: Stop): Promise<boolean> {
  const daemon = spawnDaemon(stage.config)
  let isKilled = false
  const unset = stop.set(stage, () => {
    isKilled = true
    process.kill(daemon.pid, 'SIGKILL')
  })
  onTestFinished(unset)
  const isOver = async () => isKilled || (daemon.told('daemon-started').length > 0 && (await isDone(stage.site)))
  await until(
    `the end, or to come to: ${stop.name}`,
    async () => {
      expect(daemon.told('run-failed')).toEqual([])
      return (await isOver()) || undefined
    },
    LONGEST_RUN,
  )
  unset()
  if (!isKilled) await daemon.end('SIGKILL')
  await daemon.ended
  return isKilled
}

/** Where a daemon is killed. */
interface Stop {
  readonly name: string
  /** The kill before came late, and this has happened already. */
  readonly isPast?: (site: Site) => boolean
  /** Kills it there. @returns what stops looking */
  readonly set: (stage: Stage, kill: () => void) => () => void
}

/** Before a statement goes to the server, or after the server has done it, and before its answer comes. */
const atStatement = (kind: string, isAfter: boolean): Stop => ({
  name: `${isAfter ? 'after' : 'before'} ${kind}`,
  set: ({ wire }, kill) => {
    wire.onStatement = (statement, strand) => {
      if (kindOf(statement) !== kind) return true
      wire.onStatement = () => true
      if (isAfter) strand.cutAtAnswer(kill)
      else kill()
      return isAfter
    }
    return () => {
      wire.onStatement = () => true
    }
  },
})

/** Once a file is in a folder of the store, or is gone from it. */
const atFile = (folder: string, name: RegExp, isGone = false): Stop => ({
  name: `${folder}/ ${isGone ? 'without' : 'with'} ${name}`,
  isPast: ({ store }) => readdirSync(join(store, folder)).some(there => name.test(there)) !== isGone,
  set: ({ site }, kill) => {
    const path = join(site.store, folder)
    const watcher: FSWatcher = watch(path, (_, changed) => {
      if (changed === null || !name.test(changed) || existsSync(join(path, changed)) === isGone) return
      watcher.close()
      kill()
    })
    return () => watcher.close()
  },
})

const atInstant = (milliseconds: number): Stop => ({
  name: `after ${Math.round(milliseconds)} ms`,
  set: (_, kill) => {
    const timer = setTimeout(kill, milliseconds)
    return () => clearTimeout(timer)
  },
})

/** The steps of a run, in their order: at each the daemon is killed once, and by the next it has gone a little further. */
function stopsOf({ statements }: Stage): Stop[] {
  const kinds = [...new Set(statements.map(kindOf))].filter(kind => kind !== null)
  const told = (word: string): number => kinds.findIndex(kind => kind.includes(word))
  const before = (some: readonly string[]): Stop[] => some.map(kind => atStatement(kind, false))
  const around = (some: readonly string[]): Stop[] =>
    some.flatMap(kind => [atStatement(kind, false), atStatement(kind, true)])
  const begin = told('START')
  const commit = told('COMMIT')
  const finish = told("state = 'fin")
  const release = told('RELEASE')
  return [
    atFile('arrivals', /^\d{15}$/),
    atFile('running', /\.json$/),
    atFile('commands', /^enrols\.csv$/),
    ...around(kinds.slice(0, begin)),
    atFile('running', /\.outcomes$/),
    atFile('undo', /\.jsonl$/),
    // Of what is within a transaction, one is as good as another.
    ...before(kinds.slice(begin, begin + 2)),
    ...before(kinds.slice(begin + 2, commit - 2).filter(() => isThorough)),
    ...around(kinds.slice(commit - 1, commit + 1)),
    ...before(kinds.slice(commit + 1, finish - 1).filter(() => isThorough)),
    ...around(kinds.slice(finish - 1, finish)),
    atFile('retry', /^\d.*csv$/),
    atFile('reports', /\.txt$/),
    atFile('reports', /\.html$/),
    atFile('reports', /\.json$/),
    ...around(kinds.slice(finish, release)),
    atFile('undo', /\.gz$/),
    atFile('running', /\.outcomes$/, true),
    ...before(kinds.slice(release)),
    atFile('archives', /csv$/),
    atFile('commands', /^enrols\.csv$/, true),
    atFile('running', /\.json$/, true),
  ]
}

describe('a daemon that is killed', () => {
  test(
    'at every step of a run, one after the other',
    async () => {
      const stage = await newStage()
      const from = Date.now()
      await setUp(stage.site, stage.before)
      for (const stop of stopsOf(stage)) {
        if (stop.isPast?.(stage.site)) continue
        expect([stop.name, await killAt(stage, stop)]).toEqual([stop.name, true])
      }
      expect(await finish(stage, from)).toEqual(stage.uninterrupted)
    },
    LONGEST_TEST,
  )

  test.runIf(isThorough)(
    'at one step of a run, whichever',
    async () => {
      const stage = await newStage()
      for (const stop of stopsOf(stage)) {
        const from = Date.now()
        await setUp(stage.site, stage.before)
        expect([stop.name, await killAt(stage, stop)]).toEqual([stop.name, true])
        expect([stop.name, await finish(stage, from)]).toEqual([stop.name, stage.uninterrupted])
      }
    },
    LONGEST_TEST,
  )

  test(
    `at ${KILLS} instants of no meaning`,
    async () => {
      const stage = await newStage()
      for (let kills = 0; kills < KILLS; ) {
        const from = Date.now()
        await setUp(stage.site, stage.before)
        const instants: number[] = []
        // Mostly once, since what a second kill leaves may hide what the first has done; sometimes again and again.
        for (let often = Math.random() < 0.3 ? 4 : 1; often > 0; often -= 1) {
          const instant = Math.random() * stage.milliseconds
          if (!(await killAt(stage, atInstant(instant)))) break
          instants.push(instant)
        }
        kills += Math.max(instants.length, 1)
        expect([instants, await finish(stage, from)]).toEqual([instants, stage.uninterrupted])
      }
    },
    LONGEST_TEST,
  )
})
