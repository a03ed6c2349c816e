/** What a published tool remembers of people. `moodle-effects.md`, 1.7 */
import { expect, test } from 'vitest'
import { schoolForEachTest } from './apply.ts'

const held = schoolForEachTest()

/** Two tools in HIST-GEO, and one in MATHS-1; E1001 (9) and E1002 (10) came by them. */
const TOOLS = `UPDATE {config} SET value = 'manual,lti' WHERE name = 'enrol_plugins_enabled';
  INSERT INTO {enrol} (id, enrol, status, courseid, sortorder) VALUES (61, 'lti', 0, 4, 5), (62, 'lti', 0, 4, 6), (63, 'lti', 0, 3, 5);
  INSERT INTO {enrol_lti_tools} (id, enrolid, contextid) VALUES (71, 61, 14), (72, 62, 14), (73, 63, 13);
  INSERT INTO {enrol_lti_users} (id, userid, toolid) VALUES (81, 9, 71), (82, 9, 72), (83, 9, 73), (84, 10, 71);
  INSERT INTO {user_enrolments} (enrolid, userid) VALUES (61, 9), (61, 10), (62, 9), (63, 9);`

const remembered = async (): Promise<number[]> =>
  (await held.current.query<{ id: number }>('SELECT id FROM {enrol_lti_users} ORDER BY id')).map(({ id }) => id)

test('who is unenrolled from the tool is forgotten by it, and by no other', async () => {
  await held.current.apply('cmd;cid;uid;rolename;enrol\ndel;HIST-GEO;E1001;;lti\n', { setup: TOOLS })
  expect(await remembered()).toEqual([82, 83, 84])
})

test('who leaves by another method, or stays, is not', async () => {
  const csv = 'cmd;cid;uid;rolename;enrol\ndel;HIST-GEO;E1001;;manual\nsuspend;HIST-GEO;E1002;;lti\n'
  await held.current.apply(csv, { setup: TOOLS })
  expect(await remembered()).toEqual([81, 82, 83, 84])
})
