/** A redis-server of a test's own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { onTestFinished } from 'vitest'
import { programMissing } from './installed.ts'
import { until } from './until.ts'

const PROGRAM = 'redis-server'

export interface TestRedis {
  readonly socketPath: string
  readonly port: number
  /** One command, as redis-cli would send it. */
  readonly ask: (...command: string[]) => Promise<unknown>
}

/** Why tests with Redis cannot be run on this machine; undefined: they can. */
export const redisMissing = (): Promise<string | undefined> => programMissing(PROGRAM)

/** Starts a server for one test, and ends it with it. */
export async function startRedis(...settings: string[]): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'moodle-syncd-redis-'))
  const socketPath = join(folder, 'redis.sock')
  const port = await freePort()
  const options = ['--dir', folder, '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1', '--port', String(port)]
  const server = spawn(PROGRAM, [...options, '--unixsocket', socketPath, ...settings], { stdio: 'ignore' })
  const ended = once(server, 'exit')
  onTestFinished(async () => {
    server.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  const password = settings[settings.indexOf('--requirepass') + 1]
  const ask = async (...command: string[]): Promise<unknown> => {
    const socket = { path: socketPath, tls: false, reconnectStrategy: false } as const
    const client = createClient({
      RESP: 2,
      socket,
      ...(settings.includes('--requirepass') ? { password: password! } : {}),
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.sendCommand(command)
    } finally {
      client.destroy()
    }
  }
  await until(`${PROGRAM} to answer`, () => ask('PING').catch(() => undefined))
  return { socketPath, port, ask }
}

/** A port of which Redis can take the one 10,000 above as well, as a cluster does. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    server.close()
    await once(server, 'close')
    if (port < 55_000) return port
  }
}
