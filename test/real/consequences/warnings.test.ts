/** What Moodle does and no SQL can is said in the log of the run: once, and without names of people. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { moodleSyncd } from '../../process/program.ts'
import { schoolForEachTest } from './apply.ts'

const held = schoolForEachTest()

/** Two people in HIST-GEO (4). */
const FILE = 'cid;uid;rolename;enrol\nHIST-GEO;E1025;student;manual\nHIST-GEO;E1024;student;manual\n'

test.for<[string, string, object]>([
  [
    'rooms of groups',
    `UPDATE {config} SET value = '1' WHERE name = 'enablecommunicationsubsystem'; UPDATE {course} SET groupmode = 1 WHERE id = 4;
     INSERT INTO {communication} (contextid, instanceid, component, instancetype, provider)
       VALUES (14, 4, 'core_course', 'coursecommunication', 'communication_customlink')`,
    { event: 'group-rooms-unchanged', course: 4 },
  ],
  [
    'rooms of a provider that is not known',
    `UPDATE {config} SET value = '1' WHERE name = 'enablecommunicationsubsystem';
     INSERT INTO {communication} (contextid, instanceid, component, instancetype, provider)
       VALUES (14, 4, 'core_course', 'coursecommunication', 'communication_other')`,
    { event: 'room-provider-unknown', provider: 'communication_other' },
  ],
  [
    'grades of activities',
    `UPDATE {config} SET value = '1' WHERE name = 'recovergradesdefault';
     INSERT INTO {grade_items} (courseid, itemtype, itemmodule) VALUES (4, 'mod', 'quiz')`,
    { event: 'grades-not-recovered' },
  ],
  [
    'filters of names',
    `UPDATE {enrol} SET customint1 = 1 WHERE id = 4;
     INSERT INTO {config} (name, value) VALUES ('filterall', '1'), ('stringfilters', 'multilang'), ('noemailever', '1')`,
    { event: 'names-unfiltered' },
  ],
])('%s', async ([, setup, warning]) => {
  const school = held.current
  await school.query(setup)
  const file = join(school.folder, 'file.csv')
  await writeFile(file, FILE)
  const config = await school.writeConfig({ enrol: { welcomeMessages: true } })
  const { status, stderr } = await moodleSyncd(['run', file, '--config', config])
  expect(status).toBe(0)
  const warnings = stderr
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
    .filter(({ level }) => level === 'warn')
  expect(warnings).toMatchObject([warning])
})
