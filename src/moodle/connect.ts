/**
 * The connection to Moodle's database: opening it, noticing that it is lost, and closing it.
 * Every statement of the project goes through a connection made here, so that isolation and SQL mode are never in doubt.
 */
import { createConnection, type Socket } from 'node:net'
import mysql, { type Connection, type ConnectionOptions, type RowDataPacket } from 'mysql2/promise'
import type { Config } from '../config/config.ts'
import { afterAbort } from '../signals.ts'
import { asProblem } from './problems.ts'
import { type ColumnFacts, loadSchema } from './schema.ts'

/** An open connection, with what was learnt of the database when it was opened. */
export interface Moodle {
  readonly connection: Connection
  readonly prefix: string
  /** Table name without prefix → column name → facts. Only the tables of Moodle that we work with. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, ColumnFacts>>
  readonly idStep: number
  /** Bytes that one statement may have, with some room left. */
  readonly maxStatementBytes: number
}

/** A connection, and what it goes through: to end it where no answer can be waited for. */
interface Line {
  readonly connection: Connection
  readonly socket: Socket
}

/** Milliseconds. */
const CONNECT_WITHIN = 10_000
const LOOK_WHETHER_THERE_AFTER = 10_000
const CLOSE_WITHIN = 1_000

/**
 * Seconds after which the server ends a connection that it hears nothing of: the host may be cut off, or without power, and
 * until then its locks are in everybody's way.
 */
const GONE_AFTER_SECONDS = 10
/** Milliseconds: how often it therefore hears something, and how long its answer is waited for. */
const SIGN_OF_LIFE_EVERY = 2_000
export const ANSWERS_WITHIN = 4_000

/**
 * Opens one connection.
 * @param signal aborted: it is waited for no longer
 * @throws Problem with exit status 69 where the database is out of reach
 */
export async function connect(database: Config['moodle']['database'], signal?: AbortSignal): Promise<Connection> {
  return (await open(database, signal)).connection
}

async function open(database: Config['moodle']['database'], signal?: AbortSignal): Promise<Line> {
  const socket = openSocket(database)
  const giveUp = (): void => cut(socket)
  const options: ConnectionOptions = {
    // For names of certificates. What is connected to is the socket's affair.
    host: database.host,
    stream: () => socket,
    user: database.user,
    password: database.password,
    database: database.name,
    charset: 'utf8mb4_unicode_ci',
    connectTimeout: CONNECT_WITHIN,
    supportBigNumbers: true,
    // No server may ask us for a file of this machine.
    flags: ['-LOCAL_FILES'],
    // `stream` is what is connected to. Through a socket the driver must know it is one, or it encrypts the password by a key of
    // the server, where MySQL (`caching_sha2_password`) waits for the password itself, and denies access.
    ...(database.socketPath === null ? {} : { socketPath: database.socketPath }),
    ...(database.socketPath === null && database.tls ? { ssl: {} } : {}),
  }
  const opening = mysql.createConnection(options)
  if (signal?.aborted) giveUp()
  signal?.addEventListener('abort', giveUp)
  try {
    const connection = await opening
    // An error between two statements (the server went away) must not end the process: the next statement reports it.
    connection.on('error', () => {})
    return { connection, socket }
  } catch (error) {
    // The driver leaves to the server to end a connection that it has refused.
    socket.destroy()
    throw asProblem(error, database) ?? error
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

function openSocket({ socketPath, host, port }: Config['moodle']['database']): Socket {
  if (socketPath !== null) return createConnection({ path: socketPath })
  return createConnection({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: LOOK_WHETHER_THERE_AFTER,
  })
}

/** Ends a connection: who waits for an answer is told that it is lost, and the server takes back what was not committed. */
function cut(socket: Socket): void {
  socket.destroy(Object.assign(new Error('given up'), { code: 'ECONNABORTED' }))
}

/** Ends a connection politely. The server then closes it; one that is not there any more is not waited for. */
async function close({ connection, socket }: Line): Promise<void> {
  await connection.end()
  setTimeout(() => socket.destroy(), CLOSE_WITHIN).unref()
}

/** Whether the database can be reached and answers. Never throws. */
export async function answers(database: Config['moodle']['database'], signal?: AbortSignal): Promise<boolean> {
  try {
    await close(await open(database, signal))
    return true
  } catch {
    return false
  }
}

/**
 * Has the server end this connection soon after it hears nothing of it any more. Who holds it must then give signs of life.
 */
export async function endIfSilent(connection: Connection): Promise<void> {
  await connection.query(
    `SET SESSION wait_timeout = ${GONE_AFTER_SECONDS}, net_read_timeout = ${GONE_AFTER_SECONDS},
       net_write_timeout = ${GONE_AFTER_SECONDS}`,
  )
}

/**
 * Gives signs of life, between the statements of whoever uses the connection, and cuts it where the server gives none: TCP alone
 * would wait for a quarter of an hour. A statement may take long; whether the server is there, another connection tells.
 * @returns what ends it
 */
function giveSignsOfLife({ connection, socket }: Line, database: Config['moodle']['database']): () => void {
  let isWaiting = false
  const sign = async (): Promise<void> => {
    if (isWaiting) return
    isWaiting = true
    // An error is told to whoever speaks next.
    const answer = connection.ping().then(
      () => true,
      () => true,
    )
    while (!(await inTime(answer))) if (await isSilent(database)) cut(socket)
    isWaiting = false
  }
  const timer = setInterval(sign, SIGN_OF_LIFE_EVERY).unref()
  return () => clearInterval(timer)
}

/** @returns undefined where it takes too long, or the signal comes first */
export async function inTime<T>(work: Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
  let giveUp = (): void => {}
  const over = new Promise<undefined>(resolve => {
    giveUp = () => resolve(undefined)
  })
  const timer = setTimeout(giveUp, ANSWERS_WITHIN)
  if (signal?.aborted) giveUp()
  signal?.addEventListener('abort', giveUp)
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}

/** Whether nothing at all comes from the server. A refusal is an answer. */
async function isSilent(database: Config['moodle']['database']): Promise<boolean> {
  const giveUp = new AbortController()
  const answer = open(database, giveUp.signal).then(
    line => close(line).then(() => true),
    () => true,
  )
  const isThere = await inTime(answer)
  giveUp.abort()
  return isThere !== true
}

/** Milliseconds that a statement has to come to its end once the program is to stop. Cut off, it has done nothing. */
const FINISH_WITHIN = 5_000

/**
 * Opens a connection for a run, uses it, and closes it.
 * READ COMMITTED: what Moodle commits meanwhile is seen by the next chunk, and fewer locks stand in its way.
 * @param signal aborted: what is going on has some seconds to come to its end, then the connection is cut
 * @throws Problem 69 where the database is out of reach, 78 where it has no tables of a Moodle with this prefix
 */
export async function withMoodle<T>(
  config: Config,
  use: (moodle: Moodle) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { database } = config.moodle
  const line = await open(database, signal)
  const { connection } = line
  const cancelCut = afterAbort(signal, FINISH_WITHIN, () => cut(line.socket))
  const endSigns = giveSignsOfLife(line, database)
  try {
    await endIfSilent(connection)
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
    // The last one is MariaDB's alone: it would make a join of more than a thousand ids, and go through whole tables for it.
    await connection.query(
      `SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
         innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, lock_wait_timeout = ${LOCK_WAIT_SECONDS}
         /*M!100500 , in_predicate_conversion_threshold = 0 */`,
    )
    return await use({ connection, prefix: database.prefix, ...(await loadSchema(connection, database)) })
  } catch (error) {
    throw asProblem(error, database) ?? error
  } finally {
    endSigns()
    await close(line)
    cancelCut()
  }
}

/** How long a statement waits for a row, or a table, that somebody else has locked. */
const LOCK_WAIT_SECONDS = 20

/** The name of one of Moodle's tables, with its prefix, quoted. */
export const table = (moodle: Pick<Moodle, 'prefix'>, name: string): string =>
  mysql.escapeId(moodle.prefix + name, true)

/**
 * Things in lists, each of which has room in one statement.
 * @param bytesOf what a thing takes there; a list has one, at least
 */
export function* statementLists<Thing>(
  { maxStatementBytes }: Pick<Moodle, 'maxStatementBytes'>,
  things: readonly Thing[],
  bytesOf: (thing: Thing) => number,
): Generator<Thing[]> {
  // As much again for the statement about them, and for what must be escaped in them.
  const room = maxStatementBytes / 2
  let list: Thing[] = []
  let bytes = 0
  for (const thing of things) {
    const more = bytesOf(thing)
    if (list.length > 0 && bytes + more > room) {
      yield list
      list = []
      bytes = 0
    }
    list.push(thing)
    bytes += more
  }
  if (list.length > 0) yield list
}

/** Rows of a SELECT as arrays of values, in the order of the columns: the fastest shape for large answers. */
export async function select<Row extends readonly unknown[]>(
  moodle: Pick<Moodle, 'connection'>,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const [rows] = await moodle.connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true, values: [...values] })
  return rows as unknown as Row[]
}
