/**
 * The rights that the database user is granted: with those of `config/grants.sql` a run does all that it can do, and for want
 * of any one of them some run fails.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { check } from '../../src/commands/check.ts'
import type { CommandContext } from '../../src/commands/context.ts'
import { run } from '../../src/commands/run.ts'
import { undo } from '../../src/commands/undo.ts'
import { loadConfig } from '../../src/config/load.ts'
import { findAdministrator } from '../../src/moodle/administrators.ts'
import { assignableRoles } from '../../src/moodle/assignable-roles.ts'
import { withMoodle } from '../../src/moodle/connect.ts'
import { diagnoseDatabase } from '../../src/moodle/diagnosis.ts'
import { countIdentifiers } from '../../src/moodle/identifiers.ts'
import { LEDGER_RIGHTS, PAGE_RIGHTS, RIGHTS, type Right, UNDO_RIGHTS } from '../../src/moodle/rights.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'

const PASSWORD = 'Secret-1'
const USER = `grants_${process.pid}`
const HOSTS = ['localhost', '%']

/** What the school has not got by itself, so that every statement of a run finds something to do. */
const MORE = `
  -- A course whose context is not made yet, nor that of its category.
  INSERT INTO {course_categories} (id, name, parent, sortorder, depth, path) VALUES (9, 'New', 0, 90000, 1, '/9');
  INSERT INTO {course} (id, category, sortorder, fullname, shortname, idnumber) VALUES (9, 9, 90001, 'New', 'NEW', '');
  INSERT INTO {enrol} (id, enrol, status, courseid, sortorder, roleid) VALUES (9, 'manual', 0, 9, 0, 5);
  -- What there is of E1001, who goes, and of E1009, who joins a group in the middle of a quiz.
  INSERT INTO {cache_flags} (flagtype, name, timemodified, value, expiry) VALUES ('accesslib/dirtyusers', '9', 1, '1', 1);
  INSERT INTO {files} (contextid, component, filearea, itemid, filename, filesize, timecreated, timemodified)
    SELECT 23, 'grade', 'feedback', id, '.', 0, 1, 1 FROM {grade_grades} WHERE userid = 9 AND itemid = 2;
  INSERT INTO {forum_digests} (userid, forum) VALUES (9, 2);
  INSERT INTO {forum_track_prefs} (userid, forumid) VALUES (9, 2);
  INSERT INTO {forum_read} (userid, forumid) VALUES (9, 2);
  INSERT INTO {quiz_overrides} (quiz, groupid, timeclose) VALUES (1, 1, 1759300000);
  INSERT INTO {quiz_attempts} (quiz, userid, layout, state, timestart) VALUES (1, 17, '', 'inprogress', 1757000000);
  -- A welcome message that names the role.
  UPDATE {enrol} SET customtext1 = 'Welcome, {$a->courserole}' WHERE id = 2;
  -- A room, with E1010 in it; a subscription to events; E1011 by LTI; an old grade of E1020.
  UPDATE {config} SET value = '1' WHERE name IN ('enablecommunicationsubsystem', 'recovergradesdefault');
  UPDATE {config} SET value = CONCAT(value, ',lti') WHERE name = 'enrol_plugins_enabled';
  INSERT INTO {config_plugins} (plugin, name, value) VALUES ('tool_monitor', 'enablemonitor', '1'),
    ('communication_matrix', 'matrixhomeserverurl', 'https://m.example'), ('communication_matrix', 'matrixaccesstoken', 'x'),
    ('communication_matrix', 'matrixelementurl', 'https://e.example');
  INSERT INTO {communication} (id, contextid, instanceid, component, instancetype, provider)
    VALUES (1, 13, 3, 'core_course', 'coursecommunication', 'communication_matrix');
  INSERT INTO {communication_user} (commid, userid, synced) VALUES (1, 18, 1);
  INSERT INTO {tool_monitor_rules} (id, userid, courseid, eventname, frequency, timewindow, timemodified, timecreated)
    VALUES (1, 2, 0, '\\\\core\\\\event\\\\role_assigned', 1, 3600, 1, 1);
  INSERT INTO {tool_monitor_subscriptions} (courseid, ruleid, cmid, userid, timecreated) VALUES (0, 1, 0, 2, 1);
  INSERT INTO {enrol} (id, enrol, status, courseid, sortorder, roleid) VALUES (50, 'lti', 0, 3, 5, 5);
  INSERT INTO {enrol_lti_tools} (id, enrolid, contextid) VALUES (1, 50, 13);
  INSERT INTO {enrol_lti_users} (userid, toolid) VALUES (19, 1);
  INSERT INTO {user_enrolments} (enrolid, userid, timestart, timecreated, timemodified) VALUES (50, 19, 1, 1, 1);
  INSERT INTO {grade_items} (id, courseid, itemtype, iteminstance, sortorder) VALUES (9, 3, 'course', 9, 1);
  INSERT INTO {grade_grades_history} (action, oldid, source, timemodified, itemid, userid, finalgrade)
    VALUES (1, 99, 'test', 1, 9, 28, 50);
`

/** All in one chunk, which is rolled back where a right is missing: every run finds the school as it was. */
const FILE = `cmd;cid;uid;rolename;enrol;endtime;gcmd;g1
add;NEW;E1020;student;manual;;gaddcreate;New
del;BIO-2;E1001;;manual;;;
add;BIO-2;E1018;student;manual;;gadd;Groupe A
add;BIO-2;E1009;student;manual;;gadd;Groupe A
gone;BIO-2;E1009;student;manual;;;
suspend;BIO-2;E1003;;manual;;;
shift;BIO-2;T002;editingteacher;manual;;;
suspend;MATHS-1;E1010;;manual;;;
add;MATHS-1;E1020;student;manual;;;
del;MATHS-1;E1011;;lti;;;
`

/** One row by each other identifier of a user. */
const IDENTIFIERS = { id: '26', username: 'rose.mitchell', email: 'rose.mitchell@school.example' } as const

interface RunReport {
  readonly run: string
  readonly rows: readonly { readonly outcome: string }[]
}

interface Case {
  readonly config: string
  readonly file: string
}

let school: TestSchool
let everything: Case
const others: Case[] = []

const asUser = (overrides: Overrides = {}): Promise<string> =>
  school.writeConfig({
    moodle: { database: { user: USER, password: PASSWORD } },
    log: { level: 'silent' },
    ...overrides,
  })

beforeAll(async () => {
  school = await freshSchool()
  await school.query(MORE)
  for (const host of HOSTS) await school.query(`CREATE USER '${USER}'@'${host}' IDENTIFIED BY '${PASSWORD}'`)
  const file = join(school.folder, 'everything.csv')
  await writeFile(file, FILE)
  everything = { config: await asUser({ enrol: { welcomeMessages: true, notifyTeachers: true } }), file }
  for (const [userIdentifier, uid] of Object.entries(IDENTIFIERS)) {
    const file = join(school.folder, `${userIdentifier}.csv`)
    await writeFile(file, `cid;uid;rolename\nBIO-2;${uid};student\n`)
    others.push({ config: await asUser({ enrol: { userIdentifier } }), file })
  }
})

afterAll(async () => {
  for (const host of HOSTS) await school.query(`DROP USER '${USER}'@'${host}'`)
})

/** The statements of the file that people are told to run, for this user. */
async function grantAll(): Promise<void> {
  const published = await readFile(new URL('../../config/grants.sql', import.meta.url), 'utf8')
  for (const host of HOSTS) {
    await school.query(published.replaceAll("'moodle-syncd'@'localhost'", `'${USER}'@'${host}'`))
  }
}

function contextFor(configPath: string): { context: CommandContext; said: Promise<string> } {
  const stdout = new PassThrough()
  const said = text(stdout)
  const context = { configPath, format: 'json', lang: 'en', stdout, stderr: stdout, colour: false, env: {} } as const
  return { context, said }
}

async function runCase({ config, file }: Case, simulate = false): Promise<RunReport> {
  const { context, said } = contextFor(config)
  try {
    await run(context, file, { simulate, approve: false })
  } finally {
    context.stdout.end()
  }
  return JSON.parse(await said) as RunReport
}

const takeBack = (run: string): Promise<number> => undo(contextFor(everything.config).context, run, { simulate: false })

/** Whether something ends with an error of the database. That it does not with all rights is tested as well. */
async function fails(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) if ('sqlState' in cause) return true
    throw error
  }
}

type Rights = Readonly<Record<string, readonly Right[]>>

/** Every right by itself; of several columns, each. */
function* oneByOne(rights: Rights, prefix: string): Generator<readonly [table: string, right: string]> {
  for (const [table, all] of Object.entries(rights)) {
    for (const right of all) {
      const columns = /^SELECT \((.+)\)$/.exec(right)?.[1]?.split(', ')
      if (columns === undefined) yield [prefix + table, right]
      else for (const column of columns) yield [prefix + table, `SELECT (${column})`]
    }
  }
}

/** The rights without which something does not fail. */
async function needless(
  rights: Iterable<readonly [table: string, right: string]>,
  isNeeded: () => Promise<boolean>,
): Promise<string[]> {
  const found: string[] = []
  for (const [table, right] of rights) {
    for (const host of HOSTS) await school.query(`REVOKE ${right} ON ${table} FROM '${USER}'@'${host}'`)
    if (right === 'CREATE' || right === 'ALTER') {
      await school.query(`DROP TABLE IF EXISTS ${Object.keys(LEDGER_RIGHTS).join(', ')}`)
    }
    if (!(await isNeeded())) found.push(`${right} ON ${table}`)
    for (const host of HOSTS) await school.query(`GRANT ${right} ON ${table} TO '${USER}'@'${host}'`)
  }
  return found
}

describe('with the published grants', () => {
  beforeAll(grantAll)

  test('check finds nothing wanting', async () => {
    const { context, said } = contextFor(everything.config)
    expect(await check(context)).toBe(0)
    context.stdout.end()
    expect(JSON.parse(await said).findings).toContainEqual(expect.objectContaining({ code: 'rights', level: 'ok' }))
  })

  test('each right is needed by a run: without it, some run fails', async () => {
    const someRunFails = async (): Promise<boolean> => {
      for (const other of others) if (await fails(() => runCase(other, true))) return true
      // Last, since this one would change the school if it did not fail.
      return fails(() => runCase(everything))
    }
    const rights = [...oneByOne(LEDGER_RIGHTS, ''), ...oneByOne(RIGHTS, 'mdl_')]
    expect(await needless(rights, someRunFails)).toEqual([])
  })

  test('a run does all that it can do, and all of it can be taken back, for which the other rights are needed', async () => {
    const outcomes = ({ rows }: RunReport) => rows.map(({ outcome }) => outcome)
    for (const other of others) expect(outcomes(await runCase(other, true))).toEqual(['applied'])
    const report = await runCase(everything)
    const lines = FILE.trim().split('\n').slice(1)
    expect(outcomes(report)).toEqual(lines.map(line => (line.startsWith('gone') ? 'failed' : 'applied')))

    // Whoever may not see groupings is not told that there are any: nothing fails, but a group in one may be removed.
    const { groupings_groups: _, ...failing } = UNDO_RIGHTS
    expect(await needless(oneByOne(failing, 'mdl_'), () => fails(() => takeBack(report.run)))).toEqual([])
    expect(await takeBack(report.run)).toBe(0)
  })

  test('the page lets an administrator log in, for which each of its rights is needed, and check says so', async () => {
    await school.query("UPDATE {user} SET confirmed = 1, password = 'hash' WHERE id = 2")
    const config = await loadConfig(await asUser({ web: { listen: '127.0.0.1:0' } }))
    const find = () => withMoodle(config, moodle => findAdministrator(moodle, config, 'admin', true))
    const warnings = async () =>
      (await diagnoseDatabase(config, new Date())).filter(({ level }) => level === 'warning').map(({ key }) => key)
    expect(await find()).toMatchObject({ id: 2, passwordHash: 'hash' })
    expect(await warnings()).not.toContain('check.page-rights-missing')
    const isNeeded = async () => (await fails(find)) && (await warnings()).includes('check.page-rights-missing')
    expect(await needless(oneByOne(PAGE_RIGHTS, 'mdl_'), isNeeded)).toEqual([])
    expect(await withMoodle(config, countIdentifiers)).toMatchObject({ user: { id: { all: 34 } } })
    expect(await withMoodle(config, assignableRoles)).toContain('student')
  })
})

test('every table that a statement names is one to which rights are needed', async () => {
  const folder = new URL('../../src/moodle/', import.meta.url)
  const files = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.ts'))
  const sources = await Promise.all(files.map(name => readFile(new URL(name, folder), 'utf8')))
  const named = sources.flatMap(source =>
    [...source.matchAll(/\btable\(\w+, '(\w+)'\)|name: '(\w+)',\s*columns/g)].map(match => match[1] ?? match[2]),
  )
  expect([...new Set(named)].sort()).toEqual(Object.keys(RIGHTS).sort())
})
