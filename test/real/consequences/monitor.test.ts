/** Event monitoring: what is kept of events, and when a subscriber is told. `moodle-effects.md`, 3.6 */
import { describe, expect, test } from 'vitest'
import type { MoodleVersion } from '../../../src/demo/school.ts'
import { freshSchool } from '../../database.ts'
import { applicable, type School, schoolForEachTest } from './apply.ts'

const held = schoolForEachTest()

const ENROLLED = '\\core\\event\\user_enrolment_created'
const ON = `INSERT INTO {config_plugins} (plugin, name, value) VALUES ('tool_monitor', 'enablemonitor', '1');`

interface Wish {
  readonly id?: number
  readonly event?: string
  readonly course?: number
  readonly module?: number
  readonly frequency?: number
  readonly inactive?: number
  /** An SQL expression. */
  readonly lastSent?: string
}

/** A rule about an event within an hour, and the subscription of T001 (3) to it. */
const subscribe = ({
  id = 5,
  event = ENROLLED,
  course = 4,
  module = 0,
  frequency = 1,
  inactive = 0,
  lastSent = '0',
}: Wish = {}): string => `
  INSERT INTO {tool_monitor_rules} (id, userid, courseid, eventname, frequency, timewindow, timemodified, timecreated)
    VALUES (${id}, 2, 0, '${event.replaceAll('\\', '\\\\')}', ${frequency}, 3600, 1, 1);
  INSERT INTO {tool_monitor_subscriptions} (id, courseid, ruleid, cmid, userid, timecreated, lastnotificationsent, inactivedate)
    VALUES (${id}, ${course}, ${id}, ${module}, 3, 1, ${lastSent}, ${inactive});`

/** HIST-GEO is course 4, its context 14. E1025 (33) and E1024 (32) are not in it. */
const ONE = 'cid;uid;rolename;enrol\nHIST-GEO;E1025;student;manual\n'
const TWO = `${ONE}HIST-GEO;E1024;student;manual\n`

const kept = (school: School) => school.query('SELECT * FROM {tool_monitor_events} ORDER BY id')
const tasks = (school: School) => school.query<{ customdata: string }>('SELECT * FROM {task_adhoc} ORDER BY id')
const met = (school: School) =>
  school.query(
    `SELECT eventname, component, action, target, objecttable, objectid, crud, edulevel, contextid, contextlevel,
            contextinstanceid, userid, courseid, relateduserid, other
       FROM {logstore_standard_log} WHERE component = 'tool_monitor' ORDER BY id`,
  )
const notified = async (school: School): Promise<number[]> =>
  (
    await school.query<{ id: number }>('SELECT id FROM {tool_monitor_subscriptions} WHERE lastnotificationsent = ?', [
      school.now,
    ])
  ).map(({ id }) => id)

test('an event that somebody has subscribed to is kept, and where the rule is met, cron is told', async () => {
  const school = held.current
  await school.apply(ONE, { setup: ON + subscribe() })
  expect(await kept(school)).toEqual([
    {
      id: expect.any(Number),
      eventname: ENROLLED,
      contextid: 14,
      contextlevel: 50,
      contextinstanceid: 4,
      link: 'https://school.example/user/index.php?id=4',
      courseid: 4,
      timecreated: school.now,
    },
  ])
  expect(await notified(school)).toEqual([5])
  expect(await met(school)).toEqual([
    {
      eventname: '\\tool_monitor\\event\\subscription_criteria_met',
      component: 'tool_monitor',
      action: 'met',
      target: 'subscription_criteria',
      objecttable: null,
      objectid: null,
      crud: 'c',
      edulevel: 1,
      contextid: 14,
      contextlevel: 50,
      contextinstanceid: 4,
      userid: 3,
      courseid: 4,
      relateduserid: null,
      other: '{"subscriptionid":"5"}',
    },
  ])
  const event =
    `{"eventname":"\\\\core\\\\event\\\\user_enrolment_created","contextid":14,"contextlevel":50,"contextinstanceid":"4",` +
    `"link":"https:\\/\\/school.example\\/user\\/index.php?id=4","courseid":"4","timecreated":${school.now}}`
  expect(await tasks(school)).toEqual([
    {
      id: expect.any(Number),
      component: 'tool_monitor',
      classname: '\\tool_monitor\\notification_task',
      nextruntime: school.now - 1,
      faildelay: 0,
      customdata: `[{"subscriptionids":["5"],"event":${event}}]`,
      userid: null,
      timecreated: school.now,
      timestarted: null,
      hostname: null,
      pid: null,
      attemptsavailable: 12,
      firststartingtime: null,
    },
  ])
})

describe('whether a rule is met', () => {
  const earlier = (seconds: number, { course = 4, instance = 4 } = {}): string => `
    INSERT INTO {tool_monitor_events} (eventname, contextid, contextlevel, contextinstanceid, link, courseid, timecreated)
      VALUES ('${ENROLLED.replaceAll('\\', '\\\\')}', 14, 50, ${instance}, '', ${course}, UNIX_TIMESTAMP() - ${seconds});`

  test.for<[string, string, string, number]>([
    ['once for each event, as they are counted together', TWO, subscribe({ frequency: 2 }), 2],
    ['not, where they are too few', TWO, subscribe({ frequency: 3 }), 0],
    ['by those before', ONE, subscribe({ frequency: 2 }) + earlier(3000), 1],
    ['not by those long before', ONE, subscribe({ frequency: 2 }) + earlier(4000), 0],
    [
      'not by those that it was told of',
      ONE,
      subscribe({ frequency: 2, lastSent: 'UNIX_TIMESTAMP() - 60' }) + earlier(90),
      0,
    ],
    [
      'by those since it was told',
      ONE,
      subscribe({ frequency: 2, lastSent: 'UNIX_TIMESTAMP() - 60' }) + earlier(30),
      1,
    ],
    ['not by those of another course', ONE, subscribe({ frequency: 2 }) + earlier(30, { course: 5 }), 0],
    [
      'by those of any course, for the whole site',
      ONE,
      subscribe({ course: 0, frequency: 2 }) + earlier(30, { course: 5 }),
      1,
    ],
    ['by those of one place, for a module', ONE, subscribe({ module: 9, frequency: 2 }) + earlier(30), 1],
    [
      'not by those of another place, for a module',
      ONE,
      subscribe({ module: 9, frequency: 2 }) + earlier(30, { instance: 9 }),
      0,
    ],
    ['not by those of now, where it was told later', ONE, subscribe({ lastSent: 'UNIX_TIMESTAMP() + 60' }), 0],
    [
      'not by those that count for another subscription',
      ONE,
      subscribe({ frequency: 2, lastSent: 'UNIX_TIMESTAMP() - 60' }) + subscribe({ id: 6, frequency: 9 }) + earlier(90),
      0,
    ],
    ['not, where the subscription is inactive', ONE, subscribe({ inactive: 1 }), 0],
  ])('%s', async ([, csv, setup, times]) => {
    const school = held.current
    await school.apply(csv, { setup: ON + setup })
    expect(await met(school)).toHaveLength(times)
    expect(await notified(school)).toEqual(times > 0 ? [5] : [])
    expect(await tasks(school)).toHaveLength(times > 0 ? 1 : 0)
  })

  test('is told of all subscriptions in one task, and last of all in the log', async () => {
    const school = held.current
    const setup = ON + subscribe() + subscribe({ id: 6, course: 0 }) + subscribe({ id: 7, frequency: 9 })
    await school.apply(ONE, { setup })
    const [task, ...more] = await tasks(school)
    expect(more).toEqual([])
    expect(JSON.parse(task!.customdata)).toMatchObject([{ subscriptionids: ['5', '6'] }])
    expect(await notified(school)).toEqual([5, 6])
    const logged = await school.query('SELECT target FROM {logstore_standard_log} ORDER BY id')
    expect(logged.map(({ target }) => target)).toEqual([
      'user_enrolment',
      'role',
      'subscription_criteria',
      'subscription_criteria',
    ])
    expect(await met(school)).toMatchObject([
      { contextid: 14, courseid: 4 },
      { contextid: 1, contextlevel: 10, contextinstanceid: 0, courseid: 0, other: '{"subscriptionid":"6"}' },
    ])
  })
})

describe('nothing is kept', () => {
  test.for<[string, string]>([
    ['where monitoring is off', subscribe()],
    ['where nobody has subscribed', ON],
    ['of another event', ON + subscribe({ event: '\\core\\event\\group_created' })],
    ['of another course', ON + subscribe({ course: 5 })],
  ])('%s', async ([, setup]) => {
    await held.current.apply(ONE, { setup })
    expect(await kept(held.current)).toEqual([])
    expect(await tasks(held.current)).toEqual([])
  })
})

describe('where an event links to', () => {
  const link = async (name: string, csv: string, more: string, welcomeMessages = false): Promise<string[]> => {
    const setup = ON + subscribe({ event: name, course: 0, frequency: 99 }) + more
    await held.current.apply(csv, { setup, config: { enrol: { welcomeMessages } } })
    return (await kept(held.current)).map(({ link }) => String(link).replace('https://school.example', ''))
  }
  const HEAD = 'cmd;cid;uid;rolename;enrol;gcmd;g1\n'
  test.for<[string, string, string]>([
    [
      '\\core\\event\\user_enrolment_updated',
      `${HEAD}suspend;HIST-GEO;E1012;;manual;;\n`,
      '/enrol/editenrolment.php?ue=#',
    ],
    ['\\core\\event\\user_enrolment_deleted', `${HEAD}del;HIST-GEO;E1012;;manual;;\n`, '/user/index.php?id=4'],
    [
      '\\core\\event\\role_assigned',
      `${HEAD}add;HIST-GEO;E1012;teacher;manual;;\n`,
      '/admin/roles/assign.php?contextid=14&amp;roleid=4',
    ],
    [
      '\\core\\event\\role_unassigned',
      `${HEAD}del;HIST-GEO;E1012;;manual;;\n`,
      '/admin/roles/assign.php?contextid=14&amp;roleid=5',
    ],
    [
      '\\core\\event\\group_created',
      `${HEAD}add;HIST-GEO;E1012;student;manual;gaddcreate;New\n`,
      '/group/index.php?id=4',
    ],
    [
      '\\core\\event\\group_member_added',
      `${HEAD}add;HIST-GEO;E1012;student;manual;gadd;Groupe A\n`,
      '/group/members.php?group=3',
    ],
    ['\\core\\event\\group_member_removed', `${HEAD}del;HIST-GEO;E1012;;manual;;\n`, '/group/members.php?group=4'],
    [
      '\\mod_forum\\event\\subscription_created',
      `${HEAD}add;BIO-2;E1020;student;manual;;\n`,
      '/mod/forum/subscribers.php?id=2',
    ],
    ['\\core\\event\\grade_deleted', `${HEAD}del;BIO-2;E1002;;manual;;\n`, ''],
    [
      '\\core\\event\\course_module_completion_updated',
      `${HEAD}del;BIO-2;E1002;;manual;;\n`,
      '/report/progress/index.php?course=2',
    ],
  ])('%s', async ([name, csv, path]) => {
    // Events in an activity's context concern no subscription of the site, and yet they are kept.
    const links = await link(name, csv, '')
    expect([...new Set(links.map(found => found.replace(/ue=\d+/, 'ue=#')))]).toEqual([path])
  })

  test('the notification of a welcome message', async () => {
    const [found] = await link(
      '\\core\\event\\notification_sent',
      'cid;uid;rolename;enrol\nENG-A1;E1002;student;manual\n',
      '',
      true,
    )
    const [notification] = await held.current.query<{ id: number }>('SELECT id FROM {notifications}')
    expect(found).toBe(`/message/output/popup/notifications.php?notificationid=${notification!.id}`)
    expect(await kept(held.current)).toMatchObject([
      { contextid: 1, contextlevel: 10, contextinstanceid: 0, courseid: 0 },
    ])
  })
})

test.for<[MoodleVersion, object]>([
  ['3.9', { blocking: 0 }],
  ['4.1', { blocking: 0, timestarted: null, hostname: null, pid: null }],
  ['5.1', { timestarted: null, hostname: null, pid: null, attemptsavailable: 12, firststartingtime: null }],
])('the task has the columns of Moodle %s', async ([version, columns]) => {
  const school = applicable(await freshSchool({ version }))
  await school.apply(ONE, { setup: ON + subscribe() })
  expect(await tasks(school)).toEqual([
    {
      id: expect.any(Number),
      component: 'tool_monitor',
      classname: '\\tool_monitor\\notification_task',
      nextruntime: school.now - 1,
      faildelay: 0,
      customdata: expect.any(String),
      userid: null,
      ...(version === '3.9' ? {} : { timecreated: school.now }),
      ...columns,
    },
  ])
})
