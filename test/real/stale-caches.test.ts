/** What a run drops from Moodle's caches: neither too little, nor before the commit, and not even a crash forgets it. */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { access, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/log.ts'
import { run } from '../../src/run.ts'
import { openStore } from '../../src/store/store.ts'
import { PROGRAM } from '../build.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { muc, mucSource, SITE_IDENTIFIER, store } from '../moodle/caches/muc.ts'
import { spawnDaemon } from '../process/daemon.ts'
import { moodleSyncd } from '../process/program.ts'
import { until } from '../until.ts'

const COURSES = [2, 3, 4, 5, 6, 7]
const USERS = [3, 8, 9, 10, 18, 33]
const ENTRIES = [
  ...COURSES.flatMap(id =>
    ['core/groupdata', 'core/coursecontacts', 'core/coursehiddengroups'].map(of => `${of} ${id}`),
  ),
  ...USERS.flatMap(id => ['core/user_group_groupings', 'availability_grade/scores'].map(of => `${of} ${id}`)),
  ...USERS.flatMap(user => COURSES.map(course => `core/completion ${user}_${course}`)),
]
const EVENTS = ['changesincategoryenrolment', 'changesincoursestate']

/** Where Moodle's file store keeps a value, below its folder. */
function pathOf(definition: string, key: string): string {
  const prefix = createHash('md5').update(`1/${definition}/${SITE_IDENTIFIER}`).digest('hex')
  const isSimple = !['availability_grade/scores', 'core/eventinvalidation'].includes(definition)
  const name = isSimple ? `${key}-${prefix}` : createHash('sha1').update(`${prefix}-${key}`).digest('hex')
  return join(definition.replace('/', '_'), `${name.slice(0, 3)}-cache`, `${name}.cache`)
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

interface Site {
  readonly school: TestSchool
  readonly config: string
  readonly path: (entry: string) => string
  /** Which values are gone from the cache. */
  readonly gone: () => Promise<string[]>
  /** Which events were written. */
  readonly events: () => Promise<string[]>
  readonly notes: () => Promise<string[]>
  readonly writeMuc: (own?: Parameters<typeof muc>[0]) => Promise<void>
  readonly put: (entry: string) => Promise<void>
  /** A run of a file by the program, as a user starts it. */
  readonly run: (csv: string, ...words: string[]) => ReturnType<typeof moodleSyncd>
}

/** A school whose Moodle has cached everything. */
async function site(enrol: Record<string, unknown> = {}): Promise<Site> {
  const school = await freshSchool()
  const config = await school.writeConfig({ enrol, log: { level: 'debug' } })
  const folder = join(school.dataroot, 'cache/cachestore_file/default_application')
  const path = (entry: string) => join(folder, pathOf(...(entry.split(' ') as [string, string])))
  const put = async (entry: string) => {
    await mkdir(dirname(path(entry)), { recursive: true })
    await writeFile(path(entry), 'a:0:{}')
  }
  const writeMuc = async (own: Parameters<typeof muc>[0] = {}) => {
    await mkdir(join(school.dataroot, 'muc'), { recursive: true })
    await writeFile(join(school.dataroot, 'muc/config.php'), mucSource(muc(own)))
  }
  await writeMuc()
  for (const entry of ENTRIES) await put(entry)
  const running = join(school.dataroot, 'syncd/running')
  const missing = async (entries: readonly string[], wanted: boolean) => {
    const there = await Promise.all(entries.map(entry => isThere(path(entry))))
    return entries.filter((_, i) => there[i] === wanted)
  }
  return {
    school,
    config,
    path,
    put,
    writeMuc,
    gone: () => missing(ENTRIES, false),
    events: async () => {
      const written = await missing(
        EVENTS.map(name => `core/eventinvalidation ${name}`),
        true,
      )
      return written.map(entry => entry.split(' ')[1]!)
    },
    notes: async () =>
      (await readdir(running)).filter(name => name.endsWith('.stale')).map(name => join(running, name)),
    run: async (csv, ...words) => {
      const file = join(school.folder, 'file.csv')
      await writeFile(file, csv)
      return moodleSyncd(['run', file, '--config', config, '--format', 'json', ...words])
    },
  }
}

const csv = (...lines: string[]) => `cmd;rolename;uid;cid;enrol;gcmd;g1\n${lines.join('\n')}\n`
const rolesOnly = (...lines: string[]) => `cmd;rolename;uid;cid\n${lines.join('\n')}\n`

describe('what is dropped', () => {
  test.each([
    [
      'a new enrolment with a role',
      csv('add;student;E1025;BIO-2;manual;;'),
      ['core/coursecontacts 2'],
      EVENTS.slice(0, 1),
    ],
    ['a suspended enrolment', csv('suspend;;E1001;ENG-A1;manual;;'), ['core/coursecontacts 5'], []],
    ['the role of a pupil', rolesOnly('add;student;E1025;BIO-2'), [], EVENTS.slice(0, 1)],
    [
      'the role of a teacher',
      rolesOnly('add;editingteacher;T001;MATHS-1'),
      ['core/coursecontacts 3'],
      EVENTS.slice(0, 1),
    ],
    [
      'a teacher’s role that goes',
      rolesOnly('del;editingteacher;T001;BIO-2'),
      ['core/coursecontacts 2'],
      EVENTS.slice(0, 1),
    ],
    [
      'a new group with a member',
      csv('add;student;E1001;HIST-GEO;manual;gaddcreate;Latin'),
      ['core/groupdata 4', 'core/coursehiddengroups 4', 'core/user_group_groupings 9'],
      EVENTS.slice(1),
    ],
    [
      'a member who goes',
      csv('add;student;E1001;BIO-2;manual;gdel;Groupe A'),
      ['core/user_group_groupings 9'],
      EVENTS.slice(1),
    ],
    [
      'the last enrolment in a course that goes, with groups and grades',
      csv('del;;E1001;BIO-2;manual;;'),
      ['core/coursecontacts 2', 'core/user_group_groupings 9', 'availability_grade/scores 9', 'core/completion 9_2'],
      EVENTS,
    ],
    ['nothing new', csv('add;student;E1001;BIO-2;manual;gadd;Groupe A'), [], []],
    ['a row that fails', csv('add;student;nobody;BIO-2;manual;;'), [], []],
  ] as const)('with %s', async (_, file, gone, events) => {
    const { run, ...moodle } = await site({ protectManualGroups: false })
    expect((await run(file)).stderr).not.toContain('caches-not-dropped')
    expect((await moodle.gone()).sort()).toEqual([...gone].sort())
    expect(await moodle.events()).toEqual(events)
    expect(await moodle.notes()).toHaveLength(gone.length + events.length > 0 ? 1 : 0)
  })

  test('nothing, when the run is simulated', async () => {
    const moodle = await site()
    const { status } = await moodle.run(csv('del;;E1001;BIO-2;manual;;'), '--simulate')
    expect(status).toBe(0)
    expect([await moodle.gone(), await moodle.events(), await moodle.notes()]).toEqual([[], [], []])
  })

  test('of the rows around one that the database refuses', async () => {
    const moodle = await site()
    await moodle.school.query(`CREATE TRIGGER refuse BEFORE INSERT ON {user_enrolments} FOR EACH ROW
      IF NEW.userid = 33 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF`)
    const { status } = await moodle.run(
      csv('add;student;E1010;BIO-2;manual;;', 'add;student;E1025;MATHS-1;manual;;', 'add;student;E1010;DEBAT;self;;'),
    )
    expect(status).toBe(1)
    expect(await moodle.gone()).toEqual(['core/coursecontacts 2', 'core/coursecontacts 7'])
  })
})

const ADD = csv('add;student;E1025;BIO-2;manual;gadd;Groupe A')
const OF_ADD = ['core/coursecontacts 2', 'core/user_group_groupings 33']
const HARMLESS = csv('add;student;E1001;BIO-2;manual;;')

/** Makes notes look a minute old, as if it had passed. */
const age = async (notes: readonly string[]) => {
  for (const note of notes) await utimes(note, Date.now() / 1000 - 60, Date.now() / 1000 - 60)
}

describe('a crash between the commit and the dropping', () => {
  /** Kills the program while it waits for a Redis that never answers, after the commit. */
  async function crashed(): Promise<Site> {
    const moodle = await site()
    const socket = join(moodle.school.folder, 'silent.sock')
    const sockets = new Set<Socket>()
    const silent = createServer(one => sockets.add(one.on('error', () => {}))).listen(socket)
    await once(silent, 'listening')
    await moodle.writeMuc({
      stores: {
        default_application: store('default_application', 'file'),
        fast: store('fast', 'redis', { configuration: { server: socket } }),
      },
      modemappings: [
        { mode: 1, store: 'fast', sort: 0 },
        { mode: 1, store: 'default_application', sort: 1 },
      ],
    })
    const file = join(moodle.school.folder, 'file.csv')
    await writeFile(file, ADD)
    const program = spawn(process.execPath, [PROGRAM, 'run', file, '--config', moodle.config], { stdio: 'ignore' })
    const ended = once(program, 'exit')
    await until('the program to ask Redis', () => (sockets.size > 0 ? true : undefined))
    program.kill('SIGKILL')
    await ended
    for (const one of sockets) one.destroy()
    silent.close()
    await once(silent, 'close')
    expect(await moodle.school.query('SELECT id FROM {groups_members} WHERE userid = 33')).toHaveLength(1)
    expect(await moodle.gone()).toEqual([])
    expect(await moodle.notes()).toHaveLength(1)
    await moodle.writeMuc()
    return moodle
  }

  test('is made good by the next run, whatever its file', async () => {
    const moodle = await crashed()
    expect((await moodle.run(HARMLESS)).status).toBe(0)
    expect((await moodle.gone()).sort()).toEqual(OF_ADD)
    expect(await moodle.events()).toEqual(EVENTS)
  })

  test('is made good by the daemon when it starts, even without a database', async () => {
    const moodle = await crashed()
    const config = await moodle.school.writeConfig({ moodle: { database: { socketPath: '/nowhere' } } })
    const daemon = spawnDaemon(config)
    await until('the values to be dropped', async () => ((await moodle.gone()).length === 2 ? true : undefined))
    expect((await moodle.gone()).sort()).toEqual(OF_ADD)
    expect(await daemon.end()).toBe(0)
  })
})

describe('a value that a page writes back, having read before the commit,', () => {
  test('is dropped by the next run once it is late enough, and then forgotten', async () => {
    const moodle = await site()
    await moodle.run(ADD)
    await moodle.put('core/user_group_groupings 33')
    await age(await moodle.notes())
    await moodle.run(HARMLESS)
    expect((await moodle.gone()).sort()).toEqual(OF_ADD)
    expect(await moodle.notes()).toEqual([])
    await moodle.put('core/user_group_groupings 33')
    await moodle.run(HARMLESS)
    expect(await moodle.gone()).toEqual(['core/coursecontacts 2'])
  })

  test('is dropped by the daemon, without any other file', async () => {
    const moodle = await site()
    const daemon = spawnDaemon(moodle.config)
    await daemon.tells('daemon-started')
    await writeFile(join(moodle.school.dataroot, 'sync/enrols.csv'), ADD)
    await daemon.tells('file-concluded')
    await moodle.put('core/user_group_groupings 33')
    await age(await moodle.notes())
    await until('the note to be forgotten', async () => ((await moodle.notes()).length === 0 ? true : undefined))
    expect((await moodle.gone()).sort()).toEqual(OF_ADD)
    expect(await daemon.end()).toBe(0)
  })
})

describe('what cannot be dropped', () => {
  test('fails no run, is said in the log, and is tried until it can be', async () => {
    const moodle = await site()
    const stuck = moodle.path('core/user_group_groupings 33')
    await rm(stuck)
    await mkdir(stuck)
    const { status, stdout, stderr } = await moodle.run(ADD)
    expect(status).toBe(0)
    expect(JSON.parse(stdout).summary).toMatchObject({ applied: 1, groupMembersAdded: 1 })
    const warning = stderr.split('\n').find(line => line.includes('caches-not-dropped'))!
    expect(JSON.parse(warning)).toMatchObject({ level: 'warn', store: 'default_application' })
    await age(await moodle.notes())
    await moodle.run(HARMLESS)
    expect(await moodle.notes()).toHaveLength(1)
    await rm(stuck, { recursive: true })
    await moodle.run(HARMLESS)
    expect(await moodle.notes()).toEqual([])
  })

  test('and cannot be noted either, is not committed', async () => {
    const { school, ...moodle } = await site()
    const config = await loadConfig(await school.writeConfig({ log: { level: 'silent' } }), {})
    const store = await openStore(config.store.directory)
    const path = join(school.folder, 'file.csv')
    const unchanged = 'add;student;E1001;BIO-2;manual;;\n'.repeat(10_000)
    await writeFile(path, `${ADD}${unchanged}add;student;E1010;BIO-2;manual;;\n`)
    // Once some rows are done.
    const onProgress = (done: number) => done > 0 && rmSync(store.folder.running, { recursive: true, force: true })
    const running = run(
      {
        id: randomUUID(),
        name: 'file.csv',
        path,
        namedAs: path,
        simulate: false,
        approval: 'none',
        onProgress,
      },
      { config, store, log: createLog(config.log), lang: 'en' },
    )
    await expect(running).rejects.toMatchObject({ code: 'cannot-record', exit: 69 })
    expect(await school.query('SELECT id FROM {user_enrolments} WHERE userid = 33')).toHaveLength(1)
    expect(await school.query('SELECT id FROM {user_enrolments} WHERE userid = 18 AND enrolid = 2')).toEqual([])
    expect((await moodle.gone()).sort()).toEqual(OF_ADD)
  })
})
