/** The page beside what else the daemon does: a crash, maintenance, a port that is taken, a configuration that it may not write. */
import { once } from 'node:events'
import { appendFile, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freshSchool } from '../database.ts'
import { administrator, type Client, logIn, newClient, newPageSite, startPage } from '../page.ts'
import { until } from '../until.ts'
import { adding, concluded, HEADER, startDaemon } from './daemon.ts'
import { newWire } from './wire.ts'

const idIn = (answer: Response): string => answer.headers.get('location')!.replace('/runs/', '')

/** The report of a run, once there is one. */
const reportOf = (client: Client, id: string): Promise<Record<string, unknown>> =>
  until(`the report of ${id}`, async () => {
    const answer = await client.get(`/runs/${id}/report.json`)
    return answer.ok ? ((await answer.json()) as Record<string, unknown>) : undefined
  })

test('a file that was sent waits while Moodle is in maintenance, survives a crash, and is run; an undo as well', async () => {
  const site = await newPageSite()
  const maintain = (value: number) =>
    site.school.query("REPLACE INTO {config} (name, value) VALUES ('maintenance_enabled', ?)", [value])
  const first = await startPage(site)
  const client = await administrator(first)
  const done = idIn(await client.upload('done.csv', adding('E1018')))
  expect(await reportOf(client, done)).toMatchObject({ startedBy: { by: 'page', user: 'admin' } })
  const reported = idIn(await client.upload('shown.csv', adding('E1020'), { simulate: '1' }))
  expect(await reportOf(client, reported)).toMatchObject({ simulated: true, summary: { applied: 1 } })
  await maintain(1)
  // Not a name that enrol.file has: who sends it wants it run.
  const sent = idIn(await client.upload('by-hand.csv', adding('E1019')))
  await first.daemon.tells('run-postponed')
  expect(await (await client.get(`/runs/${sent}`)).text()).toContain('Moodle is in maintenance')
  expect(await (await client.get('/')).text()).toContain('Moodle is in maintenance')
  const undo = idIn(await client.post(`/runs/${done}/undo`))
  expect(await (await client.get(`/runs/${undo}`)).text()).toContain('Waits for its turn')
  const simulated = idIn(await client.upload('later.csv', adding('E1020'), { simulate: '1' }))
  await first.daemon.end('SIGKILL')
  await maintain(0)

  const second = await startPage(site)
  const again = await administrator(second)
  expect(await reportOf(again, sent)).toMatchObject({
    file: { name: 'by-hand.csv', outcome: 'processed' },
    startedBy: { by: 'page', user: 'admin' },
  })
  expect(await reportOf(again, undo)).toMatchObject({ undoes: done, startedBy: { by: 'page', user: 'admin' } })
  expect((await again.get(`/runs/${simulated}`)).status).toBe(404)
  expect(await site.enrolled('BIO-2')).toContain('E1019')
  expect(await site.enrolled('BIO-2')).not.toContain('E1018')
  await until('nothing to be noted', async () => ((await site.noted()).length === 0 ? true : undefined))
  expect(await readdir(join(site.store, 'uploads'))).toEqual([reported])
  expect(second.daemon.told('run-started').map(({ startedBy }) => startedBy)).toEqual([
    { by: 'page', user: 'admin' },
    { by: 'page', user: 'admin' },
  ])

  // What was shown before the crash is still shown, and can be done.
  expect(await reportOf(again, reported)).toMatchObject({ simulated: true, summary: { applied: 1 } })
  const really = idIn(await again.post(`/runs/${reported}/really`))
  expect(await reportOf(again, really)).toMatchObject({ simulated: false, summary: { applied: 1 } })
  expect(await site.enrolled('BIO-2')).toContain('E1020')
})

test('what was simulated is run by its content: a standard file that has changed since is not; a refused one is told', async () => {
  const site = await newPageSite({ store: { delete: false, archive: false } })
  const served = await startPage(site)
  const client = await administrator(served)
  await site.drop('enrols.csv', adding('E1018'))
  await concluded(served.daemon)
  const simulated = idIn(await client.post('/run/standard', { file: 'enrols.csv', simulate: '1' }))
  expect(await reportOf(client, simulated)).toMatchObject({ simulated: true, summary: { unchanged: 1 } })
  await appendFile(join(site.store, 'commands', 'enrols.csv'), 'add;BIO-2;E1019;student;manual\n')
  expect((await client.post(`/runs/${simulated}/really`)).status).toBe(409)
  const anew = idIn(await client.post('/run/standard', { file: 'enrols.csv', simulate: '1' }))
  await reportOf(client, anew)
  const really = idIn(await client.post(`/runs/${anew}/really`))
  expect(await reportOf(client, really)).toMatchObject({ simulated: false, summary: { applied: 1 } })

  const refused = idIn(await client.upload('broken.csv', 'cid;nonsense\n', { simulate: '1' }))
  const page = await until('the report', async () => {
    const text = await (await client.get(`/runs/${refused}`)).text()
    return text.includes('nonsense') ? text : undefined
  })
  expect(page).not.toContain(`/runs/${refused}/really`)
  const status = async (): Promise<string> => (await client.get('/')).text()
  expect(await status()).not.toContain('was refused whole')
  await site.drop('enrols.csv', 'cid;nonsense\n')
  await served.daemon.tells('file-refused')
  await until('the status to say so', async () =>
    /enrols\.csv, was refused whole/.test(await status()) ? true : undefined,
  )

  await site.school.query("REPLACE INTO {config} (name, value) VALUES ('maintenance_enabled', '1')")
  const kept = idIn(await client.upload('first.csv', adding('E1018'), { simulate: '1' }))
  await until('the reason', async () => {
    const text = await (await client.get(`/runs/${kept}`)).text()
    return text.includes('The run was not done') && text.includes('Moodle is in maintenance') ? true : undefined
  })
})

test('settings are in force for the next file; a file changed meanwhile is not overwritten, a wrong role not taken', async () => {
  const site = await newPageSite()
  const served = await startPage(site)
  const client = await administrator(served)
  const form = async (): Promise<Record<string, string>> => {
    const text = await (await client.get('/enrolments')).text()
    return {
      sum: /name="sum" value="(\w+)"/.exec(text)![1]!,
      'enrol.file': 'enrols.csv',
      'enrol.courseIdentifier': 'shortname',
      'enrol.userIdentifier': 'idnumber',
      'enrol.protectManualGroups': '1',
      'enrol.defaultCommand': 'add',
      'enrol.writeLog': '1',
      'csv.separator': ';',
      'csv.encoding': 'utf-8',
      'csv.maxRecordBytes': '1048576',
    }
  }
  const wrong = await client.post('/enrolments', { ...(await form()), 'enrol.allowedRoles': 'student, janitor' })
  expect(wrong.status).toBe(422)
  expect(await wrong.text()).toContain('janitor')
  const old = await form()
  await writeFile(site.config, `# by hand\n${await readFile(site.config, 'utf8')}`)
  expect((await client.post('/enrolments', { ...old, 'csv.separator': ',' })).status).toBe(409)
  expect((await client.post('/enrolments', { ...(await form()), 'csv.separator': ',' })).status).toBe(303)
  expect(await readFile(site.config, 'utf8')).toMatch(/^# by hand\n/)
  await site.drop('enrols.csv', adding('E1018').replaceAll(';', ','))
  await concluded(served.daemon)
  expect(await site.enrolled('BIO-2')).toContain('E1018')
  expect(served.daemon.told('configuration-changed')[0]).toMatchObject({
    keys: expect.arrayContaining(['csv.separator']),
  })
})

test('a held file is approved of as it was reported, and not as somebody has made it since; or it is thrown away', async () => {
  const site = await newPageSite({ guard: { maxUnenrolments: 1 } })
  const served = await startPage(site)
  const client = await administrator(served)
  const removing = (...uids: string[]) => HEADER + uids.map(uid => `del;BIO-2;${uid};;manual\n`).join('')
  for (const name of ['one.csv', 'two.csv']) {
    await reportOf(client, idIn(await client.upload(name, removing('E1002', name === 'one.csv' ? 'E1003' : 'E1004'))))
  }
  await until('both to be held', async () =>
    (await readdir(join(site.store, 'held'))).length === 2 ? true : undefined,
  )
  // Without a folder of its store the page says which, and is no bug; with it again, all is well.
  await rename(join(site.store, 'reports'), join(site.store, 'elsewhere'))
  const without = await client.get('/runs')
  expect(without.status).toBe(503)
  expect(await without.text()).toContain(`The store ${join(site.store, 'reports')} cannot be used`)
  await rename(join(site.store, 'elsewhere'), join(site.store, 'reports'))
  expect((await client.get('/runs')).status).toBe(200)
  await appendFile(join(site.store, 'held', 'one.csv'), 'del;BIO-2;E1005;;manual\n')
  const refused = await client.post('/held/approve', { name: 'one.csv' })
  expect(refused.status).toBe(409)
  expect((await client.post('/held/discard', { name: 'one.csv' })).status).toBe(303)
  const approved = idIn(await client.post('/held/approve', { name: 'two.csv' }))
  expect(await reportOf(client, approved)).toMatchObject({ summary: { unenrolled: 2 } })
  expect(await readdir(join(site.store, 'held'))).toEqual([])
  expect(served.daemon.told('web-action').map(({ action, user }) => `${action} ${user}`)).toEqual([
    'login admin',
    'run admin',
    'run admin',
    'discard admin',
    'approve admin',
  ])
})

test('with the database out of reach, who is logged in sees that, all else is shown, and nobody is let in', async () => {
  const school = await freshSchool()
  const wire = await newWire(school)
  const site = await newPageSite({ moodle: { database: wire.database } }, school)
  const served = await startPage(site)
  const client = await administrator(served)
  const done = idIn(await client.upload('done.csv', adding('E1018', 'nobody')))
  await reportOf(client, done)
  await wire.close()
  const text = async (path: string): Promise<string> => {
    const answer = await client.get(path)
    expect([path, answer.status]).toEqual([path, 200])
    return answer.text()
  }
  for (const path of ['/run', '/runs', `/runs/${done}?all=1`, '/held', '/files', '/enrolments']) await text(path)
  expect(await text('/enrolments')).toContain('The database is out of reach')
  const sent = idIn(await client.upload('later.csv', adding('E1019')))
  await served.daemon.tells('run-postponed')
  expect(await text('/')).toMatch(/Something is in the way of runs[\s\S]*Postponed, and tried again and again/)
  expect((await logIn(newClient(served.url))).status).toBe(503)
  await wire.open()
  expect(await reportOf(client, sent)).toMatchObject({ summary: { applied: 1 } })
})

test('a port that is taken is said, and tried again; files are run all the same', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(async () => {
    if (other.listening) other.close()
  })
  const { port } = other.address() as { port: number }
  const site = await newPageSite({ web: { listen: `127.0.0.1:${port}` } })
  const daemon = await startDaemon(site.config)
  expect(daemon.told('web-listen-failed')).toMatchObject([{ level: 'error', port, err: { code: 'EADDRINUSE' } }])
  await site.drop('enrols.csv', adding('E1018'))
  await concluded(daemon)
  other.close()
  await daemon.tells('web-listening', { address: `http://127.0.0.1:${port}/` })
  expect(daemon.told('web-listen-failed')).toHaveLength(1)
  expect(await daemon.end()).toBe(0)
})
