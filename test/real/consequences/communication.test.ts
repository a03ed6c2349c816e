/** Communication rooms: who is to be in them, and the tasks that see to it. `moodle-effects.md`, 3.7 */
import { describe, expect, test } from 'vitest'
import { type School, schoolForEachTest } from './apply.ts'

const held = schoolForEachTest()

const ON = `UPDATE {config} SET value = '1' WHERE name = 'enablecommunicationsubsystem';`
const MATRIX = `INSERT INTO {config_plugins} (plugin, name, value) VALUES
  ('communication_matrix', 'matrixhomeserverurl', 'https://matrix.example'),
  ('communication_matrix', 'matrixaccesstoken', 'token'),
  ('communication_matrix', 'matrixelementurl', 'https://element.example');`
const room = (provider: string, { course = 4, context = 14, active = 1 } = {}): string =>
  `INSERT INTO {communication} (id, contextid, instanceid, component, instancetype, provider, active)
     VALUES (7, ${context}, ${course}, 'core_course', 'coursecommunication', '${provider}', ${active});`
const ROOM = ON + MATRIX + room('communication_matrix')
const member = (userId: number, synced: number, deleted: number): string =>
  `INSERT INTO {communication_user} (commid, userid, synced, deleted) VALUES (7, ${userId}, ${synced}, ${deleted});`

const members = (school: School) =>
  school.query('SELECT commid, userid, synced, deleted FROM {communication_user} ORDER BY id')
const tasks = async (school: School): Promise<string[]> =>
  (await school.query<{ classname: string }>('SELECT classname FROM {task_adhoc} ORDER BY id')).map(({ classname }) =>
    classname.replace('\\core_communication\\task\\', ''),
  )

const ADD = 'add_members_to_room_task'
const REMOVE = 'remove_members_from_room'
const UPDATE = 'update_room_membership_task'

const HEAD = 'cmd;cid;uid;rolename;enrol;endtime\n'
/** HIST-GEO is course 4, without group mode; E1025 (33) is not in it, E1012 (20) is. */
const ENROL = `${HEAD}add;HIST-GEO;E1025;student;manual;\n`

test('who is enrolled becomes a member; each step queues a task', async () => {
  const school = held.current
  const changed = await school.apply(ENROL, { setup: ROOM })
  expect(changed).toEqual(expect.arrayContaining(['communication_user', 'task_adhoc']))
  expect(await members(school)).toEqual([{ commid: 7, userid: 33, synced: 0, deleted: 0 }])
  const row = {
    component: '',
    nextruntime: school.now - 1,
    faildelay: 0,
    customdata: '{"id":7}',
    userid: null,
    timecreated: school.now,
    timestarted: null,
    hostname: null,
    pid: null,
    attemptsavailable: 12,
    firststartingtime: null,
  }
  expect(await school.query('SELECT * FROM {task_adhoc} ORDER BY id')).toEqual([
    { id: expect.any(Number), classname: `\\core_communication\\task\\${ADD}`, ...row },
    { id: expect.any(Number), classname: `\\core_communication\\task\\${UPDATE}`, ...row },
  ])
})

test.for<[string, string, string, object[], string[]]>([
  [
    'who was a member once is one again',
    ENROL,
    member(33, 1, 1),
    [{ commid: 7, userid: 33, synced: 0, deleted: 0 }],
    [ADD, UPDATE],
  ],
  [
    'who is suspended is none',
    `${HEAD}suspend;HIST-GEO;E1012;;manual;\n`,
    member(20, 1, 0),
    [{ commid: 7, userid: 20, synced: 1, deleted: 1 }],
    [REMOVE],
  ],
  [
    'who is active again is one',
    `${HEAD}enable;HIST-GEO;E1012;;manual;\n`,
    `${member(20, 1, 1)} UPDATE {user_enrolments} SET status = 1 WHERE userid = 20;`,
    [{ commid: 7, userid: 20, synced: 1, deleted: 0 }],
    [ADD],
  ],
  [
    'whose enrolment has ended is none',
    `${HEAD}add;HIST-GEO;E1012;student;manual;2025-09-02\n`,
    member(20, 1, 0),
    [{ commid: 7, userid: 20, synced: 1, deleted: 1 }],
    [REMOVE],
  ],
  [
    'whose enrolment is to end stays one',
    `${HEAD}add;HIST-GEO;E1012;student;manual;2099-09-02\n`,
    member(20, 1, 0),
    [{ commid: 7, userid: 20, synced: 1, deleted: 0 }],
    [ADD],
  ],
  [
    'who leaves is none, before the roles go',
    `${HEAD}del;HIST-GEO;E1012;;manual;\n`,
    member(20, 1, 0),
    [{ commid: 7, userid: 20, synced: 0, deleted: 1 }],
    [REMOVE, UPDATE],
  ],
  ['who leaves without having been one, too', `${HEAD}del;HIST-GEO;E1012;;manual;\n`, '', [], [REMOVE, UPDATE]],
  [
    'whose roles change is to be looked at',
    'cmd;cid;uid;rolename\nshift;HIST-GEO;E1012;teacher\n',
    member(20, 1, 0),
    [{ commid: 7, userid: 20, synced: 0, deleted: 0 }],
    [UPDATE, UPDATE],
  ],
  [
    'who stays as he is stays as he is',
    `${HEAD}add;HIST-GEO;E1012;student;manual;\n`,
    member(20, 1, 1),
    [{ commid: 7, userid: 20, synced: 1, deleted: 1 }],
    [],
  ],
])('%s', async ([, csv, setup, expected, queued]) => {
  const school = held.current
  await school.apply(csv, { setup: ROOM + setup })
  expect(await members(school)).toEqual(expected)
  expect(await tasks(school)).toEqual(queued)
})

test('a link has no members: only a change of roles queues a task', async () => {
  const school = held.current
  await school.apply(`${ENROL}del;HIST-GEO;E1012;;manual;\n`, { setup: ON + room('communication_customlink') })
  expect(await members(school)).toEqual([])
  expect(await tasks(school)).toEqual([UPDATE, UPDATE])
})

test('who is enrolled in a linked course becomes a member of its room, before that of the course itself', async () => {
  const setup = `${ROOM} ${room('communication_matrix', { course: 5, context: 15 }).replace('(7,', '(8,')}
                 INSERT INTO {enrol} (enrol, status, courseid, customint1) VALUES ('meta', 0, 5, 4);`
  await held.current.apply(ENROL, { setup })
  expect(await members(held.current)).toMatchObject([{ commid: 8 }, { commid: 7 }])
})

describe('nothing is changed', () => {
  test.for<[string, string]>([
    ['where the subsystem is off', MATRIX + room('communication_matrix')],
    ['where the course has no room', ON + MATRIX],
    ['where the room is not active', ON + MATRIX + room('communication_matrix', { active: 0 })],
    ['where the room is of another context', ON + MATRIX + room('communication_matrix', { context: 15 })],
    ['where the provider is not set up', ON + room('communication_matrix')],
    [
      'where the provider is disabled',
      `${ROOM} INSERT INTO {config_plugins} (plugin, name, value) VALUES ('communication_matrix', 'disabled', '1')`,
    ],
    ['where nobody here knows the provider', ON + room('communication_other')],
    ['where groups have rooms of their own', `${ROOM} UPDATE {course} SET groupmode = 2 WHERE id = 4`],
  ])('%s', async ([, setup]) => {
    const school = held.current
    await school.apply(`${ENROL}suspend;HIST-GEO;E1012;;manual;\n`, { setup })
    expect(await members(school)).toEqual([])
    expect(await tasks(school)).toEqual([])
  })
})
