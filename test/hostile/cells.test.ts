/**
 * Whatever stands in a cell or in the name of a file is that text, and nothing else: for the database, however its server
 * is set up, for the log, for a terminal, for programs that read reports.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadSchool } from '../../src/demo/school.ts'
import { type PrivateServer, startServer } from '../../src/demo/server.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { moodleSyncd } from '../process/program.ts'
import { PREFIX } from '../setup.ts'

/** How servers understand a quoted text: a backslash escapes or does not, a double quote is one or begins a name. */
const SQL_MODES = ['', 'NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES', 'ANSI,NO_BACKSLASH_ESCAPES']

/** Group names: Moodle's own column of 254 characters keeps each as it is. */
const TEXTS = [
  "'; DROP TABLE mdl_user; -- ",
  "\\'; DROP TABLE mdl_user; -- ",
  "\\' OR 1=1 -- ",
  '\\',
  'a\\',
  "''",
  '"; DROP TABLE mdl_user; #',
  '\\"',
  '`user`',
  '%',
  'a_b%',
  '/* comment */',
  'a -- b # c',
  '?',
  ':name ??',
  '$name {name} {{name}} <name>',
  '💥𠜎\u{10ffff}',
  'a\u0000b',
  'c\u001ad\u0008',
  '\u001b[2J\u001b]0;title\u0007',
  '\u009b2J\u009d0;title\u009c',
  '\u202egnp.exe',
  '=HYPERLINK("http://a.example";"b")',
  '<script>alert(1)</script>',
]

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`

let server: PrivateServer
let connection: Connection
let school: TestSchool
beforeAll(async () => {
  server = await startServer()
  connection = await mysql.createConnection({ socketPath: server.socketPath, user: 'root', charset: 'utf8mb4' })
  school = await freshSchool()
})
afterAll(async () => {
  await connection?.end()
  await server?.stop()
})

/** A database of its own on the private server, and a configuration for it. */
async function newDatabase(name: string): Promise<string> {
  await connection.query('CREATE DATABASE ?? DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci', [name])
  const loading = await mysql.createConnection({
    socketPath: server.socketPath,
    user: 'root',
    database: name,
    charset: 'utf8mb4_unicode_ci',
    multipleStatements: true,
  })
  await loadSchool(loading, PREFIX)
  await loading.end()
  const { socketPath } = server
  return school.writeConfig({ moodle: { database: { socketPath, user: 'root', password: '', name } } })
}

describe('a cell', () => {
  test.each(SQL_MODES)('is a text for a server whose sql_mode is “%s”', async mode => {
    const name = `cells_${SQL_MODES.indexOf(mode)}`
    const config = await newDatabase(name)
    await connection.query('SET GLOBAL sql_mode = ?', [mode])
    const folder = join(school.folder, name)
    await mkdir(folder)
    const file = join(folder, 'enrols.csv')
    const groups = TEXTS.map(text => `add;BIO-2;E1018;student;manual;gaddcreate;${quoted(text)}\n`)
    const lookedUp = TEXTS.flatMap(text => [
      `add;${quoted(text)};E1018;student;manual;;\n`,
      `add;BIO-2;${quoted(text)};student;manual;;\n`,
      `add;BIO-2;E1018;${quoted(text)};manual;;\n`,
      `add;BIO-2;E1018;student;${quoted(text)};;\n`,
      `${quoted(text)};BIO-2;E1018;student;manual;;\n`,
      `add;BIO-2;E1018;student;manual;${quoted(text)};Groupe\n`,
    ])
    await writeFile(file, ['cmd;cid;uid;rolename;enrol;gcmd;g1\n', ...groups, ...lookedUp].join(''))
    const { status, stdout } = await moodleSyncd(['run', file, '--format', 'json', '-c', config])
    await connection.query("SET GLOBAL sql_mode = 'STRICT_TRANS_TABLES'")
    expect(status).toBe(1)

    const { rows } = JSON.parse(stdout) as { rows: { outcome: string; warnings: string[]; message: string }[] }
    expect(rows).toHaveLength(groups.length + lookedUp.length)
    expect(rows.slice(0, groups.length).map(({ outcome, warnings }) => [outcome, warnings])).toEqual(
      groups.map(() => ['applied', []]),
    )
    const [[{ users }], [found]] = [
      (await connection.query<RowDataPacket[]>(`SELECT COUNT(*) AS users FROM \`${name}\`.mdl_user`))[0] as [
        { users: number },
      ],
      await connection.query<RowDataPacket[]>(`SELECT name FROM \`${name}\`.mdl_groups ORDER BY id DESC LIMIT ?`, [
        TEXTS.length,
      ]),
    ]
    expect(users).toBeGreaterThan(30)
    expect(found.map(row => row.name).reverse()).toEqual(TEXTS.map(text => text.trim()))
  })
})

describe('for people', () => {
  /** What a terminal would obey, line ends aside, or show in another order. */
  const OBEYED = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
  const expectPlain = (text: string): void => {
    for (const line of text.split('\n')) expect(line).not.toMatch(OBEYED)
  }
  const NAME = '\u001b[31m\u009b31m\u202e$(id)`id`\n\'"=1+1.csv'

  test('neither cells nor the name of the file reach a terminal, a log or a report as they are', async () => {
    const store = join(school.folder, 'store')
    const config = await school.writeConfig({ log: { level: 'trace' }, store: { directory: store } })
    const file = join(school.folder, NAME)
    const header = 'cmd;cid;uid;rolename;enrol;gcmd;g1\n'
    const lines = TEXTS.map(text => `add;BIO-2;${quoted(text)};student;manual;gadd;${quoted(text)}\n`)
    await writeFile(file, header + lines.join(''))
    const { status, stdout, stderr } = await moodleSyncd(['run', file, '-c', config])
    expect(status).toBe(1)
    expect(stdout).toContain('DROP TABLE')
    expectPlain(stdout)
    for (const line of stderr.trimEnd().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) })
      expectPlain(line)
    }
    expect(stderr).not.toContain('DROP TABLE')

    const reports = await readdir(join(store, 'reports'))
    expect(reports.map(name => name.slice('YYYYMMDD-HHmmss_'.length)).sort()).toEqual([
      `${NAME}.html`,
      `${NAME}.json`,
      `${NAME}.txt`,
    ])
    for (const name of reports) {
      const text = await readFile(join(store, 'reports', name), 'utf8')
      if (name.endsWith('.txt')) expectPlain(text)
      else if (name.endsWith('.html')) expectPlain(text)
      else expect(JSON.parse(text).file.name).toBe(NAME)
    }
    // A formula in it is one for a spreadsheet, too: it is the command file as it came, and nothing that we wrote.
    const [retry] = await readdir(join(store, 'retry'))
    expect(await readFile(join(store, 'retry', retry!), 'utf8')).toBe(header + lines.join(''))

    for (const words of [
      ['runs'],
      ['why', 'E1018', 'BIO-2'],
      ['runs', '--format', 'json'],
      ['why', 'E1018', 'BIO-2', '--format', 'json'],
    ]) {
      const told = await moodleSyncd([...words, '-c', config])
      expect(told.status).toBe(0)
      expectPlain(told.stdout + told.stderr)
    }
  })

  test('nor do those of a file that is refused, or not found', async () => {
    const config = await school.writeConfig()
    const file = join(school.folder, `refused-${NAME}`)
    await writeFile(file, 'uid;cid;rolename;"\u001b[2J\u202eevil"\n')
    const refused = await moodleSyncd(['run', file, '-c', config])
    expect(refused.status).toBe(65)
    expect(refused.stdout).toContain('evil')
    expectPlain(refused.stdout)
    const missing = await moodleSyncd(['run', `${file}.csv`, '-c', config])
    expect(missing.status).toBe(64)
    expect(missing.stderr).toContain('[31m')
    expectPlain(missing.stderr)
    // No part of a name stands in a line of its own, as if we had written it.
    expect(missing.stderr.trimEnd().split('\n')).toHaveLength(1)
    for (const words of [['run', 'a', NAME], [NAME], ['run', `--${NAME}`], ['run', '--format', NAME]]) {
      const wrong = await moodleSyncd(words)
      expect(wrong.status).toBe(64)
      expectPlain(wrong.stderr)
    }
    const faulty = join(school.folder, 'faulty.yaml')
    await writeFile(faulty, '"\\e[31m\\u009b\\u202e": 1\nenrol: { file: "\\e[2J/../\\a" }\n')
    for (const format of ['text', 'json']) {
      const wrong = await moodleSyncd(['check', '-c', faulty, '--format', format])
      expect(wrong.status).toBe(78)
      expectPlain(wrong.stdout + wrong.stderr)
    }
  })
})
