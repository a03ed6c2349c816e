/** The course welcome message: from whom, to whom, in which words, and what tells of it. `moodle-effects.md`, 3.1 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { MoodleVersion } from '../../../src/demo/school.ts'
import { freshSchool, type Overrides } from '../../database.ts'
import { applicable, type School, schoolForEachTest } from './apply.ts'

const held = schoolForEachTest()
const config = { enrol: { welcomeMessages: true } }

/** MATHS-1 is course 3, its context 13, its `manual` instance 3; T005 (7) teaches it. E1001 is 9. */
const ENROL_E1001 = 'cid;uid;rolename;enrol\nMATHS-1;E1001;student;manual\n'

const notifications = (school: School) => school.query('SELECT * FROM {notifications} ORDER BY id')
const senders = async (school: School) =>
  (await school.query<{ useridfrom: number }>('SELECT useridfrom FROM {notifications} ORDER BY id')).map(
    ({ useridfrom }) => useridfrom,
  )
const text = async (school: School): Promise<string> => {
  const [row] = await school.query<{ fullmessage: string }>('SELECT fullmessage FROM {notifications}')
  return row!.fullmessage
}
const events = (school: School) =>
  school.query(
    `SELECT eventname, objecttable, objectid, crud, edulevel, contextid, contextlevel, contextinstanceid, userid, courseid,
            relateduserid, other
       FROM {logstore_standard_log} ORDER BY id`,
  )

test('who is newly enrolled is written to in the name of the course contact', async () => {
  const school = held.current
  const changed = await school.apply(ENROL_E1001, { config })
  const [notification, ...more] = await notifications(school)
  expect(more).toEqual([])
  const id = notification!.id
  expect(notification).toEqual({
    id,
    useridfrom: 7,
    useridto: 9,
    subject: 'Welcome to Mathématiques, classe de première',
    fullmessage: 'Hi Amélie, you are enrolled in the course Mathématiques, classe de première.',
    fullmessageformat: 4,
    fullmessagehtml: 'Hi Amélie, you are enrolled in the course Mathématiques, classe de première.',
    smallmessage: null,
    component: 'moodle',
    eventtype: 'enrolcoursewelcomemessage',
    contexturl: 'https://school.example/user/view.php?id=9&amp;course=3',
    contexturlname: 'Mathématiques, classe de première',
    timeread: null,
    timecreated: school.now,
    customdata: null,
  })
  expect(await school.query('SELECT notificationid FROM {message_popup_notifications}')).toEqual([
    { notificationid: id },
  ])
  const [enrolled, sent, assigned] = await events(school)
  expect(enrolled).toMatchObject({ eventname: '\\core\\event\\user_enrolment_created' })
  expect(sent).toEqual({
    eventname: '\\core\\event\\notification_sent',
    objecttable: 'notifications',
    objectid: id,
    crud: 'c',
    edulevel: 0,
    contextid: 1,
    contextlevel: 10,
    contextinstanceid: 0,
    userid: 7,
    courseid: 0,
    relateduserid: 9,
    other: '{"courseid":"3"}',
  })
  expect(assigned).toMatchObject({ eventname: '\\core\\event\\role_assigned' })
  expect(changed.sort()).toEqual([
    'cache_flags',
    'logstore_standard_log',
    'message_popup_notifications',
    'notifications',
    'role_assignments',
    'user_enrolments',
  ])
})

describe('nobody is written to', () => {
  test.for<[string, string, { setup?: string; config?: Overrides }]>([
    ['by default', ENROL_E1001, { config: {} }],
    ['whose enrolment was there already', 'cid;uid;rolename;enrol\nMATHS-1;E1010;teacher;manual\n', {}],
    ['who is only given a role', 'cid;uid;rolename\nMATHS-1;E1001;student\n', {}],
    ['where the instance says nothing', 'cid;uid;rolename;enrol\nHIST-GEO;E1025;student;manual\n', {}],
    ['where it says no', ENROL_E1001, { setup: 'UPDATE {enrol} SET customint1 = 0' }],
    ['where it says what Moodle does not know', ENROL_E1001, { setup: 'UPDATE {enrol} SET customint1 = 4' }],
    [
      'where the message is disabled',
      ENROL_E1001,
      {
        setup: `INSERT INTO {config_plugins} (plugin, name, value)
                VALUES ('message', 'moodle_enrolcoursewelcomemessage_disable', '1')`,
      },
    ],
    [
      'where the course has no contact',
      ENROL_E1001,
      { setup: 'DELETE FROM {role_assignments} WHERE contextid = 13 AND roleid = 3' },
    ],
    [
      'where no role is a contact',
      ENROL_E1001,
      { setup: `UPDATE {config} SET value = '' WHERE name = 'coursecontact'` },
    ],
    ['where nobody holds the key', ENROL_E1001, { setup: 'UPDATE {enrol} SET customint1 = 2' }],
    [
      'by a method that sends none',
      'cid;uid;rolename;enrol\nMATHS-1;E1001;student;imsenterprise\n',
      {
        setup: `UPDATE {config} SET value = 'manual,imsenterprise' WHERE name = 'enrol_plugins_enabled';
                INSERT INTO {enrol} (enrol, status, courseid, roleid, customint1) VALUES ('imsenterprise', 0, 3, 5, 1)`,
      },
    ],
    [
      'in a linked course',
      'cid;uid;rolename;enrol\nHIST-GEO;E1025;student;manual\n',
      { setup: `INSERT INTO {enrol} (enrol, status, courseid, customint1, customint4) VALUES ('meta', 0, 3, 4, 1)` },
    ],
  ])('%s', async ([, csv, options]) => {
    const school = held.current
    const changed = await school.apply(csv, { config, ...options })
    expect(changed).toContain('role_assignments')
    expect(await notifications(school)).toEqual([])
  })

  test.for<MoodleVersion>(['3.9', '4.1'])('by Moodle %s, whatever the instance says', async version => {
    const school = applicable(await freshSchool({ version }))
    await school.apply(ENROL_E1001, { config, setup: 'UPDATE {enrol} SET customint1 = 1, customint4 = 1' })
    expect(await notifications(school)).toEqual([])
  })
})

describe('the course contact', () => {
  const contact = async (setup: string, csv = ENROL_E1001): Promise<number[]> => {
    await held.current.apply(csv, { config, setup })
    return senders(held.current)
  }

  test('is who was given the role first, in the course or above it', async () => {
    expect(
      await contact(
        'INSERT INTO {role_assignments} (id, roleid, contextid, userid) VALUES (900, 3, 2, 8), (901, 3, 13, 6)',
      ),
    ).toEqual([7])
  })

  test('is one above the course, where that was first', async () => {
    const setup = `UPDATE {role_assignments} SET id = 900 WHERE contextid = 13 AND userid = 7;
                   INSERT INTO {role_assignments} (id, roleid, contextid, userid) VALUES (800, 3, 1, 4), (801, 3, 2, 8)`
    expect(await contact(setup)).toEqual([4])
  })

  test('has the first of the contact roles that anybody has, however late', async () => {
    const setup = `UPDATE {config} SET value = '1, 4,3' WHERE name = 'coursecontact';
                   INSERT INTO {role_assignments} (id, roleid, contextid, userid) VALUES (900, 4, 13, 6)`
    expect(await contact(setup)).toEqual([6])
  })

  test('may be suspended, but not deleted', async () => {
    const setup = `INSERT INTO {role_assignments} (id, roleid, contextid, userid) VALUES (1000, 3, 13, 35);
                   UPDATE {role_assignments} SET userid = 36 WHERE contextid = 13 AND userid = 7`
    expect(await contact(setup)).toEqual([35])
  })

  test('is known by the rows before: a teacher is no contact of his own, but of those who come after', async () => {
    const csv = `cid;uid;rolename;enrol
MATHS-1;T001;editingteacher;manual
MATHS-1;E1001;student;manual
`
    expect(await contact('DELETE FROM {role_assignments} WHERE contextid = 13 AND roleid = 3', csv)).toEqual([3])
  })

  test('is no longer who has lost the role in a row before', async () => {
    const csv = `cmd;cid;uid;rolename;enrol
add;MATHS-1;E1001;student;manual
del;MATHS-1;T005;;manual
add;MATHS-1;T001;editingteacher;manual
add;MATHS-1;E1002;student;manual
`
    expect(await contact('', csv)).toEqual([7, 3])
  })

  test('does not see his own message in a popup', async () => {
    const school = held.current
    const setup = `INSERT INTO {role_assignments} (id, roleid, contextid, userid) VALUES (1000, 3, 2, 9);
                   DELETE FROM {role_assignments} WHERE contextid = 13 AND roleid = 3`
    expect(await contact(setup)).toEqual([9])
    expect(await school.query('SELECT timeread FROM {notifications}')).toEqual([{ timeread: null }])
    expect(await school.query('SELECT id FROM {message_popup_notifications}')).toEqual([])
  })
})

describe('the key holder', () => {
  const holder = async (setup: string, csv = ENROL_E1001): Promise<number[]> => {
    const setting = 'UPDATE {enrol} SET customint1 = 2 WHERE id = 3;'
    await held.current.apply(csv, { config, setup: setting + setup })
    return senders(held.current)
  }
  const permit = (contextId: number, roleId: number, permission: number): string =>
    `INSERT INTO {role_capabilities} (contextid, roleid, capability, permission)
     VALUES (${contextId}, ${roleId}, 'enrol/self:holdkey', ${permission});`
  const give = (roleId: number, contextId: number, userId: number): string =>
    `INSERT INTO {role_assignments} (roleid, contextid, userid) VALUES (${roleId}, ${contextId}, ${userId});`

  test('is the first by name of those whose role has it', async () => {
    // Of Benali, Deschamps and Roux.
    expect(await holder(permit(1, 3, 1) + give(3, 2, 8) + give(3, 1, 5))).toEqual([5])
  })

  test('is not whose role lacks it in the course', async () => {
    expect(await holder(permit(1, 3, 1) + permit(13, 3, -1) + permit(1, 4, 1) + give(4, 13, 8))).toEqual([8])
  })

  test('is not whom another role prohibits it', async () => {
    expect(await holder(permit(1, 3, 1) + give(3, 2, 8) + permit(2, 4, -1000) + give(4, 13, 8))).toEqual([7])
  })

  test('may be anybody, where the role of everybody has it', async () => {
    // Of all by name the first, the guest and the deleted left out: Bell, who is suspended.
    expect(await holder(`${permit(1, 7, 1)} UPDATE {user} SET lastname = 'Aa' WHERE id IN (1, 36)`)).toEqual([35])
  })

  test('is nobody, where the role of everybody prohibits it', async () => {
    expect(await holder(permit(1, 3, 1) + permit(1, 7, -1000))).toEqual([])
  })

  test('is known by the rows before', async () => {
    const csv = `cmd;cid;uid;rolename;enrol
add;MATHS-1;T003;editingteacher;manual
add;MATHS-1;E1001;student;manual
del;MATHS-1;T003;;manual
add;MATHS-1;E1002;student;manual
`
    expect(await holder(permit(1, 3, 1), csv)).toEqual([7, 5, 7])
  })
})

describe('where no reply is wanted', () => {
  // ENG-A1: manual says so. FLE-B2: self does not, until it is told to.
  test('the sender is nobody, to the log too', async () => {
    const school = held.current
    await school.apply('cid;uid;rolename;enrol\nENG-A1;E1002;student;manual\n', { config })
    expect(await senders(school)).toEqual([-10])
    expect((await events(school))[1]).toMatchObject({ eventname: '\\core\\event\\notification_sent', userid: 0 })
  })

  test('the sender is the user that config.php names', async () => {
    const school = held.current
    const path = join(school.folder, 'config.php')
    await writeFile(
      path,
      "<?php $CFG = new stdClass(); $CFG->noreplyuserid = 4;\nrequire_once(__DIR__ . '/lib/setup.php');",
    )
    await school.apply('cid;uid;rolename;enrol\nENG-A1;E1002;student;manual\n', {
      config: { ...config, moodle: { configPhp: path } },
    })
    expect(await senders(school)).toEqual([4])
    expect((await events(school))[1]).toMatchObject({ eventname: '\\core\\event\\notification_sent', userid: 4 })
  })
})

test('the method self has its own setting', async () => {
  const school = held.current
  const csv = 'cid;uid;rolename;enrol\nFLE-B2;E1001;student;self\nDEBAT;E1010;student;self\n'
  const setup =
    'UPDATE {enrol} SET customint1 = 1, customint4 = 3 WHERE id = 26; UPDATE {enrol} SET customint1 = 1 WHERE id = 27'
  await school.apply(csv, { config, setup })
  expect(await notifications(school)).toMatchObject([{ useridfrom: -10, contexturlname: 'Français langue étrangère' }])
})

describe('what tells of it', () => {
  const PREFERENCE = 'message_provider_moodle_enrolcoursewelcomemessage_enabled'
  const prefer = (value: string): string =>
    `INSERT INTO {user_preferences} (userid, name, value) VALUES (9, '${PREFERENCE}', '${value}');`
  const lock = (output: string): string =>
    `INSERT INTO {config_plugins} (plugin, name, value)
       VALUES ('message', '${output}_provider_moodle_enrolcoursewelcomemessage_locked', '1')
       ON DUPLICATE KEY UPDATE value = '1';`
  const byDefault = (value: string): string =>
    `UPDATE {config_plugins} SET value = '${value}' WHERE name = '${PREFERENCE}';`
  const disable = (output: string): string => `UPDATE {message_processors} SET enabled = 0 WHERE name = '${output}';`
  const stop = 'UPDATE {user} SET emailstop = 1 WHERE id = 9;'
  const airnotifier = `INSERT INTO {message_processors} (name, enabled) VALUES ('airnotifier', 1);`
  const airnotifierSettings = `INSERT INTO {config} (name, value) VALUES ('airnotifierurl', 'u'), ('airnotifierport', '1'),
    ('airnotifieraccesskey', 'k'), ('airnotifierappname', 'a'), ('airnotifiermobileappname', 'm');`

  const POPUP = { popups: 1, read: false }
  const UNSEEN = { popups: 0, read: false }
  const NOTHING = { popups: 0, read: true }

  test.for<[string, string, { popups: number; read: boolean }]>([
    ['the popup, by default', '', POPUP],
    ['nothing, where none is by default', byDefault('none'), NOTHING],
    ['the mail, where that alone is by default', byDefault('email'), UNSEEN],
    ['the popup alone, where the mail is disabled', disable('email'), POPUP],
    ['the mail, where the popup is disabled', disable('popup'), UNSEEN],
    ['nothing, where all is disabled', disable('email') + disable('popup'), NOTHING],
    ['what the person prefers: the mail', prefer('email'), UNSEEN],
    ['what the person prefers: nothing', prefer('none'), NOTHING],
    ['what the person prefers, against the default', byDefault('none') + prefer('popup,email'), POPUP],
    ['the default, where the preference is empty', prefer(''), POPUP],
    ['nothing, where the person has stopped all', stop, NOTHING],
    ['what is locked on, whatever the person has stopped', lock('popup') + stop, POPUP],
    ['what is locked on, whatever the person prefers', lock('popup') + prefer('none'), POPUP],
    ['not what is locked off', byDefault('email') + lock('popup') + prefer('popup'), NOTHING],
    ['the app, where it is set up', airnotifier + airnotifierSettings + byDefault('airnotifier'), UNSEEN],
    ['not the app, where it is not', airnotifier + byDefault('airnotifier'), NOTHING],
  ])('%s', async ([, setup, expected]) => {
    const school = held.current
    await school.apply(ENROL_E1001, { config, setup })
    const [row] = await school.query<{ timeread: number | null }>('SELECT timeread FROM {notifications}')
    const popups = await school.query('SELECT id FROM {message_popup_notifications}')
    expect({ popups: popups.length, read: row!.timeread !== null }).toEqual(expected)
    expect(row!.timeread).toBe(expected.read ? school.now : null)
    const viewed = (await events(school)).filter(({ eventname }) => String(eventname).endsWith('notification_viewed'))
    expect(viewed).toHaveLength(expected.read ? 1 : 0)
  })

  test('nothing: it counts as seen, after it was sent', async () => {
    const school = held.current
    await school.apply(ENROL_E1001, { config, setup: disable('email') + disable('popup') })
    const [notification] = await notifications(school)
    const [, sent, viewed] = await events(school)
    expect(sent).toMatchObject({ eventname: '\\core\\event\\notification_sent' })
    expect(viewed).toEqual({
      eventname: '\\core\\event\\notification_viewed',
      objecttable: 'notifications',
      objectid: notification!.id,
      crud: 'u',
      edulevel: 0,
      contextid: 109,
      contextlevel: 30,
      contextinstanceid: 9,
      userid: 9,
      courseid: 0,
      relateduserid: 7,
      other: 'null',
    })
  })

  test('nothing, and the person has no context yet: it is made', async () => {
    const school = held.current
    const setup = `${disable('email')} ${disable('popup')} DELETE FROM {context} WHERE id = 109`
    await school.apply(ENROL_E1001, { config, setup })
    const [context] = await school.query<{ id: number }>(
      'SELECT * FROM {context} WHERE contextlevel = 30 AND instanceid = 9',
    )
    expect(context).toMatchObject({ path: `/1/${context!.id}`, depth: 2, locked: 0 })
    expect((await events(school))[2]).toMatchObject({ contextid: context!.id, contextlevel: 30, contextinstanceid: 9 })
  })
})

describe('the text of the instance', () => {
  const say = (words: string): string => `UPDATE {enrol} SET customtext1 = '${words}' WHERE id = 3;`

  test('has its placeholders filled, those that Moodle knows; line ends are breaks', async () => {
    const school = held.current
    const words = `{$a->fullname}, {$a->firstname}, {$a->lastname}, {$a->email}:\r\n{$a->courserole} in {$a->coursename}\n{$a->profileurl} {$a->courselink} {$a->nothing} {$a}`
    await school.apply(ENROL_E1001, { config, setup: say(words) })
    const [row] = await school.query('SELECT fullmessage, fullmessagehtml FROM {notifications}')
    const [first, second, third] = [
      'Amélie Girard, Amélie, Girard, amelie.girard@school.example:',
      'Student in Mathématiques, classe de première',
      'https://school.example/user/view.php?id=9&amp;course=3 {$a->courselink} {$a->nothing} {$a}',
    ]
    expect(row).toEqual({
      fullmessage: `${first}\r\n${second}\n${third}`,
      fullmessagehtml: `${first}<br />\r\n${second}<br />\n${third}`,
    })
  })

  test.for(['', '   \n', '0'])('is none where it is %j', async words => {
    await held.current.apply(ENROL_E1001, { config, setup: say(words) })
    expect(await text(held.current)).toMatch(/^Hi Amélie, you are enrolled/)
  })

  test.for<[string, string, string]>([
    [
      'by its name in the course',
      `INSERT INTO {role_names} (roleid, contextid, name) VALUES (5, 13, 'Élève & Co')`,
      'Élève &amp; Co',
    ],
    ['by its own name', `UPDATE {role} SET name = '<b>Learner</b>' WHERE id = 5`, 'Learner'],
    [
      'by its short name, where nobody has named it',
      `UPDATE {role} SET shortname = 'student2' WHERE id = 5`,
      'student2',
    ],
  ])('names the role %s', async ([, setup, name]) => {
    const csv = `cid;uid;rolename;enrol\nMATHS-1;E1001;${name === 'student2' ? name : 'student'};manual\n`
    await held.current.apply(csv, { config, setup: `${say('{$a->courserole}')} ${setup}` })
    expect(await text(held.current)).toBe(name)
  })

  test.for<[string, string]>([
    ['teacher', 'Non-editing teacher'],
    ['editingteacher', 'Teacher'],
  ])('names the standard role %s in the language', async ([role, name]) => {
    await held.current.apply(`cid;uid;rolename;enrol\nMATHS-1;E1001;${role};manual\n`, {
      config,
      setup: say('{$a->courserole}'),
    })
    expect(await text(held.current)).toBe(name)
  })

  test('with HTML is cleaned, and has a plain text beside it', async () => {
    const words =
      '<p>Hello <b>{$a->firstname}</b>,</p>\n<p>see <a href="{$a->profileurl}" onclick="x()">you</a></p><script>x()</script>'
    await held.current.apply(ENROL_E1001, { config, setup: say(words) })
    const [row] = await held.current.query('SELECT fullmessage, fullmessagehtml FROM {notifications}')
    expect(row).toEqual({
      fullmessage: 'Hello Amélie,\n\nsee you [https://school.example/user/view.php?id=9&course=3]',
      fullmessagehtml:
        '<p>Hello <b>Amélie</b>,</p><p>see <a href="https://school.example/user/view.php?id=9&amp;course=3">you</a></p>',
    })
  })

  test('may name the page and the beginning of the course from Moodle 5.1 on', async () => {
    const school = applicable(await freshSchool({ version: '5.1' }))
    await school.apply(ENROL_E1001, { config, setup: say('{$a->courselink}, {$a->coursestartdate}') })
    expect(await text(school)).toBe('https://school.example/course/view.php?id=3, 1 September 2025, 8:00 AM')
  })
})

test('names of courses lose their tags and keep their ampersands', async () => {
  const school = held.current
  await school.apply(ENROL_E1001, {
    config,
    setup: `UPDATE {course} SET fullname = 'A <i>&</i> B &amp; a < b' WHERE id = 3`,
  })
  expect(await notifications(school)).toMatchObject([
    { subject: 'Welcome to A & B &amp; a < b', contexturlname: 'A & B &amp; a < b' },
  ])
})

test('names of people are as the site shows them', async () => {
  const setup = `UPDATE {config} SET value = 'en' WHERE name = 'lang';
                 INSERT INTO {config} (name, value) VALUES ('fullnamedisplay', 'lastname firstname (alternatename)');
                 UPDATE {enrol} SET customtext1 = '{$a->fullname}' WHERE id = 3`
  await held.current.apply(ENROL_E1001, { config, setup })
  expect(await text(held.current)).toBe('Girard Amélie')
})

describe('the language', () => {
  /** Files of language packs, by their path in `<dataroot>/lang`. */
  async function install(school: School, files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, php] of Object.entries(files)) {
      const path = join(school.dataroot, 'lang', name)
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, `<?php\ndefined('MOODLE_INTERNAL') || die();\n${php}\n`)
    }
  }
  const FRENCH = {
    'fr/langconfig.php': `$string['thislanguage'] = 'Français';`,
    'fr/moodle.php': `$string['welcometocourse'] = 'Bienvenue à l\\'espace « {$a} »'; $string['defaultcoursestudent'] = 'Étudiant';`,
    'fr/enrol.php': `$string['customwelcomemessageplaceholder'] = 'Bonjour {$a->fullname}, vous voici dans {$a->coursename}.';`,
  }
  const BONJOUR = 'Bonjour Amélie Girard, vous voici dans Mathématiques, classe de première.'

  test('is that of the actor, from the pack that is installed', async () => {
    const school = applicable(await freshSchool())
    await install(school, FRENCH)
    await school.apply(ENROL_E1001, { config, setup: `UPDATE {config} SET value = 'en' WHERE name = 'lang'` })
    expect(await notifications(school)).toMatchObject([
      { subject: "Bienvenue à l'espace « Mathématiques, classe de première »", fullmessage: BONJOUR },
    ])
  })

  test('is that of the site, where the actor has none, and not that of the recipient or the course', async () => {
    const school = applicable(await freshSchool())
    await install(school, FRENCH)
    const setup = `UPDATE {user} SET lang = '' WHERE id = 2; UPDATE {user} SET lang = 'en' WHERE id = 9;
                   UPDATE {course} SET lang = 'en' WHERE id = 3`
    await school.apply(ENROL_E1001, { config, setup })
    expect(await text(school)).toBe(BONJOUR)
  })

  test('is English, where its pack is not installed', async () => {
    const school = applicable(await freshSchool())
    await install(school, { 'fr_local/enrol.php': FRENCH['fr/enrol.php'] })
    await school.apply(ENROL_E1001, { config })
    expect(await text(school)).toMatch(/^Hi Amélie/)
  })

  test('is as the site has customised it; what it lacks, its parent has, then English', async () => {
    const school = applicable(await freshSchool())
    await install(school, {
      ...FRENCH,
      'fr_ca/langconfig.php': `$string['parentlanguage'] = 'fr';`,
      'fr_ca/role.php': `$string['manager'] = 'Gestionnaire du Québec';`,
      'fr_local/enrol.php': `$string['customwelcomemessageplaceholder'] = "Salut {\\$a->firstname} !";`,
      'en_local/moodle.php': `$string['welcometocourse'] = 'Overridden'; $string['noneditingteacher'] = 'Tutor';`,
    })
    const setup = `UPDATE {user} SET lang = 'fr_ca' WHERE id = 2;
                   UPDATE {enrol} SET customtext1 = '{$a->courserole}' WHERE id IN (4, 5);
                   UPDATE {enrol} SET customint1 = 3 WHERE id = 4`
    const csv = `cid;uid;rolename;enrol
MATHS-1;E1001;student;manual
HIST-GEO;E1025;teacher;manual
ENG-A1;E1002;student;manual
`
    await school.apply(csv, { config, setup })
    expect(await notifications(school)).toMatchObject([
      { subject: expect.stringContaining('Bienvenue'), fullmessage: 'Salut Amélie !' },
      { fullmessage: 'Tutor' },
      { fullmessage: 'Étudiant' },
    ])
  })

  test('is in the code of Moodle, where that is at hand', async () => {
    const school = held.current
    const code = join(school.folder, 'moodle')
    await mkdir(join(code, 'public', 'lang', 'en'), { recursive: true })
    await writeFile(
      join(code, 'public', 'lang', 'en', 'enrol.php'),
      `<?php $string['customwelcomemessageplaceholder'] = 'Dear {$a->lastname}';`,
    )
    const path = join(code, 'config.php')
    await writeFile(path, `<?php require_once(__DIR__ . '/lib/setup.php');`)
    await school.apply(ENROL_E1001, { config: { ...config, moodle: { configPhp: path } } })
    expect(await text(school)).toBe('Dear Girard')
  })

  test('is English, where the pack is broken', async () => {
    const school = applicable(await freshSchool())
    await install(school, { ...FRENCH, 'fr/enrol.php': `$string['customwelcomemessageplaceholder'] = ;` })
    await school.apply(ENROL_E1001, { config })
    expect(await notifications(school)).toMatchObject([
      { subject: expect.stringContaining('Bienvenue'), fullmessage: expect.stringContaining('Hi Amélie') },
    ])
  })
})
