import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isRunning, takeLock } from '../../src/store/lock.ts'
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
