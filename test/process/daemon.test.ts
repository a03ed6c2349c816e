/** The daemon, from a file dropped to its report; a file of its own for each thing that can be in its way. */
import { execFileSync } from 'node:child_process'
import { appendFile, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../until.ts'
import { adding, concluded, HEADER, newSite, spawnDaemon, startDaemon } from './daemon.ts'

describe('a dropped file', () => {
  test('is run, reported, and archived; the daemon stops with 0', async () => {
    const site = await newSite()
    const daemon = await startDaemon(site.config)
    const content = adding('E1018', 'E9999')
    await site.drop('enrols.csv', content)
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)

    expect(await site.enrolled('BIO-2')).toContain('E1018')
    const {
      'reports/enrols.csv.txt': text,
      'reports/enrols.csv.json': json,
      'reports/enrols.csv.html': page,
      ...rest
    } = await site.stored()
    expect(page).toContain('E9999')
    expect(rest).toEqual({
      'archives/enrols.csv': content,
      'retry/enrols.csv': `${HEADER}add;BIO-2;E9999;student;manual\n`,
    })
    expect(text).toContain('E9999')
    expect(JSON.parse(json!)).toMatchObject({
      simulated: false,
      file: { name: 'enrols.csv', outcome: 'processed' },
      rows: [
        { line: 2, outcome: 'applied' },
        { line: 3, outcome: 'failed', code: 'user-not-found' },
      ],
    })
    expect(await readdir(site.sync)).toEqual([])
    const [run] = daemon.told('run-finished')
    expect(run).toMatchObject({ file: 'enrols.csv', run: JSON.parse(json!).run, applied: 1, failed: 1 })
    expect(daemon.lines.filter(({ level }) => level !== 'debug' && level !== 'info')).toEqual([])
  })

  test('that was there before the start is run; SIGINT ends it as well', async () => {
    const site = await newSite()
    await site.drop('enrols.csv', adding('E1018'))
    const daemon = spawnDaemon(site.config)
    await concluded(daemon)
    expect(await daemon.end('SIGINT')).toBe(0)
    expect(await site.enrolled('BIO-2')).toContain('E1018')
  })

  test('that grows is not run before it has stopped', async () => {
    const site = await newSite({ intake: { stableFor: '2s' } })
    const daemon = await startDaemon(site.config)
    const path = join(site.sync, 'enrols.csv')
    await writeFile(path, HEADER)
    // Time is what this is about: the file is never still for two seconds, and longer than that on its way.
    for (const uid of ['E1018', 'E1019', 'E1020', 'E1021']) {
      await new Promise(resolve => setTimeout(resolve, 600))
      await appendFile(path, `add;BIO-2;${uid};student;manual\n`)
    }
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
    expect((await site.stored())['archives/enrols.csv']).toBe(adding('E1018', 'E1019', 'E1020', 'E1021'))
  })

  test('is run once its done file is there', async () => {
    const site = await newSite({ intake: { doneFile: '{name}.done' }, enrol: { file: '*.csv' } })
    const daemon = await startDaemon(site.config)
    await site.drop('waits.csv', adding('E1019'))
    await site.drop('enrols.csv', adding('E1018'))
    await site.drop('enrols.csv.done', '')
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
    expect(await readdir(site.sync)).toEqual(['waits.csv'])
    expect(Object.keys(await site.stored())).toContain('archives/enrols.csv')
  })

  test('that is refused lies beside the reason', async () => {
    const site = await newSite()
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', 'cmd;cid;uid;role\nadd;BIO-2;E1018;student\n')
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
    const stored = await site.stored()
    expect(Object.keys(stored).sort()).toEqual([
      'refused/enrols.csv',
      'refused/enrols.csv.txt',
      'reports/enrols.csv.html',
      'reports/enrols.csv.json',
      'reports/enrols.csv.txt',
    ])
    expect(stored['refused/enrols.csv.txt']).toMatch(/“role”[\s\S]*rolename/)
    expect(await site.enrolled('BIO-2')).not.toContain('E1018')
  })

  test('that enrol.file does not name is kept, and not run', async () => {
    const site = await newSite()
    const daemon = await startDaemon(site.config)
    await site.drop('other.csv', adding('E1018'))
    await daemon.tells('file-not-named', { file: 'other.csv' })
    expect(await daemon.end()).toBe(0)
    expect(await site.stored()).toEqual({ 'commands/other.csv': adding('E1018') })
  })
})

describe('what becomes of a file', () => {
  test.each([
    [true, true, ['archives/enrols.csv']],
    [true, false, ['archives/enrols.csv', 'commands/enrols.csv']],
    [false, true, []],
    [false, false, ['commands/enrols.csv']],
  ])('archive: %s, delete: %s', async (archive, remove, left) => {
    const site = await newSite({ store: { archive, delete: remove } })
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
    const {
      'reports/enrols.csv.txt': text,
      'reports/enrols.csv.json': json,
      'reports/enrols.csv.html': page,
      ...rest
    } = await site.stored()
    expect([text, json, page]).not.toContain(undefined)
    expect(Object.keys(rest).sort()).toEqual(left)
  })

  test('one that is kept makes room for the next of its name', async () => {
    const site = await newSite({ store: { archive: false, delete: false } })
    const daemon = await startDaemon(site.config)
    for (const uid of ['E1018', 'E1019']) {
      await site.drop('enrols.csv', adding(uid))
      await until(`the run of ${uid}`, async () => ((await site.enrolled('BIO-2')).includes(uid) ? true : undefined))
    }
    await until('both to be concluded', () => (daemon.told('file-concluded').length === 2 ? true : undefined))
    expect(await daemon.end()).toBe(0)
    const stored = await site.stored()
    expect(stored['commands/enrols.csv']).toBe(adding('E1019'))
    expect(stored['archives/enrols.csv']).toBe(adding('E1018'))
  })
})

describe('the drop directory', () => {
  test('is left alone while a feeder’s lock is there', async () => {
    const site = await newSite()
    await site.drop('alock.txt', '')
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await daemon.tells('feeder-at-work')
    expect(await readdir(site.sync)).toEqual(['alock.txt', 'enrols.csv'])
    await rm(join(site.sync, 'alock.txt'))
    await concluded(daemon)
    expect(await daemon.end()).toBe(0)
  })

  test('may hold what is no file, and files of strange names', async () => {
    const site = await newSite({ enrol: { file: '*' } })
    const inside = (name: string) => join(site.sync, name)
    await writeFile(join(site.school.dataroot, 'secret.csv'), adding('E1018'))
    await symlink('../secret.csv', inside('link.csv'))
    await mkdir(inside('directory.csv'))
    execFileSync('/usr/bin/mkfifo', [inside('fifo.csv')])
    const names = ['a\nb.csv', '-rf', `${'é'.repeat(125)}a.csv`, 'z.csv']
    for (const name of names) await writeFile(inside(name), adding('E1019'))
    const latin1 = Buffer.concat([Buffer.from(`${site.sync}/`), Buffer.from('\xe9t\xe9.csv', 'latin1')])
    await writeFile(latin1, adding('E1020'))
    const daemon = await startDaemon(site.config)
    await until('all to be run', () => (daemon.told('file-concluded').length === 5 ? true : undefined))
    expect(await daemon.end()).toBe(0)
    expect((await readdir(site.sync)).sort()).toEqual(['directory.csv', 'fifo.csv', 'link.csv'])
    expect(await site.enrolled('BIO-2')).not.toContain('E1018')
    expect(await readdir(join(site.store, 'archives'))).toHaveLength(5)
    expect(await readdir(join(site.store, 'reports'))).toHaveLength(15)
    for (const name of await readdir(join(site.store, 'reports'))) {
      const { size, mode } = await stat(join(site.store, 'reports', name))
      expect([size > 0, mode & 0o777]).toEqual([true, 0o640])
    }
  })

  test('may hold a file of a name that waits already: each is run, in order', async () => {
    const site = await newSite()
    const daemon = await startDaemon(site.config)
    const contents = ['E1018', 'E1019', 'E1020'].map(uid => adding(uid))
    for (const [at, content] of contents.entries()) {
      await site.drop('enrols.csv', content)
      await until('it to be taken', () => (daemon.told('file-taken').length === at + 1 ? true : undefined))
    }
    await until('all to be run', () => (daemon.told('file-concluded').length === 3 ? true : undefined))
    expect(await daemon.end()).toBe(0)
    const archives = join(site.store, 'archives')
    const archived = await Promise.all((await readdir(archives)).map(name => readFile(join(archives, name), 'utf8')))
    expect(archived.sort()).toEqual(contents)
    const runs = daemon.told('run-finished').map(({ run }) => run)
    expect(new Set(runs).size).toBe(3)
  })

  test('may be filled at once: 200 files are run in the order of their times, and none is lost', async () => {
    const site = await newSite({ enrol: { file: '*.csv' } })
    const names = Array.from({ length: 200 }, (_, at) => `${(at * 73) % 200}.csv`)
    for (const [at, name] of names.entries()) {
      await writeFile(join(site.sync, name), adding('E1018'))
      await utimes(join(site.sync, name), at, at)
    }
    const daemon = await startDaemon(site.config)
    for (let done = 0; done < names.length; ) {
      done = await until(`more than ${done} to be run`, () => {
        const { length } = daemon.told('file-concluded')
        return length > done ? length : undefined
      })
    }
    expect(await daemon.end()).toBe(0)
    expect(daemon.told('run-finished').map(({ file }) => file)).toEqual(names)
    expect(Object.keys(await site.stored()).filter(name => name.startsWith('archives/'))).toHaveLength(200)
  })
})

test('a database that is away makes files wait, and is noticed when it comes back', async () => {
  const site = await newSite()
  const { socketPath, host, port } = site.school.database
  const away = join(site.school.folder, 'database.sock')
  const config = await site.school.writeConfig({
    moodle: { database: { socketPath: away } },
    intake: { stableFor: '100ms' },
    log: { level: 'debug' },
  })
  const daemon = await startDaemon(config)
  await site.drop('enrols.csv', adding('E1018'))
  expect(await daemon.tells('run-postponed')).toMatchObject({ problem: 'database-unreachable', file: 'enrols.csv' })
  const server = createServer(socket => {
    const database = socketPath === null ? connect(port, host) : connect(socketPath)
    socket.pipe(database).pipe(socket)
    for (const end of [socket, database]) end.on('error', () => {})
  })
  onTestFinished(() => void server.close())
  await new Promise<void>(resolve => server.listen(away, resolve))
  await concluded(daemon)
  expect(await daemon.end()).toBe(0)
  expect(await site.enrolled('BIO-2')).toContain('E1018')
  expect(Object.keys(await site.stored())).toContain('archives/enrols.csv')
})
