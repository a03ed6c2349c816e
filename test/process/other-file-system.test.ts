/** Store and drop directory on two file systems: files are copied, and a crash while one is copied neither loses nor doubles it. */
import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../until.ts'
import { adding, concluded, HEADER, newSite, type Site, spawnDaemon, startDaemon } from './daemon.ts'

/** A site whose drop directory is in memory, and whose store on a disk; undefined where nothing can be mounted. */
async function newSiteOnTwo(): Promise<Site | undefined> {
  const site = await newSite({ enrol: { file: '*.csv' } })
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', site.sync], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', site.sync]))
  expect((await stat(site.sync)).dev).not.toBe((await stat(site.school.dataroot)).dev)
  return site
}

const NEEDS_ROOT = 'only root can mount a file system'

async function archivedIn({ store }: Site): Promise<string[]> {
  const archives = join(store, 'archives')
  return Promise.all((await readdir(archives)).map(name => readFile(join(archives, name), 'utf8')))
}

test('a daemon that is killed again and again runs each file once', async ({ skip }) => {
  const site = await newSiteOnTwo()
  if (site === undefined) return skip(NEEDS_ROOT)
  // So large that copying one takes a while.
  const comment = `# ${'x'.repeat(90)}\n`.repeat(20_000)
  const people = Array.from({ length: 12 }, (_, at) => `E10${at + 10}`)
  for (const uid of people) await site.drop(`${uid}.csv`, adding(uid) + comment)
  const left = async () => {
    const places = [site.sync, join(site.store, 'arrivals'), join(site.store, 'commands')]
    return (await Promise.all(places.map(path => readdir(path).catch(() => [])))).flat().length
  }
  for (let lines = 3; (await left()) > 0; lines += 5) {
    const daemon = spawnDaemon(site.config)
    await until('enough lines, or nothing left to do', async () =>
      daemon.lines.length >= lines || (await left()) === 0 ? true : undefined,
    )
    await daemon.end('SIGKILL')
  }
  const daemon = await startDaemon(site.config)
  await until('all to be done', async () => ((await site.noted()).length === 0 ? true : undefined))
  expect(await daemon.end()).toBe(0)
  expect((await archivedIn(site)).sort()).toEqual(people.map(uid => adding(uid) + comment).sort())
  expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(people))
}, 120_000)

test('a file that was copied, and not removed yet, is run once; another of its name is another', async ({ skip }) => {
  const site = await newSiteOnTwo()
  if (site === undefined) return skip(NEEDS_ROOT)
  const arrival = join(site.store, 'arrivals', String(Date.now()).padStart(15, '0'))
  await mkdir(arrival, { recursive: true })
  await writeFile(join(site.sync, 'a.csv'), adding('E1018'))
  await copyFile(join(site.sync, 'a.csv'), join(arrival, 'a.csv'))
  const { atime, mtime } = await stat(join(site.sync, 'a.csv'))
  await utimes(join(arrival, 'a.csv'), atime, mtime)
  const daemon = spawnDaemon(site.config)
  await concluded(daemon, 'a.csv')
  await site.drop('b.csv', HEADER)
  await concluded(daemon, 'b.csv')
  expect(await daemon.end()).toBe(0)
  expect(await archivedIn(site)).toEqual([adding('E1018'), HEADER])

  // As long, and of the same time.
  const next = join(site.store, 'arrivals', String(Date.now()).padStart(15, '0'))
  await mkdir(next)
  for (const [path, uid] of [
    [join(next, 'a.csv'), 'E1019'],
    [join(site.sync, 'a.csv'), 'E1020'],
  ] as const) {
    await writeFile(path, adding(uid))
    await utimes(path, atime, mtime)
  }
  const another = spawnDaemon(site.config)
  await until('both to be done', () => another.told('file-concluded')[1])
  expect(await another.end()).toBe(0)
  expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(['E1018', 'E1019', 'E1020']))
})
