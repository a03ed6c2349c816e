/** Lines that grow with commits: whatever is added, forgotten and committed, exactly what was committed is read, both ways. */
import { appendFile, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Lines, readBackwards, withLines } from '../../src/store/lines.ts'
import { temporaryFolder } from './folder.ts'

type Line = readonly [number, string]

async function gathered<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of from) all.push(one)
  return all
}

/** What is done with a chunk: its lines are committed, or forgotten, or a crash comes before or after they are on the disk. */
const chunk = fc.record({
  // Longer than what is read at once, now and then.
  lines: fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, fc.integer({ min: 200_000, max: 600_000 })), {
    maxLength: 5,
  }),
  end: fc.constantFrom('committed', 'committed', 'forgotten', 'forgotten when synced', 'crash', 'crash when synced'),
})

test('what is committed is read, forwards and backwards, and nothing else', async () => {
  const folder = await temporaryFolder()
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), async chunks => {
      const path = join(folder, 'lines')
      const committed: Line[] = []
      let checkpoint = 0
      let todo = chunks.entries()
      const work = async (lines: Lines<Line>): Promise<void> => {
        for (const [number, { lines: lengths, end }] of todo) {
          const own = lengths.map((length): Line => [number, 'é'.repeat(length)])
          lines.forget()
          await lines.add(own)
          if (end === 'crash') return
          const synced = end === 'forgotten' ? null : await lines.sync()
          if (end === 'crash when synced') return
          if (end !== 'committed') continue
          checkpoint = synced!
          lines.commit()
          committed.push(...own)
        }
        todo = [][Symbol.iterator]() as typeof todo
      }
      // After a crash, it is opened as far as the checkpoint says.
      for (let done = false; !done; ) {
        await withLines<Line, void>(path, checkpoint, async lines => {
          await work(lines)
          expect(await gathered(lines.read())).toEqual(committed)
        })
        const next = todo.next()
        done = next.done === true
        if (!done) todo = [next.value, ...todo][Symbol.iterator]() as typeof todo
      }
      const handle = await open(path)
      try {
        const backwards = await gathered(readBackwards<Line>(handle, checkpoint))
        expect(backwards.map(({ line }) => line)).toEqual(committed.toReversed())
        const bytes = await readFile(path)
        for (const { offset, line } of backwards) {
          expect(JSON.parse(bytes.toString('utf8', offset, bytes.indexOf('\n', offset)))).toEqual(line)
        }
        // Going on from where one begins finds those before it.
        const half = Math.floor(backwards.length / 2)
        if (backwards.length > 0) {
          const rest = await gathered(readBackwards<Line>(handle, backwards[half]!.offset))
          expect(rest).toEqual(backwards.slice(half + 1))
        }
      } finally {
        await handle.close()
        await rm(path)
      }
    }),
    { numRuns: 60 },
  )
})

describe('a file of lines', () => {
  test('is for its owner alone, and loses what was not committed when it is opened', async () => {
    const path = join(await temporaryFolder(), 'lines')
    let checkpoint = 0
    await withLines<number, void>(path, 0, async lines => {
      await lines.add([1, 2])
      checkpoint = await lines.sync()
      lines.commit()
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await appendFile(path, '3\n4')
    await withLines<number, void>(path, checkpoint, async lines => {
      expect(await gathered(lines.read())).toEqual([1, 2])
      await lines.add([5])
      await lines.sync()
      lines.commit()
      expect(await gathered(lines.read())).toEqual([1, 2, 5])
    })
    expect(await readFile(path, 'utf8')).toBe('1\n2\n5\n')
  })

  test.each([0, 1])('is another’s than that of who had it before, and comes back: %i rows committed', async rows => {
    const path = join(await temporaryFolder(), 'lines')
    await withLines<string, void>(path, 0, async before => {
      let checkpoint = 0
      if (rows > 0) {
        await before.add(['committed'])
        checkpoint = await before.sync()
        before.commit()
      }
      await withLines<string, void>(path, checkpoint, async after => {
        await after.add(['ours'])
        await before.add(['of one who does not know yet', 'that it was taken for gone'])
        await before.sync()
        await after.sync()
        after.commit()
        expect((await gathered(after.read())).at(-1)).toBe('ours')
      })
    })
    expect((await readFile(path, 'utf8')).split('\n')).toEqual([...(rows > 0 ? ['"committed"'] : []), '"ours"', ''])
  })

  test('that is not there, though some of it was committed, is an error', async () => {
    const path = join(await temporaryFolder(), 'lines')
    await expect(withLines(path, 3, async () => {})).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
