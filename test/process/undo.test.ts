/** `undo`, `runs` and `why` as a person types them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { PROGRAM } from '../build.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { differing, snapshot } from '../real/snapshot.ts'
import { until } from '../until.ts'
import { type Ended, moodleSyncd } from './program.ts'

interface Site {
  readonly school: TestSchool
  /** Runs the program with this site's configuration. */
  readonly call: (...words: string[]) => Promise<Ended>
  /** Runs a file of this name. @returns the run's id */
  readonly run: (name: string, content: string) => Promise<string>
  readonly config: string
}

async function newSite(): Promise<Site> {
  const school = await freshSchool()
  const config = await school.writeConfig({ log: { level: 'warn' } })
  const call = (...words: string[]) => moodleSyncd([...words, '--config', config])
  return {
    school,
    config,
    call,
    run: async (name, content) => {
      const path = join(school.folder, name)
      await writeFile(path, content)
      return (JSON.parse((await call('run', path, '--format', 'json')).stdout) as { run: string }).run
    },
  }
}

const HEADER = 'cmd;cid;uid;rolename;enrol;gcmd;g1\n'

describe('past runs', () => {
  let site: Site
  let first: string
  let second: string
  let refused: string
  let undone: string
  beforeAll(async () => {
    site = await newSite()
    first = await site.run(
      'monday.csv',
      `${HEADER}add;BIO-2;E1018;student;manual;gaddcreate;New\nadd;BIO-2;E9999;student;manual;;\n`,
    )
    refused = await site.run('broken.csv', 'cmd;cid;uid\n')
    second = await site.run('line\nend.csv', `${HEADER}del;BIO-2;E1018;;manual;;\nadd;BIO-2;E1019;student;manual;;\n`)
    const { stdout, status } = await site.call('undo', second, '--format', 'json')
    expect(status).toBe(0)
    undone = (JSON.parse(stdout) as { run: string }).run
  })

  test('are listed, the newest first, with what became of them', async () => {
    const { status, stdout, stderr } = await site.call('runs')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => line.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME'))
    expect(lines.map(line => line.split(/ {2,}/))).toEqual([
      ['RUN', 'BEGUN', 'OUTCOME', 'APPLIED', 'UNCHANGED', 'FAILED', 'FILE'],
      [
        undone.slice(0, 8),
        'TIME',
        'done',
        expect.any(String),
        '0',
        '0',
        `undo of ${second.slice(0, 8)} (line end.csv)`,
      ],
      [second.slice(0, 8), 'TIME', 'taken back', '2', '0', '0', 'line end.csv'],
      [refused.slice(0, 8), 'TIME', 'refused', 'broken.csv'],
      [first.slice(0, 8), 'TIME', 'done', '1', '0', '1', 'monday.csv'],
    ])
  })

  test('are data, too', async () => {
    const { runs } = JSON.parse((await site.call('runs', '--format', 'json')).stdout)
    expect(runs).toMatchObject([
      { run: undone, undoes: second, file: { name: 'line\nend.csv', outcome: 'processed' }, canBeUndone: true },
      { run: second, undoneBy: undone, summary: { applied: 2 }, canBeUndone: false },
      { run: refused, file: { name: 'broken.csv', outcome: 'refused' }, canBeUndone: false },
      { run: first, summary: { rows: 2, applied: 1, failed: 1 }, retryFile: expect.stringContaining('monday.csv') },
    ])
  })

  test('need no database', async () => {
    const config = await site.school.writeConfig({ moodle: { database: { socketPath: '/nowhere.sock' } } })
    const { status, stdout, stderr } = await moodleSyncd(['runs', '--config', config])
    expect(status).toBe(0)
    expect(stdout.split('\n')).toHaveLength(6)
    expect(stderr).toContain('Runs that have not ended are not shown: ')
  })

  test('that have not ended are listed as well', async () => {
    await site.school.query(
      "INSERT INTO syncd_run SELECT 'beef', moodle, 'given-up.csv', sha256, 'running', fence, started_at + 1000000, 7, NULL, NULL, 0, NULL, 0, NULL FROM syncd_run WHERE id = ?",
      [first],
    )
    const [, line] = (await site.call('runs')).stdout.split('\n')
    expect(line).toMatch(/^beef +\S+ \S+ +not ended +given-up.csv$/)
    const { runs } = JSON.parse((await site.call('runs', '--format', 'json')).stdout)
    expect(runs[0]).toMatchObject({
      run: 'beef',
      finishedAt: null,
      file: { outcome: 'unfinished' },
      summary: { rows: 7 },
    })
    await site.school.query("DELETE FROM syncd_run WHERE id = 'beef'")
  })

  test('one of them: its report, and its failed rows', async () => {
    const report = (await site.call('runs', first.slice(0, 6))).stdout
    expect(report).toContain(`Run ${first}`)
    expect(report).toContain('E9999')
    expect(JSON.parse((await site.call('runs', first, '--format', 'json')).stdout)).toMatchObject({
      run: first,
      rows: [{ line: 2 }, { line: 3 }],
    })
    expect((await site.call('runs', first, '--retry-file')).stdout).toBe(`${HEADER}add;BIO-2;E9999;student;manual;;\n`)
    expect(await site.call('runs', second, '--retry-file')).toEqual({ status: 0, stdout: '', stderr: '' })
    expect((await site.call('runs', refused)).stdout).toContain('The file was refused')
  })

  test('that are not there are said so', async () => {
    for (const [words, said] of [
      [['runs', 'ffffffff-0'], 'whose id begins with “ffffffff-0”'],
      [['runs', ''], 'Several runs have an id that begins with “”'],
      [['runs', '--retry-file'], 'moodle-syncd runs ID --retry-file'],
      [['undo', 'ffffffff-0'], 'No run of this Moodle has an id that begins with “ffffffff-0”'],
      [['undo', second], `moodle-syncd undo ${undone}`],
      [['undo'], 'ID is missing.'],
      [['why', 'E1018'], 'COURSE is missing.'],
      [['why', 'E9999', 'BIO-2'], 'No user has the idnumber “E9999”'],
      [['why', 'E1018', 'NOWHERE'], 'No course has the shortname “NOWHERE”'],
    ] as const) {
      const { status, stdout, stderr } = await site.call(...words)
      expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
      expect(stderr).toContain(said)
    }
  })

  test('that touched somebody in a course: when, which file, which line, what', async () => {
    const { status, stdout } = await site.call('why', 'E1018', 'BIO-2')
    expect(status).toBe(0)
    const [title, , ...lines] = stdout.trimEnd().split('\n')
    expect(title).toContain('E1018 (id 26) in BIO-2 (id 2)')
    expect(
      lines.map(line => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}/, '').replace(/, \d{4}-.*\)$/, ')')),
    ).toEqual([
      `${second.slice(0, 8)}  line end.csv, line 2: unenrolled, role removed, taken out of a group (taken back by ${undone.slice(0, 8)})`,
      `${first.slice(0, 8)}  monday.csv, line 2: enrolled, role assigned, group created, put into a group`,
    ])
    // By ids; as data.
    const byId = await site.call('why', '26', '2', '--format', 'json')
    expect(JSON.parse(byId.stdout)).toMatchObject({
      user: { id: 26, named: '26' },
      course: { id: 2 },
      lines: [
        {
          run: second,
          file: 'line\nend.csv',
          line: 2,
          changes: ['unenrolled', 'role-removed', 'group-member-removed'],
          undoneBy: undone,
        },
        { run: first, file: 'monday.csv', line: 2 },
      ],
    })
    expect((await site.call('why', 'E1018', 'DEBAT')).stdout).toContain('No run has changed anything here.')
    expect((await site.call('why', 'E1001', 'BIO-2', '--lang', 'fr')).stdout).toContain(
      'Aucune exécution n’a rien changé ici.',
    )
  })

  test('are told in French', async () => {
    expect((await site.call('runs', '--lang', 'fr')).stdout).toContain('annulation de')
    const { status, stdout } = await site.call('undo', first, '--simulate', '--lang', 'fr')
    expect(status).toBe(0)
    expect(stdout).toContain(`Annulation simulée de l’exécution ${first}`)
  })

  test('other files in the folder of reports do no harm', async () => {
    const reports = join(site.school.dataroot, 'syncd/reports')
    await writeFile(join(reports, 'note.json'), '{')
    await writeFile(join(reports, '20990101-000000_other.json'), '{"a":1}')
    await mkdir(join(reports, 'folder.json'))
    expect((await site.call('runs')).stdout.trimEnd().split('\n')).toHaveLength(5)
    await rm(join(reports, 'note.json'))
  })
})

test('an undo that leaves something ends with 1, and says what', async () => {
  const site = await newSite()
  const id = await site.run('enrols.csv', `${HEADER}add;BIO-2;E1018;student;manual;;\n`)
  await site.school.query('UPDATE {user_enrolments} SET status = 1 WHERE userid = 26 AND enrolid = 2')
  const { status, stdout } = await site.call('undo', id)
  expect(status).toBe(1)
  expect(stdout).toContain(
    'Left as they are now:\n  Enrolment of E1018 in BIO-2 (manual): has changed since the run.\n',
  )
  const why = await site.call('why', 'E1018', 'BIO-2')
  expect(why.stdout).toMatch(/undo of \w{8}, left as it was: Enrolment of E1018/)
})

test('an undo that is killed goes on where it was, and its report is whole', async () => {
  const site = await newSite()
  const { school } = site
  await school.query(
    "INSERT INTO {user} (id, username, idnumber) SELECT 1000 + a.id * 50 + b.id, CONCAT('u', 1000 + a.id * 50 + b.id), CONCAT('U', 1000 + a.id * 50 + b.id) FROM {user} a JOIN {user} b",
  )
  const people = await school.query<{ idnumber: string }>('SELECT idnumber FROM {user} WHERE id > 1000 ORDER BY id')
  const before = await snapshot(school)
  const id = await site.run(
    'term.csv',
    HEADER + people.map(({ idnumber }) => `add;BIO-2;${idnumber};student;manual;gadd;Groupe B\n`).join(''),
  )
  const [{ rows }] = (await school.query<{ rows: number }>(
    'SELECT COUNT(*) AS `rows` FROM {user_enrolments} WHERE userid > 1000',
  )) as [{ rows: number }]
  expect(rows).toBe(people.length)

  // Somebody works on the first person: the undo comes to them last.
  await school.query(
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION; SELECT id FROM {user_enrolments} WHERE userid > 1000 ORDER BY id LIMIT 1 FOR UPDATE',
  )
  const killed = spawn(process.execPath, [PROGRAM, 'undo', id, '--config', site.config], { stdio: 'ignore' })
  const progress = () =>
    school.query<{ id: string; rows_done: number }>('SELECT id, rows_done FROM syncd_run WHERE undoes = ?', [id])
  const waiting = () =>
    school.query("SELECT 1 FROM information_schema.processlist WHERE db = ? AND info LIKE 'SELECT%FOR UPDATE'", [
      school.database.name,
    ])
  const halfway = await until('the undo to wait', async () => {
    const [run] = await progress()
    return run !== undefined && run.rows_done > 0 && (await waiting()).length > 0 ? run : undefined
  })
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  await school.query('ROLLBACK')
  expect(await school.query('SELECT COUNT(*) AS n FROM {user_enrolments} WHERE userid > 1000')).toEqual([{ n: rows }])

  const { status, stdout } = await site.call('undo', id, '--format', 'json')
  expect(status).toBe(0)
  const report = JSON.parse(stdout)
  expect(report).toMatchObject({
    run: halfway.id,
    undoes: id,
    rows: [],
  })
  expect(await progress()).toMatchObject([{ id: halfway.id, rows_done: report.summary.rows }])
  expect(
    differing(before, await snapshot(school), { butFor: ['logstore_standard_log', 'cache_flags', 'context'] }),
  ).toEqual([])
  const kept = await readdir(join(school.dataroot, 'syncd/undo'))
  expect(kept.map(name => name.split('.')[0]).sort()).toEqual([halfway.id, id].sort())
  const files = (await readdir(join(school.dataroot, 'syncd/reports'))).filter(name => name.includes('undo-term'))
  expect(files).toHaveLength(3)
  expect(
    JSON.parse(
      await readFile(join(school.dataroot, 'syncd/reports', files.find(name => name.endsWith('json'))!), 'utf8'),
    ),
  ).toEqual(report)
})
