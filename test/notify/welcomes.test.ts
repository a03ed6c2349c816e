/** Moodle's course welcome message by mail: to exactly those whom Moodle would mail it to, in whose name, and once. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { undo } from '../../src/commands/undo.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'
import { contextFor, runFile } from '../real/case.ts'
import { type MailServer, startMailServer } from './mail-server.ts'

const WELCOMING: Overrides = { enrol: { welcomeMessages: true, notifyTeachers: false } }

let school: TestSchool
let server: MailServer

beforeEach(async () => {
  school = await freshSchool()
  server = await startMailServer()
  await school.query("UPDATE {config} SET value = ? WHERE name = 'smtphosts'", [`127.0.0.1:${server.port}`])
})

/** Applies rows; those of `MATHS-1` are in the name of Jean-Baptiste Roux, those of `ENG-A1` in nobody's. */
async function apply(rows: string, { config = WELCOMING, simulate = false } = {}): Promise<string> {
  const file = join(school.folder, 'enrols.csv')
  await writeFile(file, `cmd;cid;uid;rolename;enrol\n${rows}`)
  return (await runFile(school, file, { config, simulate })).report.run
}

const add = (...ids: readonly string[]): string => ids.map(id => `add;MATHS-1;${id};student;manual\n`).join('')

const sent = (): string[] =>
  server.mails.map(({ to, parsed }) => `${to.join()}: ${parsed.subject} from ${parsed.from!.value[0]!.name}`)
const recipients = (): string[] => server.mails.flatMap(({ to }) => to).sort()
const outbox = (): Promise<string[]> => readdir(join(school.dataroot, 'syncd', 'outbox'))
const messages = () => school.query('SELECT * FROM {notifications} ORDER BY id')

test('who is new is written to by the contact of the course, or by nobody who takes replies', async () => {
  const run = await apply(
    `${add('E1001', 'E1010')}add;ENG-A1;E1001;student;manual\nadd;HIST-GEO;E1001;student;manual\n`,
  )
  expect(sent()).toEqual([
    'amelie.girard@school.example: Welcome to Mathématiques, classe de première from Jean-Baptiste Roux (via RIVIERE)',
    'amelie.girard@school.example: Welcome to English A1 from Do not reply to this email (via RIVIERE)',
  ])
  const [{ id }] = (await messages()) as [{ id: number }]
  const [{ parsed, from, raw }] = server.mails as [MailServer['mails'][number]]
  const text = 'Hi Amélie, you are enrolled in the course Mathématiques, classe de première.'
  expect([parsed.text, parsed.html]).toEqual([`${text}\n`, text])
  expect([from, parsed.from!.value[0]!.address]).toEqual(['noreply@school.example', 'noreply@school.example'])
  expect(parsed.to).toMatchObject({ value: [{ name: 'Amélie Girard', address: 'amelie.girard@school.example' }] })
  expect(parsed.messageId).toBe(`<${run}.welcome.${id}@school.example>`)
  expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m)
  expect(await outbox()).toEqual([])
})

test('it is in French where Moodle is, and of a text with HTML there are both', async () => {
  const pack = {
    langconfig: `$string['thislanguage'] = 'Français';`,
    moodle: `$string['welcometocourse'] = 'Bienvenue à « {$a} »'; $string['noreplyname'] = 'Ne pas répondre';`,
    enrol: `$string['customwelcomemessageplaceholder'] = 'Bonjour {$a->firstname} !';`,
  }
  const folder = join(school.dataroot, 'lang', 'fr')
  await mkdir(folder, { recursive: true })
  for (const [name, php] of Object.entries(pack)) await writeFile(join(folder, `${name}.php`), `<?php\n${php}\n`)
  await school.query("UPDATE {enrol} SET customtext1 = '<p>Bonjour <b>{$a->firstname}</b></p>' WHERE id = 3")
  await apply(`${add('E1001')}add;ENG-A1;E1001;student;manual\n`)
  const [html, plain] = server.mails.map(({ parsed }) => parsed)
  expect([html!.subject, html!.text!.trim(), html!.html]).toEqual([
    'Bienvenue à « Mathématiques, classe de première »',
    'Bonjour AMÉLIE',
    '<p>Bonjour <b>Amélie</b></p>',
  ])
  expect([plain!.from!.value[0]!.name, plain!.text]).toEqual(['Ne pas répondre (via RIVIERE)', 'Bonjour Amélie !\n'])
})

describe('nobody is written to', () => {
  test('who has no account that is used, wants no mail, or has no address', async () => {
    await school.query(`
      UPDATE {user} SET suspended = 1 WHERE id = 9;
      UPDATE {user} SET auth = 'nologin' WHERE id = 10;
      UPDATE {user} SET emailstop = 1 WHERE id = 11;
      UPDATE {user} SET email = 'daniel.hughes@school.invalid' WHERE id = 12;
      UPDATE {user} SET mailformat = 0 WHERE id = 14;
      INSERT INTO {user_preferences} (userid, name, value) VALUES
        (13, 'message_provider_moodle_enrolcoursewelcomemessage_enabled', 'popup');
    `)
    await apply(add('E1001', 'E1002', 'E1003', 'E1004', 'E1005', 'E1006'))
    expect(recipients()).toEqual(['francois.noel@school.example'])
    // Who has chosen plain text.
    expect(server.mails[0]!.parsed.html).toBe(false)
    expect(await messages()).toHaveLength(6)
    expect(await outbox()).toEqual([])
  })

  test.each([
    ['the output is off', "UPDATE {message_processors} SET enabled = 0 WHERE name = 'email'"],
    [
      'the site does not have it for this kind',
      "UPDATE {config_plugins} SET value = 'popup' WHERE name = 'message_provider_moodle_enrolcoursewelcomemessage_enabled'",
    ],
    [
      'the kind is off',
      "INSERT INTO {config_plugins} (plugin, name, value) VALUES ('message', 'moodle_enrolcoursewelcomemessage_disable', '1')",
    ],
    ['noemailever', "INSERT INTO {config} (name, value) VALUES ('noemailever', '1')"],
    ['the course does not send it', 'UPDATE {enrol} SET customint1 = 0 WHERE id = 3'],
  ])('where %s', async (_, setup) => {
    await school.query(setup)
    await apply(add('E1001'))
    expect([server.connections(), await outbox()]).toEqual([0, []])
  })

  test('in a simulated run, where it is switched off, when they were there already, or follow into a linked course', async () => {
    await apply(add('E1001'), { simulate: true })
    await apply(add('E1001'), { config: { enrol: { welcomeMessages: false, notifyTeachers: false } } })
    await school.query(`INSERT INTO {enrol} (id, enrol, status, courseid, sortorder, roleid, customint1)
                        VALUES (60, 'meta', 0, 5, 9, 5, 3)`)
    await school.query("UPDATE {config} SET value = CONCAT(value, ',meta') WHERE name = 'enrol_plugins_enabled'")
    expect(recipients()).toEqual([])
    await apply(add('E1001', 'E1002'))
    expect(await school.query('SELECT userid FROM {user_enrolments} WHERE enrolid = 60')).not.toEqual([])
    expect(recipients()).toEqual(['benjamin.moreau@school.example'])
  })
})

test('a mail that somebody wants elsewhere goes there, where the site permits that; and all are diverted', async () => {
  await school.query(`
    INSERT INTO {user_preferences} (userid, name, value) VALUES
      (9, 'message_processor_email_email', 'amelie@home.example'), (10, 'message_processor_email_email', 'no address');
  `)
  const set = (name: string, value: string) =>
    school.query('REPLACE INTO {config} (name, value) VALUES (?, ?)', [name, value])
  const again = `del;MATHS-1;E1001;;manual\ndel;MATHS-1;E1002;;manual\n${add('E1001', 'E1002')}`
  const told = async (): Promise<string[]> => {
    server.mails.length = 0
    await apply(again.slice(again.indexOf('add')))
    const found = recipients()
    await apply('del;MATHS-1;E1001;;manual\ndel;MATHS-1;E1002;;manual\n')
    return found
  }
  expect(await told()).toEqual(['amelie.girard@school.example', 'benjamin.moreau@school.example'])
  await set('messagingallowemailoverride', '1')
  expect(await told()).toEqual(['amelie@home.example', 'benjamin.moreau@school.example'])
  await set('divertallemailsto', 'test@school.example')
  expect(await told()).toEqual(['test@school.example', 'test@school.example'])
  expect(server.mails[0]!.parsed.subject).toMatch(/^\[DIVERTED amelie@home\.example\] Welcome to/)
})

test('only what this run has written is sent: not what others wrote to the same people, nor what was sent before', async () => {
  await apply(add('E1001'))
  await school.query(`
    INSERT INTO {notifications} (useridfrom, useridto, subject, component, eventtype, contexturl, timecreated) VALUES
      (7, 9, 'other kind', 'mod_quiz', 'confirmation', 'x', UNIX_TIMESTAMP() + 9),
      (7, 9, 'other course', 'moodle', 'enrolcoursewelcomemessage', 'https://x/user/view.php?id=9&amp;course=5', UNIX_TIMESTAMP() + 9);
  `)
  server.mails.length = 0
  // Twice enrolled, and gone in between: Moodle writes twice.
  await apply(`del;MATHS-1;E1001;;manual\n${add('E1001')}del;MATHS-1;E1001;;manual\n${add('E1001', 'E1003')}`)
  expect(recipients()).toEqual([...Array(2).fill('amelie.girard@school.example'), 'charlotte.evans@school.example'])
  expect(new Set(server.mails.map(({ parsed }) => parsed.messageId)).size).toBe(3)
  expect(server.mails.every(({ parsed }) => parsed.subject!.startsWith('Welcome to Math'))).toBe(true)
})

test('it waits for a mail server that is away; taken back before, it is not sent, and taken back later, nothing more is', async () => {
  await server.stop()
  const takeBack = async (run: string) =>
    undo(contextFor(await school.writeConfig({ ...WELCOMING, log: { level: 'silent' } })).context, run, {
      simulate: false,
    })
  const first = await apply(add('E1001', 'E1002'))
  expect(await outbox()).toEqual([first])
  await takeBack(first)
  expect(await outbox()).toEqual([])
  const second = await apply(add('E1003'))
  const back = await startMailServer({ port: server.port })
  const third = await apply('del;MATHS-1;E1004;;manual\n')
  expect(back.mails.flatMap(({ to }) => to)).toEqual(['charlotte.evans@school.example'])
  await takeBack(second)
  expect([back.mails.length, await outbox()]).toEqual([1, []])
  expect(third).not.toBe(second)
})
