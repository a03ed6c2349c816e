// @ts-check
/**
 * `npm run bench`: how fast a command file is applied, measured against what could be used instead, on the same server and in the
 * same minutes. Ratios tell more than seconds: machines differ.
 *
 *   npm run build && npm run bench [-- --rows 10000 --row-by-row 1000]
 *
 * On a machine that has other things to do, the column CPU can be relied on, and the seconds cannot.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addRowByRow } from './row-by-row.mjs'
import { additions, COURSES, commandFile, fillWorld, USERS } from './world.mjs'

/** @typedef {{ seconds: number, cpu: number, statements: number }} Times `cpu`: seconds of CPU, of the server and of the program */
/** @typedef {Times & { inside: number, peak: number }} Run `inside`: seconds from the file read to rows committed; `peak`: bytes */

/** @type {typeof import('../src/demo/server.ts')} */
const { startServer } = await import(new URL('../dist/demo/server.js', import.meta.url).href)
/** @type {typeof import('../src/demo/school.ts')} */
const { createDatabase, loadSchool } = await import(new URL('../dist/demo/school.js', import.meta.url).href)

const { values: options } = parseArgs({ options: { rows: { type: 'string' }, 'row-by-row': { type: 'string' } } })
const ROWS = Number(options.rows ?? 10_000)
const ROWS_ONE_BY_ONE = Math.min(ROWS, Number(options['row-by-row'] ?? 1_000))
const ROUNDS = ROWS > 50_000 ? 1 : 3
const PREFIX = 'mdl_'
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

/** As a site's server is set up, but for its size; and on a disk, not in memory. */
const SETTINGS = [
  '--innodb-buffer-pool-size=1G',
  '--innodb-flush-log-at-trx-commit=1',
  '--innodb-doublewrite=1',
  '--loose-innodb-log-file-size=512M',
  '--loose-innodb-redo-log-capacity=1G',
]

/** What a row of the file writes, and what it sets off besides. */
const CORE = ['user_enrolments', 'role_assignments', 'groups', 'groups_members']
const FLAGS = 'cache_flags'
const LOG = 'logstore_standard_log'
const ALL = [...CORE, FLAGS, LOG]

const server = await startServer({ settings: SETTINGS, room: Number.MAX_SAFE_INTEGER })
const serverProcess = Number(readFileSync(join(server.folder, 'server.pid'), 'utf8'))
const connection = await createDatabase(server, 'moodle')
try {
  await bench()
} finally {
  await connection.end()
  await server.stop()
}

async function bench() {
  const begun = performance.now()
  await loadSchool(connection, PREFIX)
  await fillWorld(connection, PREFIX)
  for (const table of ALL) await query(`CREATE TABLE before_${table} LIKE ${PREFIX}${table}`)
  for (const table of ALL) await query(`INSERT INTO before_${table} SELECT * FROM ${PREFIX}${table}`)
  const everything = await configuration({ writeLog: true })
  const withoutLog = await configuration({ writeLog: false })
  const built = (performance.now() - begun) / 1000
  say(await machine())
  say(`${USERS} people, ${COURSES} courses, nobody enrolled; built in ${built.toFixed(1)} s\n`)

  const ten = best(await repeated(3, () => run(everything, 10)))
  // By turns, so that what else the machine does falls on all of them.
  const rounds = await repeated(ROUNDS, async () => {
    const core = await run(withoutLog, ROWS)
    const all = await run(everything, ROWS)
    await exported()
    return {
      core,
      all,
      loadedCore: await loaded(CORE),
      loadedCoreAndFlags: await loaded([...CORE, FLAGS]),
      loadedAll: await loaded(ALL),
    }
  })
  const of = (/** @type {'loadedCore' | 'loadedCoreAndFlags' | 'loadedAll'} */ name) =>
    best(rounds.map(round => round[name]))
  const core = best(rounds.map(round => round.core))
  const all = best(rounds.map(round => round.all))
  await restore()
  const byHand = await timed(() => addRowByRow(connection, PREFIX, additions(ROWS_ONE_BY_ONE)))
  const times = ROWS / ROWS_ONE_BY_ONE
  const rowByRow = {
    seconds: byHand.seconds * times,
    cpu: byHand.cpu * times,
    statements: byHand.statements * times,
  }

  say(`${number(ROWS)} rows of add, each with a group`)
  print([
    ['', 'seconds', 'rows/s', 'CPU', 'statements', '× LOAD DATA', 'of CPU'],
    ['everything, the log included'],
    line('  the whole process, from start to exit', all, of('loadedAll')),
    line('  from the file read to the last commit', { seconds: all.inside }, of('loadedAll')),
    line('  LOAD DATA of the rows it wrote, 6 tables', of('loadedAll'), of('loadedAll')),
    ['the core tables (enrol.writeLog: false)'],
    line('  the whole process, from start to exit', core, of('loadedCore')),
    line('  from the file read to the last commit', { seconds: core.inside }, of('loadedCore')),
    line('  LOAD DATA of the rows it wrote, 5 tables', of('loadedCoreAndFlags'), of('loadedCore')),
    line('  LOAD DATA, without cache_flags, 4 tables', of('loadedCore'), of('loadedCore')),
    ['without moodle-syncd'],
    line(`  row by row${times === 1 ? '' : `, from ${number(ROWS_ONE_BY_ONE)} rows`}`, rowByRow, of('loadedAll')),
  ])
  say('')
  say(`against row by row: ${(rowByRow.seconds / all.seconds).toFixed(1)} times as fast`)
  say(`peak memory of the process: ${mebibytes(all)} MiB with ${number(ROWS)} rows, ${mebibytes(ten)} MiB with 10`)
  say(`10 rows, from start to exit: ${ten.seconds.toFixed(2)} s`)
  say(`best of ${ROUNDS}; 10 rows: best of 3`)
}

/**
 * A line of the table, measured against another one.
 * @param {string} name @param {Partial<Times> & { seconds: number }} times @param {Times} against
 */
function line(name, { seconds, cpu, statements }, against) {
  return [
    name,
    seconds.toFixed(2),
    number(Math.round(ROWS / seconds)),
    cpu?.toFixed(2) ?? '',
    statements === undefined ? '' : number(Math.round(statements)),
    (seconds / against.seconds).toFixed(2),
    cpu === undefined ? '' : (cpu / against.cpu).toFixed(2),
  ]
}

/** @param {Run} run */
function mebibytes({ peak }) {
  return Math.round(peak / 1024 ** 2)
}

/**
 * Runs a file of so many rows on the world as it was, and looks at the process as it runs.
 * @param {string} config @param {number} rows @returns {Promise<Run>}
 */
async function run(config, rows) {
  await restore()
  const file = join(server.folder, `enrols-${rows}.csv`)
  const output = join(server.folder, 'report.json')
  await pipeline(Readable.from(commandFile(rows)), createWriteStream(file))
  const written = createWriteStream(output)
  await once(written, 'open')
  let peak = 0
  let cpu = 0
  const times = await timed(async () => {
    const process_ = spawn(process.execPath, [CLI, 'run', file, '--config', config, '--format', 'json'], {
      stdio: ['ignore', written, 'inherit'],
    })
    const look = setInterval(() => {
      peak = Math.max(peak, peakOf(process_.pid))
      cpu = Math.max(cpu, cpuOf(process_.pid))
    }, 20)
    const [status] = await once(process_, 'exit')
    clearInterval(look)
    if (status !== 0) throw new Error(`moodle-syncd run ended with ${status}`)
  })
  written.close()
  const [{ enrolled }] = /** @type {any[]} */ (
    await query(
      `SELECT COUNT(*) AS enrolled FROM ${PREFIX}user_enrolments ue LEFT JOIN before_user_enrolments b USING (id) WHERE b.id IS NULL`,
    )
  )
  if (Number(enrolled) !== rows) throw new Error(`${enrolled} people were enrolled, not ${rows}`)
  const head = await beginning(output)
  const moment = (/** @type {string} */ name) => Date.parse(new RegExp(`"${name}":"([^"]+)"`).exec(head)?.[1] ?? '')
  return { ...times, cpu: times.cpu + cpu, inside: (moment('finishedAt') - moment('startedAt')) / 1000, peak }
}

/** CPU that a process has used so far, in seconds; 0 where it is gone. @param {number | undefined} pid */
function cpuOf(pid) {
  try {
    // Behind the name, which may hold anything: of these fields the 12th and the 13th, in hundredths of a second.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

/** The most memory that a process has had so far, in bytes. @param {number | undefined} pid */
function peakOf(pid) {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** @param {string} path */
async function beginning(path) {
  for await (const chunk of createReadStream(path, { encoding: 'utf8', end: 10_000 })) return String(chunk)
  return ''
}

/** Writes the rows that the last run made into files that the server can load. */
async function exported() {
  for (const table of ALL) {
    await rm(join(server.folder, `${table}.tsv`), { force: true })
    await query(
      `SELECT t.* FROM ${PREFIX}${table} t LEFT JOIN before_${table} b USING (id) WHERE b.id IS NULL ORDER BY t.id
         INTO OUTFILE '${join(server.folder, table)}.tsv'`,
    )
  }
}

/** How long the server takes to load these rows into empty tables of the same kind. @param {string[]} tables */
async function loaded(tables) {
  for (const table of tables) {
    await query(`DROP TABLE IF EXISTS load_${table}`)
    await query(`CREATE TABLE load_${table} LIKE ${PREFIX}${table}`)
  }
  return timed(async () => {
    await query('BEGIN')
    for (const table of tables)
      await query(`LOAD DATA INFILE '${join(server.folder, table)}.tsv' INTO TABLE load_${table}`)
    await query('COMMIT')
  })
}

/** Makes the tables that a run changes what they were, and forgets its notes for caches: ten seconds later they are gone. */
async function restore() {
  for (const table of ALL) {
    await query(`TRUNCATE ${PREFIX}${table}`)
    await query(`INSERT INTO ${PREFIX}${table} SELECT * FROM before_${table}`)
  }
  const notes = join(server.folder, 'syncd', 'running')
  const names = await readdir(notes).catch(() => [])
  for (const name of names) if (name.endsWith('.stale')) await rm(join(notes, name))
}

/** @param {() => Promise<unknown>} work @returns {Promise<Times>} with the CPU of the server alone */
async function timed(work) {
  const before = await statementsSoFar()
  const cpuBefore = cpuOf(serverProcess)
  const begun = performance.now()
  await work()
  const seconds = (performance.now() - begun) / 1000
  return { seconds, cpu: cpuOf(serverProcess) - cpuBefore, statements: (await statementsSoFar()) - before - 1 }
}

async function statementsSoFar() {
  const [row] = /** @type {any[]} */ (await query(`SHOW GLOBAL STATUS LIKE 'Questions'`))
  return Number(row.Value)
}

/** @template T @param {number} rounds @param {() => Promise<T>} work @returns {Promise<T[]>} */
async function repeated(rounds, work) {
  const results = []
  for (let round = 0; round < rounds; round++) results.push(await work())
  return results
}

/** @template {Times} T @param {T[]} times @returns {T} */
function best(times) {
  return times.reduce((a, b) => (b.seconds < a.seconds ? b : a))
}

/** @param {string} sql */
async function query(sql) {
  const [rows] = await connection.query(sql)
  return rows
}

/** Writes a configuration. @param {{ writeLog: boolean }} enrol @returns its path */
async function configuration({ writeLog }) {
  const { socketPath, user, password } = server
  const path = join(server.folder, writeLog ? 'everything.yaml' : 'without-log.yaml')
  const values = {
    moodle: {
      dataroot: server.folder,
      database: { socketPath, user, password, name: 'moodle', prefix: PREFIX },
    },
    enrol: {
      courseIdentifier: 'shortname',
      userIdentifier: 'idnumber',
      notifyTeachers: false,
      protectManualGroups: false,
      writeLog,
    },
    guard: { maxUnenrolments: null, maxShare: null, maxUnmatched: null },
    web: { listen: null },
    log: { level: 'error' },
  }
  await writeFile(path, JSON.stringify(values))
  return path
}

async function machine() {
  const [row] = /** @type {any[]} */ (await query('SELECT VERSION() AS version'))
  const [cpu] = cpus()
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}, ${row.version}`,
    `server: ${SETTINGS.map(setting => setting.replace(/^--(loose-)?/, '')).join(' ')}`,
  ].join('\n')
}

/** @param {string[][]} lines the first is the head */
function print(lines) {
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map(cells => cells[at]?.length ?? 0))) ?? []
  for (const cells of lines) {
    const padded = cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
    say(padded.join('   ').trimEnd())
  }
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString('en')
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`)
}
