/** Dropping values from Moodle's caches where they really are: in files, and in a real Redis. */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import type { StaleKeys } from '../../src/moodle/caches/definitions.ts'
import { openCaches } from '../../src/moodle/caches/drop.ts'
import { DEFINITIONS, muc, mucSource, SITE_IDENTIFIER, store } from '../moodle/caches/muc.ts'
import { redisMissing, startRedis } from '../redis.ts'

const SITE = { identifier: 'raw identifier', version: '2024100706.00' }
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

/** Of user 3 in course 7, as a Moodle of this site identifier was seen to name them. */
const FILES = {
  groups: 'core_groupdata/7-2-cache/7-2ae0d1c61c240142635a565220cdaf97.cache',
  ownGroups: 'core_user_group_groupings/3-8-cache/3-875f3d204df9324c508eede4b68d08a0.cache',
  completion: 'core_completion/3_2-cache/3_2-486a1e1c75d564ee19a03ae56fae803c.cache',
  scores: 'availability_grade_scores/972-cache/97237a40a427d3663225ea6dc7a1081840b23fbf.cache',
}
const STALE: StaleKeys[] = [
  { definition: 'core/groupdata', keys: ['7'] },
  { definition: 'core/user_group_groupings', keys: ['3'] },
  { definition: 'core/completion', keys: ['3_2'] },
  { definition: 'availability_grade/scores', keys: ['3'] },
]
const GROUPS = STALE.slice(0, 1)
const event = (name: string): StaleKeys[] => [{ definition: 'core/eventinvalidation', keys: [name] }]

let dataroot: string
let files: string
beforeEach(async () => {
  dataroot = await mkdtemp(join(tmpdir(), 'moodle-syncd-test-'))
  onTestFinished(() => rm(dataroot, { recursive: true, force: true }))
  files = join(dataroot, 'cache', 'cachestore_file', 'default_application')
})

const config = (moodle: object = {}): Config =>
  ({
    moodle: {
      dataroot,
      cacheDirectory: null,
      alternativeCacheConfig: null,
      forced: { config: {}, plugins: {} },
      ...moodle,
    },
  }) as never

const drop = (stale: readonly StaleKeys[], own?: Config) => openCaches(own ?? config())(SITE, stale, NOW)

async function writeMuc(own: Parameters<typeof muc>[0] = {}, path = join(dataroot, 'muc', 'config.php')) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, mucSource(muc(own)))
}

async function put(path: string, content = 'a:0:{}'): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

const left = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter(one => !one.isDirectory())
    .map(one => one.name)

describe('files', () => {
  test('are removed, and no others', async () => {
    await writeMuc()
    const mine = await Promise.all(Object.values(FILES).map(file => put(join(files, file))))
    const other = await put(join(files, 'core_groupdata/7-2-cache/70-2ae0d1c61c240142635a565220cdaf97.cache'))
    expect(await drop(STALE)).toEqual([])
    expect(await Promise.all(mine.map(isThere))).toEqual([false, false, false, false])
    expect(await left(dataroot)).toEqual(expect.arrayContaining(['config.php', other.split('/').at(-1)]))
    expect(await left(dataroot)).toHaveLength(2)
  })

  test('that are not there are as good as removed, with and without their folders', async () => {
    expect(await drop(STALE)).toEqual([])
    await writeMuc()
    expect(await drop(STALE)).toEqual([])
    await mkdir(join(files, 'core_groupdata'), { recursive: true })
    expect(await drop(STALE)).toEqual([])
  })

  test('ten thousand, in a few folders and many', async () => {
    await writeMuc()
    const keys = Array.from({ length: 10_000 }, (_, i) => String(i))
    const prefix = FILES.ownGroups.split('3-').at(-1)!
    for (const key of keys.filter(key => Number(key) % 10 === 0)) {
      await put(join(files, 'core_user_group_groupings', `${`${key}-${prefix}`.slice(0, 3)}-cache`, `${key}-${prefix}`))
    }
    expect(await left(files)).toHaveLength(1_000)
    expect(await drop([{ definition: 'core/user_group_groupings', keys }])).toEqual([])
    expect(await left(files)).toEqual([])
  })

  test('without a cache configuration they are where Moodle keeps them by default', async () => {
    // md5 of 1/core/groupdata/<md5 of "raw identifier">
    const file = await put(join(files, 'core_groupdata/7-6-cache/7-6e1959f34a9254103eab99d61cca6a02.cache'))
    await drop(GROUPS)
    expect(await isThere(file)).toBe(false)
  })

  test('in the folder that config.php names, which may be a link, with the configuration that it names', async () => {
    const memory = join(dataroot, 'memory')
    const file = await put(join(memory, 'cachestore_file/default_application', FILES.groups))
    await symlink(memory, join(dataroot, 'linked'))
    await writeMuc({}, join(dataroot, 'elsewhere', 'cacheconfig.php'))
    const cacheDirectory = join(dataroot, 'linked')
    await drop(GROUPS, config({ cacheDirectory, alternativeCacheConfig: join(dataroot, 'elsewhere') }))
    expect(await isThere(file)).toBe(false)
  })

  test('with asyncpurge, in the folder of the last purge', async () => {
    await writeMuc({
      stores: { default_application: store('default_application', 'file', { configuration: { asyncpurge: '1' } }) },
    })
    const folder = join(files, 'core_groupdata')
    const value = FILES.groups.slice('core_groupdata/'.length)
    const old = await put(join(folder, '20251231235959', value))
    const current = await put(join(folder, '20260102030405', value))
    await put(join(folder, '.lastpurged'), '')
    await utimes(join(folder, '.lastpurged'), 0, NOW / 1000)
    await drop(GROUPS)
    expect(await Promise.all([old, current].map(isThere))).toEqual([true, false])
  })

  test.each(['core_groupdata', 'core_groupdata/7-2-cache'])('behind a link at %s are left alone', async linked => {
    await writeMuc()
    const outside = join(dataroot, 'outside')
    const file = await put(join(outside, FILES.groups.slice(linked.length + 1)))
    await mkdir(dirname(join(files, linked)), { recursive: true })
    await symlink(outside, join(files, linked))
    expect(await drop(GROUPS)).toEqual([])
    expect(await isThere(file)).toBe(true)
  })

  test('that cannot be removed are failures, and do not keep the others', async () => {
    await writeMuc()
    // A directory in its place: what nobody may unlink, root neither.
    await mkdir(join(files, FILES.groups), { recursive: true })
    const others = await Promise.all(
      [FILES.groups.replaceAll('7-2', '8-2'), FILES.ownGroups].map(file => put(join(files, file))),
    )
    const stale = [{ definition: 'core/groupdata', keys: ['7', '8'] } as const, ...STALE]
    expect(await drop(stale)).toMatchObject([
      { store: 'default_application', reason: expect.stringContaining('7-2ae0') },
    ])
    expect(await Promise.all(others.map(isThere))).toEqual([false, false])
  })

  test('where nobody can tell where they are, that is a failure', async () => {
    await put(join(dataroot, 'muc', 'config.php'), '<?php $configuration = array(')
    expect(await drop(GROUPS)).toMatchObject([{ store: null, reason: expect.stringContaining('line 1') }])
  })

  test('a configuration that changes is read again', async () => {
    const dropping = openCaches(config())
    await writeMuc({ siteidentifier: 'another' })
    const file = await put(join(files, FILES.groups))
    await dropping(SITE, GROUPS, NOW)
    expect(await isThere(file)).toBe(true)
    await writeMuc({ siteidentifier: SITE_IDENTIFIER })
    await dropping(SITE, GROUPS, NOW)
    expect(await isThere(file)).toBe(false)
  })
})

describe('events', () => {
  // sha1 of <md5 of 1/core/eventinvalidation/8382a8f1ca8a4ca209202fd5557b9103>-changesincategoryenrolment
  const file = 'core_eventinvalidation/b8c-cache/b8c3eb53d828d3cef00e557c84392a8cd65cfb33.cache'

  test('are written as Moodle would have, with the rights of its folder', async () => {
    await writeMuc()
    await mkdir(files, { recursive: true })
    await chmod(files, 0o2775)
    expect(await drop(event('changesincategoryenrolment'))).toEqual([])
    const path = join(files, file)
    expect(await readFile(path, 'utf8')).toMatch(/^a:1:\{s:6:"purged";s:52:"1767323045\.6780-[0-9a-f-]{36}";\}$/)
    expect((await stat(path)).mode & 0o7777).toBe(0o664)
    expect((await stat(dirname(path))).mode & 0o7777).toBe(0o2775)
    expect(await left(files)).toHaveLength(1)
  })

  test.runIf(process.getuid?.() === 0)('written by root, belong to whom Moodle’s folder belongs to', async () => {
    await writeMuc()
    await mkdir(files, { recursive: true })
    await chown(files, 33, 34)
    await drop(event('changesincategoryenrolment'))
    for (const path of [join(files, file), dirname(join(files, file))]) {
      expect(await stat(path)).toMatchObject({ uid: 33, gid: 34 })
    }
  })

  test('replace what was there, though it is somebody else’s', async () => {
    await writeMuc()
    const path = await put(join(files, file), 'a:1:{s:6:"purged";s:15:"1.0000-whatever";}')
    await chmod(path, 0o400)
    await drop(event('changesincategoryenrolment'))
    expect(await readFile(path, 'utf8')).toContain('1767323045.6780-')
  })

  test('that nobody listens to are not written, nor where Moodle has never kept anything', async () => {
    await writeMuc({ definitions: { ...DEFINITIONS, 'core/courseeditorstate': {} } })
    await drop(event('changesincoursestate'))
    await drop(event('changesincategoryenrolment'))
    expect(await left(dataroot)).toEqual(['config.php'])
    await mkdir(files, { recursive: true })
    await drop(event('changesincoursestate'))
    expect(await left(dataroot)).toEqual(['config.php'])
  })

  test('are not written behind a link', async () => {
    await writeMuc()
    await mkdir(files, { recursive: true })
    await symlink(dataroot, join(files, 'core_eventinvalidation'))
    expect(await drop(event('changesincategoryenrolment'))).toMatchObject([{ store: 'default_application' }])
    expect(await left(dataroot)).toEqual(expect.arrayContaining(['config.php', 'core_eventinvalidation']))
    expect(await left(dataroot)).toHaveLength(2)
  })
})

const missing = await redisMissing()
describe.skipIf(missing !== undefined)(`Redis${missing === undefined ? '' : ` (${missing})`}`, () => {
  /** md5 of "1 core groupdata", and so on. */
  const HASHES = {
    groups: 'cf78f24bf654e62d1ceadf410c6ffec8',
    completion: '3c60e20af217ecb7bfc5732b71099888',
    events: '7b7f1d02c75524bb921e3ae675ba57cf',
  }
  const inRedis = (configuration: Record<string, string | number | boolean>) => ({
    stores: {
      default_application: store('default_application', 'file'),
      fast: store('fast', 'redis', { configuration }),
    },
    modemappings: [{ mode: 1, store: 'fast', sort: 0 }],
  })

  test('values are removed from the hash of their definition, those with a lifetime from its list too', async () => {
    const redis = await startRedis()
    await writeMuc(inRedis({ server: redis.socketPath, prefix: 'site1_' }))
    const [groups, completion] = ['groups', 'completion'].map(name => `site1_${HASHES[name as 'groups']}`)
    const name = '3_2-486a1e1c75d564ee19a03ae56fae803c'
    await redis.ask(
      'HSET',
      groups!,
      '7-2ae0d1c61c240142635a565220cdaf97',
      'x',
      '8-2ae0d1c61c240142635a565220cdaf97',
      'y',
    )
    await redis.ask('HSET', completion!, name, 'x')
    // As PHP's client writes names, with and without serializer.
    await redis.ask('ZADD', `${completion}_ttl`, '1', name, '2', `s:${name.length}:"${name}";`, '3', 'other')
    expect(await drop(STALE)).toEqual([])
    expect(await redis.ask('HKEYS', groups!)).toEqual(['8-2ae0d1c61c240142635a565220cdaf97'])
    expect(await redis.ask('EXISTS', completion!)).toBe(0)
    expect(await redis.ask('ZRANGE', `${completion}_ttl`, '0', '-1')).toEqual(['other'])
  })

  test('events are written, if it is known how', async () => {
    const redis = await startRedis()
    await writeMuc(inRedis({ server: redis.socketPath, serializer: 1, compressor: 0 }))
    await drop(event('changesincategoryenrolment'))
    expect(await redis.ask('HGETALL', HASHES.events)).toEqual([
      'b8c3eb53d828d3cef00e557c84392a8cd65cfb33',
      expect.stringMatching(/^a:1:\{s:6:"purged";s:52:"1767323045\.6780-/),
    ])
    await redis.ask('FLUSHALL')
    for (const own of [{ serializer: 2 }, { compressor: 1 }]) {
      await writeMuc(inRedis({ server: redis.socketPath, ...own }))
      expect(await drop(event('changesincategoryenrolment'))).toEqual([])
    }
    expect(await redis.ask('DBSIZE')).toBe(0)
  })

  test('over the network, with a password; a wrong one is a failure', async () => {
    const redis = await startRedis('--requirepass', 'sesame')
    await redis.ask('HSET', HASHES.groups, '7-2ae0d1c61c240142635a565220cdaf97', 'x')
    const server = `127.0.0.1:${redis.port}`
    await writeMuc(inRedis({ server, password: 'wrong' }))
    expect(await drop(GROUPS)).toMatchObject([{ store: 'fast', reason: expect.stringContaining('WRONGPASS') }])
    await writeMuc(inRedis({ server, password: 'sesame' }))
    expect(await drop(GROUPS)).toEqual([])
    expect(await redis.ask('DBSIZE')).toBe(0)
  })

  test('more values than one command takes', async () => {
    const redis = await startRedis()
    await writeMuc(inRedis({ server: redis.socketPath }))
    const keys = Array.from({ length: 2_500 }, (_, i) => String(i))
    const fields = keys.flatMap(key => [`${key}-2ae0d1c61c240142635a565220cdaf97`, 'x'])
    await redis.ask('HSET', HASHES.groups, ...fields, 'stays', 'x')
    await drop([{ definition: 'core/groupdata', keys }])
    expect(await redis.ask('HKEYS', HASHES.groups)).toEqual(['stays'])
  })

  test('a cluster', async () => {
    const redis = await startRedis('--cluster-enabled', 'yes')
    // One by one: redis-server of Ubuntu 22.04 knows no ranges.
    await redis.ask('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => String(slot)))
    await expect
      .poll(() => redis.ask('CLUSTER', 'INFO'), { timeout: 10_000 })
      .toEqual(expect.stringContaining('cluster_state:ok'))
    await redis.ask('HSET', HASHES.groups, '7-2ae0d1c61c240142635a565220cdaf97', 'x')
    const servers = `127.0.0.1:${redis.port}\n127.0.0.1:1`
    await writeMuc(inRedis({ server: servers, clustermode: true }))
    expect(await drop(GROUPS)).toEqual([])
    expect(await redis.ask('DBSIZE')).toBe(0)
  })

  test('one that does not answer is a failure, and the files are dropped all the same', async () => {
    await writeMuc({
      ...inRedis({ server: join(dataroot, 'nobody.sock') }),
      modemappings: [
        { mode: 1, store: 'fast', sort: 0 },
        { mode: 1, store: 'default_application', sort: 1 },
      ],
    })
    const file = await put(join(files, FILES.groups))
    expect(await drop(GROUPS)).toMatchObject([{ store: 'fast', reason: expect.stringContaining('nobody.sock') }])
    expect(await isThere(file)).toBe(false)
  })
})

test('a store in memory of the web server is nobody’s to drop, and no failure', async () => {
  await writeMuc({
    stores: { default_application: store('default_application', 'file'), memory: store('memory', 'apcu') },
    modemappings: [{ mode: 1, store: 'memory', sort: 0 }],
  })
  expect(await drop(STALE)).toEqual([])
})
