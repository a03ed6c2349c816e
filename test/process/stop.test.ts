/** SIGTERM ends a daemon that waits within seconds, whatever it waits for; what has begun is gone on with at the next start. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectTo } from '../setup.ts'
import { until } from '../until.ts'
import { adding, concluded, newSite, type Site, spawnDaemon, startDaemon, type TestDaemon } from './daemon.ts'
import { newWire } from './wire.ts'

/** Sends SIGTERM. @returns the exit status, and after how many milliseconds it ended */
async function stopped(daemon: TestDaemon): Promise<{ status: number | null; took: number }> {
  const from = performance.now()
  const status = await daemon.end()
  return { status, took: performance.now() - from }
}

/** The file that was waiting is run at the next start, under the id that it had if it had one. */
async function goesOn(site: Site, first: TestDaemon): Promise<void> {
  const next = spawnDaemon(site.config)
  await concluded(next)
  expect(await next.end()).toBe(0)
  expect(await site.enrolled('BIO-2')).toContain('E1018')
  const [begun] = first.told('run-started')
  if (begun !== undefined) expect(next.told('run-finished')[0]!.run).toBe(begun.run)
}

/** What is not being worked on is left at once; what is, has some seconds to come to its end. */
const AT_ONCE = 3_000
const SOON = 9_000

describe('SIGTERM ends a daemon that waits', () => {
  test('for Moodle to come out of maintenance', async () => {
    const site = await newSite()
    await site.school.query("UPDATE {config} SET value = '1' WHERE name = 'maintenance_enabled'")
    await site.drop('enrols.csv', adding('E1018'))
    const daemon = spawnDaemon(site.config)
    await daemon.tells('run-postponed')
    const { status, took } = await stopped(daemon)
    expect(status).toBe(0)
    expect(took).toBeLessThan(AT_ONCE)
    await site.school.query("UPDATE {config} SET value = '0' WHERE name = 'maintenance_enabled'")
    await goesOn(site, daemon)
  })

  test('for a server that takes connections, and does not answer', async () => {
    const site = await newSite()
    const socketPath = join(site.school.folder, 'mute.sock')
    let callers = 0
    const server = createServer(() => void callers++)
    onTestFinished(() => void server.close())
    await new Promise<void>(resolve => server.listen(socketPath, resolve))
    const config = await site.school.writeConfig({ moodle: { database: { socketPath } } })
    await site.drop('enrols.csv', adding('E1018'))
    const daemon = spawnDaemon(config)
    await until('it to call', () => (callers > 0 ? true : undefined))
    await daemon.tells('daemon-started')
    const { status, took } = await stopped(daemon)
    expect(status).toBe(0)
    expect(took).toBeLessThan(AT_ONCE)
    await goesOn(site, daemon)
  })

  test('for another run to end', async () => {
    const site = await newSite()
    // Whoever asks for the lock of a run has it at once: the test is first.
    const asked = await site.school.query<{ name: string }>(
      `SELECT CONCAT('moodle-syncd:', LEFT(SHA2(CONCAT(DATABASE(), '/', ?), 256), 40)) AS name`,
      [site.school.database.prefix],
    )
    const { name } = asked[0]!
    await site.school.query('SELECT GET_LOCK(?, 0)', [name])
    await site.drop('enrols.csv', adding('E1018'))
    const daemon = spawnDaemon(site.config)
    await daemon.tells('daemon-started')
    await until('it to wait', async () => {
      const rows = await site.school.query<{ Info: string | null }>('SHOW FULL PROCESSLIST')
      return rows.some(({ Info }) => Info?.includes('GET_LOCK')) ? true : undefined
    })
    const { status, took } = await stopped(daemon)
    expect(status).toBe(0)
    expect(took).toBeLessThan(AT_ONCE)
    await site.school.query('SELECT RELEASE_LOCK(?)', [name])
    await goesOn(site, daemon)
  })

  test('for a table that somebody has locked', async () => {
    const site = await newSite()
    const other = await connectTo(site.school.database, site.school.database.name)
    try {
      await other.query(`LOCK TABLES ${site.school.database.prefix}user_enrolments WRITE`)
      await site.drop('enrols.csv', adding('E1018'))
      const daemon = spawnDaemon(site.config)
      await until('it to wait', async () => {
        const rows = await site.school.query<{ State: string | null }>('SHOW FULL PROCESSLIST')
        return rows.some(({ State }) => /waiting for table metadata lock/i.test(State ?? '')) ? true : undefined
      })
      const { status, took } = await stopped(daemon)
      expect(status).toBe(0)
      expect(took).toBeLessThan(SOON)
      await other.query('UNLOCK TABLES')
      await goesOn(site, daemon)
    } finally {
      await other.end()
    }
  })

  test('for a server that has fallen silent in the middle of a run', async () => {
    const site = await newSite()
    const wire = await newWire(site.school)
    const config = await site.school.writeConfig({ moodle: { database: wire.database } })
    const silent = new Promise<void>(resolve => {
      wire.onStatement = statement => {
        if (statement !== 'START TRANSACTION') return true
        wire.silence()
        resolve()
        return false
      }
    })
    await site.drop('enrols.csv', adding('E1018'))
    const daemon = spawnDaemon(config)
    await silent
    const { status, took } = await stopped(daemon)
    expect(status).toBe(0)
    expect(took).toBeLessThan(SOON)
    await wire.close()
    await goesOn(site, daemon)
  })

  test.skipIf(!canMount())('for room on its disk', async () => {
    const site = await newSite()
    mkdirSync(site.store)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', site.store])
    onTestFinished(() => void execFileSync('umount', [site.store]))
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await writeFile(join(site.store, 'full'), Buffer.alloc(65_536)).catch(() => {})
    await until('it to notice', () =>
      daemon.lines.find(({ event }) => /^(run-postponed|intake-failed)$/.test(`${event}`)),
    )
    const { status, took } = await stopped(daemon)
    expect(status).toBe(0)
    expect(took).toBeLessThan(AT_ONCE)
    await rm(join(site.store, 'full'))
    await goesOn(site, daemon)
  })
})

/** Whether file systems may be mounted here: as root, and not in every container. */
function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'moodle-syncd-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', place], { stdio: 'ignore' })
    execFileSync('umount', [place])
    return true
  } catch {
    return false
  } finally {
    rmdirSync(place)
  }
}
