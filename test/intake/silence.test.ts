/** That files do not come any more is told once, and that they come again, too; a restart forgets neither. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Feed, hear, judge, watchForSilence } from '../../src/intake/silence.ts'
import { arrive } from '../../src/store/arrivals.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { temporaryFolder } from '../store/folder.ts'
import { until } from '../until.ts'
import { keptLog, tellingAdministrators } from './intake.ts'

const HOUR = 3_600_000

describe('silence', () => {
  const feed: Feed = { lastArrival: Date.UTC(2025, 8, 1), isSilent: false }
  const at = (hours: number): number => feed.lastArrival + hours * HOUR

  test('is longer than what is expected, not as long, and told once', () => {
    expect(judge(feed, at(26), 26 * HOUR)).toEqual({ feed, notice: null })
    const silent = judge(feed, at(26) + 1, 26 * HOUR)
    expect(silent).toEqual({
      feed: { ...feed, isSilent: true },
      notice: { event: 'feed-silent', level: 'error', args: { since: '2025-09-01T00:00:00.000Z', expect: '26h' } },
    })
    expect(judge(silent.feed, at(100), 26 * HOUR)).toEqual({ feed: silent.feed, notice: null })
  })

  test('is over with the next file, which tells since when there was none', () => {
    expect(hear({ ...feed, isSilent: true }, at(30))).toEqual({
      feed: { lastArrival: at(30), isSilent: false },
      notice: { event: 'feed-back', level: 'info', args: { since: '2025-09-01T00:00:00.000Z' } },
    })
    expect(hear(feed, at(2))).toEqual({ feed: { lastArrival: at(2), isSilent: false }, notice: null })
  })

  test.each([
    [500, '500ms'],
    [1_500, '1500ms'],
    [90_000, '90s'],
    [24 * HOUR, '1d'],
    [26 * HOUR, '26h'],
  ])('of %d ms is told as %s', (expected, text) => {
    expect(judge(feed, at(10_000), expected).notice?.args.expect).toBe(text)
  })

  test('and its end are told in turn, whatever comes when', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ after: fc.nat(100), isFile: fc.boolean() })), acts => {
        let state: Feed = { lastArrival: 0, isSilent: false }
        let now = 0
        const told: string[] = []
        for (const { after, isFile } of acts) {
          now += after
          const next = isFile ? hear(state, now) : judge(state, now, 50)
          state = next.feed
          if (next.notice !== null) told.push(next.notice.event)
        }
        expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'feed-silent' : 'feed-back')))
      }),
    )
  })
})

describe('the watch', () => {
  async function watch(store: Store, now: () => number, expect = HOUR / 1_000, isElsewhere = () => false) {
    const { log, lines } = keptLog()
    const silence = await watchForSilence(store, expect, isElsewhere, log, tellingAdministrators(store, log), now)
    onTestFinished(silence.close)
    const told = () => lines.map(({ event }) => event)
    return { ...silence, lines, told }
  }
  const feedIn = async ({ directory }: Store): Promise<Feed> =>
    JSON.parse(await readFile(join(directory, 'feed.json'), 'utf8'))

  test('counts from its first start, and tells at error and info', async () => {
    const store = await openStore(join(await temporaryFolder(), 'syncd'))
    let time = 1_000_000
    const first = await watch(store, () => time, 40)
    await first.close()
    expect(await feedIn(store)).toEqual({ lastArrival: 1_000_000, isSilent: false })
    time += 41
    const second = await watch(store, () => time, 40)
    await until('the alarm', () => second.told()[0])
    second.arrived()
    await second.close()
    expect(second.lines).toMatchObject([
      { event: 'feed-silent', level: 50, since: '1970-01-01T00:16:40.000Z', expect: '40ms' },
      { event: 'feed-back', level: 30, since: '1970-01-01T00:16:40.000Z' },
    ])
    expect(await feedIn(store)).toEqual({ lastArrival: 1_000_041, isSilent: false })
  })

  test('does not repeat the alarm after a restart, and still tells its end', async () => {
    const store = await openStore(join(await temporaryFolder(), 'syncd'))
    let time = 0
    const first = await watch(store, () => time, 40)
    time = 41
    await until('the alarm', () => first.told()[0])
    await first.close()
    const second = await watch(store, () => time, 40)
    time = 1_000
    second.arrived()
    await second.close()
    expect(second.told()).toEqual(['feed-back'])
  })

  test('is quiet while files are taken elsewhere, and counts anew from then on', async () => {
    const store = await openStore(join(await temporaryFolder(), 'syncd'))
    let isElsewhere = true
    let time = 0
    let looks = 0
    const silence = await watch(
      store,
      () => time,
      40,
      () => {
        looks += 1
        return isElsewhere
      },
    )
    time = 1_000
    await until('a look', () => (looks > 1 ? true : undefined))
    isElsewhere = false
    const before = looks
    await until('more looks', () => (looks > before + 1 ? true : undefined))
    expect(silence.told()).toEqual([])
    time += 41
    await until('the alarm', () => silence.told()[0])
    expect(silence.lines).toMatchObject([{ event: 'feed-silent', since: '1970-01-01T00:00:01.000Z' }])
  })

  test('knows of a file that was taken just before a crash', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(join(folder, 'syncd'))
    await writeFile(join(store.directory, 'feed.json'), JSON.stringify({ lastArrival: 5, isSilent: true }))
    await writeFile(join(folder, 'a.csv'), 'text')
    await arrive(store, Buffer.from(join(folder, 'a.csv')), 'a.csv', new Date(777))
    const after = await watch(await openStore(store.directory), () => 1_000)
    await after.close()
    expect(after.told()).toEqual(['feed-back'])
    expect(await feedIn(store)).toEqual({ lastArrival: 777, isSilent: false })
  })

  test.each(['', '{', '[]', 'null', '{"lastArrival":"now","isSilent":1}'])(
    'begins anew where somebody has written %j there',
    async text => {
      const store = await openStore(join(await temporaryFolder(), 'syncd'))
      await writeFile(join(store.directory, 'feed.json'), text)
      const begun = await watch(store, () => 9_000)
      await begun.close()
      expect(await feedIn(store)).toEqual({ lastArrival: 9_000, isSilent: false })
    },
  )

  test('writes what is known once for many files', async () => {
    const store = await openStore(join(await temporaryFolder(), 'syncd'))
    let time = 0
    const { arrived, close } = await watch(store, () => time)
    for (time = 1; time <= 10_000; time += 1) arrived()
    await close()
    expect(await feedIn(store)).toEqual({ lastArrival: 10_000, isSilent: false })
  })
})
