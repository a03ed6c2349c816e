// @ts-check
/**
 * `npm run bench`: how fast a command file is applied, measured against what could be used instead, on the same server and in the
 * same minutes. Ratios tell more than seconds: machines differ.
 *
 *   npm run build && npm run bench [-- --rows 10000 --row-by-row 1000]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addRowByRow } from './row-by-row.mjs'
import { additions, COURSES, commandFile, fillWorld, USERS } from './world.mjs'

/** @typedef {{ wall: number, inside: number, peak: number, statements: number }} Run seconds, seconds, bytes, number */

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
const ALL = [...CORE, 'logstore_standard_log', 'cache_flags']

const server = await startServer({ settings: SETTINGS, room: Number.MAX_SAFE_INTEGER })
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
  const config = join(server.folder, 'config.yaml')
  await writeFile(config, configuration())
  const built = (performance.now() - begun) / 1000
  say(await machine())
  say(`${USERS} people, ${COURSES} courses, nobody enrolled; built in ${built.toFixed(1)} s\n`)

  const ten = best(await repeated(3, () => run(config, 10)))
  const many = best(await repeated(ROUNDS, () => run(config, ROWS)))
  await exported()
  const core = await loaded(CORE)
  const all = await loaded(ALL)
  await restore()
  const byHand = await timed(() => addRowByRow(connection, PREFIX, additions(ROWS_ONE_BY_ONE)))
  const statementsByHand = byHand.statements / ROWS_ONE_BY_ONE
  const extrapolated = (byHand.seconds * ROWS) / ROWS_ONE_BY_ONE

  const rows = number(ROWS)
  print([
    ['', 'seconds', 'rows/s', 'statements', 'against LOAD DATA'],
    [`${rows} rows, the whole process`, many.wall, ROWS / many.wall, many.statements, many.wall / all],
    [`${rows} rows, from file read to rows committed`, many.inside, ROWS / many.inside, '', many.inside / all],
    [`LOAD DATA of the rows it wrote, ${ALL.length} tables`, all, ROWS / all, ALL.length, 1],
    [`LOAD DATA, only ${CORE.length} tables: no log, no flags`, core, ROWS / core, CORE.length, core / all],
    [
      `row by row${ROWS_ONE_BY_ONE < ROWS ? `, from ${number(ROWS_ONE_BY_ONE)} rows` : ''}`,
      extrapolated,
      ROWS / extrapolated,
      statementsByHand * ROWS,
      extrapolated / all,
    ],
  ])
  say('')
  say(`against row by row: ${(extrapolated / many.wall).toFixed(1)} times as fast`)
  say(
    `peak memory: ${Math.round(many.peak / 1024 ** 2)} MiB with ${rows} rows, ${Math.round(ten.peak / 1024 ** 2)} MiB with 10`,
  )
  say(`10 rows, from start to exit: ${ten.wall.toFixed(2)} s`)
  say(`best of ${ROUNDS}; 10 rows: best of 3`)
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
  const { seconds: wall, statements } = await timed(async () => {
    const process_ = spawn(process.execPath, [CLI, 'run', file, '--config', config, '--format', 'json'], {
      stdio: ['ignore', written, 'inherit'],
    })
    const look = setInterval(() => {
      peak = Math.max(peak, peakOf(process_.pid))
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
  return { wall, inside: (moment('finishedAt') - moment('startedAt')) / 1000, peak, statements }
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
    await query(
      `SELECT t.* FROM ${PREFIX}${table} t LEFT JOIN before_${table} b USING (id) WHERE b.id IS NULL ORDER BY t.id
         INTO OUTFILE '${join(server.folder, table)}.tsv'`,
    )
  }
}

/** How long the server takes to load these rows into tables of the same kind. @param {string[]} tables */
async function loaded(tables) {
  const times = await repeated(ROUNDS, async () => {
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
  })
  return Math.min(...times.map(({ seconds }) => seconds))
}

/** Makes the tables that a run changes what they were. */
async function restore() {
  for (const table of ALL) {
    await query(`TRUNCATE ${PREFIX}${table}`)
    await query(`INSERT INTO ${PREFIX}${table} SELECT * FROM before_${table}`)
  }
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const before = await statementsSoFar()
  const begun = performance.now()
  await work()
  const seconds = (performance.now() - begun) / 1000
  return { seconds, statements: (await statementsSoFar()) - before - 1 }
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

/** @param {Run[]} runs */
function best(runs) {
  return runs.reduce((a, b) => (b.wall < a.wall ? b : a))
}

/** @param {string} sql */
async function query(sql) {
  const [rows] = await connection.query(sql)
  return rows
}

function configuration() {
  const { socketPath, user, password } = server
  return JSON.stringify({
    moodle: {
      dataroot: server.folder,
      database: { socketPath, user, password, name: 'moodle', prefix: PREFIX },
    },
    enrol: {
      courseIdentifier: 'shortname',
      userIdentifier: 'idnumber',
      notifyTeachers: false,
      protectManualGroups: false,
    },
    guard: { maxUnenrolments: null, maxShare: null, maxUnmatched: null },
    web: { listen: null },
    log: { level: 'error' },
  })
}

async function machine() {
  const [row] = /** @type {any[]} */ (await query('SELECT VERSION() AS version'))
  const [cpu] = cpus()
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}, ${row.version}`,
    `server: ${SETTINGS.map(setting => setting.replace(/^--(loose-)?/, '')).join(' ')}`,
  ].join('\n')
}

/** @param {(string | number)[][]} lines the first is the head */
function print(lines) {
  const cells = lines.map(line => line.map((cell, at) => (typeof cell === 'number' ? shown(cell, at) : cell)))
  const widths = cells[0]?.map((_, at) => Math.max(...cells.map(line => line[at]?.length ?? 0))) ?? []
  for (const line of cells) {
    say(line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('   '))
  }
}

/** @param {number} value @param {number} column */
function shown(value, column) {
  if (column === 1 || column === 4) return value.toFixed(2)
  return number(Math.round(value))
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString('en')
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`)
}
