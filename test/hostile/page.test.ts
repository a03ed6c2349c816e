/** The page as an attacker meets it: nobody's requests, other sites' forms, crafted names, endless files, many logins. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { encrypt } from 'unixcrypt'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  administrator,
  type Client,
  HASH,
  logIn,
  newClient,
  newPageSite,
  PASSWORD,
  startPage,
  type TestPage,
} from '../page.ts'
import { adding, HEADER } from '../process/daemon.ts'
import { moodleSyncd } from '../process/program.ts'
import { until } from '../until.ts'

const PAGES = ['/', '/run', '/runs', '/held', '/files', '/enrolments', '/work']
const ACTIONS = ['/run/standard', '/held/approve', '/held/discard', '/files/delete', '/enrolments', '/logout']

/** A request as it is, with headers that fetch would not send. */
async function raw(
  url: string,
  headers: Readonly<Record<string, string>>,
  method = 'GET',
  body = '',
  localAddress = '127.0.0.1',
): Promise<number> {
  const sent = request(url, { method, headers, localAddress }).end(body)
  const [answer] = await once(sent, 'response')
  answer.resume()
  return answer.statusCode
}

const uploadsIn = ({ site }: TestPage): Promise<string[]> => readdir(join(site.store, 'uploads'))

test('nobody sees anything, and nobody does anything; nor does a form of another site, or a name that points here', async () => {
  const served = await startPage(await newPageSite())
  const { url, site } = served
  const nobody = newClient(url)
  for (const path of [...PAGES, '/runs/x/report.json', '/files/download?folder=archives&name=x']) {
    const answer = await nobody.get(path)
    expect([path, answer.status]).toEqual([path, 303])
    expect(answer.headers.get('location')).toMatch(/^\/login\?next=/)
  }
  for (const path of [...ACTIONS, '/run/upload']) expect([path, (await nobody.post(path)).status]).toEqual([path, 403])
  // Where somebody wants to go after the login is a path of the page, and no other site.
  const away = await logInWith(nobody, { next: '//evil.example/' })
  expect(away.headers.get('location')).toBe('/')

  const client = await administrator(served)
  const token = await client.token()
  expect((await client.post('/enrolments', { _csrf: '' })).status).toBe(403)
  expect((await client.post('/enrolments', { _csrf: await newClient(url).token('/login') })).status).toBe(403)
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]) {
    expect((await client.post('/logout', { _csrf: token }, headers as Record<string, string>)).status).toBe(403)
  }
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  expect(await raw(`${url}/`, { cookie })).toBe(200)
  expect(await raw(`${url}/`, { cookie, host: 'evil.example' })).toBe(421)
  // A cookie that somebody has made or changed is none.
  expect(await raw(`${url}/`, { cookie: cookie.replace(/moodle-syncd=./, 'moodle-syncd=X') })).toBe(303)
  // Nothing is done on GET.
  const before = await site.stored()
  for (const path of ACTIONS) await client.get(`${path}?name=x&folder=archives&_csrf=${token}`)
  expect(await site.stored()).toEqual(before)
  expect((await client.get('/')).status).toBe(200)
})

const logInWith = (client: Client, fields: Readonly<Record<string, string>>): Promise<Response> =>
  client.post('/login', { username: 'admin', password: PASSWORD, ...fields })

test('what is no form of ours is refused as that, and is no fault of the page', async () => {
  const served = await startPage(await newPageSite())
  const { url, site, daemon } = served
  const client = await administrator(served)
  const token = await client.token()
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const part = (head: string, content: string): string =>
    `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}`
  const begun = `${part('name="_csrf"', token)}\r\n${part('name="file"; filename="x.csv"', 'x')}`
  for (const [boundary, body] of [
    ['', 'x'],
    ['; boundary=b', 'x'],
    [`; boundary=${'b'.repeat(300)}`, 'x'],
    ['; boundary=b', begun],
    ['; boundary=b', `${begun}\r\n--c--`],
  ] as const) {
    const headers = { cookie, 'content-type': `multipart/form-data${boundary}` }
    expect([body, await raw(`${url}/run/upload`, headers, 'POST', body)]).toEqual([body, 400])
  }
  expect(await uploadsIn(served)).toEqual([])

  // What a form does not have, it does not change.
  const written = await readFile(site.config, 'utf8')
  const sum = createHash('sha256').update(written).digest('hex')
  await client.post('/enrolments', { sum, 'enrol.courseIdentifier': 'none', 'enrol.userIdentifier': '' })
  expect(await readFile(site.config, 'utf8')).toBe(written)
  const switches = { 'enrol.protectManualGroups': '1', 'enrol.notifyTeachers': '1', 'enrol.writeLog': '1' }
  const answer = await client.post('/enrolments', { sum, ...switches, 'csv.maxRecordBytes': '77777' })
  expect(answer.status).toBe(303)
  const { guard, csv, enrol } = parse(await readFile(site.config, 'utf8'))
  const before = parse(written)
  expect([guard, csv.maxRecordBytes, enrol.courseIdentifier]).toEqual([
    before.guard,
    77777,
    before.enrol.courseIdentifier,
  ])
  // Somebody has written into the file what cannot be.
  await writeFile(site.config, written.replace(/courseIdentifier: ?\w+/, 'courseIdentifier: none'))
  expect((await client.get('/enrolments')).status).toBe(200)
  expect(await raw(`${url}/`, { cookie, host: `LOCALHOST:${new URL(url).port}` })).toBe(200)
  expect(daemon.told('web-failed')).toEqual([])
})

describe('a login', () => {
  test('is for site administrators whose password Moodle keeps, and nobody else', async () => {
    const site = await newPageSite()
    // Another administrator by LDAP, one who is suspended, one with a hash of before Moodle 4.3; and a teacher.
    await site.school.query(
      `UPDATE {user} SET confirmed = 1, password = ? WHERE id IN (3, 5);
       UPDATE {user} SET confirmed = 1, auth = 'ldap', password = 'not cached' WHERE id = 4;
       UPDATE {user} SET suspended = 1 WHERE id = 5;
       UPDATE {user} SET confirmed = 1, password = '$2y$04$JNw3A.YOSF2zQ7zLH855m.3C3ekkXZwFuno1ft.5IkdkYSODk40mS' WHERE id = 6;
       UPDATE {config} SET value = '2,4,5,6' WHERE name = 'siteadmins'`,
      [HASH],
    )
    const { url, daemon } = await startPage(site)
    const tried: Record<string, number> = {}
    for (const name of [
      'claire.lefevre',
      'thomas.wright',
      'aicha.benali',
      'nobody',
      "' OR 1=1 -- ",
      'margaret.oneill',
      'ADMIN ',
    ]) {
      tried[name] = (await logIn(newClient(url), name)).status
    }
    expect(tried).toEqual({
      'claire.lefevre': 401,
      'thomas.wright': 401,
      'aicha.benali': 401,
      nobody: 401,
      "' OR 1=1 -- ": 401,
      'margaret.oneill': 303,
      'ADMIN ': 303,
    })
    expect(daemon.told('login-failed').map(({ why }) => why)).toEqual([
      'no-administrator',
      'no-local-password',
      'no-administrator',
      'no-administrator',
      'no-administrator',
    ])
    expect(JSON.stringify(daemon.lines)).not.toContain(PASSWORD)
  })

  test('ends with the logout, with another password, and not with a restart of the daemon', async () => {
    const site = await newPageSite()
    const first = await startPage(site)
    const client = await administrator(first)
    const stolen = new Map(client.cookies)
    await first.daemon.end()
    const second = await startPage(site)
    const again = newClient(second.url)
    for (const [name, value] of stolen) again.cookies.set(name, value)
    expect((await again.get('/')).status).toBe(200)
    expect((await again.post('/logout')).status).toBe(303)
    for (const [name, value] of stolen) again.cookies.set(name, value)
    expect((await again.get('/')).status).toBe(303)

    const other = await administrator(second)
    await site.school.query('UPDATE {user} SET password = ? WHERE id = 2', [encrypt('another', '$6$rounds=1000$x')])
    await second.daemon.end()
    const third = newClient((await startPage(site)).url)
    for (const [name, value] of other.cookies) third.cookies.set(name, value)
    expect((await third.get('/')).status).toBe(303)
  })

  test('cannot be tried thousands of times: few are looked at, and the daemon goes on with its work', async () => {
    const served = await startPage(await newPageSite())
    const { url, site, daemon } = served
    const client = newClient(url)
    const body = { _csrf: await client.token('/login'), username: 'admin', password: 'wrong' }
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const statuses: Record<number, number> = {}
    const attack = async (): Promise<void> => {
      for (let n = 0; n < 100; n++) {
        const sent = new URLSearchParams(body).toString()
        const headers = { cookie, 'content-type': 'application/x-www-form-urlencoded' }
        const status = await raw(`${url}/login`, headers, 'POST', sent)
        statuses[status] = (statuses[status] ?? 0) + 1
      }
    }
    const attacks = Array.from({ length: 10 }, attack)
    await site.drop('enrols.csv', adding('E1018'))
    await daemon.tells('file-concluded')
    await Promise.all(attacks)
    expect(statuses).toEqual({ 401: 10, 429: 990 })
    expect((await client.get('/login')).status).toBe(200)
  })

  test('sent byte by byte over every connection that there may be keeps nobody out for long', async () => {
    const served = await startPage(await newPageSite())
    const { url, daemon } = served
    const { port } = new URL(url)
    const head = `POST /login HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 999\r\n\r\n`
    const sockets = Array.from({ length: 256 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}))
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    for (const socket of sockets) socket.write(head)
    const dripping = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('a')
    }, 500)
    const isServed = (): Promise<boolean> =>
      raw(`${url}/login`, {}).then(
        status => status === 200,
        () => false,
      )
    await until('the page to be kept out', async () => ((await isServed()) ? undefined : true))
    await until('the page', async () => ((await isServed()) ? true : undefined), 20_000)
    clearInterval(dripping)
    for (const socket of sockets) socket.destroy()
    expect(daemon.told('web-failed')).toEqual([])
  })

  test('that is tried again and again from one address keeps nobody out who comes from another', async () => {
    const { url } = await startPage(await newPageSite())
    const client = newClient(url)
    const from = async (localAddress: string, password: string): Promise<number> => {
      const fields = { _csrf: await client.token('/login'), username: 'admin', password }
      const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const headers = { cookie, 'content-type': 'application/x-www-form-urlencoded' }
      return raw(`${url}/login`, headers, 'POST', new URLSearchParams(fields).toString(), localAddress)
    }
    for (let n = 0; n < 30; n++) expect(await from('127.0.0.2', 'wrong')).toBe(n < 10 ? 401 : 429)
    expect(await from('127.0.0.3', PASSWORD)).toBe(303)
  })

  test('is in its own cookie alone: what is signed for something else is no session, and no fault', async () => {
    const served = await startPage(await newPageSite())
    const { url } = served
    const client = await administrator(served)
    const session = client.cookies.get('moodle-syncd')!
    await writeFile(join(served.site.store, 'archives', 'a.csv'), '')
    await client.post('/files/delete', { folder: 'archives', name: 'a.csv' })
    const notice = client.cookies.get('moodle-syncd-notice')!
    const form = client.cookies.get('moodle-syncd-form')!
    expect([session, notice, form].every(cookie => cookie.length > 20)).toBe(true)
    for (const cookie of [form, notice, 'x', `${session}x`, '']) {
      expect(await raw(`${url}/`, { cookie: `moodle-syncd=${cookie}` })).toBe(303)
    }
    for (const other of [form, session, 'x']) {
      const cookie = `moodle-syncd=${session}; moodle-syncd-notice=${other}`
      expect(await raw(`${url}/`, { cookie })).toBe(200)
    }
  })

  test('is not needed where a trusted web server says who it is; what anybody else says counts for nothing', async () => {
    const web = { proxyHeader: 'X-Remote-User', trustedProxies: ['127.0.0.1'], url: 'https://moodle.example/syncd' }
    const { url } = await startPage(await newPageSite({ web }))
    const client = newClient(url)
    const named = { 'x-remote-user': 'admin', 'x-forwarded-host': 'moodle.example', 'x-forwarded-proto': 'https' }
    const page = await client.get('/run', named)
    expect(page.status).toBe(200)
    const text = await page.text()
    expect(text).toContain('href="/syncd/runs"')
    expect(page.headers.getSetCookie().join()).toMatch(
      /moodle-syncd-form=.*Path=\/syncd\/;.*HttpOnly; Secure; SameSite=Strict/,
    )
    expect((await client.get('/run')).status).toBe(403)
    expect((await client.get('/run', { ...named, 'x-remote-user': 'claire.lefevre' })).status).toBe(403)

    const untrusted = await startPage(await newPageSite({ web: { ...web, trustedProxies: ['192.0.2.1'] } }))
    expect((await newClient(untrusted.url).get('/run', named)).status).not.toBe(200)
  })
})

describe('a file', () => {
  test('with a crafted name and crafted cells is text wherever it is shown, and leaves its folder nowhere', async () => {
    const served = await startPage(await newPageSite())
    const { site } = served
    const client = await administrator(served)
    const cell = '<script>alert(1)</script>"\''
    const content = `${HEADER}add;BIO-2;"${cell.replaceAll('"', '""')}";student;manual\n`
    const answer = await client.upload('../../../..\\<img src=x onerror=alert(1)>\r\nSet-Cookie: a=b.csv', content)
    const path = answer.headers.get('location')!
    const page = await until('the report', async () => {
      const text = await (await client.get(path)).text()
      return text.includes('id="summary"') ? text : undefined
    })
    expect(page).not.toMatch(/<img|<script>alert/)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    const names = Object.keys(await site.stored()).filter(name => name.includes('onerror'))
    expect(names.map(name => name.split('/')[0]).sort()).toEqual(['archives', 'reports', 'reports', 'reports', 'retry'])
    for (const part of ['/', '/runs', '/files?folder=archives', '/files?folder=reports']) {
      expect(await (await client.get(part)).text()).not.toMatch(/<img|<script>alert/)
    }
    const download = await client.get(`${path}/file`)
    expect(await download.text()).toBe(content)
    expect(download.headers.get('content-type')).toBe('text/csv')
    expect(download.headers.get('x-content-type-options')).toBe('nosniff')
    expect(download.headers.get('content-disposition')).toMatch(
      /^attachment; filename="[\w. -]+"; filename\*=UTF-8''[\w.%-]+$/,
    )
  })

  test('that is no file keeps no page from being shown, and is never opened', async () => {
    const served = await startPage(await newPageSite())
    const { site } = served
    const client = await administrator(served)
    const stamp = '20260101-000000_'
    for (const folder of ['reports', 'retry', 'held', 'archives', 'commands', 'refused']) {
      const path = join(site.store, folder)
      await promisify(execFile)('mkfifo', [join(path, `${stamp}fifo.csv.json`), join(path, 'enrols.csv')])
      await symlink('/etc/passwd', join(path, `${stamp}link.csv.json`))
      await symlink('/dev/zero', join(path, `${stamp}zero.csv.json`))
      await mkdir(join(path, `${stamp}folder.csv.json`))
      await writeFile(join(path, `${stamp}empty.csv.json`), '')
    }
    const shown = [...PAGES, '/files?folder=reports', '/files?folder=held']
    for (const path of shown) expect([path, (await client.get(path)).status]).toEqual([path, 200])
    expect((await client.get('/runs/00000000-0000-0000-0000-000000000000')).status).toBe(404)
    const listed = await moodleSyncd(['runs', '-c', site.config])
    expect(listed.status).toBe(0)
  })

  test('is fetched and deleted in the folders that are shown, and nowhere else', async () => {
    const served = await startPage(await newPageSite())
    const { site } = served
    const client = await administrator(served)
    await symlink(site.config, join(site.store, 'archives', 'link.csv'))
    await writeFile(join(site.store, 'archives', '.hidden'), '')
    const wrong = [
      ['archives', '../page.json'],
      ['archives', '..%2fpage.json'],
      ['archives', 'link.csv'],
      ['archives', '.hidden'],
      ['archives', '.'],
      ['archives', 'a\0b'],
      ['archives', 'x'.repeat(5_000)],
      ['..', 'page.json'],
      ['running', 'x.json'],
      ['', site.config],
    ] as const
    for (const [folder, name] of wrong) {
      const query = new URLSearchParams({ folder, name })
      const statuses = [
        (await client.get(`/files/download?${query}`)).status,
        (await client.post('/files/delete', { folder, name })).status,
        (await client.post('/held/approve', { name })).status,
        (await client.post('/held/discard', { name })).status,
      ]
      expect([name.slice(0, 20), statuses]).toEqual([name.slice(0, 20), [404, 404, 404, 404]])
    }
    for (const path of ['/static/../package.json', '/static/%2e%2e/package.json', '/static/..%2f..%2fpackage.json']) {
      expect(await raw(served.url + path, {})).toBeGreaterThanOrEqual(300)
    }
    for (const id of ['%2e%2e%2fpage', 'x'.repeat(400)])
      expect((await client.get(`/runs/${id}`)).status).toBeGreaterThanOrEqual(300)
    expect((await client.post('/run/standard', { file: '../../config.yaml' })).status).toBe(400)
  })

  test('that is too large, or endless, is cut off at once; one that breaks off leaves nothing', async () => {
    const served = await startPage(await newPageSite({ web: { maxUploadBytes: 1_000_000 } }))
    const { url } = served
    const client = await administrator(served)
    const token = await client.token()
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const { port } = new URL(url)
    const head = (more: string): string =>
      `POST /run/upload HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${cookie}\r\nContent-Type: multipart/form-data; boundary=b\r\n${more}\r\n\r\n`
    const part = `--b\r\nContent-Disposition: form-data; name="_csrf"\r\n\r\n${token}\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n`
    const talk = async (first: string, endless: boolean): Promise<{ answer: string; sent: number }> => {
      const socket = connect(Number(port), '127.0.0.1')
      let answer = ''
      let sent = 0
      let isOver = false
      socket.setEncoding('utf8').on('data', text => {
        answer += text
      })
      socket
        .on('error', () => {})
        .on('close', () => {
          isOver = true
        })
      socket.write(first)
      const block = Buffer.alloc(65_536, 'x')
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')])
      while (endless && !isOver && sent < 2_000_000_000) {
        sent += block.length
        if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
        await new Promise(setImmediate)
      }
      await until('an answer', () => (answer.includes('\r\n\r\n') || isOver ? true : undefined))
      socket.destroy()
      return { answer, sent }
    }
    // One that says beforehand how much it will be.
    const claimed = await talk(head('Content-Length: 10000000000'), true)
    expect(claimed.sent).toBeLessThan(1_900_000_000)
    expect(claimed.answer).toMatch(/^HTTP\/1.1 413 /)
    // One that never says, and never ends.
    const size = Buffer.byteLength(part).toString(16)
    const endless = await talk(`${head('Transfer-Encoding: chunked')}${size}\r\n${part}\r\n`, true)
    expect(endless.answer).toMatch(/^HTTP\/1.1 413 /)
    expect(endless.sent).toBeLessThan(1_900_000_000)
    await until('nothing to be left', async () => ((await uploadsIn(served)).length === 0 ? true : undefined))
    // One of which only a part comes.
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`${head('Content-Length: 500000')}${part}add;`)
    await until('it to have begun', async () => ((await uploadsIn(served)).length === 1 ? true : undefined))
    socket.destroy()
    await until('nothing to be left', async () => ((await uploadsIn(served)).length === 0 ? true : undefined))
    // Without a token before it, nothing of a file is kept.
    const body = new FormData()
    body.set('file', new Blob(['x']), 'x.csv')
    expect((await fetch(`${url}/run/upload`, { method: 'POST', body, headers: { cookie } })).status).toBe(403)
    expect((await client.get('/')).status).toBe(200)
  })
})
