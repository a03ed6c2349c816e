/** A term's first file, in a school with teachers of every kind: exactly those are told who should be, each in their language. */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { undo } from '../../src/commands/undo.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'
import { contextFor, runFile } from '../real/case.ts'
import { type MailServer, type ReceivedMail, startMailServer } from './mail-server.ts'

/** In BIO-2, beside Claire Lefèvre (fr), and Thomas Wright, who does not edit. */
const TEACHERS = `
  UPDATE {user} SET emailstop = 1 WHERE id = 5;
  UPDATE {user} SET confirmed = 0 WHERE id = 31;
  UPDATE {user} SET lang = 'de' WHERE id = 32;
  UPDATE {user} SET email = 'zoe.lambert@school.invalid' WHERE id = 33;
  UPDATE {user} SET lang = 'fr_ca' WHERE id = 25;
  INSERT INTO {role} (id, shortname, sortorder, archetype) VALUES (9, 'prof', 9, 'editingteacher');
  INSERT INTO {user_preferences} (userid, name, value) VALUES
    (34, 'message_provider_enrol_flatfile_flatfile_enrolment_enabled', 'popup'),
    (24, 'message_provider_enrol_flatfile_flatfile_enrolment_enabled', 'email'),
    (23, 'message_provider_enrol_flatfile_flatfile_enrolment_enabled', 'none');
  INSERT INTO {user_enrolments} (enrolid, userid, status, timestart, timeend) VALUES
    (2, 6, 0, 0, 0), (2, 36, 0, 0, 0), (2, 35, 0, 0, 0), (2, 5, 0, 0, 0), (2, 8, 1, 0, 0), (2, 28, 0, 0, 1000000000),
    (2, 29, 0, 4000000000, 0), (2, 31, 0, 0, 0), (2, 32, 0, 0, 0), (2, 33, 0, 0, 0), (2, 34, 0, 0, 0), (2, 24, 0, 0, 0),
    (2, 25, 0, 0, 0), (2, 23, 0, 0, 0);
  INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES
    (3, 12, 6), (3, 12, 36), (3, 12, 35), (3, 12, 5), (3, 12, 8), (3, 12, 28), (3, 12, 29), (3, 12, 30), (3, 12, 31),
    (3, 12, 32), (3, 12, 33), (3, 12, 34), (3, 12, 24), (9, 12, 25), (3, 12, 23),
    (3, 2, 22);
`

const FILE = `cmd;cid;uid;rolename;enrol;starttime;endtime;gcmd;g1
add;BIO-2;E1018;student;manual;2026-09-01;2027-07-01;gaddcreate;Groupe <C> & D
add;BIO-2;E1019;student;manual;2026-09-01;;gadd;Groupe B
del;BIO-2;E1002;student;manual;;;;
suspend;BIO-2;E1003;;manual;;;;
add;BIO-2;E1010;student;manual;;;;
del;BIO-2;E1010;student;manual;;;;
add;BIO-2;E1001;student;manual;2025-09-01 08:00;;gadd;Groupe B
add;BIO-2;nobody;student;manual;;;;
add;MATHS-1;E1001;student;manual;2026-09-01;;;
add;HIST-GEO;E1001;student;manual;2025-09-01 08:00;;;
add;ENG-A1;E1010;student;manual;;;;
del;ENG-A1;E1010;student;manual;;;;
`

let school: TestSchool
let server: MailServer
let file: string

beforeEach(async () => {
  school = await freshSchool()
  await school.query(TEACHERS)
  server = await startMailServer()
  await school.query("UPDATE {config} SET value = ? WHERE name = 'smtphosts'", [`127.0.0.1:${server.port}`])
  file = join(school.folder, 'enrols.csv')
  await writeFile(file, FILE)
})

const NOTIFYING: Overrides = { enrol: { notifyTeachers: true } }

const addressesOf = (mails: readonly ReceivedMail[]): string[] =>
  mails.map(({ to, parsed }) => `${to.join()} ${spaced(parsed.subject!)}`).sort()

/** French has no-break spaces, which nobody can see in a test. */
const spaced = (text: string): string => text.replaceAll('\u00a0', ' ')

const BIO = { en: 'BIO-2: 2 arrivals, 1 departure, 1 suspension', fr: 'BIO-2 : 2 arrivées, 1 départ, 1 suspension' }

const EXPECTED = [
  `claire.lefevre@school.example ${BIO.fr}, 1 autre changement`,
  'jean-baptiste.roux@school.example MATHS-1 : 1 arrivée',
  `margaret.oneill@school.example ${BIO.en}, 1 other change`,
  `paul.chevalier@school.example ${BIO.fr}, 1 autre changement`,
  `quentin.dubois@school.example ${BIO.fr}, 1 autre changement`,
  `yasmine.cohen@school.example ${BIO.fr}, 1 autre changement`,
]

/** What differs from day to day is left out. */
const timeless = (text: string): string =>
  text.replaceAll(/(?<=traité le |run on |on |le )\d+ \p{L}+ 20\d\d, \d\d:\d\d/gu, 'DATE')

const outbox = (): Promise<string[]> => readdir(join(school.dataroot, 'syncd', 'outbox'))

describe('a file with changes in several courses', () => {
  test('is told to exactly the teachers who should hear of it, by mail and in Moodle', async () => {
    await runFile(school, file, { config: NOTIFYING })
    expect(addressesOf(server.mails)).toEqual(EXPECTED)
    const bells = await school.query<Record<string, unknown>>(
      `SELECT n.useridto, n.useridfrom, n.subject, n.component, n.eventtype, n.contexturl, n.timeread, COUNT(p.id) AS shown
         FROM {notifications} n LEFT JOIN {message_popup_notifications} p ON p.notificationid = n.id GROUP BY n.id ORDER BY n.useridto`,
    )
    expect(bells.map(({ useridto }) => useridto)).toEqual([3, 6, 7, 25, 32, 33, 34])
    expect(bells[1]).toEqual({
      useridto: 6,
      useridfrom: -10,
      subject: `${BIO.en}, 1 other change`,
      component: 'enrol_flatfile',
      eventtype: 'flatfile_enrolment',
      contexturl: 'https://school.example/user/index.php?id=2',
      timeread: null,
      shown: 1,
    })
    expect(await outbox()).toEqual([])
  })

  test('reads so in each language', async () => {
    await runFile(school, file, { config: NOTIFYING })
    const golden = new URL('golden/', import.meta.url).pathname
    for (const [lang, who] of [
      ['en', 'margaret.oneill@school.example'],
      ['fr', 'claire.lefevre@school.example'],
    ] as const) {
      const { parsed, raw, from } = server.mails.find(({ to }) => to.includes(who))!
      await expect(timeless(parsed.text!)).toMatchFileSnapshot(`${golden}teacher.${lang}.txt`)
      await expect(timeless(parsed.html as string)).toMatchFileSnapshot(`${golden}teacher.${lang}.html`)
      expect(from).toBe('noreply@school.example')
      expect(parsed.from!.value).toEqual([
        {
          name: lang === 'en' ? 'Enrolments (via RIVIERE)' : 'Inscriptions (via RIVIERE)',
          address: 'noreply@school.example',
        },
      ])
      expect(parsed.messageId).toMatch(/^<[0-9a-f-]{36}\.2\.\d+@school\.example>$/)
      expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m)
      expect(raw).toMatch(/^X-Auto-Response-Suppress: All\r$/m)
    }
  })

  test('is told when the mail server is back, though it was away for the whole run; nobody is told twice', async () => {
    await server.stop()
    await runFile(school, file, { config: NOTIFYING })
    expect(await outbox()).toHaveLength(1)
    const again = await startMailServer({ port: server.port })
    // The file has nothing to change any more but what it undoes itself: the second run sends what was left by the first.
    await runFile(school, file, { config: NOTIFYING })
    expect(addressesOf(again.mails)).toEqual(EXPECTED)
    expect(await outbox()).toEqual([])
  })

  test('is told to nobody when simulated, when switched off, and when nothing has changed in the end', async () => {
    await runFile(school, file, { config: NOTIFYING, simulate: true })
    await runFile(school, file, { config: { enrol: { notifyTeachers: false } } })
    await runFile(school, file, { config: NOTIFYING })
    expect(server.mails).toEqual([])
    expect(await school.query('SELECT id FROM {notifications}')).toEqual([])
  })

  test('taken back, is told the other way round', async () => {
    const { report } = await runFile(school, file, { config: NOTIFYING })
    server.mails.length = 0
    const config = await school.writeConfig({ ...NOTIFYING, log: { level: 'silent' } })
    await undo(contextFor(config).context, report.run, { simulate: true })
    expect(server.mails).toEqual([])
    await undo(contextFor(config).context, report.run, { simulate: false })
    expect(addressesOf(server.mails)).toContain(
      'margaret.oneill@school.example BIO-2: 1 arrival, 2 departures, 1 return, 1 other change',
    )
    expect(server.mails).toHaveLength(EXPECTED.length)
    const { parsed } = server.mails.find(({ to }) => to.includes('margaret.oneill@school.example'))!
    expect(parsed.text).toContain('What the enrolment file enrols.csv had changed was taken back on')
    expect(parsed.text).toMatch(/^- Benjamin Moreau · /m)
  })
})

test('a run that is taken back before its mails were sent is told to nobody by mail', async () => {
  await server.stop()
  const { report } = await runFile(school, file, { config: NOTIFYING })
  expect(await outbox()).toEqual([report.run])
  const config = await school.writeConfig({ ...NOTIFYING, log: { level: 'silent' } })
  await undo(contextFor(config).context, report.run, { simulate: false })
  expect(await outbox()).toEqual([])
})

describe('settings of the site', () => {
  const set = (name: string, value: string) =>
    school.query('REPLACE INTO {config} (name, value) VALUES (?, ?)', [name, value])

  test('noemailever: nobody is written to, and nothing waits', async () => {
    await set('noemailever', '1')
    await runFile(school, file, { config: NOTIFYING })
    expect([server.connections(), await outbox()]).toEqual([0, []])
    expect(await school.query('SELECT id FROM {notifications}')).toHaveLength(7)
  })

  test('divertallemailsto, except those that it excepts; a prefix of subjects; no name of the site', async () => {
    await set('divertallemailsto', 'test@school.example')
    await set('divertallemailsexcept', 'nobody@example\\.org, margaret.*@school')
    await set('emailsubjectprefix', '[School]')
    await set('emailfromvia', '0')
    await runFile(school, file, { config: NOTIFYING })
    const subjects = addressesOf(server.mails)
    expect(subjects).toContain(`margaret.oneill@school.example [School] ${BIO.en}, 1 other change`)
    expect(subjects).toContain(
      'test@school.example [School] [DIVERTED jean-baptiste.roux@school.example] MATHS-1 : 1 arrivée',
    )
    expect(subjects.filter(one => one.startsWith('test@'))).toHaveLength(5)
    expect(server.mails[0]!.parsed.from!.text).toMatch(/^"?Inscriptions"? <noreply@school\.example>$/)
  })

  test('a site that has switched mails off for this kind of message, or the kind, or lost it', async () => {
    await school.query(
      "UPDATE {config_plugins} SET value = 'popup' WHERE name = 'message_provider_enrol_flatfile_flatfile_enrolment_enabled'",
    )
    const add = async (uid: string) => {
      await writeFile(file, `cmd;cid;uid;rolename;enrol\nadd;BIO-2;${uid};student;manual\n`)
      server.mails.length = 0
      await school.query('DELETE FROM {notifications}')
      await runFile(school, file, { config: NOTIFYING })
      const bells = await school.query('SELECT id FROM {notifications}')
      return [server.mails.flatMap(({ to }) => to).sort(), bells.length]
    }
    // Paul has chosen mails for himself.
    expect(await add('E1011')).toEqual([['paul.chevalier@school.example'], 6])
    await school.query(
      "INSERT INTO {config_plugins} (plugin, name, value) VALUES ('message', 'enrol_flatfile_flatfile_enrolment_disable', '1')",
    )
    expect(await add('E1012')).toEqual([[], 0])
    await school.query("DELETE FROM {message_providers} WHERE component = 'enrol_flatfile'")
    const [mails, bells] = await add('E1013')
    expect(mails).toHaveLength(7)
    expect(bells).toBe(0)
  })

  test('names with line ends and tags neither make headers nor HTML', async () => {
    await school.query('UPDATE {course} SET shortname = ?, fullname = ? WHERE id = 3', [
      'M\r\nBcc: x@evil.example',
      'Maths <script>alert(1)</script> & "more"\n<b>',
    ])
    await school.query('UPDATE {user} SET firstname = ? WHERE id = 9', ['<img src=x onerror=alert(1)>'])
    await school.query('UPDATE {user} SET lastname = ? WHERE id = 7', ['Roux\r\nBcc: y@evil.example'])
    await writeFile(file, 'cmd;cid;uid;rolename;enrol\nadd;C-102;E1001;student;manual\n')
    await runFile(school, file, { config: { enrol: { notifyTeachers: true, courseIdentifier: 'idnumber' } } })
    const [{ to, raw, parsed }] = server.mails as [ReceivedMail]
    expect(to).toEqual(['jean-baptiste.roux@school.example'])
    expect(spaced(parsed.subject!)).toBe('M Bcc: x@evil.example : 1 arrivée')
    const head = raw.slice(0, raw.indexOf('\r\n\r\n'))
    expect(head).not.toMatch(/^Bcc:/im)
    expect(parsed.html).not.toMatch(/<script|<img|<b>/)
    expect(parsed.html).toContain('&lt;img src=x onerror=alert(1)&gt;')
  })
})

test('in a Moodle before 4.0 its other settings hold', async () => {
  const old = await freshSchool({ version: '3.9' })
  const kind = 'enrol_flatfile_flatfile_enrolment'
  const path = join(old.folder, 'enrols.csv')
  const told = async (uid: string, settings: Readonly<Record<string, string>>) => {
    server.mails.length = 0
    await old.query("DELETE FROM {config_plugins} WHERE name LIKE '%flatfile%'")
    await old.query('DELETE FROM {notifications}')
    for (const [name, value] of Object.entries(settings)) {
      await old.query("INSERT INTO {config_plugins} (plugin, name, value) VALUES ('message', ?, ?)", [name, value])
    }
    await writeFile(path, `cmd;cid;uid;rolename;enrol\nadd;BIO-2;${uid};student;manual\n`)
    await runFile(old, path, { config: { ...NOTIFYING, mail: { smtp: `smtp://127.0.0.1:${server.port}` } } })
    return [server.mails.length, (await old.query('SELECT id FROM {notifications}')).length]
  }
  expect(await told('E1018', {})).toEqual([1, 1])
  expect(await told('E1019', { [`message_provider_${kind}_loggedoff`]: 'email' })).toEqual([1, 0])
  expect(await told('E1020', { [`email_provider_${kind}_permitted`]: 'disallowed' })).toEqual([0, 1])
  await old.query('UPDATE {user} SET emailstop = 1 WHERE id = 3')
  expect(await told('E1021', { [`email_provider_${kind}_permitted`]: 'forced' })).toEqual([1, 0])
})

test('of many people the first fifty are told by name, and how many more there are', async () => {
  const people = Array.from({ length: 120 }, (_, at) => `K${String(at).padStart(3, '0')}`)
  await school.query(
    `INSERT INTO {user} (auth, confirmed, mnethostid, username, idnumber, firstname, lastname, email) VALUES ${people
      .toReversed()
      .map(one => `('manual', 1, 1, '${one}', '${one}', 'Kim', '${one}', '${one}@school.example')`)
      .join(', ')}`,
  )
  await writeFile(file, `cid;uid;rolename;enrol\n${people.map(one => `BIO-2;${one};student;manual\n`).join('')}`)
  await runFile(school, file, { config: NOTIFYING })
  const { parsed } = server.mails.find(({ to }) => to.includes('margaret.oneill@school.example'))!
  expect(parsed.subject).toBe('BIO-2: 120 arrivals')
  const named = [...parsed.text!.matchAll(/^- Kim (K\d{3})/gm)].map(([, name]) => name)
  expect(named).toEqual(people.slice(0, 50))
  expect(parsed.text).toContain('and 70 more')
})
