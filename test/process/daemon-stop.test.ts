/** The daemon, stopped or killed at whatever instant: nothing is lost, and nothing is done twice. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../until.ts'
import { adding, concluded, HEADER, newSite, type Site, spawnDaemon, startDaemon } from './daemon.ts'
import { moodleSyncd } from './program.ts'

/** As many rows as take several chunks. */
const LONG_ROWS = 10_000
const LONG = HEADER + 'add;BIO-2;E1018;student;manual\n'.repeat(LONG_ROWS)

describe('a second daemon', () => {
  test('on the same store stands by, says who has it, and takes over when that one ends', async () => {
    const site = await newSite()
    const daemon = await startDaemon(site.config)
    const second = spawnDaemon(site.config)
    expect(await second.tells('store-in-use')).toMatchObject({ pid: daemon.pid, store: site.store })
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(daemon)
    expect(await daemon.end('SIGKILL')).toBeNull()
    await second.tells('daemon-started')
    await site.drop('enrols.csv', adding('E1019'))
    await concluded(second)
    for (const event of ['standing-by', 'store-in-use']) expect([event, second.told(event).length]).toEqual([event, 1])
    expect(await second.end()).toBe(0)
    expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(['E1018', 'E1019']))
  })

  test('that stands by stops when it is told to', async () => {
    const site = await newSite()
    const daemon = await startDaemon(site.config)
    const second = spawnDaemon(site.config)
    await second.tells('standing-by')
    const check = async () => (await moodleSyncd(['check', '--config', site.config])).stdout
    expect(await check()).toMatch(/A daemon is active .* from localhost/)
    expect(await second.end()).toBe(0)
    expect(second.told('daemon-started')).toEqual([])
    expect(await daemon.end()).toBe(0)
    expect(await check()).toContain('No daemon is active')
  })
})

describe('SIGTERM', () => {
  test('while a file is run: its chunk is finished, and the rest done at the next start', async () => {
    const site = await newSite()
    await site.drop('enrols.csv', LONG)
    const daemon = spawnDaemon(site.config)
    await daemon.tells('chunk-applied')
    expect(await daemon.end()).toBe(0)
    expect(daemon.told('run-interrupted')).toHaveLength(1)
    expect((await site.stored())['commands/enrols.csv']).toBe(LONG)

    const next = spawnDaemon(site.config)
    await concluded(next)
    expect(await next.end()).toBe(0)
    expect(next.told('run-finished')[0]!.run).toBe(daemon.told('run-interrupted')[0]!.run)
    const stored = await site.stored()
    expect(stored['archives/enrols.csv']).toBe(LONG)
    expect(JSON.parse(stored['reports/enrols.csv.json']!).rows).toHaveLength(LONG_ROWS)
    expect(await site.noted()).toEqual([])
  })

  test('twice ends at once, with 1', async () => {
    const site = await newSite()
    // A chunk that does not come to its end.
    await site.school.connection.query(`LOCK TABLES ${site.school.database.prefix}user_enrolments WRITE`)
    try {
      await site.drop('enrols.csv', adding('E1018'))
      const daemon = spawnDaemon(site.config)
      await daemon.tells('run-started')
      process.kill(daemon.pid, 'SIGTERM')
      await daemon.tells('daemon-stopping')
      expect(await daemon.end()).toBe(1)
    } finally {
      await site.school.connection.query('UNLOCK TABLES')
    }
    const next = spawnDaemon(site.config)
    await concluded(next)
    expect(await next.end()).toBe(0)
    expect(await site.enrolled('BIO-2')).toContain('E1018')
  })
})

describe('SIGKILL', () => {
  test('while a file is run, and others wait: all are run at the next start, in order, that one first', async () => {
    const site = await newSite({ enrol: { file: '*.csv' } })
    await site.drop('1-long.csv', LONG)
    const daemon = spawnDaemon(site.config)
    await daemon.tells('run-started')
    await site.drop('2.csv', adding('E1019'))
    await site.drop('3.csv', adding('E1020'))
    await daemon.tells('file-taken', { file: '3.csv' })
    expect(await daemon.end('SIGKILL')).toBeNull()
    await site.drop('4.csv', adding('E1021'))

    const next = spawnDaemon(site.config)
    await concluded(next, '4.csv')
    expect(await next.end()).toBe(0)
    expect(next.told('run-finished').map(({ file }) => file)).toEqual(['1-long.csv', '2.csv', '3.csv', '4.csv'])
    const stored = await site.stored()
    for (const [name, content] of [
      ['1-long', LONG],
      ['2', adding('E1019')],
      ['4', adding('E1021')],
    ] as const) {
      expect(stored[`archives/${name}.csv`]).toBe(content)
    }
    expect(JSON.parse(stored['reports/1-long.csv.json']!).rows).toHaveLength(LONG_ROWS)
    expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(['E1019', 'E1020', 'E1021']))
    expect(await readdir(site.sync)).toEqual([])
  })

  test('again and again, at whatever instant: nothing is lost', async () => {
    const site = await newSite({ enrol: { file: '*.csv' } })
    const people = Array.from({ length: 12 }, (_, at) => `E10${at + 10}`)
    for (const uid of people) await site.drop(`${uid}.csv`, adding(uid))
    const archives = join(site.store, 'archives')
    // Killed after more and more of its lines: while files are taken, run, reported, and put away.
    for (let lines = 3; (await leftIn(site)) > 0; lines += 9) {
      const daemon = spawnDaemon(site.config)
      await until('enough lines, or nothing left to do', async () =>
        daemon.lines.length >= lines || (await leftIn(site)) === 0 ? true : undefined,
      )
      await daemon.end('SIGKILL')
    }
    const daemon = await startDaemon(site.config)
    expect(await daemon.end()).toBe(0)
    const archived = await Promise.all((await readdir(archives)).map(name => readFile(join(archives, name), 'utf8')))
    expect(archived.sort()).toEqual(people.map(uid => adding(uid)).sort())
    expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(people))
    for (const folder of ['commands', 'arrivals', 'held', 'refused']) {
      expect([folder, await readdir(join(site.store, folder))]).toEqual([folder, []])
    }
    expect(await site.noted()).toEqual([])
    expect((await readdir(join(site.store, 'reports'))).length).toBeGreaterThanOrEqual(2 * people.length)
  })

  /** How many files are neither run nor lost. */
  async function leftIn({ sync, store }: Site): Promise<number> {
    const places = [sync, join(store, 'commands'), join(store, 'arrivals')].filter(existsSync)
    return (await Promise.all(places.map(path => readdir(path)))).flat().length
  }
})
