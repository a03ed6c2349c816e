/** Logging in as MySQL wants it, which the server of most tests, MariaDB, does not do. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/moodle/connect.ts'

/** A packet of the protocol: three bytes of length, its number, what it holds. */
const packet = (number: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([content.length & 0xff, content.length >> 8, 0, number]), content])

/** What a MySQL 8 says first: version 10 of the protocol, and its default plugin for passwords. */
const HELLO = Buffer.concat([
  Buffer.from('\x0a8.4.0\0', 'latin1'),
  Buffer.from([1, 0, 0, 0]),
  Buffer.from('12345678\0'),
  // Protocol 4.1 with plugins, utf8mb4, in no transaction.
  Buffer.from([0x08, 0x82, 0xff, 0x02, 0x00, 0x08, 0x00, 21]),
  Buffer.alloc(10),
  Buffer.from('123456789012\0'),
  Buffer.from('caching_sha2_password\0'),
])
/** It does not know the password's hash by heart, and asks for the password. */
const FULL_AUTHENTICATION = Buffer.from([1, 4])

test('through a socket, a MySQL that asks for the password is given it, and no request for a key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'connect-'))
  const socketPath = join(folder, 'mysql.sock')
  const answers: Buffer[] = []
  const server = createServer((socket: Socket) => {
    socket.write(packet(0, HELLO))
    socket.on('data', data => {
      answers.push(data.subarray(4))
      if (answers.length === 1) socket.write(packet(2, FULL_AUTHENTICATION))
      else socket.destroy()
    })
  })
  server.listen(socketPath)
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const database = {
    host: 'localhost',
    port: 3306,
    socketPath,
    tls: false,
    name: 'moodle',
    user: 'syncd',
    prefix: 'mdl_',
  }
  await expect(connect({ ...database, password: 'Secret-1' })).rejects.toMatchObject({ code: 'database-lost' })
  expect(answers.map(answer => answer.toString())).toEqual([expect.stringContaining('syncd'), 'Secret-1\0'])
})
