import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import mysql from 'mysql2/promise'
import { describe, expect, test, vi } from 'vitest'
import { choosePackages, startServer } from '../../src/demo/server.ts'
import { PROGRAM } from '../build.ts'
import { until } from '../until.ts'

describe('a private server', () => {
  test('is a real one, lets nobody else in, and is gone after stop, its folder too', async () => {
    const server = await startServer()
    const connection = await mysql.createConnection({ socketPath: server.socketPath, user: server.user })
    const [[row]] = await connection.query<mysql.RowDataPacket[]>(
      'SELECT @@skip_networking AS alone, @@pid_file AS pid',
    )
    const pid = Number(await readFile(row?.pid, 'utf8'))
    expect(row?.alone).toBe(1)
    expect(dirname(server.socketPath)).toBe(server.folder)
    await connection.end()

    await server.stop()
    await server.stop()
    expect(existsSync(server.folder)).toBe(false)
    expect(existsSync(`/proc/${pid}`)).toBe(false)
  })

  test('that cannot start says why, and leaves no folder', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'moodle-syncd-test-'))
    vi.stubEnv('TMPDIR', temporary)
    try {
      // So much room that it cannot be in memory.
      await expect(
        startServer({ settings: ['--no-such-option'], room: Number.MAX_SAFE_INTEGER }),
      ).rejects.toMatchObject({
        code: 'database-server-failed',
        args: { log: expect.stringContaining('no-such-option') },
      })
      expect(await readdir(temporary)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      await rm(temporary, { recursive: true })
    }
  })

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('does not outlive its owner: %s', async signal => {
    const owner = startOwner('setInterval(() => {}, 1000)')
    const { folder, pid } = await started(owner)
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    owner.kill(signal)
    await until(`${folder} to be removed`, () => (existsSync(folder) ? undefined : true))
    expect(existsSync(`/proc/${pid}`)).toBe(false)
  })

  test('lets its owner end when there is nothing left to do', async () => {
    const owner = startOwner('')
    const ended = once(owner, 'exit')
    const { folder } = await started(owner)
    expect(await ended).toEqual([0, null])
    await until(`${folder} to be removed`, () => (existsSync(folder) ? undefined : true))
  })
})

/** A process that starts a server, says where it is, and then does something. */
function startOwner(then: string): ChildProcess {
  const module = join(dirname(PROGRAM), 'demo/server.js')
  const program = `
    const { startServer } = await import(${JSON.stringify(module)})
    const { readFileSync } = await import('node:fs')
    const { folder } = await startServer()
    process.stdout.write(JSON.stringify({ folder, pid: Number(readFileSync(folder + '/server.pid', 'utf8')) }))
    ${then}`
  return spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function started(owner: ChildProcess): Promise<{ folder: string; pid: number }> {
  const [said] = await once(owner.stdout!, 'data')
  return JSON.parse(String(said))
}

test.each([
  [
    'Debian 12',
    'mariadb-client-core - core\nmariadb-server-core - core\n',
    ['mariadb-server-core', 'mariadb-client-core'],
  ],
  [
    'Ubuntu 22.04',
    'mariadb-client-core-10.6 - core\nmariadb-server-core-10.6 - core\nmariadb-server-core-dbg-10.6 - symbols\n',
    ['mariadb-server-core-10.6', 'mariadb-client-core-10.6'],
  ],
  [
    'two versions',
    'mariadb-server-core-10.11 - core\nmariadb-server-core-10.6 - core\n',
    ['mariadb-server-core-10.11', 'mariadb-client-core'],
  ],
])('the packages of a server have the names of the system: %s', (_, found, packages) => {
  expect(choosePackages(found)).toEqual(packages)
})
