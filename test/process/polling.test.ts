/**
 * A drop directory of which the kernel tells nothing, as of one on a network file system into which another machine writes: a
 * layer below an overlay is written to, and nobody who watches the overlay hears of it.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../until.ts'
import { adding, newSite, type Site, startDaemon } from './daemon.ts'

/** Mounts it. @returns where the other machine writes; undefined where nothing can be mounted */
async function mountOverlay({ school, sync }: Site): Promise<string | undefined> {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map(name => join(school.folder, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of [lower, upper, work]) await mkdir(folder)
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
  try {
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, sync], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', sync]))
  return upper
}

test('is looked at every second where intake.polling is on', async ({ skip }) => {
  const site = await newSite({ intake: { polling: true, stableFor: '2s' } })
  const elsewhere = await mountOverlay(site)
  if (elsewhere === undefined) return skip('overlays cannot be mounted here')
  const daemon = await startDaemon(site.config)
  // The first may still be found by the look that is taken at the start. Regular looks are half a minute apart.
  for (const uid of ['E1018', 'E1019', 'E1020']) {
    const content = adding(uid)
    await writeFile(join(elsewhere, 'enrols.csv.part'), content)
    await rename(join(elsewhere, 'enrols.csv.part'), join(elsewhere, 'enrols.csv'))
    await until(`${uid} to be enrolled`, async () => (await site.enrolled('BIO-2')).includes(uid) || undefined)
    expect(await readdir(site.sync)).toEqual([])
  }
  await until('all to be put away', () => daemon.told('file-concluded')[2])
  expect(await daemon.end()).toBe(0)
  expect(await readdir(join(site.store, 'archives'))).toHaveLength(3)
})
