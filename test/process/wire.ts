/** The way from the program to the database, where a test can cut it, let it fall silent, or stop at a statement. */
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { TestSchool } from '../database.ts'

export interface Wire {
  /** For `moodle.database` of a configuration: what comes through here. */
  readonly database: { readonly socketPath: string }
  /** Told of each statement before it goes on to the server; `false`: it does not. */
  onStatement: (statement: string, wire: Strand) => boolean
  /** Nothing goes through any more, and nobody is told: the server has lost its power, or a cable is cut. */
  readonly silence: () => void
  /** Ends all connections, and lets nobody in until it is `open` again. */
  readonly close: () => Promise<void>
  readonly open: () => Promise<void>
}

/** One connection. */
export interface Strand {
  /** Ends it, at both ends. */
  readonly cut: () => void
  /** Ends it when the server has answered, without passing the answer on; tells when. */
  readonly cutAtAnswer: (told?: () => void) => void
}

const COM_QUERY = 3

/** Makes such a way to a school's database; it is gone after the test. */
export async function newWire(school: TestSchool): Promise<Wire> {
  const socketPath = join(school.folder, 'wire.sock')
  const { socketPath: at, host, port } = school.database
  const ends = new Set<Socket>()
  let isSilent = false
  const server = createServer(client => {
    const database = at === null ? connect(port, host) : connect(at)
    let atAnswer: (() => void) | undefined
    const cut = (): void => {
      client.destroy()
      database.destroy()
    }
    const strand: Strand = {
      cut,
      cutAtAnswer: (told = () => {}) => {
        atAnswer = told
      },
    }
    client.on('data', bytes => {
      if (isSilent) return
      // Statements that matter here are short: they come in one piece.
      const statement = bytes[4] === COM_QUERY ? bytes.toString('utf8', 5) : ''
      if (statement === '' || wire.onStatement(statement, strand)) database.write(bytes)
    })
    database.on('data', bytes => {
      if (isSilent) return
      if (atAnswer === undefined) {
        client.write(bytes)
        return
      }
      cut()
      atAnswer()
    })
    for (const [end, other] of [
      [client, database],
      [database, client],
    ] as const) {
      ends.add(end)
      end.on('error', () => {})
      end.on('close', () => {
        ends.delete(end)
        if (!isSilent) other.destroy()
      })
    }
  })
  const open = () => new Promise<void>(resolve => server.listen(socketPath, resolve))
  const close = async (): Promise<void> => {
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    for (const end of ends) end.destroy()
    await closed
  }
  await open()
  onTestFinished(close)
  const wire: Wire = {
    database: { socketPath },
    onStatement: () => true,
    silence: () => {
      isSilent = true
    },
    close,
    open,
  }
  return wire
}
