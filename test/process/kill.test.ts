/**
 * The daemon, killed at every step of a run, and at instants of no meaning: whatever is left, the next one ends where it would
 * have ended uninterrupted. Every table and every file is compared.
 *
 * MOODLE_SYNCD_TEST_KILLS is how often it is killed at random, 15 times if it is not set; with more, every statement is a
 * step, and each step is tried alone as well.
 */
import { existsSync, type FSWatcher, readdirSync, watch } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Delta, deltaOf } from '../real/delta.ts'
import { differing, restore, type Snapshot, snapshot } from '../real/snapshot.ts'
import { until } from '../until.ts'
import { newSite, type Site, spawnDaemon } from './daemon.ts'
import { newWire, type Wire } from './wire.ts'

const FEW_KILLS = 15
const KILLS = Number(process.env.MOODLE_SYNCD_TEST_KILLS ?? FEW_KILLS)
const isThorough = KILLS > FEW_KILLS

/** Milliseconds. */
const LONGEST_RUN = 60_000
const LONGEST_TEST = isThorough ? 7_200_000 : 300_000

const PEOPLE = 410
const person = (at: number): string => `K${String(at).padStart(4, '0')}`

/** Rows that undo each other, within a chunk and across chunks, so that one which takes effect twice, or not, is seen. */
const FILE = [
  'cmd;cid;uid;rolename;enrol;endtime;gcmd;g1',
  ...rounds(at => `add;BIO-2;${person(at)};student;manual;;gaddcreate;Promo ${at % 9}`),
  ...rounds(at => (at % 3 === 0 ? `del;BIO-2;${person(at)};;manual;;;` : `suspend;BIO-2;${person(at)};;manual;;;`)),
  ...rounds(at =>
    at % 50 === 0
      ? `add;BIO-2;nobody-${at};student;manual;;;`
      : `add;BIO-2;${person(at)};student;manual;2030-06-30;gadd;Promo ${at % 9}`,
  ),
  ...rounds(at => `shift;BIO-2;${person(at)};teacher;manual;;gdel;Promo ${at % 9}`),
  ...rounds(at => `add;MATHS-1;${person(at)};student;manual;;gaddcreate;Neu ${at % 4}`),
  ...rounds(at =>
    at % 2 === 0 ? `del;MATHS-1;${person(at)};;manual;;;` : `enable;BIO-2;${person(at)};;manual;2031-06-30;;`,
  ),
  ...rounds(at =>
    at % 2 === 0 ? `add;MATHS-1;${person(at)};student;manual;;greplace;Neu 1` : `del;BIO-2;${person(at)};;manual;;;`,
  ),
  ...rounds(at => `add;BIO-2;${person(at)};student;manual;;gaddcreate;Promo ${at % 11}`),
  ...rounds(at =>
    at % 7 === 0 ? `add;NOWHERE;${person(at)};student;manual;;;` : `add;HIST-GEO;${person(at)};student;manual;;;`,
  ),
  ...rounds(at => `del;HIST-GEO;${person(at)};;manual;;;`),
  '',
].join('\n')

function rounds(row: (at: number) => string): string[] {
  return Array.from({ length: PEOPLE }, (_, at) => row(at))
}

interface Stage {
  readonly site: Site
  readonly wire: Wire
  readonly config: string
  readonly before: Snapshot
  /** What all of it looks like after a run that nobody has interrupted, and what it said to the database. */
  readonly uninterrupted: End
  readonly statements: readonly string[]
  /** How long it took. */
  readonly milliseconds: number
}

async function newStage(): Promise<Stage> {
  const site = await newSite()
  const people = rounds(
    at => `('manual', 1, 1, '${person(at)}', '${person(at)}', 'K', '${person(at)}', 'k${at}@school.example')`,
  )
  await site.school.query(
    `INSERT INTO {user} (auth, confirmed, mnethostid, username, idnumber, firstname, lastname, email) VALUES ${people.join(', ')}`,
  )
  const wire = await newWire(site.school)
  const config = await site.school.writeConfig({
    moodle: { database: wire.database },
    intake: { stableFor: '100ms' },
    log: { level: 'debug' },
  })
  const before = await snapshot(site.school)
  const statements: string[] = []
  wire.onStatement = statement => {
    statements.push(statement)
    return true
  }
  const from = Date.now()
  await setUp(site)
  const daemon = spawnDaemon(config)
  const start = performance.now()
  await until('all to be done', () => daemon.told('file-concluded')[0], LONGEST_RUN)
  const milliseconds = performance.now() - start
  expect(await daemon.end()).toBe(0)
  wire.onStatement = () => true
  const uninterrupted = await endOf(site, before, from)
  return { site, wire, config, before, uninterrupted, statements, milliseconds }
}

/** The school as it was, an empty store, and the file dropped. */
async function setUp({ school, store, sync, drop }: Site, before?: Snapshot): Promise<void> {
  if (before !== undefined) await restore(school, differing(before, await snapshot(school)))
  await school.query('DROP TABLE IF EXISTS syncd_run, syncd_migration')
  await rm(store, { recursive: true, force: true })
  for (const folder of ['arrivals', 'commands', 'running', 'reports', 'retry', 'archives', 'undo']) {
    await mkdir(join(store, folder), { recursive: true })
  }
  expect(await readdir(sync)).toEqual([])
  await drop('enrols.csv', FILE)
}

/** What is there when all is done. Times, ids and stamps are left out. */
interface End {
  readonly moodle: Delta
  readonly ledger: readonly unknown[]
  readonly files: Readonly<Record<string, unknown>>
}

async function endOf(site: Site, before: Snapshot, from: number): Promise<End> {
  const { school, store } = site
  const moment = { from: Math.floor(from / 1000), to: Math.ceil(Date.now() / 1000) }
  const files: Record<string, unknown> = {}
  for (const folder of await readdir(store)) {
    if (folder === 'daemon.lock') continue
    for (const name of await readdir(join(store, folder))) {
      // Notes of what is stale in caches stay for ten seconds.
      if (name.endsWith('.stale')) continue
      const bytes = await readFile(join(store, folder, name))
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      files[`${folder}/${timeless(name)}`] = folder === 'undo' ? shapeOf(text) : timeless(text)
    }
  }
  return {
    moodle: deltaOf(before, await snapshot(school), moment),
    ledger: await school.query(
      'SELECT moodle, file_name, sha256, state, rows_done, last_offset, last_line, outcomes_bytes FROM syncd_run',
    ),
    files,
  }
}

const timeless = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\d{8}-\d{6}_/g, 'STAMP_')
    .replace(/, begun on .*, took .* s\.$/m, '')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, 'TIME')

/** What a journal keeps of how many rows; the rows themselves have ids and times in them. */
const shapeOf = (journal: string): unknown =>
  journal
    .trimEnd()
    .split('\n')
    .map(line => {
      const { table, did, rows } = JSON.parse(line)
      return `${table} ${did} ${rows.length}`
    })

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

/** Lets a daemon do what is left to be done. @returns what it looks like then */
async function finish({ site, config, before }: Stage, from: number): Promise<End> {
  const daemon = spawnDaemon(config)
  await daemon.tells('daemon-started')
  await until('all to be done', async () => (await isDone(site)) || undefined, LONGEST_RUN).catch(async error => {
    throw new Error(`${error.message} ${await leftOf(site)} ${JSON.stringify(daemon.lines.slice(-4))}`)
  })
  expect(await daemon.end()).toBe(0)
  expect(daemon.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
  return endOf(site, before, from)
}

const isDone = async (site: Site): Promise<boolean> => (await leftOf(site)).length === 0

/** What lies where it should not when all is done. */
async function leftOf({ sync, store, noted }: Site): Promise<string[]> {
  const places = [sync, join(store, 'arrivals'), join(store, 'commands')]
  const left = await Promise.all(places.map(path => readdir(path)))
  return [...left.flat(), ...(await noted())]
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

/** What a statement does, and to what; null: it changes nothing, and tells nobody anything. */
function kindOf(statement: string): string | null {
  const found =
    /^(?:START TRANSACTION|COMMIT|(?:CREATE|ALTER) TABLE (?:IF NOT EXISTS )?\w+|INSERT (?:IGNORE )?INTO [`\w]+|DELETE FROM [`\w]+|UPDATE (?:syncd_run SET [\w ='+]{12}|[`\w]+)|SELECT (?:GET|RELEASE)_LOCK)/.exec(
      statement,
    )
  return found === null ? null : found[0]
}

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
