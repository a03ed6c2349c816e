// @ts-check
/**
 * `npm run conformance`: judges the built program against what a real Moodle left in its database, case by case, where the cases
 * are: in the folder `shared/conformance` beside this project. They are not part of it. Options are handed on to the judge.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('..', import.meta.url))
const folder = join(project, '../shared/conformance')
const judge = join(folder, 'judge.mjs')

if (existsSync(judge)) process.exitCode = await judged()
else process.stdout.write(`Nothing to judge by: there is no ${judge}.\n`)

async function judged() {
  /** @type {typeof import('../src/demo/server.ts')} */
  const { startServer } = await import(new URL('../dist/demo/server.js', import.meta.url).href)
  const server = await startServer({ settings: ['--innodb-buffer-pool-size=256M'] })
  try {
    const child = spawn(process.execPath, [judge, project, join(folder, 'cases'), ...process.argv.slice(2)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DB_SOCKET: server.socketPath, DB_USER: server.user },
    })
    const [status] = await once(child, 'exit')
    return status ?? 1
  } finally {
    await server.stop()
  }
}
