/** What the guard counts and holds on a database, and how a person releases it, by the command `run`. */
import { randomUUID } from 'node:crypto'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, test } from 'vitest'
import { type RunOptions, run } from '../../src/commands/run.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Problem } from '../../src/errors.ts'
import type { Hold } from '../../src/plan/limits.ts'
import { type RunRequest, run as runFile } from '../../src/run.ts'
import { openStore } from '../../src/store/store.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { keptLog } from '../intake/intake.ts'
import { filesIn } from '../store/folder.ts'
import { differing, snapshot } from './snapshot.ts'

const GUARD = { maxUnenrolments: 500, maxShare: '30%', maxUnmatched: '20%' }
const HEADER = 'cmd;cid;uid;rolename;enrol\n'
const STAMP = /\d{8}-\d{6}_/

/** People E1001 … E1025, who are all enrolled by hand in BIO-2, where two teachers are besides: 27. */
const people = (count: number, from = 1): string[] => Array.from({ length: count }, (_, i) => `E${1000 + from + i}`)
const rows = (command: string, uids: readonly string[], course = 'BIO-2', method = 'manual'): string =>
  uids.map(uid => `${command};${course};${uid};student;${method}\n`).join('')

let school: TestSchool
let commands: string
let held: string

beforeEach(async () => {
  school = await freshSchool()
  const store = await openStore(join(school.dataroot, 'syncd'))
  commands = store.folder.commands
  held = store.folder.held
  await school.query(
    `INSERT IGNORE INTO {user_enrolments} (enrolid, userid, status, timestart, timeend, modifierid, timecreated, timemodified)
     SELECT 2, id, 0, 1756706400, 0, 2, 1756706400, 1756706400 FROM {user} WHERE id BETWEEN 9 AND 33`,
  )
})

interface Ran {
  readonly status: number
  readonly stdout: string
}

/** `moodle-syncd run`, with the guard as it is by default. */
async function moodleSyncdRun(
  file: string | undefined,
  options: Partial<RunOptions> & { format?: 'text' | 'json'; lang?: 'en' | 'fr'; guard?: object; enrol?: object } = {},
): Promise<Ran> {
  const { format = 'json', lang = 'en', guard = GUARD, enrol = {}, simulate = false, approve = false } = options
  const configPath = await school.writeConfig({ guard, enrol, log: { level: 'silent' } })
  const stdout = new PassThrough()
  const said = text(stdout)
  const context = { configPath, format, lang, stdout, stderr: stdout, colour: false, env: {} } as const
  try {
    const status = await run(context, file, { simulate, approve })
    stdout.end()
    return { status, stdout: await said }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { status: error.exit, stdout: `${error.code} ${JSON.stringify(error.args)}` }
  }
}

async function written(content: string, name = 'enrols.csv', folder = school.folder): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

const holdsOf = ({ stdout }: Ran): Hold[] =>
  ((JSON.parse(stdout).file.held ?? []) as (Hold & { message: string })[]).map(({ message, ...hold }) => {
    expect(message).toContain('guard.')
    return hold
  })

/** The files in the store, without their stamps. */
const stored = async (): Promise<string[]> =>
  Object.keys(await filesIn(join(school.dataroot, 'syncd')))
    .map(name => name.replace(STAMP, ''))
    .sort()

const countIn = async (course: string): Promise<number> => {
  const [found] = await school.query<{ n: number }>(
    `SELECT COUNT(DISTINCT ue.userid) AS n FROM {user_enrolments} ue JOIN {enrol} e ON e.id = ue.enrolid
       JOIN {course} c ON c.id = e.courseid WHERE c.shortname = ?`,
    [course],
  )
  return Number(found!.n)
}

describe('what is counted', () => {
  const share = (count: number, of: number, course: string) => [
    { code: 'share', count, of, limit: 0.3 },
    { code: 'course-share', count, of, limit: 0.3, course },
  ]

  test.each<[string, string, readonly object[]]>([
    ['eight of 27 leave', HEADER + rows('del', people(8)), []],
    ['nine of 27 leave', HEADER + rows('del', people(9)), share(9, 27, 'BIO-2')],
    ['nine are suspended', HEADER + rows('suspend', people(9)), share(9, 27, 'BIO-2')],
    [
      'nine are suspended by whatever method',
      `cmd;cid;uid;rolename\n${people(9)
        .map(uid => `disable;BIO-2;${uid};\n`)
        .join('')}`,
      share(9, 27, 'BIO-2'),
    ],
    [
      'nine are given an end that is past',
      `cid;uid;rolename;enrol;endtime\n${people(9)
        .map(uid => `BIO-2;${uid};student;manual;2025-10-01\n`)
        .join('')}`,
      share(9, 27, 'BIO-2'),
    ],
    ['twice the same eight: a doubled file', HEADER + rows('del', [...people(8), ...people(8)]), []],
    ['all leave and come back', HEADER + rows('del', people(25)) + rows('add', people(25)), []],
    [
      'of these, the last nine are cut off',
      HEADER + rows('del', people(25)) + rows('add', people(16)),
      share(9, 27, 'BIO-2'),
    ],
    [
      'roles alone are taken',
      `cmd;cid;uid;rolename\n${people(25)
        .map(uid => `del;BIO-2;${uid};student\n`)
        .join('')}`,
      [],
    ],
    ['all get another role', HEADER + rows('shift', people(25)).replaceAll('student', 'teacher'), []],
    [
      'those who come are no part of those enrolled',
      HEADER + rows('add', people(3, 26)) + rows('del', people(9)),
      share(9, 27, 'BIO-2'),
    ],
    ['a course of twelve is emptied beside one that is left by none', HEADER + rows('del', people(12), 'HIST-GEO'), []],
  ])('%s', async (_, content, expected) => {
    const ran = await moodleSyncdRun(await written(content), { simulate: true })
    expect(holdsOf(ran)).toEqual(expected)
    expect(ran.status).toBe(expected.length > 0 ? 75 : 0)
    expect(JSON.parse(ran.stdout)).toMatchObject({
      simulated: true,
      file: { outcome: expected.length > 0 ? 'held' : 'processed' },
    })
  })

  test('who has another way in stays', async () => {
    await school.query(
      `INSERT INTO {user_enrolments} (enrolid, userid, status, timestart, timeend, modifierid, timecreated, timemodified)
       SELECT 22, userid, IF(userid < 12, 1, 0), 0, 0, 2, 0, 0 FROM {user_enrolments} WHERE enrolid = 2`,
    )
    // Of nine, three are left with an enrolment that is suspended.
    const ran = await moodleSyncdRun(await written(HEADER + rows('del', people(12))), {
      simulate: true,
      guard: { ...GUARD, maxUnenrolments: 2 },
    })
    expect(holdsOf(ran)).toEqual([{ code: 'unenrolments', count: 3, of: 27, limit: 2 }])
  })

  test('who is in other courses because of this one leaves those, too', async () => {
    await school.query(
      `INSERT INTO {enrol} (id, enrol, status, courseid, sortorder, customint1) VALUES (60, 'meta', 0, 5, 9, 2)`,
    )
    await school.query(
      `INSERT INTO {user_enrolments} (enrolid, userid, status, timestart, timeend, modifierid, timecreated, timemodified)
       SELECT 60, userid, 0, 0, 0, 2, 0, 0 FROM {user_enrolments} WHERE enrolid = 2`,
    )
    const ran = await moodleSyncdRun(await written(HEADER + rows('del', people(9, 10))), { simulate: true })
    // In ENG-A1, one teacher and those of BIO-2.
    expect(holdsOf(ran)).toEqual([
      { code: 'share', count: 18, of: 55, limit: 0.3 },
      { code: 'course-share', count: 9, of: 27, limit: 0.3, course: 'BIO-2' },
      { code: 'course-share', count: 9, of: 28, limit: 0.3, course: 'ENG-A1' },
    ])
  })

  test('names that are not there, empty ones too; each kind for itself, rows that cannot be read in neither', async () => {
    const uids = [...people(12), 'X1', 'X2', 'X3', 'X1', '']
    const file = `${HEADER}${rows('add', uids)}add;NOWHERE;X4;student;manual\nadd;;E1001;student;manual\nnonsense;x\n`
    const ran = await moodleSyncdRun(await written(file))
    expect(holdsOf(ran)).toEqual([{ code: 'unmatched-users', count: 6, of: 20, limit: 0.2 }])
    expect(ran.status).toBe(75)
  })

  test('a wrong identifier: nothing of the file is there', async () => {
    const ran = await moodleSyncdRun(await written(HEADER + rows('add', people(25))), {
      enrol: { courseIdentifier: 'idnumber', userIdentifier: 'username' },
    })
    expect(holdsOf(ran).map(({ code, count }) => [code, count])).toEqual([
      ['unmatched-users', 25],
      ['unmatched-courses', 25],
    ])
  })

  test('a name that several have is there', async () => {
    await school.query("UPDATE {user} SET idnumber = 'E1001' WHERE id BETWEEN 9 AND 11")
    const file = await written(HEADER + rows('add', Array<string>(25).fill('E1001')))
    expect((await moodleSyncdRun(file)).status).toBe(1)
  })
})

describe('a file that is given by hand', () => {
  test('is held where it lies, reported, and changes nothing; with --approve it is run', async () => {
    const path = await written(HEADER + rows('del', people(25)))
    const before = await snapshot(school)
    const ran = await moodleSyncdRun(path)
    expect(ran.status).toBe(75)
    const report = JSON.parse(ran.stdout)
    expect(report).toMatchObject({
      simulated: true,
      file: { outcome: 'held', approve: `moodle-syncd run ${path} --approve` },
      summary: { rows: 25, applied: 25, unenrolled: 25 },
    })
    expect(report.rows).toHaveLength(25)
    expect(differing(before, await snapshot(school))).toEqual([])
    expect(await stored()).toEqual(['reports/enrols.csv.html', 'reports/enrols.csv.json', 'reports/enrols.csv.txt'])
    expect(await readFile(path, 'utf8')).toBe(HEADER + rows('del', people(25)))

    expect((await moodleSyncdRun(path, { approve: true })).status).toBe(0)
    expect(await countIn('BIO-2')).toBe(2)
    expect(await readFile(path, 'utf8')).toBe(HEADER + rows('del', people(25)))
  })

  test('is told in the words of its reader what was counted, the limits, and what to do', async () => {
    const path = await written(HEADER + rows('del', people(25)), "l'été.csv")
    const english = (await moodleSyncdRun(path, { format: 'text' })).stdout
    expect(english).toContain('BIO-2: 92.6% of those enrolled would be taken out or suspended (25 of 27)')
    expect(english).toContain('more than 30%')
    expect(english).toContain(`moodle-syncd run '${path.replace("'", "'\\''")}' --approve`)
    expect(english).toContain('25 people unenrolled')
    const french = (await moodleSyncdRun(path, { format: 'text', lang: 'fr' })).stdout
    expect(french).toMatch(/92,6\s%/)
    expect(french).toContain('25 sur 27')
    expect(french).toMatch(/retient ce fichier/)
    const simulated = (await moodleSyncdRun(path, { format: 'text', simulate: true })).stdout
    expect(simulated).toContain('A real run would hold this file')
    expect(simulated).not.toContain('--approve')
  })

  test('is simulated past the guard where somebody approves', async () => {
    const path = await written(HEADER + rows('del', people(25)))
    expect((await moodleSyncdRun(path, { simulate: true, approve: true })).status).toBe(0)
    expect(await countIn('BIO-2')).toBe(27)
  })
})

describe('the standard file', () => {
  test('is moved to held/; released from there, it is run and archived', async () => {
    await written(HEADER + rows('del', people(25)), 'enrols.csv', commands)
    const ran = await moodleSyncdRun(undefined)
    expect(ran.status).toBe(75)
    expect(JSON.parse(ran.stdout).file.approve).toBe('moodle-syncd run held/enrols.csv --approve')
    expect(await stored()).toEqual([
      'held/enrols.csv',
      'reports/enrols.csv.html',
      'reports/enrols.csv.json',
      'reports/enrols.csv.txt',
    ])
    expect(await countIn('BIO-2')).toBe(27)

    // Looked at again, it stays where it is.
    expect((await moodleSyncdRun('held/enrols.csv')).status).toBe(75)
    expect((await moodleSyncdRun('held/enrols.csv', { simulate: true })).status).toBe(75)
    expect(await readdir(held)).toEqual(['enrols.csv'])

    expect((await moodleSyncdRun('held/enrols.csv', { approve: true })).status).toBe(0)
    expect(await countIn('BIO-2')).toBe(2)
    expect(await stored()).toContain('archives/enrols.csv')
    expect(await readdir(held)).toEqual([])
  })

  test('that is held beside another of its name has a name of its own, and its report says so', async () => {
    for (const count of [25, 24]) {
      await written(HEADER + rows('del', people(count)), 'enrols.csv', commands)
      await moodleSyncdRun(undefined)
    }
    expect((await readdir(held)).sort()).toEqual(['enrols-2.csv', 'enrols.csv'])
    const reports = join(school.dataroot, 'syncd', 'reports')
    const texts = (await readdir(reports)).filter(name => name.endsWith('.txt')).map(name => join(reports, name))
    const found = (await Promise.all(texts.map(path => readFile(path, 'utf8')))).map(text =>
      /run (\S+) --approve[\s\S]*?rm (\S+)[\s\S]*?(\d+) rows/.exec(text)!.slice(1),
    )
    expect(found.sort()).toEqual([
      ['held/enrols-2.csv', join(held, 'enrols-2.csv'), '24'],
      ['held/enrols.csv', join(held, 'enrols.csv'), '25'],
    ])
    // By its path it is the same file.
    expect((await moodleSyncdRun(join(held, 'enrols-2.csv'), { approve: true })).status).toBe(0)
    expect(await countIn('BIO-2')).toBe(3)
    expect(await readdir(held)).toEqual(['enrols.csv'])
  })

  test('that was changed since it was held is not released', async () => {
    await written(HEADER + rows('del', people(10)), 'enrols.csv', commands)
    await moodleSyncdRun(undefined)
    await written(HEADER + rows('del', people(25)), 'enrols.csv', held)
    expect(await moodleSyncdRun('held/enrols.csv', { approve: true })).toEqual({
      status: 65,
      stdout: 'held-file-changed {"file":"held/enrols.csv"}',
    })
    expect(await countIn('BIO-2')).toBe(27)
    expect(await readdir(held)).toEqual(['enrols.csv'])
    // As it was held, under whatever name, it is.
    await written(HEADER + rows('del', people(10)), 'enrols.csv', held)
    await rename(join(held, 'enrols.csv'), join(held, 'other.csv'))
    expect((await moodleSyncdRun('held/other.csv', { approve: true })).status).toBe(0)
    expect(await countIn('BIO-2')).toBe(17)
  })

  test('is to be named, to be approved', async () => {
    await written(HEADER, 'b.csv', held)
    expect(await moodleSyncdRun(undefined, { approve: true })).toEqual({
      status: 64,
      stdout: 'approve-what {"count":1,"files":"b.csv"}',
    })
  })
})

describe('a run', () => {
  /** A run as the daemon starts it. */
  async function daemonRun(
    id: string,
    path: string,
    { guard = GUARD, ...more }: Partial<Pick<RunRequest, 'onProgress' | 'signal'>> & { guard?: object } = {},
  ) {
    const config = await loadConfig(await school.writeConfig({ guard }), {})
    const store = await openStore(config.store.directory)
    const { log, lines } = keptLog()
    const request = {
      id,
      name: 'enrols.csv',
      path,
      namedAs: null,
      simulate: false,
      approval: 'none',
      ...more,
    } as const
    const result = await runFile(request, { config, store, log, lang: 'en' })
    // Of each chunk: whether it was simulated, and how many rows were then planned.
    const chunks = lines.filter(({ event }) => event === 'chunk-applied')
    return { result, lines, planned: chunks.map(({ simulated, rows }) => [simulated, rows]) }
  }

  test('that has held a file holds it again, without another report, where its end was not noted', async () => {
    const path = await written(HEADER + rows('del', people(25)), 'enrols.csv', commands)
    const id = randomUUID()
    const first = await daemonRun(id, path)
    expect(first.result).toMatchObject({ outcome: 'held', heldAs: join(held, 'enrols.csv') })
    expect(first.lines.filter(({ event }) => event === 'file-held')).toMatchObject([
      { level: 40, file: 'enrols.csv', command: 'moodle-syncd run held/enrols.csv --approve' },
    ])
    const outcomes = join(school.dataroot, 'syncd', 'running', `${id}.outcomes`)
    await writeFile(outcomes, '')
    const again = await daemonRun(id, path)
    expect(again.result).toMatchObject({ outcome: 'held', heldAs: join(held, 'enrols.csv') })
    await expect(readFile(outcomes)).rejects.toThrow('ENOENT')
    expect(again.lines.filter(({ event }) => event === 'file-held')).toEqual([])
    expect((await stored()).filter(name => name.startsWith('reports/'))).toHaveLength(3)
  })

  test('that goes on where it was interrupted is not held half-way', async () => {
    // Two chunks: the second one takes people out.
    const content = HEADER + rows('add', Array<string>(2_000).fill('E1001')) + rows('del', people(8))
    const path = await written(content, 'enrols.csv', commands)
    const id = randomUUID()
    const stop = new AbortController()
    const onProgress = (done: number) => done > 0 && stop.abort()
    const first = await daemonRun(id, path, { onProgress, signal: stop.signal })
    expect(first.result.outcome).toBe('interrupted')
    const again = await daemonRun(id, path, { guard: { ...GUARD, maxUnenrolments: 0 } })
    expect(again.result.outcome).toBe('processed')
    expect(again.planned).toEqual([[false, 2_008]])
    expect(await countIn('BIO-2')).toBe(19)
  })

  test('of a file that only adds is planned once; of one that takes out, so are those whom it may', async () => {
    const adding = await written(HEADER + rows('add', people(28)), 'enrols.csv', commands)
    expect((await daemonRun(randomUUID(), adding)).planned).toEqual([[false, 28]])
    const taking = HEADER + rows('add', people(28)) + rows('del', people(2)) + rows('add', ['E1001'], 'MATHS-1')
    const path = await written(taking, 'enrols.csv', commands)
    expect((await daemonRun(randomUUID(), path)).planned).toEqual([
      [true, 5],
      [false, 31],
    ])
    const without = await written(HEADER + rows('del', people(25)), 'enrols.csv', commands)
    const off = { maxUnenrolments: null, maxShare: null, maxUnmatched: null }
    expect((await daemonRun(randomUUID(), without, { guard: off })).planned).toEqual([[false, 25]])
  })

  test('is not held for people who come back under another spelling of their names', async () => {
    const back = rows(
      'add',
      people(9).map(uid => uid.toLowerCase()),
    )
    const path = await written(HEADER + rows('del', people(9)) + back, 'enrols.csv', commands)
    const { result, planned } = await daemonRun(randomUUID(), path)
    expect(result.outcome).toBe('processed')
    expect(planned).toEqual([
      [true, 9],
      [true, 18],
      [false, 18],
    ])
  })
})
