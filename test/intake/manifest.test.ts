/** A dropped file with a manifest is taken when it is what the manifest says, and never before. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { truncateSync } from 'node:fs'
import { appendFile, chmod, mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { removeManifestsOf } from '../../src/intake/left-overs.ts'
import { parseManifest } from '../../src/intake/manifest.ts'
import { newMemory, scan } from '../../src/intake/scan.ts'
import { arrivalPath, arrivalsOf } from '../../src/store/arrivals.ts'
import { freshIntake, type TestIntake } from './intake.ts'

const sum = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')

const contentsOf = (intake: TestIntake): Promise<string[]> =>
  Promise.all(intake.arrivals.map(each => readFile(arrivalPath(intake.store, each), 'utf8')))

describe('a manifest', () => {
  const SUM = sum('text')

  test.each([
    [SUM],
    [`${SUM}\n`],
    [`${SUM}  a.csv\n`],
    [`${SUM} *out/a.csv\r\n`],
    [`\ufeff${SUM.toUpperCase()}\n`],
    [`\\${SUM}  a\\nb.csv\n`],
    [`${SUM}  a.csv\n${'0'.repeat(64)}  b.csv\n`],
  ])('says the sum: %j', text => {
    expect(parseManifest(text)).toBe(SUM)
  })

  test.each(['', '\n', SUM.slice(1), `${SUM}0`, ` ${SUM}`, `a.csv  ${SUM}`, `${SUM.slice(1)}g`])(
    'says none: %j',
    text => {
      expect(parseManifest(text)).toBeNull()
    },
  )

  test('is what sha256sum writes, whatever the name is', async () => {
    const intake = await freshIntake()
    for (const name of ['a.csv', 'é è.csv', 'a\nb.csv', '\\', '-rf']) {
      await intake.drop(name)
      const written = execFileSync('sha256sum', ['--', name], { cwd: intake.directory, encoding: 'utf8' })
      expect(parseManifest(written)).toBe(SUM)
    }
  })

  test('is no command file, and stays where its file is not', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('a.csv.sha256', SUM)
    await scan(intake, newMemory())
    expect(intake.taken()).toEqual([])
    expect(await readdir(intake.directory)).toEqual(['a.csv.sha256'])
  })
})

describe('a file with a manifest', () => {
  test('that agrees is taken, and the manifest is gone', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('a.csv')
    await intake.drop('a.csv.sha256', `${sum('text')}  a.csv\n`)
    await scan(intake, newMemory())
    expect(await contentsOf(intake)).toEqual(['text'])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test('is not taken before it has been stable, though it agrees', async () => {
    const intake = await freshIntake()
    const memory = newMemory()
    await intake.drop('a.csv')
    await intake.drop('a.csv.sha256', sum('text'))
    expect(await scan(intake, memory)).toBe(2_000)
    intake.time = 2_000
    await scan(intake, memory)
    expect(intake.taken()).toEqual(['a.csv'])
  })

  test('that was cut waits, whatever time passes, until the rest is there; that is said once, after a minute', async () => {
    const intake = await freshIntake()
    const memory = newMemory()
    const look = (time: number): Promise<number | null> => {
      intake.time = time
      return scan(intake, memory)
    }
    await intake.drop('a.csv.sha256', sum('one\ntwo\n'))
    await intake.drop('a.csv', 'one\n')
    await look(0)
    await look(2_000)
    await look(61_999)
    expect(intake.told('manifest-differs')).toBe(0)
    await look(62_000)
    await look(3_600_000)
    expect(intake.told('manifest-differs')).toBe(1)
    expect(intake.taken()).toEqual([])
    await appendFile(join(intake.directory, 'a.csv'), 'two\n')
    await look(3_600_001)
    await look(3_602_001)
    expect(await contentsOf(intake)).toEqual(['one\ntwo\n'])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test('of which the manifest is wrong is taken once that is mended, or gone', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const memory = newMemory()
    for (const [name, wrong] of [
      ['a.csv', sum('another')],
      ['b.csv', ''],
      ['c.csv', sum('text').slice(0, 63)],
    ] as const) {
      await intake.drop(name)
      await intake.drop(`${name}.sha256`, wrong)
    }
    await scan(intake, memory)
    expect(intake.taken()).toEqual([])
    await intake.drop('a.csv.sha256', sum('text'))
    await rm(join(intake.directory, 'b.csv.sha256'))
    await scan(intake, memory)
    expect(intake.taken().sort()).toEqual(['a.csv', 'b.csv'])
    expect((await readdir(intake.directory)).sort()).toEqual(['c.csv', 'c.csv.sha256'])
  })

  test('is read once, however often it is looked at', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    const memory = newMemory()
    await intake.drop('a.csv')
    await intake.drop('a.csv.sha256', sum('another'))
    await scan(intake, memory)
    const first = memory.sums.get('a.csv')
    await scan(intake, memory)
    expect(memory.sums.get('a.csv')).toBe(first)
    await rm(join(intake.directory, 'a.csv'))
    await scan(intake, memory)
    expect(memory.sums.size).toBe(0)
  })

  test('needs its done file as well, where there is one', async () => {
    const intake = await freshIntake({ doneFile: '{name}.done' })
    const memory = newMemory()
    await intake.drop('a.csv')
    await intake.drop('a.csv.sha256', sum('text'))
    await scan(intake, memory)
    expect(intake.taken()).toEqual([])
    await intake.drop('a.csv.done', '')
    await scan(intake, memory)
    expect(intake.taken()).toEqual(['a.csv'])
    expect(await readdir(intake.directory)).toEqual([])
  })

  test.each([
    ['a directory', (path: string) => mkdir(path)],
    ['a link', (path: string) => symlink('elsewhere', path)],
    ['too large to be one', (path: string) => writeFile(path, `\n${sum('text')}`.padStart(20_000))],
    ['a FIFO', async (path: string) => void execFileSync('mkfifo', [path])],
  ])('that is %s waits', async (_, make) => {
    const intake = await freshIntake({ stableFor: 0 })
    await writeFile(join(intake.directory, 'elsewhere'), sum('text'))
    await intake.drop('a.csv')
    await make(join(intake.directory, 'a.csv.sha256'))
    await scan(intake, newMemory())
    expect(intake.taken()).not.toContain('a.csv')
  })

  test('whose name leaves no room for one has none', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop(`${'x'.repeat(251)}.csv`)
    await scan(intake, newMemory())
    expect(intake.taken()).toHaveLength(1)
  })

  test('that is written to again after its sum was taken is not taken as it then is', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('0.csv')
    await intake.drop('a.csv', 'one\ntwo\n')
    await intake.drop('a.csv.sha256', sum('one\ntwo\n'))
    // In the very last moment: when the file before it has just been taken.
    const onArrival: TestIntake['onArrival'] = arrival => {
      intake.onArrival(arrival)
      if (arrival.name === '0.csv') truncateSync(join(intake.directory, 'a.csv'), 4)
    }
    await scan({ ...intake, onArrival }, newMemory())
    expect(intake.taken()).toEqual(['0.csv'])
    expect((await readdir(intake.directory)).sort()).toEqual(['a.csv', 'a.csv.sha256'])
  })

  test('leaves the manifest of the next file, which was put there in the very last moment', async () => {
    const intake = await freshIntake({ stableFor: 0 })
    await intake.drop('a.csv')
    await intake.drop('a.csv.sha256', sum('text'))
    await writeFile(join(intake.directory, '..', 'next'), sum('next'))
    const onArrival: TestIntake['onArrival'] = arrival => {
      intake.onArrival(arrival)
      execFileSync('mv', [join(intake.directory, '..', 'next'), join(intake.directory, 'a.csv.sha256')])
    }
    await scan({ ...intake, onArrival }, newMemory())
    expect(intake.taken()).toEqual(['a.csv'])
    expect(await readFile(join(intake.directory, 'a.csv.sha256'), 'utf8')).toBe(sum('next'))
  })
})

test('manifests that a crash left are removed at the next start, those of next files are not', async () => {
  const intake = await freshIntake({ stableFor: 0 })
  for (const name of ['a.csv', 'b.csv']) await intake.drop(name)
  await scan(intake, newMemory())
  const arrivals = await arrivalsOf(intake.store)
  expect(arrivals).toHaveLength(2)
  await intake.drop('a.csv.sha256', sum('text'))
  await intake.drop('b.csv.sha256', sum('next'))
  await intake.drop('c.csv.sha256', sum('text'))
  await removeManifestsOf(intake.directory, intake.store, arrivals)
  expect((await readdir(intake.directory)).sort()).toEqual(['b.csv.sha256', 'c.csv.sha256'])
})

test('whatever a feeder does in whatever order, what is taken is what a manifest says, or had none', async () => {
  const CONTENTS = ['', 'one\n', 'one\ntwo\n', 'three\n'] as const
  const act = fc.oneof(
    fc.record({ do: fc.constantFrom('write', 'append', 'rename', 'say'), content: fc.constantFrom(...CONTENTS) }),
    fc.record({ do: fc.constant('look'), content: fc.constant('') }),
    fc.record({ do: fc.constantFrom('remove', 'unsay', 'agree', 'agree'), content: fc.constant('') }),
  )
  const taken = { with: 0, without: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 14 }), async acts => {
      const intake = await freshIntake({ stableFor: 1_000 })
      const inside = (name: string): string => join(intake.directory, name)
      const memory = newMemory()
      let said: string | null = null
      const onArrival: TestIntake['onArrival'] = arrival => {
        intake.onArrival(arrival)
        const content = execFileSync('cat', [arrivalPath(intake.store, arrival)])
        if (said !== null) expect(sum(content)).toBe(said)
        taken[said === null ? 'without' : 'with'] += 1
        said = null
      }
      for (const act of [...acts, { do: 'look', content: '' }]) {
        if (act.do === 'write') await writeFile(inside('a.csv'), act.content)
        if (act.do === 'append') await appendFile(inside('a.csv'), act.content)
        if (act.do === 'rename') {
          await writeFile(inside('a.csv.part'), act.content)
          await rename(inside('a.csv.part'), inside('a.csv'))
        }
        // Time goes on between two acts, though their file system may not tell.
        await utimes(inside('a.csv'), intake.time, intake.time).catch(() => {})
        intake.time += 1
        if (act.do === 'remove') await rm(inside('a.csv'), { force: true })
        if (act.do === 'say') {
          said = sum(act.content)
          await writeFile(inside('a.csv.sha256'), said)
        }
        if (act.do === 'agree') {
          said = sum(await readFile(inside('a.csv')).catch(() => ''))
          await writeFile(inside('a.csv.sha256'), said)
        }
        if (act.do === 'unsay') {
          said = null
          await rm(inside('a.csv.sha256'), { force: true })
        }
        if (act.do === 'look') {
          await scan({ ...intake, onArrival }, memory)
          intake.time += 1_000
          await scan({ ...intake, onArrival }, memory)
        }
      }
    }),
    { numRuns: 100 },
  )
  expect(Math.min(taken.with, taken.without)).toBeGreaterThan(1)
})

test('a file that may not be read is said so', async ({ skip }) => {
  if (process.getuid?.() === 0) skip('root reads everything')
  const intake = await freshIntake({ stableFor: 0 })
  await chmod(await intake.drop('a.csv'), 0)
  await intake.drop('a.csv.sha256', sum('text'))
  await scan(intake, newMemory())
  expect(intake.told('file-unreadable')).toBe(1)
})
