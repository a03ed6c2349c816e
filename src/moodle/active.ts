/**
 * The election of the active daemon of a Moodle, where several hosts have one: it is who holds a lock of the database server, on
 * a connection of its own. The server gives it to the next one within a second where a daemon ends, however it ends, and within
 * some ten seconds where its host is cut off.
 *
 * What a daemon has taken, it may run whether it is active or not: that there is one writer, and that nobody goes on with a run
 * that another has taken up, is held by the lock of a run (`lock.ts`) and by the ledger's fence.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import type { Config } from '../config/config.ts'
import type { Logger } from '../log.ts'
import { ANSWERS_WITHIN, connect, endIfSilent, inTime, type Moodle, select } from './connect.ts'
import { lockName } from './lock.ts'

/**
 * `unknown`: the database has not been reached yet. `lost`: it was active, and the database is out of reach, so that another
 * one may be by now.
 */
export type Standing = 'unknown' | 'active' | 'standby' | 'lost'

export interface Election {
  readonly standing: () => Standing
  /** Settles when the database has been asked once, or could not be. */
  readonly asked: Promise<void>
  /** Leaves it to the next one. */
  readonly close: () => Promise<void>
}

/** Milliseconds between two signs of life, or two tries. */
const TURN = 1_000

/**
 * Milliseconds without an answer after which a daemon counts itself as not active any more. Shorter than the server takes to
 * give the lock to another (`GONE_AFTER_SECONDS`), and long enough for one that is restarted.
 */
const LOST_AFTER = 6_000

/** Wants to be the active daemon for as long as it takes, and remains it for as long as it can. */
export function enterElection(database: Config['moodle']['database'], log: Logger): Election {
  const closing = new AbortController()
  const { signal } = closing
  let standing: Standing = 'unknown'
  let losing: NodeJS.Timeout | undefined
  let wasAsked = (): void => {}
  const asked = new Promise<void>(resolve => {
    wasAsked = resolve
  })

  const become = (next: Standing, by: string | null = null): void => {
    clearTimeout(losing)
    if (next === 'active') losing = setTimeout(() => become('lost'), LOST_AFTER)
    if (next === standing) return
    standing = next
    if (next === 'active') log.info({ event: 'daemon-active' }, 'the active daemon of this Moodle: files are taken')
    else if (next === 'standby')
      log.info(
        { event: 'standing-by', active: by },
        'standing by: another daemon is the active one of this Moodle; no files are taken until it is gone',
      )
    else
      log.warn(
        { event: 'daemon-inactive' },
        'the database is out of reach, and another daemon may take over: no files are taken until it is back',
      )
  }

  /** Asks for the lock, then shows that it is still there, until the connection fails. */
  const stayActive = async (connection: Connection): Promise<void> => {
    const moodle = { connection, prefix: database.prefix }
    await answered(endIfSilent(connection), signal)
    const name = await answered(lockName(moodle, 'active'), signal)
    for (let isHeld = false; !signal.aborted; ) {
      if (isHeld) await answered(connection.ping(), signal)
      else isHeld = await answered(take(moodle, name), signal)
      if (isHeld) become('active')
      // Who it is, is asked once: a list of all connections is long on a large site.
      else if (standing !== 'standby') become('standby', await answered(holderOf(moodle, name), signal))
      wasAsked()
      await pause(TURN, signal)
    }
  }

  const stand = async (): Promise<void> => {
    while (!signal.aborted) {
      let connection: Connection | undefined
      try {
        connection = await connectInTime(database, signal)
        await stayActive(connection)
        await connection.end()
      } catch (error) {
        // Not politely: that would wait for an answer.
        connection?.destroy()
        log.debug(
          { event: 'active-unanswered', err: error },
          'the database does not say which daemon is the active one',
        )
        wasAsked()
        await pause(TURN, signal)
      }
    }
  }
  const over = stand()
  return {
    standing: () => standing,
    asked,
    close: async () => {
      closing.abort()
      await over
      clearTimeout(losing)
    },
  }
}

/** Whether a daemon is active, and where it is connected from: of another database user, the server may not tell that. */
export async function activeDaemon(
  moodle: Pick<Moodle, 'connection' | 'prefix'>,
): Promise<{ readonly host: string | null } | null> {
  const name = await lockName(moodle, 'active')
  const [[id] = [null]] = await select<[number | null]>(moodle, 'SELECT IS_USED_LOCK(?)', [name])
  return id === null ? null : { host: await holderOf(moodle, name) }
}

async function take(moodle: Pick<Moodle, 'connection'>, name: string): Promise<boolean> {
  const [[got] = [0]] = await select<[number]>(moodle, 'SELECT COALESCE(GET_LOCK(?, 0), 0)', [name])
  return got === 1
}

async function holderOf(moodle: Pick<Moodle, 'connection'>, name: string): Promise<string | null> {
  const [[host] = [null]] = await select<[string]>(
    moodle,
    'SELECT host FROM information_schema.processlist WHERE id = IS_USED_LOCK(?)',
    [name],
  )
  return host
}

async function connectInTime(database: Config['moodle']['database'], signal: AbortSignal): Promise<Connection> {
  const giveUp = new AbortController()
  const abort = (): void => giveUp.abort()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  const timer = setTimeout(abort, ANSWERS_WITHIN)
  try {
    return await connect(database, giveUp.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

/** @throws where there is no answer in time, or the signal comes first */
async function answered<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const answer = await inTime(
    work.then(value => ({ value })),
    signal,
  )
  if (answer === undefined) throw new Error('no answer')
  return answer.value
}

/** Ends early, and never fails. */
const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal }).catch(() => {})
