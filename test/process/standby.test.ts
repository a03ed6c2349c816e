/**
 * Two hosts, one Moodle: when the first is killed, or cut off from the database, in the middle of a run, the second takes over
 * within seconds, and what there is in the end is what an uninterrupted run leaves.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { snapshot } from '../real/snapshot.ts'
import { until } from '../until.ts'
import { adding, concluded, type Site, spawnDaemon, type TestDaemon } from './daemon.ts'
import { hostsMissing, newHost, type TestHost } from './hosts.ts'
import { ownServer } from './own-server.ts'
import { type End, endOf, FILE, isDone, LONGEST_RUN, newSiteWithPeople, newStage, setUp } from './stage.ts'

const missing = await hostsMissing()
if (missing !== undefined) process.stderr.write(`The tests with two hosts are left out: ${missing}.\n`)

/** Milliseconds, of which the server takes ten to find that a host is cut off. */
const SECONDS = 20_000
const LONGEST_TEST = 180_000

let uninterruptedEnd: End | undefined

/** A school whose database both hosts come to by cables, and what an uninterrupted run leaves. */
async function newPlace() {
  uninterruptedEnd ??= (await newStage()).uninterrupted
  const port = 20_000 + (process.pid % 20_000)
  const { school } = await ownServer({ port, settings: ['--bind-address=0.0.0.0'] })
  await school.query("CREATE USER syncd@'%' IDENTIFIED BY 'x'; GRANT ALL ON school.* TO syncd@'%'")
  const site = await newSiteWithPeople(school)
  const [first, second] = [newHost(), newHost()]
  const configOn = ({ database: host }: TestHost, store: string): Promise<string> =>
    school.writeConfig({
      moodle: { database: { socketPath: null, host, port } },
      store: { directory: store },
      intake: { stableFor: '100ms' },
      log: { level: 'debug' },
    })
  return { site, first, second, configOn, before: await snapshot(school), uninterrupted: uninterruptedEnd }
}

/** One daemon is active, the other stands by, and the file is half done. */
async function half(site: Site, active: TestDaemon, standby: () => TestDaemon): Promise<TestDaemon> {
  await active.tells('daemon-active')
  const other = standby()
  await other.tells('standing-by')
  await site.drop('enrols.csv', FILE)
  await active.tells('chunk-applied')
  return other
}

const tellsSoon = (daemon: TestDaemon, event: string): Promise<unknown> =>
  until(`it to tell of ${event}`, () => daemon.told(event)[0], SECONDS)

const runs = (daemon: TestDaemon, event: string): unknown[] => daemon.told(event).map(({ run }) => run)

test.skipIf(missing !== undefined)(
  'the first is killed: the second goes on with its run in the store that they share',
  async () => {
    const { site, first, second, configOn, before, uninterrupted } = await newPlace()
    const from = Date.now()
    await setUp(site, undefined, false)
    const one = spawnDaemon(await configOn(first, 'syncd'), first.on)
    const config = await configOn(second, 'syncd')
    const two = await half(site, one, () => spawnDaemon(config, second.on))
    expect(two.told('daemon-started')).toEqual([])
    await one.end('SIGKILL')
    expect(one.told('run-finished')).toEqual([])
    await tellsSoon(two, 'daemon-started')
    await until('all to be done', async () => (await isDone(site)) || undefined, LONGEST_RUN)
    expect(runs(two, 'run-finished')).toEqual([one.told('run-started')[0]?.run])
    expect(await two.end()).toBe(0)
    expect(await endOf(site, before, from)).toEqual(uninterrupted)
  },
  LONGEST_TEST,
)

test.skipIf(missing !== undefined)(
  'the first stands still, and goes on when the second has taken over: it changes nothing any more',
  async () => {
    const { site, first, second, configOn, before, uninterrupted } = await newPlace()
    const from = Date.now()
    await setUp(site, undefined, false)
    const one = spawnDaemon(await configOn(first, 'syncd'), first.on)
    const config = await configOn(second, 'syncd')
    const two = await half(site, one, () => spawnDaemon(config, second.on))
    process.kill(one.pid, 'SIGSTOP')
    await tellsSoon(two, 'chunk-applied')
    process.kill(one.pid, 'SIGCONT')
    await until('all to be done', async () => (await isDone(site)) || undefined, LONGEST_RUN)
    await tellsSoon(one, 'standing-by')
    await tellsSoon(one, 'store-in-use')
    expect(one.told('run-finished')).toEqual([])
    expect(runs(two, 'run-finished')).toEqual([one.told('run-started')[0]?.run])
    expect([...one.told('run-failed'), ...two.told('run-failed')]).toEqual([])
    expect([await one.end(), await two.end()]).toEqual([0, 0])
    expect(await endOf(site, before, from)).toEqual(uninterrupted)
  },
  LONGEST_TEST,
)

test.skipIf(missing !== undefined)(
  'the first is cut off: it leaves the store that they share to the second, and stands by when it is back',
  async () => {
    const { site, first, second, configOn, before, uninterrupted } = await newPlace()
    const from = Date.now()
    await setUp(site, undefined, false)
    const one = spawnDaemon(await configOn(first, 'syncd'), first.on)
    const config = await configOn(second, 'syncd')
    const two = await half(site, one, () => spawnDaemon(config, second.on))
    first.pull()
    await tellsSoon(two, 'daemon-active')
    await tellsSoon(two, 'daemon-started')
    expect(one.told('run-finished')).toEqual([])
    await until('all to be done', async () => (await isDone(site)) || undefined, LONGEST_RUN)
    first.plug()
    await tellsSoon(one, 'standing-by')
    expect(runs(two, 'run-finished')).toEqual([one.told('run-started')[0]?.run])
    expect(await endOf(site, before, from)).toEqual(uninterrupted)

    await two.end()
    await until('the first to be active again', () => one.told('daemon-active')[1], SECONDS)
    await until('it to have the store again', () => one.told('daemon-started')[1], SECONDS)
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(one)
    expect(await one.end()).toBe(0)
    expect([...one.told('run-failed'), ...two.told('run-failed')]).toEqual([])
  },
  LONGEST_TEST,
)

test.skipIf(missing !== undefined)(
  'the first is cut off, with a store of its own: the second takes what comes, the first ends its run when it is back',
  async () => {
    const { site, first, second, configOn, before, uninterrupted } = await newPlace()
    const from = Date.now()
    await setUp(site, undefined, false)
    const other = join(site.school.folder, 'other-store')
    await mkdir(other)
    const one = spawnDaemon(await configOn(first, 'syncd'), first.on)
    const config = await configOn(second, other)
    const two = await half(site, one, () => spawnDaemon(config, second.on))
    first.pull()
    await tellsSoon(two, 'daemon-active')
    // A row that changes nothing, so that the end is that of the first file.
    await site.drop('enrols.csv', adding('nobody'))
    await concluded(two)
    expect(one.told('run-finished')).toEqual([])
    first.plug()
    await tellsSoon(one, 'standing-by')
    await until('the first to end its run', async () => (await isDone(site)) || undefined, LONGEST_RUN)
    expect(runs(one, 'run-finished')).toEqual([one.told('run-started')[0]?.run])
    expect([await one.end(), await two.end()]).toEqual([0, 0])
    const { ledger, ...end } = await endOf(site, before, from)
    expect(end).toEqual({ moodle: uninterrupted.moodle, files: uninterrupted.files })
    expect(ledger).toHaveLength(2)
    expect(ledger).toEqual(expect.arrayContaining([...uninterrupted.ledger]))
  },
  LONGEST_TEST,
)
