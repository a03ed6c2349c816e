/**
 * Mails and mail servers of every temper: each mail that was due arrives, none twice, and no run waits for it. The daemon is killed
 * in between, and the server goes away.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Overrides, TestSchool } from '../database.ts'
import { freshSchool } from '../database.ts'
import { type MailServer, newCertificate, startMailServer } from '../notify/mail-server.ts'
import { until } from '../until.ts'
import { adding, concluded, HEADER, newSite, type Site, spawnDaemon, startDaemon } from './daemon.ts'
import { moodleSyncd } from './program.ts'
import { newWire } from './wire.ts'

const LONGEST_WAIT = 30_000

/** Six teachers of BIO-2 beside Claire Lefèvre. */
const TEACHERS = `
  INSERT INTO {user_enrolments} (enrolid, userid) VALUES (2, 5), (2, 6), (2, 7), (2, 8), (2, 32), (2, 33);
  INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (3, 12, 5), (3, 12, 6), (3, 12, 7), (3, 12, 8), (3, 12, 32), (3, 12, 33);
`
const EVERYBODY = [
  ...['aicha.benali', 'claire.lefevre', 'helene.deschamps', 'jean-baptiste.roux', 'margaret.oneill', 'yasmine.cohen'],
  'zoe.lambert',
].map(name => `${name}@school.example`)

const ADMIN = 'admin@school.example'

async function newMailSite(server: MailServer, overrides: Overrides = {}): Promise<Site> {
  const site = await newSite({
    enrol: { notifyTeachers: true },
    mail: { smtp: `smtp://127.0.0.1:${server.port}`, admins: [ADMIN] },
    ...overrides,
  })
  await site.school.query(TEACHERS)
  return site
}

const recipients = ({ mails }: MailServer): string[] => mails.flatMap(({ to }) => to).sort()

const allAreThere = (...servers: MailServer[]) =>
  until(
    'a mail to everybody',
    () => (servers.flatMap(recipients).filter(one => one !== ADMIN).length >= EVERYBODY.length ? true : undefined),
    LONGEST_WAIT,
  )

const isEmpty = ({ store }: Site) =>
  until(
    'the outbox to be empty',
    async () => ((await readdir(join(store, 'outbox'))).length === 0 ? true : undefined),
    LONGEST_WAIT,
  )

describe('a mail server', () => {
  test('that refuses one for ever, and another for now, holds nobody else up; administrators hear of the first', async () => {
    const server = await startMailServer()
    let isGrey = true
    server.onRecipient = address => {
      if (address.startsWith('margaret')) return { code: 550, text: `5.1.1 <${address}> has moved` }
      if (!address.startsWith('aicha') || !isGrey) return null
      isGrey = false
      return { code: 450, text: '4.7.1 greylisted, come again' }
    }
    const site = await newMailSite(server)
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(daemon)
    await isEmpty(site)
    expect(recipients(server)).toEqual([...EVERYBODY.filter(one => !one.startsWith('margaret')), ADMIN].sort())
    const [name] = await readdir(join(site.store, 'undelivered'))
    expect(JSON.parse(await readFile(join(site.store, 'undelivered', name!), 'utf8'))).toMatchObject({
      reason: expect.stringContaining('has moved'),
      to: { address: 'margaret.oneill@school.example' },
    })
    const { parsed } = server.mails.find(({ to }) => to.includes(ADMIN))!
    expect(parsed.subject).toBe('moodle-syncd: a mail could not be delivered')
    expect(parsed.text).toContain(join(site.store, 'undelivered'))
    // The log is nobody's address book.
    expect(
      daemon.lines
        .filter(({ level }) => level !== 'debug')
        .map(line => JSON.stringify(line))
        .join(),
    ).not.toContain('margaret')
    expect(await daemon.end()).toBe(0)
  })

  test('that refuses what is for administrators is not told to them by mail', async () => {
    const server = await startMailServer()
    server.onRecipient = address => (address === ADMIN ? { code: 550, text: 'no such user' } : null)
    const site = await newMailSite(server)
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', 'cid;uid\n')
    await daemon.tells('mail-refused')
    await isEmpty(site)
    expect(await readdir(join(site.store, 'undelivered'))).toHaveLength(1)
    expect(await daemon.end()).toBe(0)
  })

  test('that hangs up, before a mail is taken, has the rest all the same, and each once', async () => {
    const server = await startMailServer()
    // At the third mail, and, when that has come again, at the recipient of the next.
    let mails = 0
    server.onMail = () => {
      mails += 1
      return mails === 3 ? 'hang up' : null
    }
    let isFirst = true
    server.onRecipient = () => {
      if (server.mails.length !== 3 || !isFirst) return null
      isFirst = false
      return 'hang up'
    }
    const site = await newMailSite(server)
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(daemon)
    await allAreThere(server)
    await isEmpty(site)
    expect(recipients(server)).toEqual(EVERYBODY)
    expect(await daemon.end()).toBe(0)
  })

  test('that is away for the whole run gets all when it is back, from a daemon that was killed meanwhile', async () => {
    const gone = await startMailServer()
    await gone.stop()
    const site = await newMailSite(gone)
    const first = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(first)
    await first.tells('mails-postponed', { problem: 'mail-server-unreachable' })
    await first.end('SIGKILL')
    const second = await startDaemon(site.config)
    await second.tells('mails-postponed')
    const server = await startMailServer({ port: gone.port })
    await allAreThere(server)
    await isEmpty(site)
    expect(recipients(server)).toEqual(EVERYBODY)
    expect(second.told('mails-postponed').filter(({ level }) => level === 'warn')).toHaveLength(1)
    expect(await second.end()).toBe(0)
  })

  test('that takes its time keeps neither the next run waiting nor the end of the daemon', async () => {
    const server = await startMailServer()
    let isHeld = () => {}
    const held = new Promise<null>(resolve => {
      isHeld = () => resolve(null)
    })
    server.onMail = () => held
    const site = await newMailSite(server)
    const daemon = await startDaemon(site.config)
    await site.drop('enrols.csv', adding('E1018'))
    await concluded(daemon)
    await until('a connection', () => (server.connections() > 1 ? true : undefined))
    await site.drop('enrols.csv', adding('E1019'))
    await until('the second run', () => daemon.told('file-concluded')[1])
    const start = performance.now()
    expect(await daemon.end()).toBe(0)
    expect(performance.now() - start).toBeLessThan(9_000)
    isHeld()
    const again = await startDaemon(site.config)
    await isEmpty(site)
    // The one that was in the air when the daemon ended has come twice: under one id.
    const ids = server.mails.map(({ parsed }) => parsed.messageId)
    expect(new Set(ids).size).toBe(2 * EVERYBODY.length)
    expect(ids.length).toBeLessThanOrEqual(2 * EVERYBODY.length + 1)
    expect(await again.end()).toBe(0)
  })

  test('is sent the same mail again where the daemon is killed before it hears that it was taken', async () => {
    const server = await startMailServer()
    const site = await newMailSite(server)
    const first = spawnDaemon(site.config)
    await first.tells('daemon-started')
    server.onMail = async mail => {
      if (server.mails.length !== 3) return null
      server.onMail = () => null
      server.mails.push(mail)
      process.kill(first.pid, 'SIGKILL')
      await first.ended
      return 'hang up'
    }
    await site.drop('enrols.csv', adding('E1018'))
    await first.ended
    const second = await startDaemon(site.config)
    await isEmpty(site)
    const ids = server.mails.map(({ parsed }) => parsed.messageId)
    expect(ids).toHaveLength(EVERYBODY.length + 1)
    expect(new Set(ids).size).toBe(EVERYBODY.length)
    expect(ids[3]).toBe(ids[4])
    expect(await second.end()).toBe(0)
  })
})

describe('a daemon that is killed while it reports', () => {
  const steps = [
    ['before the first notification', 'INSERT INTO `mdl_notifications`', false],
    ['before that is committed', 'COMMIT', false],
    ['after it is committed, and nobody has heard', 'COMMIT', true],
  ] as const

  test.each(steps)(
    '%s: everybody is told once, by mail and in Moodle, and who is new welcomed once',
    async (_, statement, isAfter) => {
      const server = await startMailServer()
      const site = await newMailSite(server)
      const wire = await newWire(site.school)
      const config = await site.school.writeConfig({
        moodle: { database: wire.database },
        enrol: { notifyTeachers: true, welcomeMessages: true },
        mail: { smtp: `smtp://127.0.0.1:${server.port}` },
        intake: { stableFor: '100ms' },
        log: { level: 'debug' },
      })
      const first = await startDaemon(config)
      let isReporting = false
      wire.onStatement = (said, strand) => {
        if (said.startsWith("UPDATE syncd_run SET state = 'reporting'")) isReporting = true
        if (!isReporting || !said.startsWith(statement)) return true
        wire.onStatement = () => true
        const kill = (): void => {
          process.kill(first.pid, 'SIGKILL')
        }
        if (isAfter) strand.cutAtAnswer(kill)
        else kill()
        return isAfter
      }
      await site.drop('enrols.csv', adding('E1018'))
      await first.ended
      const second = await startDaemon(config)
      await allAreThere(server)
      await concluded(second)
      await isEmpty(site)
      const told = [...EVERYBODY, 'rose.mitchell@school.example'].sort()
      expect(recipients(server)).toEqual(told)
      expect(await site.school.query('SELECT id FROM {message_popup_notifications}')).toHaveLength(told.length)
      expect(await readdir(join(site.store, 'running'))).not.toContainEqual(expect.stringMatching(/mails$/))
      expect(await second.end()).toBe(0)
    },
  )
})

describe('encryption and login', () => {
  const PASSWORD = 'a p@ss:word/%'
  let school: TestSchool

  const moodles = async (settings: Readonly<Record<string, string>>) => {
    for (const [name, value] of Object.entries(settings)) {
      await school.query('REPLACE INTO {config} (name, value) VALUES (?, ?)', [name, value])
    }
  }
  const runOnce = async (uid: string, overrides: Overrides, env: NodeJS.ProcessEnv = {}) => {
    const config = await school.writeConfig({ enrol: { notifyTeachers: true }, log: { level: 'trace' }, ...overrides })
    const path = join(school.folder, 'one.csv')
    await writeFile(path, `${HEADER}add;BIO-2;${uid};student;manual\n`)
    const ended = await moodleSyncd(['run', path, '--config', config], env)
    expect(ended.stderr + ended.stdout).not.toContain(PASSWORD)
    return ended
  }

  test('as Moodle has them, and as mail.smtp has them; a certificate that nobody knows, and a wrong password', async () => {
    school = await freshSchool()
    const certificate = await newCertificate()
    const trusting = { NODE_EXTRA_CA_CERTS: certificate.path }
    const login = { user: 'moodle', password: PASSWORD }
    const starttls = await startMailServer({ tls: 'starttls', certificate, login })
    const smtps = await startMailServer({ tls: 'smtps', certificate, login })
    const gone = await startMailServer()
    await gone.stop()

    // The first host is not there.
    await moodles({
      smtphosts: `127.0.0.1:${gone.port};localhost:${starttls.port}`,
      smtpsecure: 'tls',
      smtpauthtype: 'LOGIN',
      smtpuser: 'moodle',
      smtppass: PASSWORD,
    })
    expect((await runOnce('E1018', {}, trusting)).status).toBe(0)
    expect(starttls.mails).toMatchObject([{ isEncrypted: true, user: 'moodle', to: ['claire.lefevre@school.example'] }])

    // What cannot be sent changes neither the status of a run nor its report, and waits.
    expect(await runOnce('E1019', {})).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/"problem":"mail-(tls-failed|server-unreachable)"/),
    })
    expect(starttls.mails).toHaveLength(1)
    await moodles({ smtppass: 'another' })
    expect((await runOnce('E1020', {}, trusting)).stderr).toContain('"problem":"mail-login-refused"')

    // And is sent with the next.
    const mail = {
      smtp: `smtps://moodle:${encodeURIComponent(PASSWORD)}@localhost:${smtps.port}`,
      from: 'sync@school.example',
    }
    await runOnce('E1021', { mail }, trusting)
    expect(smtps.mails.map(({ from, isEncrypted, user }) => `${from} ${isEncrypted} ${user}`)).toEqual(
      Array.from({ length: 3 }, () => 'sync@school.example true moodle'),
    )

    const check = async (overrides: Overrides, env: NodeJS.ProcessEnv = {}) => {
      const config = await school.writeConfig({ enrol: { notifyTeachers: true }, ...overrides })
      const { stdout } = await moodleSyncd(['check', '--format', 'json', '--config', config], env)
      expect(stdout).not.toContain(PASSWORD)
      const findings = (JSON.parse(stdout) as { findings: { level: string; code: string }[] }).findings
      return findings.filter(({ code }) => code.startsWith('mail-')).map(({ level, code }) => `${level} ${code}`)
    }
    expect(await check({ mail }, trusting)).toEqual(['ok mail-server', 'warning mail-no-admins'])
    expect(await check({}, trusting)).toEqual(['warning mail-login-refused', 'warning mail-no-admins'])
    await moodles({ smtpauthtype: 'XOAUTH2', divertallemailsto: ADMIN })
    expect(await check({ mail: { admins: [ADMIN] } })).toEqual(['warning mail-oauth', 'warning mail-diverted'])
    await moodles({ noemailever: '1' })
    expect(await check({ mail: { admins: [ADMIN] } })).toEqual(['warning mail-off'])
    expect(await check({ enrol: { notifyTeachers: false } })).toEqual(['ok mail-not-wanted'])
    expect(smtps.mails).toHaveLength(3)
  })
})
