/**
 * A drop directory into which somebody puts what they like, when they like: only whole regular files are ever taken out of
 * it, nothing outside of it is ever read, and nothing that was taken is lost.
 */
import { execFileSync } from 'node:child_process'
import { link, mkdir, readdir, readFile, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { newMemory, scan } from '../../src/intake/scan.ts'
import { freshIntake } from '../intake/intake.ts'
import { adding, HEADER, newSite, spawnDaemon, startDaemon } from '../process/daemon.ts'
import { filesIn, folderElsewhere } from '../store/folder.ts'
import { until } from '../until.ts'
import { runs } from './runs.ts'

const isRoot = process.getuid?.() === 0

describe('the daemon passes over', () => {
  test('links, devices, FIFOs, sockets and directories, and takes what else is there, whatever its name', async () => {
    const site = await newSite({ enrol: { file: '*' } })
    const inside = (name: string) => join(site.sync, name)
    await writeFile(join(site.school.dataroot, 'secret.csv'), adding('E1018'))
    await symlink('../secret.csv', inside('link.csv'))
    await symlink(site.school.dataroot, inside('link-to-directory.csv'))
    await symlink('/nowhere', inside('dangling.csv'))
    await symlink('/etc/passwd', inside('passwd.csv'))
    await symlink('link.csv', inside('link-to-link.csv'))
    await mkdir(inside('enrols.csv'))
    await writeFile(join(inside('enrols.csv'), 'inside.csv'), adding('E1018'))
    execFileSync('mkfifo', [inside('fifo.csv')])
    const socket = createServer()
    onTestFinished(() => void socket.close())
    await new Promise<void>(resolve => socket.listen(inside('socket.csv'), resolve))
    if (isRoot) execFileSync('mknod', [inside('null.csv'), 'c', '1', '3'])
    const left = (await readdir(site.sync)).sort()

    const names = [
      '-rf',
      '--config=x',
      '..csv',
      '...',
      ' ',
      '\\',
      `'"$(id)\`id\`;&|`,
      '%s%n',
      'a\r\nb',
      '\u202e',
      '*',
      '?',
    ]
      .filter(name => !name.startsWith('.'))
      .concat('x'.repeat(255), `${'é'.repeat(125)}a.csv`)
    for (const name of names) await writeFile(inside(name), adding('E1019'))
    const notUtf8 = Buffer.concat([Buffer.from(`${site.sync}/`), Buffer.from([0xff, 0xfe, 0x2e, 0xc3])])
    await writeFile(notUtf8, adding('E1020'))
    await writeFile(join(site.school.folder, 'linked'), adding('E1021'))
    await link(join(site.school.folder, 'linked'), inside('hard-link'))

    const daemon = spawnDaemon(site.config)
    await until('all to be run', () => (daemon.told('file-concluded').length === names.length + 2 ? true : undefined))
    expect(await daemon.end()).toBe(0)
    expect((await readdir(site.sync)).sort()).toEqual(left)
    expect(await site.enrolled('BIO-2')).not.toContain('E1018')
    expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(['E1019', 'E1020', 'E1021']))
    expect(await readdir(join(site.store, 'archives'))).toHaveLength(names.length + 2)
    expect(await readFile(join(site.school.folder, 'linked'), 'utf8')).toBe(adding('E1021'))
    expect(daemon.told('file-passed-over').length).toBe(isRoot ? 8 : 7)
  })
})

test('a file that is replaced by a link at any instant: what is behind the link never gets into the store', async () => {
  const intake = await freshIntake({ stableFor: 0 })
  const secret = join(intake.directory, '..', 'secret')
  await writeFile(secret, 'SECRET')
  const path = join(intake.directory, 'enrols.csv')
  const memory = newMemory()
  let isOver = false
  let swaps = 0
  const swap = async (): Promise<void> => {
    while (!isOver) {
      await writeFile(`${path}.part`, 'a file')
      await rename(`${path}.part`, path)
      // Long enough to be found whole at times, and then replaced between that and the taking.
      await sleep(Math.random() * 8)
      await symlink(secret, `${path}.part`)
      await rename(`${path}.part`, path)
      swaps++
    }
  }
  const swapping = swap()
  while (swaps < runs(300)) await scan(intake, memory)
  isOver = true
  await swapping
  expect(Object.values(await filesIn(intake.store.directory)).filter(content => content !== 'a file')).toEqual([])
  expect(intake.arrivals.length).toBeGreaterThan(0)
  for (const entry of await readdir(intake.store.directory, { recursive: true, withFileTypes: true })) {
    expect([entry.name, entry.isSymbolicLink()]).toEqual([entry.name, false])
  }
  expect(await readFile(secret, 'utf8')).toBe('SECRET')
})

describe('many files', () => {
  test('of one name, one after the other as fast as can be: all that are taken are run, in order', async () => {
    const site = await newSite({ enrol: { file: '*.csv' }, intake: { stableFor: '0ms' } })
    const daemon = await startDaemon(site.config)
    // The last of them must not be superseded.
    const contents = Array.from({ length: 500 }, (_, at) => `${HEADER}# ${at}\n`)
    for (const content of contents) await site.drop('enrols.csv', content)
    await until('the last to be taken', async () => ((await readdir(site.sync)).length === 0 ? true : undefined))
    for (let done = -1; done < daemon.told('file-taken').length; ) {
      done = await until('another to be concluded', () => {
        const { length } = daemon.told('file-concluded')
        return length > done || length === daemon.told('file-taken').length ? length : undefined
      })
    }
    const taken = daemon.told('file-taken').length
    expect(await daemon.end()).toBe(0)
    const archived = Object.values(await filesIn(join(site.store, 'archives')))
    expect(archived).toHaveLength(taken)
    expect(new Set(archived).size).toBe(taken)
    expect(archived).toContain(contents.at(-1))
    expect(daemon.told('run-finished')).toHaveLength(taken)
  })

  test('hundreds at once (MOODLE_SYNCD_TEST_EFFORT=25: 10,000) are taken in the order of their times, in flat memory', async ({
    skip,
  }) => {
    // Each file is synced to the disk several times: what is looked for here is what the program itself takes.
    const dataroot = await folderElsewhere()
    skip(dataroot === undefined, 'there is no file system in memory')
    const count = runs(400)
    const options = { moodle: { dataroot }, enrol: { file: 'enrols-*.csv' }, intake: { stableFor: '1s' } }
    const { config } = await newSite({ ...options, log: { level: 'info' } })
    const site = { config, sync: join(dataroot!, 'sync'), store: join(dataroot!, 'syncd') }
    await mkdir(site.sync)
    const name = (at: number) => (at % 100 === 0 ? `enrols-${at}.csv` : `other-${at}.csv`)
    for (let at = 0; at < count; at++) {
      const path = join(site.sync, name((at * 7) % count))
      await writeFile(path, adding('E1018'))
      await utimes(path, (at * 7) % count, (at * 7) % count)
    }
    const daemon = spawnDaemon(site.config)
    const ended = () => daemon.told('file-not-named').length + daemon.told('run-finished').length
    let most = 0
    const times: number[] = []
    const begun = performance.now()
    for (let quarter = 1; quarter <= 4; quarter++) {
      for (let before = -1; ended() < (count * quarter) / 4; ) {
        before = await until(`more than ${before} to be done with`, () => (ended() > before ? ended() : undefined))
        const status = await readFile(`/proc/${daemon.pid}/status`, 'utf8')
        most = Math.max(most, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]))
      }
      times.push(performance.now() - begun)
    }
    expect(await daemon.end()).toBe(0)
    expect(daemon.told('file-taken').map(({ file }) => file)).toEqual(
      Array.from({ length: count }, (_, at) => name(at)),
    )
    const named = Array.from({ length: count / 100 }, (_, at) => name(at * 100))
    expect(daemon.told('run-finished').map(({ file }) => file)).toEqual(named)
    expect(await readdir(join(site.store, 'commands'))).toHaveLength(count - named.length)
    expect(most).toBeLessThan(300_000)
    // The last quarter takes no longer than the first, but for what the machine does meanwhile.
    expect(times[3]! - times[2]!).toBeLessThan(3 * times[0]! + 2_000)
  }, 600_000)
})
