/** What administrators are mailed: what happened, what it says in the report, how to go on; in the language of the daemon. */
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { Problem } from '../../src/errors.ts'
import { LANGUAGES } from '../../src/messages/say.ts'
import type { Notice } from '../../src/notify/administrators.ts'
import { tellAdministrators } from '../../src/notify/administrators.ts'
import { mailSettings } from '../../src/notify/mail-settings.ts'
import { watchForOutage } from '../../src/notify/outage.ts'
import { sendForAWhile, settleAbandonedMails } from '../../src/notify/sender.ts'
import { MailRefused, openTransport } from '../../src/notify/transport.ts'
import { beginMails, type Mail, mailsToSend, putMail } from '../../src/store/outbox.ts'
import { openStore } from '../../src/store/store.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { keptLog } from '../intake/intake.ts'
import { runFile } from '../real/case.ts'
import { until } from '../until.ts'
import { type MailServer, startMailServer } from './mail-server.ts'

const GOLDEN = new URL('golden/', import.meta.url).pathname

let school: TestSchool
let server: MailServer

beforeEach(async () => {
  school = await freshSchool()
  server = await startMailServer()
})

/** Two of them. */
const mail = () => ({ smtp: `smtp://127.0.0.1:${server.port}`, admins: ['one@school.example', 'two@school.example'] })

const timeless = (text: string): string =>
  text
    .replaceAll(school.folder, '/FOLDER')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'RUN')
    .replaceAll(/\d+ \p{L}+ 20\d\d( at|,| à)? \d\d:\d\d:\d\d/gu, 'DATE')
    .replaceAll(/\d[.,]\d+ s/g, 'N s')

describe.each(LANGUAGES)('in %s', lang => {
  test('of a file that is held, and of one that is refused; of a simulated run nothing', async () => {
    const held = join(school.folder, 'rentrée 2026.csv')
    const rows = Array.from({ length: 9 }, (_, at) => `del;BIO-2;E100${at + 1};;manual\n`)
    await writeFile(held, `cmd;cid;uid;rolename;enrol\n${rows.join('')}`)
    const refused = join(school.folder, 'enrols.csv')
    await writeFile(refused, 'cid;uid;rolname\nBIO-2;E1001;student\n')
    const config = { mail: mail(), guard: { maxUnenrolments: 3 }, web: { url: 'https://moodle.school.example/syncd' } }
    for (const simulate of [true, false]) {
      for (const file of [held, refused]) await runFile(school, file, { config, simulate, lang })
      expect(server.mails).toHaveLength(simulate ? 0 : 4)
    }
    expect(server.mails.flatMap(({ to }) => to)).toEqual(Array.from({ length: 2 }, () => mail().admins).flat())
    for (const [at, what] of [
      [0, 'held'],
      [2, 'refused'],
    ] as const) {
      const { subject, text, html } = server.mails[at]!.parsed
      await expect(timeless(`${subject}\n\n${text}`)).toMatchFileSnapshot(`${GOLDEN}${what}.${lang}.txt`)
      await expect(timeless(html as string)).toMatchFileSnapshot(`${GOLDEN}${what}.${lang}.html`)
    }
  })

  test('of everything else', async () => {
    const store = await openStore(join(school.dataroot, 'syncd'))
    const { log } = keptLog()
    const since = '2026-09-01T06:00:00.000Z'
    const notices: Notice[] = [
      { event: 'database-away', level: 'error', args: { since } },
      { event: 'database-back', level: 'info', args: { since } },
      { event: 'feed-silent', level: 'error', args: { since, expect: '26h' } },
      { event: 'feed-back', level: 'info', args: { since } },
      { event: 'feeder-lock-stale', level: 'warn', args: { file: 'alock.txt', since } },
      { event: 'mail-undeliverable', level: 'warn', args: { number: 3, folder: '/FOLDER' } },
      { event: 'run-failed', level: 'error', args: { file: 'enrols.csv', run: 'RUN' } },
    ]
    const config = await loadConfig(await school.writeConfig({ mail: { admins: ['one@school.example'] } }))
    for (const notice of notices) await tellAdministrators({ config, store, log, lang }, notice)
    await sendForAWhile({ config: { ...config, mail: { ...config.mail, ...mail() } }, store, log, lang }, 5_000)
    const told = server.mails.map(({ parsed }) => `${parsed.subject}\n\n${parsed.text}`).sort()
    await expect(timeless(told.join('\n========\n\n'))).toMatchFileSnapshot(`${GOLDEN}notices.${lang}.txt`)
  })
})

test('a notice of the same thing, told again after a crash, is the same mail', async () => {
  const store = await openStore(join(school.dataroot, 'syncd'))
  const { log } = keptLog()
  const config = await loadConfig(await school.writeConfig({ mail: mail() }))
  for (let times = 0; times < 2; times += 1) {
    await tellAdministrators(
      { config, store, log, lang: 'en' },
      { event: 'file-refused', level: 'warn', args: { file: 'a\r\nBcc: x@evil.example' }, about: 'run' },
    )
  }
  expect(await mailsToSend(store)).toHaveLength(2)
  await sendForAWhile({ config, store, log, lang: 'en' }, 5_000)
  expect(server.mails.map(({ parsed }) => parsed.subject)).toEqual(
    Array.from({ length: 2 }, () => 'moodle-syncd: a Bcc: x@evil.example was refused'),
  )
})

test('the database is told to be away once, after a while, and to be back', async () => {
  const told: string[] = []
  let isThere = true
  let looks = 0
  const end = watchForOutage(
    async () => {
      looks += 1
      return isThere
    },
    async ({ event }) => {
      told.push(event)
    },
    { every: 5, long: 60 },
  )
  const moreLooks = async () => {
    const before = looks
    await until('more looks', () => (looks > before + 3 ? true : undefined))
  }
  await moreLooks()
  isThere = false
  await until('the alarm', () => told[0])
  await moreLooks()
  isThere = true
  await until('its end', () => told[1])
  await moreLooks()
  end()
  expect(told).toEqual(['database-away', 'database-back'])
})

describe('the outbox', () => {
  const one = (name: string, isNotice = false): Mail => ({
    messageId: `<${name}@school.example>`,
    date: new Date().toISOString(),
    to: { name: '', address: `${name}@school.example` },
    fromName: 'moodle-syncd',
    subject: name,
    text: name,
    html: name,
    isNotice,
  })
  const ground = async () => ({
    config: await loadConfig(await school.writeConfig({ mail: mail() })),
    store: await openStore(join(school.dataroot, 'syncd')),
    log: keptLog().log,
    lang: 'en' as const,
  })

  test('lets so many go a minute, and keeps the others', async () => {
    const all = await ground()
    for (let at = 0; at < 103; at += 1) await putMail(all.store, String(at).padStart(3, '0'), one(`m${at}`))
    await sendForAWhile(all, 3_000)
    expect(server.mails).toHaveLength(100)
    expect(await mailsToSend(all.store)).toHaveLength(3)
  })

  test('gives up what has waited longer than anything is kept, and tells of it', async () => {
    const all = await ground()
    await putMail(all.store, 'old', one('old'))
    await putMail(all.store, 'old-notice', one('old-notice', true))
    await putMail(all.store, 'new', one('new'))
    const then = new Date(Date.now() - 91 * 86_400_000)
    for (const name of ['old', 'old-notice']) await utimes(join(all.store.folder.outbox, `${name}.json`), then, then)
    await sendForAWhile(all, 5_000)
    expect(server.mails.map(({ parsed }) => parsed.subject)).toEqual(['new'])
    expect(await readdir(all.store.folder.undelivered)).toHaveLength(2)
    // For the next time.
    expect(await mailsToSend(all.store)).toHaveLength(2)
  })

  test('has the mails of a run that ended, and was killed before it let them go; not those of one that did not', async () => {
    const file = join(school.folder, 'a.csv')
    await writeFile(file, 'cid;uid;rolename;enrol\nBIO-2;E1018;student;manual\n')
    const { report } = await runFile(school, file)
    const all = await ground()
    for (const run of [report.run, 'another', 'young', 'going-on']) {
      await (await beginMails(all.store, run)).write([{ name: 'mail', mail: one(run) }])
    }
    await writeFile(join(all.store.folder.running, 'going-on.json'), '{}')
    const then = new Date(Date.now() - 3_600_000)
    for (const run of [report.run, 'another', 'going-on']) {
      await utimes(join(all.store.folder.running, `${run}.mails`), then, then)
    }
    await settleAbandonedMails(all, new Date())
    expect(await readdir(all.store.folder.outbox)).toEqual([report.run])
    expect((await readdir(all.store.folder.running)).filter(name => name.endsWith('.mails')).sort()).toEqual([
      'going-on.mails',
      'young.mails',
    ])
  })

  test('is handed to sendmail, where there is no mail server', async () => {
    const sendmail = join(school.folder, 'sendmail')
    await writeFile(sendmail, `#!/bin/sh\n{ echo "$@"; cat; } > ${school.folder}/handed\n`, { mode: 0o755 })
    const config = await loadConfig(await school.writeConfig())
    const settings = mailSettings(config, () => undefined, 'RIVIERE', sendmail)
    const transport = await openTransport(settings)
    expect(await transport.send(one('somebody'), new AbortController().signal)).toBe('sent')
    const [words, ...lines] = (await readFile(join(school.folder, 'handed'), 'utf8')).split('\n')
    expect(words).toContain('-f noreply@school.example somebody@school.example')
    expect(lines).toContain('Subject: somebody')
    await writeFile(sendmail, '#!/bin/sh\ncat > /dev/null\nexit 75\n', { mode: 0o755 })
    await expect(transport.send(one('somebody'), new AbortController().signal)).rejects.toThrow(Problem)
    // What is wrong with one mail alone (sysexits.h: EX_DATAERR, EX_NOUSER, EX_NOHOST) must not keep those behind it waiting.
    for (const status of [65, 67, 68]) {
      await writeFile(sendmail, `#!/bin/sh\ncat > /dev/null\nexit ${status}\n`, { mode: 0o755 })
      await expect(transport.send(one('somebody'), new AbortController().signal)).rejects.toThrow(MailRefused)
    }
    // Nor is a person's address an option of a program.
    for (const name of ['-oQ/tmp', '"-oQ/tmp"']) {
      await expect(transport.send(one(name), new AbortController().signal)).rejects.toThrow(MailRefused)
    }
    transport.close()
    await expect(openTransport({ ...settings, route: { by: 'sendmail', path: null } })).rejects.toThrow(
      'mail-server-missing',
    )
  })

  test('is not confused by what somebody else has put there', async () => {
    const all = await ground()
    await mkdir(join(all.store.folder.outbox, 'folder'))
    await writeFile(join(all.store.folder.outbox, 'folder', 'x.json'), '{')
    await writeFile(join(all.store.folder.outbox, 'README'), 'text')
    await putMail(all.store, 'mail', one('mail'))
    await sendForAWhile(all, 5_000)
    expect(server.mails).toHaveLength(1)
  })
})
