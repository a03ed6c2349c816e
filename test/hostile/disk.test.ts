/** A disk that is full or read-only: what cannot be recorded is not run, nothing is lost, and it goes on by itself. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { adding, concluded, HEADER, newSite, type Site, spawnDaemon, startDaemon } from '../process/daemon.ts'

/** A site whose store is a file system in memory of so many kB; undefined where that cannot be made. */
async function siteWithStore(kilobytes: number): Promise<Site | undefined> {
  const site = await newSite()
  await mkdir(site.store)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', site.store], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', site.store]))
  return site
}

const remount = (site: Site, options: string) => execFileSync('mount', ['-o', `remount,${options}`, site.store])
const NEEDS_ROOT = 'only root can mount a file system'
const FAILING = `${HEADER}${'add;BIO-2;E9999;student;manual\n'.repeat(4_000)}`

describe('a store without room', () => {
  test('for the file leaves it in the drop directory, until there is', async ({ skip }) => {
    const site = await siteWithStore(64)
    if (site === undefined) return skip(NEEDS_ROOT)
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', FAILING)
    await daemon.tells('intake-failed')
    expect(await readdir(site.sync)).toEqual(['enrols.csv'])
    expect(await readdir(join(site.store, 'arrivals'))).toEqual([])
    remount(site, 'size=20m')
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
    expect((await site.stored())['archives/enrols.csv']).toBe(FAILING)
  })

  for (const kilobytes of [200, 400, 700, 1_000]) {
    test(`for what becomes of its rows, or the reports: ${kilobytes} kB`, async ({ skip }) => {
      const site = await siteWithStore(kilobytes)
      if (site === undefined) return skip(NEEDS_ROOT)
      const daemon = await startDaemon(site.config)
      await site.drop('enrols.csv', `${FAILING}add;BIO-2;E1018;student;manual\n`)
      await daemon.tells('run-postponed')
      remount(site, 'size=20m')
      await concluded(daemon)
      expect(await daemon.end()).toBe(0)
      const stored = await site.stored()
      expect(stored['retry/enrols.csv']).toBe(FAILING)
      const { summary, rows } = JSON.parse(stored['reports/enrols.csv.json']!)
      expect(summary).toMatchObject({ rows: 4_001, applied: 1, failed: 4_000 })
      expect(rows).toHaveLength(4_001)
      expect(Object.keys(stored).filter(name => name.includes('.tmp'))).toEqual([])
      expect(await site.enrolled('BIO-2')).toContain('E1018')
    })
  }

  test('at all, when the daemon starts: it ends with a sentence, not as a bug', async ({ skip }) => {
    const site = await siteWithStore(200)
    if (site === undefined) return skip(NEEDS_ROOT)
    const daemon = await startDaemon(site.config)
    expect(await daemon.end()).toBe(0)
    await writeFile(join(site.store, 'ballast'), Buffer.alloc(1_000_000)).catch(() => {})
    const next = spawnDaemon(site.config)
    expect(await next.ended).toBe(69)
    await rm(join(site.store, 'ballast'))
    // Nothing is left in its way.
    expect(await (await startDaemon(site.config)).end()).toBe(0)
  })
})

describe('a store that is read-only', () => {
  test('while it runs: nothing is run, and all of it when it can be written again', async ({ skip }) => {
    const site = await siteWithStore(4_000)
    if (site === undefined) return skip(NEEDS_ROOT)
    const daemon = await startDaemon(site.config)
    remount(site, 'ro')
    await site.drop('enrols.csv', adding('E1018'))
    await daemon.tells('intake-failed')
    expect(await site.enrolled('BIO-2')).not.toContain('E1018')
    remount(site, 'rw')
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
    expect(await site.enrolled('BIO-2')).toContain('E1018')
  })

  test('when it starts: it ends with 78', async ({ skip }) => {
    const site = await siteWithStore(4_000)
    if (site === undefined) return skip(NEEDS_ROOT)
    expect(await (await startDaemon(site.config)).end()).toBe(0)
    remount(site, 'ro')
    const next = spawnDaemon(site.config)
    expect(await next.ended).toBe(78)
    expect(next.lines.map(({ text }) => text).join('\n')).toContain(site.store)
  })
})
