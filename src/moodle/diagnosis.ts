/**
 * Says whether a run would work on this database: can it be reached, is it a Moodle that we know, may we write there, is it
 * open for business. Writes nothing: for rights, the server is asked by statements that need them and can do nothing.
 */
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise'
import type { Config } from '../config/config.ts'
import { EXIT, Problem } from '../errors.ts'
import { type Finding, ok, problem, warning } from '../finding.ts'
import { activeDaemon } from './active.ts'
import { diagnoseCaches } from './caches/diagnosis.ts'
import { connect, type Moodle, select, withMoodle } from './connect.ts'
import { NEWEST_KNOWN, reasonToKeepOff } from './keep-off.ts'
import { unheardListeners } from './listeners.ts'
import { LEDGER_RIGHTS, PAGE_RIGHTS, RIGHTS, type Right, UNDO_RIGHTS } from './rights.ts'
import { hasToolSync, loadSettings, loadSite, type Settings, timeZoneOf } from './site.ts'

/** What the tests run on, as major and minor number. */
const TESTED_MOODLE = { from: '3.9', to: NEWEST_KNOWN.branch } as const
const TESTED_MARIADB = '10.6'
const TESTED_MYSQL = '8.0'

/** Seconds that the clocks of the two machines may differ. */
const CLOCK_TOLERANCE = 60

/** Tables that every Moodle has, and no run can do without. */
const NEEDED_TABLES = [
  'cache_flags',
  'capabilities',
  'config',
  'config_plugins',
  'context',
  'course',
  'enrol',
  'groups',
  'groups_members',
  'role',
  'role_assignments',
  'role_capabilities',
  'role_context_levels',
  'user',
  'user_enrolments',
  'user_lastaccess',
]

/** The findings on the database, in the order in which one thing needs the other; it ends at the first that stops all. */
export async function diagnoseDatabase(config: Config, now: Date): Promise<Finding[]> {
  const { database } = config.moodle
  const findings: Finding[] = []
  try {
    const connection = await connect(database)
    try {
      findings.push(...(await diagnoseServer(connection, now)))
      const prefix = await diagnosePrefix(connection, database.prefix, database.name)
      if (prefix !== undefined) return [...findings, prefix]
    } finally {
      await connection.end().catch(() => connection.destroy())
    }
    await withMoodle(config, async moodle => {
      const tables = diagnoseTables(moodle)
      findings.push(tables)
      if (tables.level === 'problem') return
      findings.push(...(await diagnoseRights(moodle)), ...(await diagnosePage(moodle, config)))
      const settings = await loadSettings(moodle, config)
      findings.push(...(await diagnoseSite(moodle, settings, config, now)))
      const active = await activeDaemon(moodle)
      findings.push(active === null ? ok('no-daemon') : ok('daemon-active', { host: active.host ?? '?' }))
    })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    findings.push({ level: 'problem', key: `problem.${error.code}`, args: error.args, exit: error.exit })
  }
  return findings
}

async function diagnoseServer(connection: Connection, now: Date): Promise<Finding[]> {
  const [[facts]] = await connection.query<RowDataPacket[]>(
    'SELECT VERSION() AS version, @@version_comment AS comment, @@global.read_only AS readOnly, UNIX_TIMESTAMP() AS clock',
  )
  const { version, comment, readOnly, clock } = facts as {
    version: string
    comment: string
    readOnly: number
    clock: number
  }
  const isMariaDb = /mariadb/i.test(`${version} ${comment}`)
  const server = { kind: isMariaDb ? 'MariaDB' : 'MySQL', version }
  const oldest = isMariaDb ? TESTED_MARIADB : TESTED_MYSQL
  const findings = [isOlder(version, oldest) ? warning('server-old', { ...server, oldest }) : ok('server', server)]
  if (Number(readOnly) !== 0) findings.push(problem('server-read-only', EXIT.unavailable))
  const seconds = Math.round(Math.abs(Number(clock) - now.getTime() / 1000))
  if (seconds > CLOCK_TOLERANCE) findings.push(warning('clocks-differ', { seconds }))
  return findings
}

/** Whether a version is older than another, by major and minor number. */
function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number.parseFloat)
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number.parseFloat)
  return major === thanMajor ? minor < thanMinor : major < thanMajor
}

/** Looks for Moodles in the database by a table that each of them has. undefined: there is one with our prefix. */
async function diagnosePrefix(connection: Connection, prefix: string, name: string): Promise<Finding | undefined> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE '%user\\_enrolments'",
  )
  const prefixes = rows.map(row => String(row.name).slice(0, -'user_enrolments'.length))
  if (prefixes.includes(prefix)) return undefined
  return prefixes.length === 0
    ? problem('no-moodle', EXIT.configuration, { name, prefix })
    : problem('other-prefix', EXIT.configuration, {
        name,
        prefix,
        found: prefixes.map(each => each || "''").join(', '),
      })
}

function diagnoseTables(moodle: Moodle): Finding {
  const missing = NEEDED_TABLES.filter(name => !moodle.columns.has(name))
  return missing.length === 0
    ? ok('tables', { count: moodle.columns.size })
    : problem('tables-missing', EXIT.configuration, { missing: missing.map(name => moodle.prefix + name).join(', ') })
}

/** Whether site administrators can log in on the page by their passwords. */
async function diagnosePage(moodle: Moodle, { web, moodle: { passwordPeppers } }: Config): Promise<Finding[]> {
  if (web.listen === null || web.proxyHeader !== null) return []
  const missing: string[] = []
  for (const [name, rights] of Object.entries(PAGE_RIGHTS)) {
    const full = moodle.prefix + name
    for (const right of rights) if (!(await isAllowed(moodle, right, full))) missing.push(`${right} ON ${full}`)
  }
  return [
    ...(missing.length === 0 ? [] : [warning('page-rights-missing', { missing: missing.join('; ') })]),
    ...(passwordPeppers === null ? [warning('peppers-unknown')] : []),
  ]
}

async function diagnoseRights(moodle: Moodle): Promise<Finding[]> {
  const unseen: string[] = []
  const missingOf = async (name: string, rights: readonly Right[]): Promise<string[]> => {
    const missing: string[] = []
    for (const right of rights) if (!(await isAllowed(moodle, right, name))) missing.push(`${right} ON ${name}`)
    return missing
  }
  const missing: string[] = []
  for (const [name, rights] of Object.entries(RIGHTS)) {
    const full = moodle.prefix + name
    // Who has no right to a table is not told whether it is there.
    if (moodle.columns.has(name)) missing.push(...(await missingOf(full, rights)))
    else if (!(await isAllowed(moodle, rights[0]!, full))) unseen.push(full)
  }
  for (const [name, rights] of Object.entries(LEDGER_RIGHTS)) missing.push(...(await missingOf(name, rights)))
  const forUndo: string[] = []
  for (const [name, rights] of Object.entries(UNDO_RIGHTS)) {
    if (!unseen.includes(moodle.prefix + name)) forUndo.push(...(await missingOf(moodle.prefix + name, rights)))
  }
  return [
    missing.length === 0
      ? ok('rights')
      : problem('rights-missing', EXIT.configuration, { missing: missing.join('; '), count: missing.length }),
    ...(forUndo.length === 0
      ? []
      : [warning('undo-rights-missing', { missing: forUndo.join('; '), count: forUndo.length })]),
    ...(unseen.length === 0 ? [] : [warning('tables-unseen', { tables: unseen.join(', ') })]),
  ]
}

const DENIED = new Set(['ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_ERROR'])

/** What a server has to say of the statements below once it has looked at the rights. */
const ALLOWED = new Set(['ER_NO_SUCH_TABLE', 'ER_TABLE_EXISTS_ERROR', 'ER_DUP_FIELDNAME', 'ER_NO_DEFAULT_FOR_FIELD'])

async function isAllowed(moodle: Moodle, right: Right, name: string): Promise<boolean> {
  try {
    await select(moodle, statementNeeding(right, mysql.escapeId(name, true)))
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (DENIED.has(code)) return false
    if (ALLOWED.has(code)) return true
    throw error
  }
}

/**
 * A statement that needs this right, and SELECT at most of those that go with it, and does nothing. EXPLAIN asks for the
 * rights of what it explains; the conditions hold for no row, should a server look for one. No table has a column twice.
 */
function statementNeeding(right: Right, quoted: string): string {
  switch (right) {
    case 'INSERT':
      return `EXPLAIN INSERT INTO ${quoted} () VALUES ()`
    case 'UPDATE':
      return `EXPLAIN UPDATE ${quoted} SET id = id WHERE id = 0`
    case 'DELETE':
      return `EXPLAIN DELETE FROM ${quoted} WHERE id = 0`
    case 'CREATE':
      return `CREATE TABLE ${quoted} (id INT, id INT)`
    case 'ALTER':
      return `ALTER TABLE ${quoted} ADD COLUMN twice INT, ADD COLUMN twice INT`
    default:
      return `EXPLAIN SELECT ${/\((.+)\)/.exec(right)?.[1] ?? '*'} FROM ${quoted}`
  }
}

async function diagnoseSite(moodle: Moodle, settings: Settings, config: Config, now: Date): Promise<Finding[]> {
  const site = await loadSite(moodle, settings, config)
  const methods = [...site.enabledMethods]
  return [
    diagnoseRelease(settings('', 'release') ?? ''),
    ...(await diagnoseMaintenance(settings, config, now)),
    diagnoseTimeZone(settings),
    site.actorId === 0 ? problem('no-admin', EXIT.configuration) : ok('admin', { id: site.actorId }),
    methods.includes('manual')
      ? ok('methods', { methods: methods.join(', ') })
      : warning('manual-disabled', { methods: methods.join(', ') }),
    hasToolSync(settings, config) ? ok('tool-sync') : ok('no-tool-sync'),
    ...diagnoseLog(settings, config),
    ...(config.enrol.welcomeMessages && config.moodle.wwwroot === null ? [warning('no-wwwroot')] : []),
    ...(await diagnoseCaches(config, settings)),
    ...(await diagnoseListeners(config.moodle.codeDirectory)),
  ]
}

function diagnoseRelease(release: string): Finding {
  const args = { release, ...TESTED_MOODLE }
  return isOlder(release, TESTED_MOODLE.from) || isOlder(TESTED_MOODLE.to, release)
    ? warning('release-untested', args)
    : ok('release', args)
}

async function diagnoseMaintenance(settings: Settings, config: Config, now: Date): Promise<Finding[]> {
  const reason = await reasonToKeepOff(settings, config, now)
  if (reason !== null)
    return [{ level: 'problem', key: `problem.${reason.code}`, args: reason.args, exit: reason.exit }]
  // Moodle clears it when somebody next looks at a page, unless nothing works any more.
  return [Number(settings('', 'upgraderunning') ?? 0) > 0 ? warning('upgrade-broken-off') : ok('no-maintenance')]
}

function diagnoseTimeZone(settings: Settings): Finding {
  try {
    return ok('time-zone', { zone: timeZoneOf(settings) })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { level: 'problem', key: `problem.${error.code}`, args: error.args, exit: error.exit }
  }
}

/** Plugins that Moodle itself would tell of what a run does. */
async function diagnoseListeners(codeDirectory: string | null): Promise<Finding[]> {
  const listeners = codeDirectory === null ? null : await unheardListeners(codeDirectory)
  if (listeners === null) return []
  if (listeners.length === 0) return [ok('no-listeners')]
  const plugins = listeners.map(({ component, to }) => `${component} (${to.join(', ')})`).join('; ')
  return [warning('listeners', { plugins, count: listeners.length })]
}

function diagnoseLog(settings: Settings, config: Config): Finding[] {
  if (!config.enrol.writeLog) return [ok('log-not-wanted')]
  const stores = (settings('tool_log', 'enabled_stores') ?? '').split(',')
  return [stores.includes('logstore_standard') ? ok('log') : ok('log-disabled')]
}
