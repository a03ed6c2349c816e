/** The database goes away, and comes back: what was begun is gone on with by itself, and ends as if nothing had been. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { snapshot } from '../real/snapshot.ts'
import { connectTo } from '../setup.ts'
import { until } from '../until.ts'
import { adding, newSite, spawnDaemon } from './daemon.ts'
import { ownServer } from './own-server.ts'
import { moodleSyncd } from './program.ts'
import {
  configThrough,
  type End,
  endOf,
  FILE,
  isDone,
  kindOf,
  LONGEST_RUN,
  newSiteWithPeople,
  newStage,
  setUp,
  timeless,
} from './stage.ts'
import { newWire, type Strand, type Wire } from './wire.ts'

/** What happens at a statement; the first of a list waits for its statement, then the next one. */
interface Event {
  readonly at: string
  /** @returns whether the statement goes on to the server */
  readonly happens: (strand: Strand) => boolean
}

/** Lets things happen, one after the other. @returns what has not happened yet */
function script(wire: Wire, events: readonly Event[]): Event[] {
  const left = [...events]
  wire.onStatement = (statement, strand) => {
    if (left[0] === undefined || !kindOf(statement)?.includes(left[0].at)) return true
    return left.shift()!.happens(strand)
  }
  return left
}

const lostBefore = (at: string): Event => ({
  at,
  happens: strand => {
    strand.cut()
    return false
  },
})

/** The server has done it, and nobody hears of that. */
const lostAfter = (at: string): Event => ({
  at,
  happens: strand => {
    strand.cutAtAnswer()
    return true
  },
})

/** Something that takes a while, instead of the statement. */
const happening = (at: string, happens: (strand: Strand) => Promise<unknown>): Event => ({
  at,
  happens: strand => {
    void happens(strand)
    return false
  },
})

/** Waits until there is one more. */
async function another(look: () => readonly unknown[]): Promise<void> {
  const before = look().length
  await until('one more', () => (look().length > before ? true : undefined), LONGEST_RUN)
}

describe('a daemon', () => {
  test('goes on, whatever happens to the database, and says so once each time', async () => {
    const { uninterrupted } = await newStage()
    const server = await ownServer()
    const { school } = server
    const site = await newSiteWithPeople(school)
    const wire = await newWire(school)
    const config = await configThrough(site, wire)
    const before = await snapshot(school)
    const from = Date.now()
    await setUp(site)
    const daemon = spawnDaemon(config)
    const postponed = () => daemon.told('run-postponed')
    const left = script(wire, [
      // Before the first chunk is committed.
      happening('mdl_logstore', async () => {
        for (const { Id, User } of await school.query<{ Id: number; User: string }>('SHOW PROCESSLIST'))
          if (User === 'syncd') await school.query('KILL ?', [Id])
      }),
      lostBefore('COMMIT'),
      lostAfter('COMMIT'),
      happening('COMMIT', async strand => {
        server.kill()
        strand.cut()
        await another(postponed)
        await server.startAgain()
      }),
      {
        at: 'COMMIT',
        happens: strand => {
          strand.cutAtAnswer(async () => {
            // Whether it is on the disk by now nobody can tell.
            server.kill()
            await another(postponed)
            await server.startAgain()
          })
          return true
        },
      },
      happening('START TRANSACTION', async strand => {
        await school.query('SET GLOBAL read_only = 1')
        strand.cut()
        await another(() => postponed().filter(({ problem }) => problem === 'database-read-only'))
        await school.query('SET GLOBAL read_only = 0')
      }),
      happening('START TRANSACTION', async strand => {
        strand.cut()
        await school.query('SET GLOBAL max_connections = 10')
        const others = []
        for (let room = true; room; ) {
          const other = await connectTo(school.database).catch(() => undefined)
          if (other === undefined) room = false
          else others.push(other)
        }
        await another(() => postponed().filter(({ problem }) => problem === 'database-unreachable'))
        await school.query('SET GLOBAL max_connections = 100')
        for (const other of others) await other.end()
      }),
      lostAfter("state = 'rep"),
      lostAfter("state = 'fin"),
    ])
    await until('all to be done', async () => (left.length === 0 && (await isDone(site))) || undefined, LONGEST_RUN)
    expect(await daemon.end()).toBe(0)
    expect(daemon.told('run-failed')).toEqual([])
    expect(await endOf(site, before, from)).toEqual(uninterrupted)
    expect([...new Set(postponed().map(({ problem }) => problem))].sort()).toEqual([
      'database-lost',
      'database-read-only',
      'database-unreachable',
    ])
    expect(postponed().filter(({ level }) => level === 'warn').length).toBeLessThan(postponed().length)
  }, 120_000)
})

describe('a server that takes short statements alone', () => {
  /** Journals tell how many rows were written together. */
  const comparable = ({ files, ...rest }: End): unknown => ({
    ...rest,
    files: Object.fromEntries(Object.entries(files).filter(([name]) => !name.startsWith('undo/'))),
  })

  test('is served with short ones, whatever stands in a file; with those of 1 KiB, nothing can be done', async () => {
    const { uninterrupted } = await newStage()
    const { school } = await ownServer()
    const site = await newSiteWithPeople(school)
    const before = await snapshot(school)
    const from = Date.now()
    await setUp(site)
    await school.query('SET GLOBAL max_allowed_packet = 8192')
    const daemon = spawnDaemon(site.config)
    await until('all to be done', () => daemon.told('file-concluded')[0], LONGEST_RUN)
    expect(comparable(await endOf(site, before, from))).toEqual(comparable(uninterrupted))
    // Names that no column holds, each as long as a record may be.
    const names = Array.from({ length: 40 }, (_, at) => `${at}${'x'.repeat(1_000_000)}`)
    await site.drop('enrols.csv', adding('E1018', ...names))
    await until('the next to be done', () => daemon.told('file-concluded')[1], LONGEST_RUN)
    expect(daemon.told('run-finished')[1]).toMatchObject({ applied: 1, failed: 40 })
    expect(await daemon.end()).toBe(0)
    expect(daemon.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])

    await school.query('SET GLOBAL max_allowed_packet = 1024')
    const { status, stdout } = await moodleSyncd(['check', '--config', site.config])
    expect(status).toBe(78)
    expect(stdout).toContain('max_allowed_packet')
  }, 120_000)
})

/** Reports say who has started a run. */
const byAnybody = (end: End): unknown =>
  JSON.parse(
    JSON.stringify(end)
      .replaceAll(/\\"startedBy\\":\{[^}]*\},/g, '')
      .replaceAll(/(\\n| )Started on the command line by \w+\./g, ''),
  )

describe('a run in the foreground', () => {
  test('without --wait ends with 69 at once; with it, when it has waited so long in vain', async () => {
    const site = await newSite()
    const file = join(site.school.folder, 'enrols.csv')
    await writeFile(file, adding('E1018'))
    const config = await site.school.writeConfig({ moodle: { database: { socketPath: join(site.store, 'no.sock') } } })
    const at = performance.now()
    const impatient = await moodleSyncd(['run', file, '--config', config])
    const without = performance.now() - at
    expect([impatient.status, impatient.stderr.match(/"warn"/g)]).toEqual([69, null])
    const { status, stderr } = await moodleSyncd(['run', file, '--config', config, '--wait', '4s'])
    expect(performance.now() - at - without).toBeGreaterThan(4_000)
    expect(status).toBe(69)
    expect(stderr.match(/"warn"/g)).toHaveLength(1)
    expect((await moodleSyncd(['run', file, '--config', config, '--wait', 'soon'])).status).toBe(64)
  })

  test('goes on under the same id where its connection is lost, and reports once', async () => {
    const { site, wire, config, before, uninterrupted } = await newStage()
    const from = Date.now()
    await setUp(site, before)
    await rm(join(site.sync, 'enrols.csv'))
    const left = script(wire, [lostBefore('COMMIT'), lostAfter('COMMIT'), lostAfter("state = 'fin")])
    const file = join(site.school.folder, 'enrols.csv')
    await writeFile(file, FILE)
    const { status, stdout } = await moodleSyncd(['run', file, '--config', config, '--format', 'json'])
    expect(left).toEqual([])
    expect(status).toBe(1)
    const { 'archives/STAMP_enrols.csv': _, ...files } = uninterrupted.files
    const end = await endOf(site, before, from)
    expect(byAnybody(end)).toEqual(byAnybody({ ...uninterrupted, files }))
    expect(timeless(stdout).replaceAll(site.store, 'STORE')).toBe(end.files['reports/STAMP_enrols.csv.json'])
  }, 120_000)
})
