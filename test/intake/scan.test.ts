import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { appendFile, chmod, mkdir, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { removeDoneFilesOf } from '../../src/intake/left-overs.ts'
import { newMemory, scan } from '../../src/intake/scan.ts'
import { arrivalPath, arrivalsOf } from '../../src/store/arrivals.ts'
import { filesIn, folderElsewhere } from '../store/folder.ts'
import { freshIntake, type TestIntake } from './intake.ts'

/** Looks, and looks again when what was there can be whole. */
async function scanTwice(intake: TestIntake, memory = newMemory()): Promise<void> {
  await scan(intake, memory)
  intake.time += intake.wholeness.stableFor
  await scan(intake, memory)
}

const contentsOf = (intake: TestIntake) =>
  intake.arrivals.map(each => readFileSync(arrivalPath(intake.store, each), 'utf8'))

describe('taking', () => {
  test('is when a file has been stable, not before', async () => {
    const intake = await freshIntake()
    const memory = newMemory()
    await intake.drop('a.csv', 'one line\n')
    expect(await scan(intake, memory)).toBe(2_000)
    intake.time = 1_500
    await appendFile(join(intake.directory, 'a.csv'), 'another\n')
    expect(await scan(intake, memory)).toBe(3_500)
    intake.time = 2_500
    expect(await scan(intake, memory)).toBe(3_500)
    expect(intake.taken()).toEqual([])
    intake.time = 3_500
    expect(await scan(intake, memory)).toBeNull()
    expect(contentsOf(intake)).toEqual(['one line\nanother\n'])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test('is in the order of arrival: by time, to the nanosecond, then by name', async () => {
    const intake = await freshIntake()
    for (const name of ['z', 'y', 'b', 'a']) await intake.drop(name)
    for (const [name, time] of [
      ['z', 1_000],
      ['y', 1_000.000001],
      ['a', 2_000],
      ['b', 2_000],
    ] as const) {
      execFileSync('touch', ['-d', `@${time.toFixed(6)}`, join(intake.directory, name)])
    }
    await scanTwice(intake)
    expect(intake.taken()).toEqual(['z', 'y', 'a', 'b'])
    expect((await arrivalsOf(intake.store)).map(({ name }) => name)).toEqual(['z', 'y', 'a', 'b'])
  })

  test('of two files of one name, one after the other, loses none', async () => {
    const intake = await freshIntake()
    for (const content of ['first', 'second']) {
      await intake.drop('a.csv', content)
      await scanTwice(intake)
    }
    expect(contentsOf(intake)).toEqual(['first', 'second'])
  })

  test('gives files the mode of the store', async () => {
    const intake = await freshIntake()
    await chmod(await intake.drop('a.csv'), 0o666)
    await scanTwice(intake)
    const path = arrivalPath(intake.store, intake.arrivals[0]!)
    expect(execFileSync('stat', ['-c', '%a', path], { encoding: 'utf8' })).toBe('640\n')
  })

  test('works from another file system', async ({ skip }) => {
    const elsewhere = (await folderElsewhere()) ?? skip('there is no other file system to write to')
    const intake = await freshIntake({}, elsewhere)
    await intake.drop('a.csv', 'text')
    await utimes(join(elsewhere, 'a.csv'), new Date(1_234_567), new Date(1_234_567))
    await scanTwice(intake)
    expect(contentsOf(intake)).toEqual(['text'])
    expect(await readdir(elsewhere)).toEqual([])
  })

  test('stops where the daemon stops', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    for (const name of ['a', 'b', 'c']) await intake.drop(name)
    await scan({ ...intake, onArrival: () => intake.stop.abort() }, newMemory())
    expect(await readdir(intake.directory)).toHaveLength(2)
    expect(await arrivalsOf(intake.store)).toHaveLength(1)
  })

  test('goes on behind a file that is gone in the very last moment', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    for (const name of ['a', 'b', 'c']) await intake.drop(name)
    const onArrival: TestIntake['onArrival'] = arrival => {
      intake.onArrival(arrival)
      if (arrival.name === 'a') execFileSync('rm', [join(intake.directory, 'b')])
    }
    await scan({ ...intake, onArrival }, newMemory())
    expect(intake.taken()).toEqual(['a', 'c'])
    expect(await arrivalsOf(intake.store)).toHaveLength(2)
  })

  test('leaves a file that is replaced in the very last moment, until that one is whole', async () => {
    const intake = await freshIntake()
    for (const name of ['a', 'b']) await intake.drop(name)
    await mkdir(join(intake.directory, '..', 'aside'))
    await writeFile(join(intake.directory, '..', 'aside', 'b'), 'half of')
    const memory = newMemory()
    const onArrival: TestIntake['onArrival'] = arrival => {
      intake.onArrival(arrival)
      if (arrival.name === 'a') execFileSync('mv', [join(intake.directory, '..', 'aside', 'b'), intake.directory])
    }
    await scan({ ...intake, onArrival }, memory)
    intake.time = 2_000
    expect(await scan({ ...intake, onArrival }, memory)).toBe(2_000)
    expect(intake.taken()).toEqual(['a'])
    expect(await filesIn(intake.directory)).toEqual({ b: 'half of' })
    await scanTwice(intake, memory)
    expect(contentsOf(intake)).toEqual(['text', 'half of'])
  })
})

test.each<[string, (path: string) => void]>([
  ['a link', path => symlinkSync('secret.csv', path)],
  ['a directory', path => mkdirSync(path)],
  ['another file', path => writeFileSync(path, 'half of it')],
])('what becomes %s in the very last moment is put back', async (_, make) => {
  const intake = await freshIntake({ stableFor: 0 })
  const path = await intake.drop('a.csv')
  const other = join(intake.directory, '..', 'other')
  make(other)
  const { ino } = lstatSync(other)
  // The time is asked for last when the file has been looked at, and is about to be taken.
  const now = new Date()
  now.getTime = () => {
    if (lstatSync(other, { throwIfNoEntry: false }) !== undefined) {
      rmSync(path)
      renameSync(other, path)
    }
    return Date.now()
  }
  await scan({ ...intake, clock: { now: () => now, elapsed: () => 0 } }, newMemory())
  expect(intake.taken()).toEqual([])
  expect(lstatSync(path).ino).toBe(ino)
  expect(await readdir(intake.directory)).toEqual(['a.csv'])
  expect(await arrivalsOf(intake.store)).toEqual([])
})

describe('passed over', () => {
  test('links, directories, FIFOs and sockets, whatever is behind them; the first and the last are said once', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const inside = (name: string) => join(intake.directory, name)
    await writeFile(join(intake.directory, '..', 'secret'), 'secret')
    await symlink('../secret', inside('link.csv'))
    await symlink('/nowhere', inside('dangling.csv'))
    await mkdir(inside('directory.csv'))
    execFileSync('/usr/bin/mkfifo', [inside('fifo.csv')])
    const memory = newMemory()
    for (let looks = 0; looks < 3; looks++) await scan(intake, memory)
    expect(intake.taken()).toEqual([])
    expect(await readdir(intake.directory)).toHaveLength(4)
    const told = intake.lines.filter(({ event }) => event === 'file-passed-over').map(({ file }) => file)
    expect(told.sort()).toEqual(['dangling.csv', 'fifo.csv', 'link.csv'])
  })

  test('names of unfinished transfers, until they are renamed', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const memory = newMemory()
    await intake.drop('a.csv.part')
    await scan(intake, memory)
    expect(intake.taken()).toEqual([])
    await rename(join(intake.directory, 'a.csv.part'), join(intake.directory, 'a.csv'))
    await scan(intake, memory)
    expect(intake.taken()).toEqual(['a.csv'])
  })
})

describe('strange names', () => {
  test.each(['a\nb.csv', ' ', '-rf', 'a\u001b[2Jb', '*', '$(id).csv', '\\', '😀.csv', `${'é'.repeat(125)}a.csv`])(
    'are names like any other: %j',
    async name => {
      const intake = await freshIntake({ stableFor: 0 })
      await intake.drop(name)
      await scan(intake, newMemory())
      expect(intake.taken()).toEqual([name])
      expect(contentsOf(intake)).toEqual(['text'])
    },
  )

  test('that are not UTF-8 are taken under readable ones, and told apart', async () => {
    const intake = await freshIntake({ doneFile: '{name}.done' })
    for (const byte of [0xe9, 0xe8]) {
      const path = (ending: string) =>
        Buffer.concat([Buffer.from(`${intake.directory}/${'x'.repeat(200)}`), Buffer.from([byte]), Buffer.from(ending)])
      await writeFile(path('.csv'), String(byte))
      await writeFile(path('.csv.done'), '')
    }
    await scan(intake, newMemory())
    const name = `${'x'.repeat(200)}\ufffd.csv`
    expect(intake.taken()).toEqual([name, name])
    expect(contentsOf(intake).sort()).toEqual(['232', '233'])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test('that are too long with characters in place of what is not UTF-8 are shortened', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const path = Buffer.concat([Buffer.from(`${intake.directory}/`), Buffer.alloc(251, 0xe9), Buffer.from('.csv')])
    await writeFile(path, 'text')
    await scan(intake, newMemory())
    expect(intake.taken()).toEqual([`${'\ufffd'.repeat(83)}.csv`])
    expect(contentsOf(intake)).toEqual(['text'])
  })
})

describe('a done file', () => {
  test('makes its file whole, and goes with it', async () => {
    const intake = await freshIntake({ doneFile: '{name}.done' })
    const memory = newMemory()
    await intake.drop('a.csv')
    await intake.drop('b.csv')
    intake.time = 60_000
    expect(await scan(intake, memory)).toBeNull()
    expect(intake.taken()).toEqual([])
    await intake.drop('a.csv.done', '')
    await scan(intake, memory)
    expect(intake.taken()).toEqual(['a.csv'])
    expect(await readdir(intake.directory)).toEqual(['b.csv'])
  })

  test('must be a file', async () => {
    const intake = await freshIntake({ doneFile: '{name}.done' })
    await intake.drop('a.csv')
    await mkdir(join(intake.directory, 'a.csv.done'))
    await scan(intake, newMemory())
    expect(intake.taken()).toEqual([])
  })

  test('that a crash left is not there for the next file, one that is for that next file is', async () => {
    const intake = await freshIntake({ doneFile: '{name}.done' })
    const arrivals = ['a.csv', 'b.csv'].map(name => ({ name, folder: '0' }))
    for (const name of ['a.csv.done', 'b.csv', 'b.csv.done', 'c.csv.done']) await intake.drop(name)
    await removeDoneFilesOf(intake.directory, arrivals, '{name}.done')
    expect((await readdir(intake.directory)).sort()).toEqual(['b.csv', 'b.csv.done', 'c.csv.done'])
  })
})

describe('locks', () => {
  test('a feeder’s keeps everything where it is, until it is gone', async () => {
    const intake = await freshIntake()
    const memory = newMemory()
    await intake.drop('alock.txt')
    await intake.drop('a.csv')
    await scanTwice(intake, memory)
    expect(intake.taken()).toEqual([])
    expect(intake.told('feeder-lock-stale')).toBe(0)
    await rm(join(intake.directory, 'alock.txt'))
    await scan(intake, memory)
    expect(intake.taken()).toEqual(['a.csv'])
  })

  test('a feeder’s that is older than three hours is said once, each', async () => {
    const intake = await freshIntake()
    const memory = newMemory()
    for (const hours of [2.9, 3.1, 3.2]) {
      const since = new Date(Date.now() - hours * 3_600_000)
      await utimes(await intake.drop('alock.txt'), since, since)
      await scanTwice(intake, memory)
      await scanTwice(intake, memory)
    }
    expect(intake.told('feeder-lock-stale')).toBe(2)
  })

  test('ours is there while files are taken, and only then', async () => {
    const intake = await freshIntake()
    const path = join(intake.directory, 'lock.txt')
    const seen: boolean[] = []
    const watched = { ...intake, onArrival: () => seen.push(existsSync(path)) }
    const memory = newMemory()
    await intake.drop('a.csv')
    await scan(watched, memory)
    expect(existsSync(path)).toBe(false)
    intake.time = 2_000
    await scan(watched, memory)
    expect(seen).toEqual([true])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test('a feeder’s that comes while ours is made keeps everything, too', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('a.csv')
    const inside = (name: string) => join(intake.directory, name)
    const feeder = {
      get clock() {
        if (existsSync(inside('lock.txt'))) writeFileSync(inside('alock.txt'), '')
        return intake.clock
      },
    }
    await scan(Object.defineProperties({ ...intake }, Object.getOwnPropertyDescriptors(feeder)), newMemory())
    expect(intake.taken()).toEqual([])
    expect((await readdir(intake.directory)).sort()).toEqual(['a.csv', 'alock.txt'])
  })

  test('ours that a crash left is removed', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('lock.txt', JSON.stringify({ pid: spawnSync('true').pid, host: hostname(), started: null }))
    await intake.drop('a.csv')
    await scan(intake, newMemory())
    expect(intake.taken()).toEqual(['a.csv'])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test('a lock.txt that a crash has left is removed, though there is nothing to take: feeders wait for it to go', async () => {
    const intake = await freshIntake()
    await intake.drop('lock.txt', JSON.stringify({ pid: spawnSync('true').pid, host: hostname(), started: null }))
    await scan(intake, newMemory())
    expect(await filesIn(intake.directory)).toEqual({})
  })

  test('somebody else’s lock.txt stays, is said once, and keeps nothing', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const memory = newMemory()
    await intake.drop('lock.txt', 'tool_sync')
    for (const name of ['a.csv', 'b.csv']) {
      await intake.drop(name)
      await scan(intake, memory)
    }
    expect(intake.taken()).toEqual(['a.csv', 'b.csv'])
    expect(await filesIn(intake.directory)).toEqual({ 'lock.txt': 'tool_sync' })
    expect(intake.told('foreign-lock')).toBe(1)
  })
})

test('a directory that is not there is an error of the look, not its end', async () => {
  const intake = await freshIntake()
  const memory = newMemory()
  await rm(intake.directory, { recursive: true })
  await expect(scan(intake, memory)).rejects.toThrow('ENOENT')
  await mkdir(intake.directory)
  await intake.drop('a.csv')
  await scanTwice(intake, memory)
  expect(intake.taken()).toEqual(['a.csv'])
})

test('what is gone is forgotten', async () => {
  const intake = await freshIntake()
  const memory = newMemory()
  await symlink('/nowhere', join(intake.directory, 'link'))
  await intake.drop('a.csv')
  await scan(intake, memory)
  expect([memory.seen.size, memory.told.size]).toEqual([1, 1])
  for (const name of ['link', 'a.csv']) await rm(join(intake.directory, name))
  await scan(intake, memory)
  expect([memory.seen.size, memory.told.size]).toEqual([0, 0])
})

describe.runIf(process.getuid?.() === 0)('without the rights that root has', () => {
  /** Nobody in particular, who may do anything in the drop directory and the store, but is no owner of any file. */
  async function asNobody<T>(intake: TestIntake, work: () => Promise<T>): Promise<T> {
    execFileSync('chmod', ['a+rwx', join(intake.directory, '..'), intake.directory])
    execFileSync('chown', ['-R', '65534', intake.store.directory])
    process.seteuid!(65534)
    try {
      return await work()
    } finally {
      process.seteuid!(0)
    }
  }

  test('a file that may not be read is said once, and taken when it may', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const memory = newMemory()
    const path = await intake.drop('secret.csv')
    await chmod(path, 0o600)
    await intake.drop('z.csv')
    for (let looks = 0; looks < 3; looks++) await asNobody(intake, () => scan(intake, memory))
    expect(intake.taken()).toEqual(['z.csv'])
    expect(intake.told('file-unreadable')).toBe(1)
    await chmod(path, 0o644)
    await asNobody(intake, () => scan(intake, memory))
    expect(intake.taken()).toEqual(['z.csv', 'secret.csv'])
  })

  test('a file that may not be moved is said once, and stays', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const memory = newMemory()
    await intake.drop('a.csv')
    await asNobody(intake, async () => {})
    await chmod(intake.directory, 0o1777)
    for (let looks = 0; looks < 3; looks++) {
      process.seteuid!(65534)
      await scan(intake, memory).finally(() => process.seteuid!(0))
    }
    expect(intake.taken()).toEqual([])
    expect(intake.told('file-immovable')).toBe(1)
    expect(await filesIn(intake.directory)).toEqual({ 'a.csv': 'text' })
    expect(await arrivalsOf(intake.store)).toEqual([])
  })

  test('a store that lets nothing in is no fault of the file, which stays', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('a.csv')
    await chmod(intake.store.folder.arrivals, 0o555)
    await expect(asNobody(intake, () => scan(intake, newMemory()))).rejects.toThrow(/EACCES.*mkdir/)
    expect(await filesIn(intake.directory)).toEqual({ 'a.csv': 'text' })
  })
})
