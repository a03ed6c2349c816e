import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Watch, watchDirectory } from '../../src/intake/watch.ts'
import { filesIn, temporaryFolder } from '../store/folder.ts'
import { until } from '../until.ts'
import { freshIntake, type TestIntake } from './intake.ts'

const open: Watch[] = []
afterEach(async () => {
  for (const watch of open.splice(0)) await watch.close()
})

/** Watches with the real clock: what is dropped is taken some 100 ms later. */
async function watched(intake: TestIntake, polling = false): Promise<Watch> {
  const watch = await watchDirectory(
    { ...intake, clock: { now: () => new Date(), elapsed: () => performance.now() } },
    polling,
  )
  open.push(watch)
  return watch
}

const taken = (intake: TestIntake, names: readonly string[]) =>
  until(`${names} to be taken`, () => (intake.taken().join() === names.join() ? true : undefined))

describe.each([
  ['by events', false],
  ['by polling', true],
])('%s', (_, polling) => {
  test('what is there at the start is taken, and what comes later', async () => {
    const intake = await freshIntake({ stableFor: 50 })
    await intake.drop('a.csv')
    await watched(intake, polling)
    await taken(intake, ['a.csv'])
    await intake.drop('b.csv')
    await taken(intake, ['a.csv', 'b.csv'])
  })
})

test('what comes after so many that they are taken without a watcher is seen by events again', async () => {
  const intake = await freshIntake({ stableFor: 50 })
  for (let at = 0; at < 150; at++) await intake.drop(`${at}.csv`)
  await watched(intake)
  await until('all to be taken', () => (intake.taken().length === 150 ? true : undefined))
  for (let more = 1; more <= 2; more++) {
    await intake.drop(`more-${more}.csv`)
    await until('it to be taken', () => (intake.taken().length === 150 + more ? true : undefined))
  }
})

test('while files are taken elsewhere, they stay; and are taken as soon as that ends', async () => {
  const intake = await freshIntake({ stableFor: 50 })
  let isHere = false
  let asked = 0
  const takesFiles = (): boolean => {
    asked += 1
    return isHere
  }
  await watched({ ...intake, takesFiles } as TestIntake)
  await intake.drop('a.csv')
  const before = asked
  await until('several looks', () => (asked > before + 2 ? true : undefined))
  expect(intake.taken()).toEqual([])
  isHere = true
  await taken(intake, ['a.csv'])
})

test('when a feeder’s lock goes, what waits is taken at once', async () => {
  const intake = await freshIntake({ stableFor: 50 })
  const lock = await intake.drop('alock.txt')
  await intake.drop('a.csv')
  await watched(intake)
  await intake.drop('b.csv.part')
  await rename(join(intake.directory, 'b.csv.part'), join(intake.directory, 'b.csv'))
  await rm(lock)
  await until('both to be taken', () => (intake.taken().length === 2 ? true : undefined))
})

test('a done file that comes is seen at once', async () => {
  const intake = await freshIntake({ doneFile: '{name}.done' })
  await intake.drop('a.csv')
  await watched(intake)
  await intake.drop('a.csv.done', '')
  await taken(intake, ['a.csv'])
})

test('a directory that goes and comes back is watched again, and both are said once', async () => {
  const intake = await freshIntake({ stableFor: 50 })
  await watched(intake)
  for (const name of ['a.csv', 'b.csv']) {
    await rm(intake.directory, { recursive: true })
    await until('that to be noticed', () => intake.told('drop-directory-missing') || undefined)
    await mkdir(intake.directory)
    await until('that to be noticed', () => intake.told('intake-recovered') || undefined)
    expect([intake.told('drop-directory-missing'), intake.told('intake-recovered')]).toEqual([1, 1])
    intake.lines.length = 0
    intake.arrivals.length = 0
    await intake.drop(name)
    await taken(intake, [name])
  }
})

test('another directory in its place is watched, too', async () => {
  const intake = await freshIntake({ stableFor: 50 })
  await watched(intake)
  await intake.drop('a.csv')
  await taken(intake, ['a.csv'])
  await rename(intake.directory, `${intake.directory}.old`)
  await mkdir(intake.directory)
  await intake.drop('b.csv')
  await taken(intake, ['a.csv', 'b.csv'])
  await intake.drop('c.csv')
  await taken(intake, ['a.csv', 'b.csv', 'c.csv'])
})

test('the directory is made, but not the one it lies in, which may only not be mounted', async () => {
  const folder = await temporaryFolder()
  const intake = await freshIntake()
  await watched({ ...intake, directory: join(folder, 'sync') })
  expect(await readdir(folder)).toEqual(['sync'])
  const refused = watchDirectory({ ...intake, directory: join(folder, 'not-mounted', 'sync') }, false)
  await expect(refused).rejects.toMatchObject({ code: 'drop-directory-unusable', exit: 78 })
  await writeFile(join(folder, 'file'), '')
  const file = watchDirectory({ ...intake, directory: join(folder, 'file') }, false)
  await expect(file).rejects.toMatchObject({ code: 'drop-directory-unusable' })
})

test('once it is stopped, nothing is taken any more', async () => {
  const intake = await freshIntake({ stableFor: 50 })
  const watch = await watched(intake)
  await intake.drop('a.csv')
  await taken(intake, ['a.csv'])
  intake.stop.abort()
  await watch.close()
  await intake.drop('b.csv')
  await watch.close()
  expect(await filesIn(intake.directory)).toEqual({ 'b.csv': 'text' })
})
