/** A school on a database server of its own, which a test may kill, start again, and set as it likes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { loadSchool } from '../../src/demo/school.ts'
import { type ServerOptions, startServer } from '../../src/demo/server.ts'
import type { TestSchool } from '../database.ts'
import { defaults, merged, queryOf } from '../database.ts'
import { connectTo, createDatabase, PREFIX } from '../setup.ts'

export interface OwnServer {
  readonly school: TestSchool
  /** SIGKILL: what it had in memory is gone. */
  readonly kill: () => void
  readonly startAgain: () => Promise<void>
}

/** Starts a server with a school. Who logs in by the configuration has all rights on it, and none on the server. */
export async function ownServer(options: ServerOptions = {}): Promise<OwnServer> {
  const server = await startServer(options)
  const { socketPath, folder } = server
  const root = { socketPath, host: '', port: 0, user: 'root', password: '' }
  const name = 'school'
  const first = await connectTo(root)
  await first.query(createDatabase(name))
  await first.query(`CREATE USER syncd@localhost IDENTIFIED BY 'x'; GRANT ALL ON ${name}.* TO syncd@localhost`)
  await first.changeUser({ database: name })
  await loadSchool(first, PREFIX)

  let connection = first
  let pid = Number(readFileSync(join(folder, 'server.pid'), 'utf8'))
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  // It would remove the folder when its server ends.
  const keeper = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1])
  let again: ChildProcess | undefined
  const kill = (): void => {
    process.kill(keeper, 'SIGSTOP')
    process.kill(pid, 'SIGKILL')
    connection.destroy()
  }
  const startAgain = async (): Promise<void> => {
    again = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
    pid = again.pid!
    for await (const line of createInterface({ input: again.stderr! })) {
      if (/: ready for connections/.test(line)) break
    }
    connection = await connectTo(root, name)
  }
  onTestFinished(async () => {
    connection.destroy()
    if (again !== undefined && again.exitCode === null && again.signalCode === null) {
      again.kill('SIGKILL')
      await once(again, 'exit')
    }
    process.kill(keeper, 'SIGCONT')
    await server.stop()
  })

  const dataroot = join(folder, 'moodledata')
  await mkdir(join(dataroot, 'sync'), { recursive: true })
  let count = 0
  const database = { ...root, user: 'syncd', password: 'x', name, prefix: PREFIX }
  const school: TestSchool = {
    database,
    get connection() {
      return connection
    },
    folder,
    dataroot,
    query: (sql, values) => queryOf(connection, PREFIX, sql, values),
    writeConfig: async (overrides = {}) => {
      const path = join(folder, `config-${++count}.yaml`)
      await writeFile(path, stringify(merged(defaults(dataroot, database), overrides)))
      return path
    },
  }
  return { school, kill, startAgain }
}
