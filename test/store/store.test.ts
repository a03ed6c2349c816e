import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { arrivalPath, arrivalsOf, arrive, sendBack } from '../../src/store/arrivals.ts'
import { place, standardFiles } from '../../src/store/commands.ts'
import { conclude, type Verdict } from '../../src/store/conclude.ts'
import { removeOld } from '../../src/store/keep.ts'
import { type BegunJob, begin, begunJobs, end, isThere } from '../../src/store/running.ts'
import { FOLDERS, isStoreAskedFor, lockStore, openStore, type Store, tidyStore } from '../../src/store/store.ts'
import { until } from '../until.ts'
import { filesIn, temporaryFolder } from './folder.ts'

const NOW = new Date(2025, 8, 1, 7, 5, 9)

/** A store, and a directory `sync` beside it in which files are dropped. */
async function freshStore(): Promise<{ store: Store; sync: string; drop: DropFile }> {
  const folder = await temporaryFolder()
  const sync = join(folder, 'sync')
  await mkdir(sync)
  const drop: DropFile = async (name, content) => {
    await writeFile(join(sync, name), content)
    return Buffer.from(join(sync, name))
  }
  return { store: await openStore(join(folder, 'syncd')), sync, drop }
}

type Keep = Parameters<typeof conclude>[1]

type DropFile = (name: string, content: string) => Promise<Buffer>

describe('opening', () => {
  test('makes the folders, for the daemon and its group alone, whatever the umask', async () => {
    const umask = process.umask(0o077)
    try {
      const { store } = await freshStore()
      expect((await readdir(store.directory)).sort()).toEqual([...FOLDERS].sort())
      for (const path of [store.directory, ...Object.values(store.folder)]) {
        expect((await stat(path)).mode & 0o777).toBe(0o750)
      }
    } finally {
      process.umask(umask)
    }
  })

  test('leaves folders that are there as they are', async () => {
    const { store } = await freshStore()
    await rm(store.folder.held, { recursive: true })
    await mkdir(store.folder.held, { mode: 0o700 })
    await openStore(store.directory)
    expect((await stat(store.folder.held)).mode & 0o777).toBe(0o700)
  })

  test('does not make the directory that the store lies in: it may only not be mounted', async () => {
    const folder = await temporaryFolder()
    const opened = openStore(join(folder, 'not-mounted', 'syncd'))
    await expect(opened).rejects.toMatchObject({ code: 'store-without-place', exit: 78 })
    expect(await readdir(folder)).toEqual([])
  })

  test('is refused where a file bears the name of a folder', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'commands'), '')
    await expect(openStore(folder)).rejects.toMatchObject({ code: 'store-unusable' })
  })

  test('is one daemon’s, and the next one’s when that is done', async () => {
    const { store } = await freshStore()
    const never = new AbortController()
    onTestFinished(() => never.abort())
    const lock = await lockStore(
      store,
      () => false,
      () => {},
      never.signal,
    )
    const waited: unknown[] = []
    const next = lockStore(
      store,
      () => false,
      holder => waited.push(holder),
      never.signal,
    )
    await until('it to wait', () => (waited.length > 0 ? true : undefined))
    expect(waited[0]).toMatchObject({ pid: process.pid, host: hostname() })
    expect(await isStoreAskedFor(store)).toBe(false)
    await lock!.release()
    await (await next)!.release()
  })

  test('is asked for by the active daemon, and by no other', async () => {
    const { store } = await freshStore()
    const stop = new AbortController()
    const lock = await lockStore(
      store,
      () => true,
      () => {},
      stop.signal,
    )
    const next = lockStore(
      store,
      () => true,
      () => {},
      stop.signal,
    )
    await until('it to ask', async () => (await isStoreAskedFor(store)) || undefined)
    expect(await isStoreAskedFor(store)).toBe(false)
    stop.abort()
    expect(await next).toBeNull()
    await lock!.release()
  })
})

describe('arrivals', () => {
  test('wait in the order in which they came, each under its own name, through restarts and a clock that is set back', async () => {
    const { store, sync, drop } = await freshStore()
    const came = ['b.csv', 'a.csv', 'b.csv', 'a.csv']
    const clock = [NOW, NOW, new Date(NOW.getTime() - 3_600_000), new Date(0)]
    let current = store
    for (const [at, name] of came.entries()) {
      await arrive(current, await drop(name, `file ${at}`), name, clock[at]!)
      current = await openStore(store.directory)
    }
    expect(await readdir(sync)).toEqual([])
    const waiting = await arrivalsOf(current)
    expect(waiting.map(({ name }) => name)).toEqual(came)
    const contents = await Promise.all(waiting.map(arrival => readFile(arrivalPath(current, arrival), 'utf8')))
    expect(contents).toEqual(['file 0', 'file 1', 'file 2', 'file 3'])
  })

  test('keep a name of 255 bytes', async () => {
    const { store, drop } = await freshStore()
    const name = `${'é'.repeat(125)}a.csv`
    const arrival = await arrive(store, await drop(name, 'text'), name, NOW)
    expect(Buffer.byteLength(arrival.name)).toBe(255)
    expect(await place(store, arrival, NOW)).toBe(join(store.folder.commands, name))
  })

  test('that cannot be taken leave nothing behind', async () => {
    const { store, sync } = await freshStore()
    await expect(arrive(store, Buffer.from(join(sync, 'gone.csv')), 'gone.csv', NOW)).rejects.toThrow('ENOENT')
    expect(await readdir(store.folder.arrivals)).toEqual([])
  })

  test('are sent back without overwriting', async () => {
    const { store, sync, drop } = await freshStore()
    const arrival = await arrive(store, await drop('a.csv', 'first'), 'a.csv', NOW)
    await drop('a.csv', 'second')
    await sendBack(store, arrival, sync)
    expect(await filesIn(sync)).toEqual({ 'a.csv': 'second', 'a-2.csv': 'first' })
    expect(await readdir(store.folder.arrivals)).toEqual([])
  })

  test('leave no empty folder behind a crash, nor half a copy', async () => {
    const { store, drop } = await freshStore()
    const arrival = await arrive(store, await drop('a.csv', 'text'), 'a.csv', NOW)
    for (const [folder, name] of [
      ['1', `.${process.pid}-0123456789ab.tmp`],
      ['2', ''],
    ] as const) {
      const path = join(store.folder.arrivals, folder.padStart(15, '0'))
      await mkdir(path)
      if (name !== '') await writeFile(join(path, name), 'half')
    }
    await tidyStore(store, NOW)
    expect(await readdir(store.folder.arrivals)).toEqual([arrival.folder])
    expect(await arrivalsOf(store)).toEqual([arrival])
  })

  test('are not mixed up with what somebody else put there', async () => {
    const { store } = await freshStore()
    await writeFile(join(store.folder.arrivals, 'note.txt'), '')
    await mkdir(join(store.folder.arrivals, 'folder'))
    await tidyStore(store, NOW)
    expect(await arrivalsOf(await openStore(store.directory))).toEqual([])
  })
})

describe('a file whose turn has come', () => {
  test('lies under its name, and the one that was kept there goes to the archives', async () => {
    const { store, drop } = await freshStore()
    await writeFile(join(store.folder.commands, 'a.csv'), 'kept')
    const arrival = await arrive(store, await drop('a.csv', 'new'), 'a.csv', NOW)
    expect(await place(store, arrival, NOW)).toBe(join(store.folder.commands, 'a.csv'))
    expect(await filesIn(store.directory)).toEqual({
      'commands/a.csv': 'new',
      'archives/20250901-070509_a.csv': 'kept',
    })
    expect(await readdir(store.folder.arrivals)).toEqual([])
  })
})

describe('what has begun is known after a crash', () => {
  const NOTE = { id: 'run-1', file: 'a.csv' }

  async function begun(): Promise<{ store: Store; arrival: string; noted: BegunJob }> {
    const { store, drop } = await freshStore()
    const arrival = (await arrive(store, await drop('a.csv', 'text'), 'a.csv', NOW)).folder
    return { store, arrival, noted: { ...NOTE, arrival } }
  }

  test('before its file was put to the command files', async () => {
    const { store, arrival, noted } = await begun()
    await writeFile(join(store.folder.running, 'run-1.json'), JSON.stringify(noted))
    await writeFile(join(store.folder.commands, 'a.csv'), '', { mode: 0 })
    await tidyStore(store, NOW)
    expect(await begunJobs(store)).toEqual([{ ...NOTE, arrival }])
    expect(await begin(store, noted, NOW)).toBe(join(store.folder.commands, 'a.csv'))
    expect(await filesIn(store.folder.commands)).toEqual({ 'a.csv': 'text' })
    expect(await filesIn(store.folder.archives)).toEqual({})
  })

  test('after that', async () => {
    const { store, noted } = await begun()
    const path = await begin(store, noted, NOW)
    // What the run goes on from, however long ago that was; one of that day that somebody runs by hand; and a forgotten one.
    for (const [name, days] of [
      ['run-1', 9],
      ['by-hand', 0.9],
      ['forgotten', 1.1],
    ] as const) {
      const path = join(store.folder.running, `${name}.outcomes`)
      await writeFile(path, '')
      await utimes(path, NOW, new Date(NOW.getTime() - days * 86_400_000))
    }
    await tidyStore(store, NOW)
    expect(await begunJobs(store)).toEqual([{ ...NOTE, arrival: null }])
    expect(await begin(store, { ...NOTE, arrival: null }, NOW)).toBe(path)
    expect((await readdir(store.folder.running)).sort()).toEqual(['by-hand.outcomes', 'run-1.json', 'run-1.outcomes'])
  })

  test('after its file was put away: that was all', async () => {
    const { store, noted } = await begun()
    await conclude(
      store,
      { archive: true, delete: true },
      await begin(store, noted, NOW),
      { outcome: 'processed' },
      NOW,
    )
    expect(await begunJobs(store)).toEqual([])
    expect(await readdir(store.folder.running)).toEqual([])
  })

  test('until it has ended', async () => {
    const { store, noted } = await begun()
    await begin(store, noted, NOW)
    await end(store, 'run-1')
    expect(await begunJobs(store)).toEqual([])
    // Beginning again, after a disk was full, say, does the same.
    expect(await begin(store, noted, NOW)).toBe(join(store.folder.commands, 'a.csv'))
  })

  test('but no note leads out of the store', async () => {
    const { store } = await begun()
    await writeFile(join(store.folder.running, 'x.json'), '{"id":"x","file":"../../secret","arrival":null}')
    await expect(begunJobs(store)).rejects.toThrow('not the name of a file')
  })
})

describe('the standard files', () => {
  test('are those that enrol.file names, oldest first; no links, no directories, none that is unfinished', async () => {
    const { store } = await freshStore()
    const { commands } = store.folder
    for (const [at, name] of ['b.csv', 'a.csv', 'c.txt', '.12-0123456789ab.tmp'].entries()) {
      await writeFile(join(commands, name), '')
      await utimes(join(commands, name), at, at)
    }
    await symlink(join(commands, 'c.txt'), join(commands, 'link.csv'))
    await mkdir(join(commands, 'directory.csv'))
    expect(await standardFiles(store, '*.csv')).toEqual(['b.csv', 'a.csv'])
    expect(await standardFiles(store, '*')).toEqual(['b.csv', 'a.csv', 'c.txt'])
    expect(await standardFiles(store, 'enrols.csv')).toEqual([])
  })

  test('may lie in folders', async () => {
    const { store } = await freshStore()
    for (const folder of ['spring', 'autumn']) {
      await mkdir(join(store.folder.commands, folder))
      await writeFile(join(store.folder.commands, folder, 'enrols.csv'), '')
    }
    await symlink(join(store.folder.commands, 'spring'), join(store.folder.commands, 'winter'))
    expect((await standardFiles(store, '*/enrols.csv')).sort()).toEqual(['autumn/enrols.csv', 'spring/enrols.csv'])
    expect(await isThere(store, { file: 'spring/enrols.csv', arrival: null })).toBe(true)
  })
})

describe('a file that was run', () => {
  const concluded = async (keep: Keep, verdict: Verdict) => {
    const { store } = await freshStore()
    const path = join(store.folder.commands, 'a.csv')
    await writeFile(path, 'text')
    const where = await conclude(store, keep, path, verdict, NOW)
    return { store, path, where: where?.slice(store.directory.length + 1), files: await filesIn(store.directory) }
  }
  const BOTH = { archive: true, delete: true }
  const ARCHIVED = 'archives/20250901-070509_a.csv'

  test.each([
    [{ archive: true, delete: true }, ARCHIVED, [ARCHIVED]],
    [{ archive: true, delete: false }, ARCHIVED, [ARCHIVED, 'commands/a.csv']],
    [{ archive: false, delete: true }, undefined, []],
    [{ archive: false, delete: false }, 'commands/a.csv', ['commands/a.csv']],
  ])('%j', async (keep, expected, left) => {
    const { where, files } = await concluded(keep, { outcome: 'processed' })
    expect(where).toBe(expected)
    expect(files).toEqual(Object.fromEntries(left.map(name => [name, 'text'])))
  })

  test('and refused lies beside the reason, whatever is kept', async () => {
    for (const keep of [BOTH, { archive: false, delete: false }]) {
      const { files } = await concluded(keep, { outcome: 'refused', reason: 'Because.' })
      expect(files).toEqual({
        'refused/20250901-070509_a.csv': 'text',
        'refused/20250901-070509_a.csv.txt': 'Because.\n',
      })
    }
  })

  test('and refused never takes the name of another one’s reason', async () => {
    const { store } = await freshStore()
    for (const name of ['a.csv.txt', 'a.csv', 'a.csv']) {
      const path = join(store.folder.commands, name)
      await writeFile(path, name)
      await conclude(store, BOTH, path, { outcome: 'refused', reason: `of ${name}` }, NOW)
    }
    expect(await filesIn(store.folder.refused)).toEqual({
      '20250901-070509_a.csv.txt': 'a.csv.txt',
      '20250901-070509_a.csv.txt.txt': 'of a.csv.txt\n',
      '20250901-070509_a-2.csv': 'a.csv',
      '20250901-070509_a-2.csv.txt': 'of a.csv\n',
      '20250901-070509_a-3.csv': 'a.csv',
      '20250901-070509_a-3.csv.txt': 'of a.csv\n',
    })
  })

  test('and is held keeps its name', async () => {
    const { where, files } = await concluded(BOTH, { outcome: 'held' })
    expect(where).toBe('held/a.csv')
    expect(files).toEqual({ 'held/a.csv': 'text' })
  })

  test('and was interrupted stays', async () => {
    const { where, files } = await concluded(BOTH, { outcome: 'interrupted' })
    expect(where).toBe('commands/a.csv')
    expect(files).toEqual({ 'commands/a.csv': 'text' })
  })

  test.each(['processed', 'refused', 'held'] as const)('and is gone, %s: nothing is left behind', async outcome => {
    const { store, path } = await concluded({ archive: false, delete: true }, { outcome: 'processed' })
    expect(await conclude(store, BOTH, path, { outcome, reason: 'Because.' }, NOW)).toBeNull()
    expect(await filesIn(store.directory)).toEqual({})
  })
})

describe('what was kept long enough', () => {
  const DAY = 86_400_000
  const OLD = '20250901-070509_a.csv'

  async function storeOf(names: readonly string[]): Promise<Store> {
    const { store } = await freshStore()
    for (const name of names) await writeFile(join(store.directory, name), '')
    return store
  }

  test('is removed by its stamp, and nothing that has none, that is younger, or that waits', async () => {
    const removed = ['archives', 'reports', 'retry', 'refused'].map(folder => `${folder}/${OLD}`)
    const kept = ['archives/20250901-070511_a.csv', 'archives/notes.txt', `commands/${OLD}`, `held/${OLD}`]
    const store = await storeOf([...removed, ...kept])
    await mkdir(join(store.folder.archives, '20200101-000000_folder'))
    expect(await removeOld(store, 90, new Date(NOW.getTime() + 90 * DAY + 1_000))).toBe(removed.length)
    expect(Object.keys(await filesIn(store.directory)).sort()).toEqual(kept.sort())
  })

  test('is kept for ever where keepDays is 0', async () => {
    const store = await storeOf([`archives/${OLD}`])
    expect(await removeOld(store, 0, new Date(NOW.getTime() + 36_500 * DAY))).toBe(0)
    expect(Object.keys(await filesIn(store.directory))).toEqual([`archives/${OLD}`])
  })
})
