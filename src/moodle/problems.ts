/** Which errors of the database driver and the server are Problems: those that will pass, and those that somebody can mend. */
import type { Config } from '../config/config.ts'
import { EXIT, Problem } from '../errors.ts'

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
export function asProblem(error: unknown, database: Config['moodle']['database']): Problem | undefined {
  const code = errorCode(error)
  const reason = error instanceof Error ? error.message : String(error)
  if (DENIED.has(code))
    return new Problem('database-denies', { user: database.user, reason }, EXIT.configuration, error)
  const sentence = PASSING[code] ?? (isLost(error) ? 'database-lost' : undefined)
  if (sentence === undefined || isOfFile(error)) return undefined
  const where = database.socketPath ?? `${database.host}:${database.port}`
  return new Problem(sentence, { where, user: database.user, name: database.name, reason }, EXIT.unavailable, error)
}
