import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { awaitLock, isRunning, takeLock, wasAskedFor } from '../../src/store/lock.ts'
import { until } from '../until.ts'
import { temporaryFolder } from './folder.ts'

const MINUTES_AGO = new Date(Date.now() - 5 * 60_000)

const freshPath = async () => join(await temporaryFolder(), 'the.lock')

test('a lock is taken once, and again when it was released', async () => {
  const path = await freshPath()
  const first = await takeLock(path)
  expect(first.taken).toBe(true)
  expect((await stat(path)).mode & 0o777).toBe(0o640)
  expect(await takeLock(path)).toMatchObject({ taken: false, holder: { pid: process.pid, host: hostname() } })
  if (first.taken) await first.release()
  expect((await takeLock(path)).taken).toBe(true)
})

test('of many that want it at once, one has it', async () => {
  const path = await freshPath()
  const wanted = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)))
  expect(wanted.filter(({ taken }) => taken)).toHaveLength(1)
})

test('of many that find it left over at once, one has it', async () => {
  const path = await freshPath()
  await writeFile(path, JSON.stringify({ pid: spawnSync('true').pid, host: hostname(), started: null }))
  const wanted = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)))
  expect(wanted.filter(({ taken }) => taken)).toHaveLength(1)
  expect(await readdir(join(path, '..'))).toEqual(['the.lock'])
})

test('the lock of a process that is there is respected', async () => {
  const path = await freshPath()
  const child = spawn('sleep', ['60'])
  try {
    await writeFile(path, JSON.stringify({ pid: child.pid, host: hostname(), started: null }))
    await utimes(path, MINUTES_AGO, MINUTES_AGO)
    expect(await takeLock(path)).toMatchObject({ taken: false, holder: { pid: child.pid } })
  } finally {
    child.kill()
    await once(child, 'close')
  }
  expect((await takeLock(path)).taken).toBe(true)
})

test('the lock of another process that had our number is left over', async () => {
  const path = await freshPath()
  await writeFile(path, JSON.stringify({ pid: process.pid, host: hostname(), started: 'another boot/1' }))
  expect((await takeLock(path)).taken).toBe(true)
})

test('the lock of another machine is respected as long as there are signs of life', async () => {
  const path = await freshPath()
  await writeFile(path, JSON.stringify({ pid: 1, host: 'elsewhere', started: null }))
  expect(await takeLock(path)).toEqual({ taken: false, holder: { pid: 1, host: 'elsewhere', started: null } })
  await utimes(path, MINUTES_AGO, MINUTES_AGO)
  expect((await takeLock(path)).taken).toBe(true)
})

describe('who waits for the lock of another machine', () => {
  const theirs = JSON.stringify({ pid: 1, host: 'elsewhere', started: null })

  /** Waits for it, and tells how long that took, in milliseconds. */
  async function waiting(path: string, isEntitled: boolean, until: Promise<unknown>): Promise<number | null> {
    const stop = new AbortController()
    void until.then(() => stop.abort())
    const from = performance.now()
    const lock = await awaitLock(
      path,
      () => isEntitled,
      () => {},
      stop.signal,
    )
    await lock?.release()
    return lock === null ? null : performance.now() - from
  }
  const seconds = (some: number) => new Promise(resolve => setTimeout(resolve, 1_000 * some))

  test('gets it when there is no sign of life for some seconds, whatever the clocks say; only if entitled', async () => {
    const path = await freshPath()
    const other = await freshPath()
    const AHEAD = new Date(Date.now() + 3_600_000)
    for (const lock of [path, other]) {
      await writeFile(lock, theirs)
      await utimes(lock, AHEAD, AHEAD)
    }
    const [entitled, not] = await Promise.all([waiting(path, true, seconds(20)), waiting(other, false, seconds(7))])
    expect(entitled).toBeGreaterThan(5_000)
    expect(not).toBeNull()
    expect([await readFile(other, 'utf8'), await wasAskedFor(other)]).toEqual([theirs, false])
  }, 30_000)

  test('does not get it while there are signs, even of a clock that is long past', async () => {
    const path = await freshPath()
    await writeFile(path, theirs)
    let at = MINUTES_AGO.getTime()
    const signs = setInterval(() => void utimes(path, at++ / 1_000, at++ / 1_000), 500)
    try {
      expect(await waiting(path, true, seconds(8))).toBeNull()
    } finally {
      clearInterval(signs)
    }
    expect(await wasAskedFor(path)).toBe(true)
  }, 30_000)
})

test('a holder learns that it was taken for gone, and gives no sign of life for the next one', async () => {
  const path = await freshPath()
  const lock = await takeLock(path)
  if (!lock.taken) throw new Error('not taken')
  await writeFile(path, 'another')
  await utimes(path, MINUTES_AGO, MINUTES_AGO)
  await until('it to learn', () => lock.lost.aborted || undefined)
  expect((await stat(path)).mtime).toEqual(MINUTES_AGO)
  await lock.release()
})

test('a lock that a crash left half made is taken over after a while', async () => {
  const path = await freshPath()
  await writeFile(path, '')
  await chmod(path, 0)
  expect(await takeLock(path)).toEqual({ taken: false, holder: null })
  await utimes(path, MINUTES_AGO, MINUTES_AGO)
  expect((await takeLock(path)).taken).toBe(true)
})

test.each(['', 'locked by tool_sync', '{}', '{"pid":-1,"host":"x"}', 'null'])(
  'a file that is none of our locks is never removed: %j',
  async content => {
    const path = await freshPath()
    await writeFile(path, content)
    await utimes(path, MINUTES_AGO, MINUTES_AGO)
    expect(await takeLock(path)).toEqual({ taken: false, holder: null })
    expect(await readFile(path, 'utf8')).toBe(content)
  },
)

test('a link is no lock of ours', async () => {
  const path = await freshPath()
  await symlink('/nowhere', path)
  expect(await takeLock(path)).toEqual({ taken: false, holder: null })
})

test('a lock that somebody else has taken meanwhile is not released by us', async () => {
  const path = await freshPath()
  const lock = await takeLock(path)
  await writeFile(path, 'another')
  if (lock.taken) await lock.release()
  expect(await readFile(path, 'utf8')).toBe('another')
})

test('a process is there, or it is not', () => {
  expect(isRunning(process.pid)).toBe(true)
  expect(isRunning(1)).toBe(true)
  expect(isRunning(spawnSync('true').pid)).toBe(false)
})
