/**
 * The connection to Moodle's database: opening it, what its tables look like in this version of Moodle, and closing it.
 * Every statement of the project goes through a connection made here, so that isolation and SQL mode are never in doubt.
 */
import { createConnection, type Socket } from 'node:net'
import mysql, { type Connection, type ConnectionOptions, type RowDataPacket } from 'mysql2/promise'
import type { Config } from '../config/config.ts'
import { EXIT, Problem } from '../errors.ts'
import { RIGHTS, UNDO_RIGHTS } from './rights.ts'

/** What `information_schema` says of a column. */
export interface ColumnFacts {
  readonly characterSet: string | null
  readonly collation: string | null
  /** Characters; null where the type has no such limit. */
  readonly maxLength: number | null
}

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

/**
 * The errors of a driver and a server that will pass, or that somebody can mend, and which sentence says so. What was not
 * committed has not happened, and is done again later.
 */
const PASSING: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'database-access-denied',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'database-access-denied',
  ER_DBACCESS_DENIED_ERROR: 'database-access-denied',
  ER_BAD_DB_ERROR: 'database-unknown',
  ER_CON_COUNT_ERROR: 'database-unreachable',
  ER_TOO_MANY_USER_CONNECTIONS: 'database-unreachable',
  ER_USER_LIMIT_REACHED: 'database-unreachable',
  ER_HOST_IS_BLOCKED: 'database-unreachable',
  ER_HOST_NOT_PRIVILEGED: 'database-unreachable',
  // A node that is not (yet, or any more) one of its cluster.
  ER_UNKNOWN_COM_ERROR: 'database-unreachable',
  ER_NORMAL_SHUTDOWN: 'database-lost',
  ER_SESSION_WAS_KILLED: 'database-lost',
  ER_CLIENT_INTERACTION_TIMEOUT: 'database-lost',
  // MariaDB's ER_CONNECTION_KILLED, which the driver has no name for.
  1927: 'database-lost',
  ER_OPTION_PREVENTS_STATEMENT: 'database-read-only',
  ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: 'database-read-only',
  ER_READ_ONLY_MODE: 'database-read-only',
  ER_OPEN_AS_READONLY: 'database-read-only',
  ER_LOCK_WAIT_TIMEOUT: 'database-busy',
  ER_LOCK_DEADLOCK: 'database-busy',
  ER_TRANSACTION_ROLLBACK_DURING_COMMIT: 'database-busy',
  ER_CHECKREAD: 'database-busy',
  ER_LOCK_TABLE_FULL: 'database-busy',
  ER_TOO_MANY_CONCURRENT_TRXS: 'database-busy',
  ER_QUERY_INTERRUPTED: 'database-failed',
  ER_QUERY_TIMEOUT: 'database-failed',
  // MariaDB's ER_STATEMENT_TIMEOUT.
  1969: 'database-failed',
  ER_ERROR_DURING_COMMIT: 'database-failed',
  ER_DISK_FULL: 'database-failed',
  ER_RECORD_FILE_FULL: 'database-failed',
  ER_ERROR_ON_WRITE: 'database-failed',
  ER_OUTOFMEMORY: 'database-failed',
  ER_OUT_OF_RESOURCES: 'database-failed',
  ER_CANT_CREATE_THREAD: 'database-failed',
  PROTOCOL_CONNECTION_LOST: 'database-lost',
  ECONNABORTED: 'database-lost',
  ECONNRESET: 'database-lost',
  EPIPE: 'database-lost',
  ECONNREFUSED: 'database-unreachable',
  ENOENT: 'database-unreachable',
  EACCES: 'database-unreachable',
  ENOTFOUND: 'database-unreachable',
  EAI_AGAIN: 'database-unreachable',
  EHOSTUNREACH: 'database-unreachable',
  ENETUNREACH: 'database-unreachable',
  ETIMEDOUT: 'database-unreachable',
}

/** An error's name, or the number of one that the driver has no name for. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown }
  return String(code ?? errno ?? '')
}

/** A privilege that the database user lacks: no later try will do better. */
const DENIED: ReadonlySet<string> = new Set([
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'ER_SPECIFIC_ACCESS_DENIED_ERROR',
])

/** Whether nothing more can come through this connection: as the driver says, or the server by the class of its error. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Error) || errorCode(error) === 'ER_NET_PACKET_TOO_LARGE') return false
  const { fatal, sqlState } = error as { readonly fatal?: boolean; readonly sqlState?: string }
  return fatal === true || (sqlState ?? '').startsWith('08')
}

/** Files have errors of the same codes: `ENOENT` is a socket that is not there, or a file. Those of files name their path. */
const isOfFile = (error: unknown): boolean => error instanceof Error && 'path' in error

/**
 * The Problem that an error of the driver is, if it will pass, or somebody can mend it; else undefined.
 * @param database for the sentence: where was it looked for
 */
function asProblem(error: unknown, database: Config['moodle']['database']): Problem | undefined {
  const code = errorCode(error)
  const reason = error instanceof Error ? error.message : String(error)
  if (DENIED.has(code))
    return new Problem('database-denies', { user: database.user, reason }, EXIT.configuration, error)
  const sentence = PASSING[code] ?? (isLost(error) ? 'database-lost' : undefined)
  if (sentence === undefined || isOfFile(error)) return undefined
  const where = database.socketPath ?? `${database.host}:${database.port}`
  return new Problem(sentence, { where, user: database.user, name: database.name, reason }, EXIT.unavailable, error)
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
  const cutInTime = cutAfter(line, signal)
  const endSigns = giveSignsOfLife(line, database)
  try {
    await endIfSilent(connection)
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
    await connection.query(
      `SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
         innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
    )
    return await use({ connection, prefix: database.prefix, ...(await look(connection, database)) })
  } catch (error) {
    throw asProblem(error, database) ?? error
  } finally {
    endSigns()
    await close(line)
    cutInTime.cancel()
  }
}

/** How long a statement waits for a row, or a table, that somebody else has locked. */
const LOCK_WAIT_SECONDS = 20

/** Cuts a connection some seconds after the signal, unless that is cancelled. */
function cutAfter({ socket }: Line, signal: AbortSignal | undefined): { readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined
  const start = (): void => {
    timer = setTimeout(() => cut(socket), FINISH_WITHIN)
  }
  if (signal?.aborted) start()
  signal?.addEventListener('abort', start)
  return {
    cancel: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', start)
    },
  }
}

/** Bytes: the largest statement that a server must take. Ours are cut to what it takes, but the shortest is about as long. */
const LEAST_PACKET = 2_048

/** What must be known of the database before its first use: its tables' columns, and the limits of a statement. */
async function look(
  connection: Connection,
  database: Config['moodle']['database'],
): Promise<Pick<Moodle, 'columns' | 'idStep' | 'maxStatementBytes'>> {
  const [limits] = await connection.query<RowDataPacket[]>(
    'SELECT @@auto_increment_increment AS step, @@max_allowed_packet AS packet',
  )
  const packet = Number(limits[0]?.packet ?? 1_048_576)
  if (packet < LEAST_PACKET)
    throw new Problem('packet-too-small', { bytes: packet, least: LEAST_PACKET }, EXIT.configuration)
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT table_name AS t, column_name AS c, character_set_name AS cs, collation_name AS co, character_maximum_length AS len
       FROM information_schema.columns
      WHERE table_schema = DATABASE() AND table_name IN (?)`,
    // Those that we work with: a server opens every table that it is asked about, and Moodle has five hundred.
    [[...new Set([...Object.keys(RIGHTS), ...Object.keys(UNDO_RIGHTS)])].map(name => database.prefix + name)],
  )
  const columns = new Map<string, Map<string, ColumnFacts>>()
  for (const { t, c, cs, co, len } of rows) {
    const table = String(t).slice(database.prefix.length)
    const facts = columns.get(table) ?? new Map<string, ColumnFacts>()
    columns.set(table, facts)
    facts.set(String(c), { characterSet: cs, collation: co, maxLength: len === null ? null : Number(len) })
  }
  if (!columns.has('user_enrolments')) {
    throw new Problem('not-a-moodle', { name: database.name, prefix: database.prefix }, EXIT.configuration)
  }
  ensureUnicode(columns, database.prefix)
  return {
    columns,
    idStep: Number(limits[0]?.step ?? 1),
    maxStatementBytes: Math.floor(packet * 0.9),
  }
}

/** The columns by whose values files name things. */
const NAME_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  user: ['username', 'idnumber', 'email'],
  course: ['idnumber', 'shortname'],
  role: ['shortname'],
  groups: ['name'],
}

/** Moodle works with Unicode alone; asked for a name that another character set does not have, the server fails. @throws Problem 78 */
function ensureUnicode(columns: Moodle['columns'], prefix: string): void {
  for (const [name, own] of Object.entries(NAME_COLUMNS)) {
    for (const column of own) {
      const characterSet = columns.get(name)?.get(column)?.characterSet ?? 'utf8mb4'
      if (characterSet.startsWith('utf8')) continue
      throw new Problem('database-not-unicode', { table: prefix + name, column, characterSet }, EXIT.configuration)
    }
  }
}

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
