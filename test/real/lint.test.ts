/** `lint` on a real database: what it says of each row, where `tool_sync` would have done otherwise, and that it changes nothing. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import type { OutputFormat } from '../../src/commands/context.ts'
import { lint } from '../../src/commands/lint.ts'
import { run } from '../../src/commands/run.ts'
import { type Lang, sentencesOf } from '../../src/messages/say.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'

interface LintedRow {
  readonly line: number
  readonly outcome: string
  readonly meaning: string
  readonly toolSync: readonly { readonly code: string; readonly message: string }[]
}

let school: TestSchool
beforeAll(async () => {
  school = await freshSchool()
  await school.query('INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (4, 12, 9)')
  await school.query("UPDATE {user} SET idnumber = 'TWICE' WHERE id IN (33, 34)")
  await school.query("UPDATE {user} SET idnumber = 'GUEST' WHERE id = 1")
  await school.query("UPDATE {course} SET idnumber = 'TWICE' WHERE id IN (6, 7)")
  // E1001 has a second enrolment in BIO-2.
  await school.query('UPDATE {enrol} SET status = 0 WHERE id = 22')
  await school.query('INSERT INTO {user_enrolments} (enrolid, userid) VALUES (22, 9)')
})

const contextOf = async (overrides: Overrides, format: OutputFormat, lang: Lang, stdout: PassThrough) => {
  const configPath = await school.writeConfig({ log: { level: 'silent' }, ...overrides })
  return { configPath, format, lang, stdout, stderr: new PassThrough(), colour: false, env: {} }
}

async function linted(
  lines: readonly string[],
  overrides: Overrides = {},
  format: OutputFormat = 'text',
  lang: Lang = 'en',
) {
  const path = join(school.folder, 'enrols.csv')
  await writeFile(path, lines.join('\n'))
  const stdout = new PassThrough()
  const said = text(stdout)
  const context = await contextOf(overrides, format, lang, stdout)
  const status = await lint(context, path)
  stdout.end()
  return { status, said: await said }
}

const FILE = [
  'cmd;cid;uid;rolename;enrol;starttime;gcmd;g1',
  // 2: new, with a time in the form that tool_sync knows
  'add;BIO-2;E1018;student;manual;2026-09-01 08:30:00;gaddcreate;Groupe C',
  ';BIO-2;E1019;student;manual;2026-09-01;gadd;Groupe B',
  'shift;BIO-2;E1020;student;manual;;;',
  // 5: enrolled
  'add;MATHS-1;E1018;student;manual;0;;',
  'add;MATHS-1;E1018;student;manual;;;',
  'shift;BIO-2;T002;editingteacher;manual;;greplace;',
  'shift;BIO-2;E1001;student;manual;;;',
  'suspend;BIO-2;E1003;;manual;;;',
  // 10
  'disable;BIO-2;E1004;;manual;;gdel;Groupe A',
  'enable;BIO-2;E1003;;manual;2026-09-01 08:30:00+02:00;greplacecreate;Groupe D',
  'del;BIO-2;E1002;;manual;;;',
  'del;BIO-2;E1001;;manual;;;',
  'del;BIO-2;E1010;;manual;;;',
  // 15: rows that fail
  'add;BIO-2;;student;manual;;;',
  'add;BIO-2;E1003;student;manual;tomorrow;;',
  'add;BIO-2;TWICE;student;manual;;;',
  'add;BIO-2;GUEST;student;manual;;;',
  'add;RIVIERE;E1003;student;manual;;;',
  // 20
  'add;BIO-2;E1003;user;manual;;;',
  'add;BIO-2;E1003;editingteacher;cohort;;;',
  'add;BIO-2;E1003;teacher;lti;;gadd;Groupe A',
  'add;BIO-2;E1003;studnet;manual;;gadd;Groupe A',
  'add;BIO-2;"E1003";student;manual;9999999999;;',
  // 25
  `add;BIO-2;E1003;student;manual;;gadd;${'g'.repeat(1100)}`,
  'add;BIO-2;E1003',
  'add;BIO-2;E1003;manager;manual;;;',
  'add;NOWHERE;E1003;student;manual;;;',
  'hello;BIO-2;E1003;student;manual;;;',
]

const DIFFERENCES: Readonly<Record<number, readonly string[]>> = {
  3: ['empty-command', 'starttime-unread'],
  5: ['starttime-unread', 'end-erased'],
  6: ['start-moved', 'end-erased'],
  7: ['shift-unenrols'],
  8: ['shift-unenrols'],
  9: ['suspend'],
  10: ['disable'],
  11: ['offset', 'groups-protected'],
  15: ['empty-user'],
  16: ['bad-time'],
  17: ['user-ambiguous'],
  18: ['guest-user'],
  19: ['site-course'],
  20: ['role-not-assignable'],
  21: ['method-managed-by-moodle'],
  22: ['method-not-available'],
  23: ['groups-all-the-same'],
  24: ['quotes', 'starttime-unread'],
  25: ['long-line', 'start-moved'],
  26: ['wrong-number-of-cells'],
  27: ['role-not-allowed'],
}

const ROLES_ONLY = [
  'cmd;cid;uid;rolename',
  'add;BIO-2;E1003;teacher',
  'shift;BIO-2;E1003;teacher',
  'del;BIO-2;E1001;teacher',
  'del;BIO-2;E1001;',
  'del;BIO-2;E1001;studnet',
  'disable;BIO-2;E1001;',
  'enable;BIO-2;E1001;',
]

const ALLOWED = { enrol: { allowedRoles: ['student', 'teacher', 'editingteacher'] } }

const rowsOf = (said: string): LintedRow[] => (JSON.parse(said) as { rows: LintedRow[] }).rows

test('every row is told in words, with where tool_sync would have done otherwise', async () => {
  const { status, said } = await linted(FILE, ALLOWED, 'json')
  expect(status).toBe(1)
  const rows = rowsOf(said)
  expect(rows.map(({ line }) => line)).toEqual(FILE.slice(1).map((_, i) => i + 2))
  const differing = rows.filter(({ toolSync }) => toolSync.length > 0)
  expect(Object.fromEntries(differing.map(({ line, toolSync }) => [line, toolSync.map(({ code }) => code)]))).toEqual(
    DIFFERENCES,
  )
  const meaning = new Map(rows.map(row => [row.line, row.meaning]))
  expect(meaning.get(2)).toBe(
    '“E1018” is enrolled in Biologie, classe de seconde (BIO-2) by the method manual, with the role student, from 2026-09-01 08:30, without an end. Then into the group Groupe C; what is not there is created.',
  )
  expect(meaning.get(4)).toContain('instead of others (there are none), from now on, without an end')
  expect(meaning.get(6)).toContain(
    'already, stays so, with the role student. What the row does not say of times is kept.',
  )
  // The row sees what those before it would have done: suspended there, active here.
  expect(meaning.get(11)).toContain('is made active, from 2026-09-01 08:30.')
  expect(meaning.get(12)).toContain('It is the last enrolment there')
  expect(meaning.get(13)).toContain('Other enrolments there remain')
  expect(rows.filter(row => row.outcome === 'failed').every(row => row.meaning === '')).toBe(true)
})

test('roles only: nobody is enrolled, and it is said so', async () => {
  const { status, said } = await linted(ROLES_ONLY, {}, 'json')
  expect(status).toBe(1)
  const rows = rowsOf(said)
  expect(rows.map(({ toolSync }) => toolSync.map(({ code }) => code))).toEqual([
    ['role-of-method'],
    [],
    [],
    [],
    ['all-roles-removed'],
    ['disable'],
    [],
  ])
  expect(rows[0]!.meaning).toContain('nobody is enrolled')
  expect(rows[1]!.meaning).toContain('instead of 1 other given by hand')
  expect(rows[3]!.meaning).toContain('there is one')
  expect(rows[5]!.meaning).toContain('All 2 enrolments')
})

test('every sentence that there is can be said of some row, in both languages', async () => {
  const files: [string[], Overrides][] = [
    [FILE, ALLOWED],
    [ROLES_ONLY, {}],
    [
      [
        'cid;uid;rolename;enrol;starttime;endtime',
        'BIO-2;E1003;student;manual;2026-09-02;2026-09-01',
        'BIO-2;E1003;student;manual;;soon',
      ],
      {},
    ],
    [['cid;uid;rolename', 'TWICE;E1003;student', 'C-101;E1003;student'], { enrol: { courseIdentifier: 'idnumber' } }],
    [
      [
        'cmd;cid;uid;rolename;gcmd;g1',
        'add;BIO-2;E1003;student;greplacecreate;',
        'add;BIO-2;E1003;student;greplacecreate;Neu',
      ],
      {},
    ],
    [['cid;uid;rolename', 'BIO-2;E1003;"student'], {}],
    [['cid;uid;rolename', '# rows=2', 'BIO-2;E1003;student'], {}],
    [['cid;uid;rolename', `BIO-2;E1003;${'x'.repeat(300)}`], { csv: { maxRecordBytes: 200 } }],
    [['cid;uid;rolename', 'BIO-2;É;student'], { csv: { encoding: 'ascii' } }],
    [['cid;uid;rolename', 'BIO-2;É;student'], { csv: { encoding: 'shift_jis' } }],
  ]
  for (const lang of ['en', 'fr'] as const) {
    let all = ''
    for (const [lines, overrides] of files) all += (await linted(lines, overrides, 'text', lang)).said
    const said = (prefix: string) => Object.entries(sentencesOf(lang)).filter(([key]) => key.startsWith(prefix))
    const unsaid = [...said('meaning.'), ...said('tool-sync.')].filter(([, sentence]) => {
      // The longest piece of a sentence that is the same whatever it is filled with.
      const pieces = sentence.replaceAll(/\{[^{}]*(\{[^{}]*(\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}/g, '\n').split('\n')
      const longest = pieces.reduce((a, b) => (b.length > a.length ? b : a))
      return !all.includes(longest)
    })
    expect(unsaid.map(([key]) => key)).toEqual([])
    expect(all).not.toContain('undefined')
  }
})

test('a file that is refused is told so without a database, with what tool_sync would have made of it', async () => {
  const nowhere = { moodle: { database: { socketPath: '/nowhere/mysqld.sock' } } }
  const { status, said } = await linted(['cid;uid;rolename', 'BIO-2;E1003;"student'], nowhere)
  expect(status).toBe(65)
  expect(said).toContain('Line 2: a quote is opened here and never closed.')
  expect(said).toContain('    tool_sync: it knows no quotes, and would have run the file line by line.')
  const header = await linted(['cid;uid;role', 'BIO-2;E1003;student'], nowhere)
  expect(header.status).toBe(65)
  expect(header.said).not.toContain('tool_sync:')
})

test('without a database, rows that cannot be read are told, and that nothing more can be', async () => {
  const path = join(school.folder, 'enrols.csv')
  await writeFile(path, ['cid;uid;rolename;endtime', 'BIO-2;E1003;student;soon', 'BIO-2;E1003;student;'].join('\n'))
  const stdout = new PassThrough()
  const said = text(stdout)
  const context = await contextOf(
    { moodle: { database: { socketPath: '/nowhere/mysqld.sock' } } },
    'text',
    'en',
    stdout,
  )
  await expect(lint(context, path)).rejects.toMatchObject({ code: 'database-unreachable', exit: 69 })
  stdout.end()
  const lines = (await said).split('\n')
  expect(lines[0]).toMatch(/^Line 2: fails\. “soon” in the column endtime is no time/)
  expect(lines[1]).toBe('  tool_sync: it would have taken the cell endtime for no end.')
  expect(lines[2]).toBe('Without the database, nothing more can be told than that 1 row cannot be read.')
})

test('it ends as a simulated run does, and says that the guard would hold the file', async () => {
  const guard = { guard: { maxUnmatched: '10%' } }
  const lines = ['cid;uid;rolename;enrol', ...Array.from({ length: 25 }, (_, i) => `BIO-2;nobody-${i};student;manual`)]
  const { status, said } = await linted(lines, guard)
  expect(said).toContain('A real run would hold this file')
  const stdout = new PassThrough().resume()
  const simulated = await run(await contextOf(guard, 'text', 'en', stdout), join(school.folder, 'enrols.csv'), {
    simulate: true,
  })
  expect(status).toBe(simulated)
  expect((await linted(['cid;uid;rolename', 'BIO-2;E1003;student'])).status).toBe(0)
})

test('it changes nothing', async () => {
  const state = async () => {
    const tables = (await school.query<Record<string, string>>('SHOW TABLES')).map(row => Object.values(row)[0])
    const files = await readdir(school.dataroot, { recursive: true })
    return [files.sort(), await school.query(`CHECKSUM TABLE ${tables.join(', ')}`)]
  }
  await mkdir(join(school.dataroot, 'syncd'), { recursive: true })
  await linted(FILE)
  const before = await state()
  await linted(FILE)
  expect(await state()).toEqual(before)
})
