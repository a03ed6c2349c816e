/**
 * Once for a whole run of vitest: a database server, with the small school in a database that tests clone.
 *
 * A private server is started, unless MOODLE_SYNCD_TEST_DATABASE names one on which databases may be made and dropped:
 * `socket:/path[:user[:password]]` or `host:port:user:password`. So the same tests run on MariaDB and on MySQL.
 */
import mysql from 'mysql2/promise'
import type { TestProject } from 'vitest/node'
import { loadSchool } from '../src/demo/school.ts'
import { startServer } from '../src/demo/server.ts'
import { Problem } from '../src/errors.ts'
import { say } from '../src/messages/say.ts'

/** Where the tests' server is, in the words of the configuration. */
export interface TestServer {
  readonly socketPath: string | null
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
}

declare module 'vitest' {
  interface ProvidedContext {
    server: TestServer
    /** The database to clone. The names of all databases of this run begin with it. */
    template: string
  }
}

export const PREFIX = 'mdl_'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const named = process.env.MOODLE_SYNCD_TEST_DATABASE
  const own = named ? undefined : await startServer({ onInstall: sayInstalling }).catch(explain)
  const server = named
    ? parseAddress(named)
    : { socketPath: own!.socketPath, host: '', port: 0, user: 'root', password: '' }
  const template = `syncd_test_${process.pid}`
  const connection = await connectTo(server)
  await connection.query(createDatabase(template))
  await connection.changeUser({ database: template })
  await loadSchool(connection, PREFIX)
  project.provide('server', server)
  project.provide('template', template)

  return async () => {
    const [left] = await connection.query<mysql.RowDataPacket[][]>({
      sql: 'SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE ?',
      values: [`${template}\\_%`],
      rowsAsArray: true,
    })
    for (const [name] of [...left, [template]]) await connection.query('DROP DATABASE ??', [name])
    await connection.end()
    await own?.stop()
    if (left.length > 0) throw new Error(`Tests left databases behind: ${left.join(', ')}`)
  }
}

export function connectTo(server: TestServer, database?: string): Promise<mysql.Connection> {
  const { socketPath, host, port, user, password } = server
  return mysql.createConnection({
    ...(socketPath === null ? { host, port } : { socketPath }),
    user,
    password,
    charset: 'utf8mb4_unicode_ci',
    multipleStatements: true,
    ...(database === undefined ? {} : { database }),
  })
}

export const createDatabase = (name: string): string =>
  `CREATE DATABASE ${mysql.escapeId(name)} DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`

function parseAddress(text: string): TestServer {
  const [first = '', second = '', user = 'root', password = ''] = text.split(':')
  if (first === 'socket') return { socketPath: second, host: '', port: 0, user, password }
  return { socketPath: null, host: first, port: Number(second), user, password }
}

/** vitest would show the code alone. */
function explain(error: unknown): never {
  if (error instanceof Problem) throw new Error(say('en', `problem.${error.code}`, error.args), { cause: error })
  throw error
}

function sayInstalling(): void {
  process.stderr.write('There is no database server on this machine: installing mariadb-server-core for the tests.\n')
}
