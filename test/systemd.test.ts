/** What systemd hears: by its own program and a socket like systemd's, and by the unit file as systemd reads it. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { notifyReady, notifyStopping, startWatchdog } from '../src/systemd.ts'

const isThere = (program: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
    return true
  } catch {
    return false
  }
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'syncd-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** An environment whose `systemd-notify` writes down what it is told, a line for each time. */
async function recording(): Promise<{ env: NodeJS.ProcessEnv; told: () => Promise<string[]> }> {
  const log = join(folder, 'told')
  await writeFile(log, '')
  await writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${log}\n`)
  await chmod(join(folder, 'systemd-notify'), 0o755)
  return {
    env: { PATH: `${folder}:${process.env.PATH}`, NOTIFY_SOCKET: '/nowhere' },
    told: async () => (await readFile(log, 'utf8')).split('\n').slice(0, -1),
  }
}

describe('the watchdog', () => {
  test('is fed while the service is healthy, and not when it is not', async () => {
    const { env, told } = await recording()
    const answers = [
      async () => true,
      async () => false,
      () => Promise.reject(new Error('no database')),
      async () => true,
    ]
    let asked = 0
    const healthy = () => (answers[asked++] ?? (async () => false))()
    const stop = startWatchdog(healthy, { ...env, WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid) })
    try {
      await vi.waitUntil(() => asked > 6)
      await vi.waitUntil(async () => (await told()).length >= 2)
    } finally {
      stop()
    }
    expect(await told()).toEqual(['WATCHDOG=1', 'WATCHDOG=1'])
  })

  test('does not ask again while an answer is awaited', async () => {
    const { env } = await recording()
    let asked = 0
    let answer = (_: boolean): void => {}
    const healthy = () =>
      new Promise<boolean>(resolve => {
        asked++
        answer = resolve
      })
    const stop = startWatchdog(healthy, { ...env, WATCHDOG_USEC: '2000' })
    try {
      await vi.waitUntil(() => asked === 1)
      let beats = 0
      const timer = setInterval(() => beats++, 1)
      await vi.waitUntil(() => beats > 5)
      clearInterval(timer)
      expect(asked).toBe(1)
      answer(false)
      await vi.waitUntil(() => asked === 2)
    } finally {
      stop()
    }
  })

  test.each([{}, { WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }])('is not there with %o', async extra => {
    const { env } = await recording()
    const stop = startWatchdog(() => Promise.reject(new Error('asked')), { ...env, ...extra })
    stop()
  })
})

test('nobody is told anything where nobody listens', async () => {
  const { env, told } = await recording()
  notifyReady({ ...env, NOTIFY_SOCKET: undefined })
  notifyStopping(env)
  await vi.waitUntil(async () => (await told()).length > 0)
  expect(await told()).toEqual(['STOPPING=1'])
})

test.skipIf(!isThere('systemd-notify') || !isThere('python3'))(
  "systemd's own program carries it to the socket",
  async () => {
    const socket = join(folder, 'notify')
    const receive = `
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(${JSON.stringify(socket)}); print('bound', flush=True)
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)`
    const receiver = spawn('python3', ['-c', receive])
    try {
      const lines = createInterface(receiver.stdout)
      expect(await once(lines, 'line')).toEqual(['bound'])
      notifyReady({ PATH: process.env.PATH, NOTIFY_SOCKET: socket })
      expect(String(await once(lines, 'line'))).toMatch(/^READY=1\b/)
    } finally {
      receiver.kill()
      await once(receiver, 'exit')
    }
  },
)

describe.skipIf(!isThere('systemd-analyze'))('the unit file', () => {
  const unit = new URL('../systemd/moodle-syncd.service', import.meta.url)

  /** What systemd has to say of a unit; nothing, if it is well. */
  async function verify(text: string): Promise<string> {
    const path = join(folder, 'moodle-syncd.service')
    await writeFile(path, text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`))
    const run = spawn('systemd-analyze', ['verify', '--man=no', path])
    let said = ''
    for await (const chunk of run.stderr) said += chunk
    return said
      .split('\n')
      .filter(line => line.includes('moodle-syncd'))
      .join('\n')
  }

  test('is one that systemd takes without a word', async () => {
    expect(await verify(await readFile(unit, 'utf8'))).toBe('')
  })

  test('would not be, with a directive that does not exist', async () => {
    const broken = (await readFile(unit, 'utf8')).replace('[Service]', '[Service]\nProtectEverything=yes')
    expect(await verify(broken)).toContain('ProtectEverything')
  })

  test('says why, in a comment before each directive', async () => {
    const lines = (await readFile(unit, 'utf8')).split('\n')
    const silent = lines.filter((line, i) => /^\w+=/.test(line) && !/^(#|\w+=)/.test(lines[i - 1] ?? ''))
    expect(silent).toEqual([])
  })
})
