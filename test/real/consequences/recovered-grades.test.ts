/** Grades that come back with whoever is enrolled again. `moodle-effects.md`, 4.3 */
import { describe, expect, test } from 'vitest'
import { freshSchool } from '../../database.ts'
import { applicable, type School, schoolForEachTest } from './apply.ts'

const held = schoolForEachTest()

const ON = `UPDATE {config} SET value = '1' WHERE name = 'recovergradesdefault';`
/** HIST-GEO (4) grades the course alone. E1025 (33) was in it once, E1012 (20) is. */
const ITEM = `INSERT INTO {grade_items} (id, courseid, itemtype, iteminstance, sortorder) VALUES (9, 4, 'course', 9, 1);`
const history = (id: number, action: number, source: string, time: number, grade: string, user = 33): string => `
  INSERT INTO {grade_grades_history} (id, action, oldid, source, timemodified, loggeduser, itemid, userid, rawgrademax, finalgrade, feedback, excluded)
    VALUES (${id}, ${action}, 77, '${source}', ${time}, 2, 9, ${user}, 20, ${grade}, 'Bien', 3);`
const LEFT =
  history(101, 1, 'system', 1000, 'NULL') +
  history(102, 2, 'aggregation', 2000, '11') +
  history(103, 3, 'userdelete', 3000, '12.5')
const ENROL = 'cid;uid;rolename;enrol\nHIST-GEO;E1025;student;manual\n'

const grades = (school: School, user = 33) => school.query('SELECT * FROM {grade_grades} WHERE userid = ?', [user])
const newHistory = (school: School) => school.query('SELECT * FROM {grade_grades_history} WHERE id > 103 ORDER BY id')

const KEPT = {
  itemid: 9,
  userid: 33,
  rawgrade: null,
  rawgrademax: '20.00000',
  rawgrademin: '0.00000',
  rawscaleid: null,
  usermodified: null,
  finalgrade: '12.50000',
  hidden: 0,
  locked: 0,
  locktime: 0,
  exported: 0,
  overridden: 0,
  excluded: 3,
  feedback: 'Bien',
  feedbackformat: 0,
  information: null,
  informationformat: 0,
}

test('the grade of the course comes back as its history has it', async () => {
  const school = held.current
  const changed = await school.apply(ENROL, { setup: ON + ITEM + LEFT })
  const [grade, ...more] = await grades(school)
  expect(more).toEqual([])
  expect(grade).toEqual({
    id: expect.any(Number),
    ...KEPT,
    timecreated: 1000,
    timemodified: 3000,
    aggregationstatus: 'unknown',
    aggregationweight: null,
  })
  expect(await newHistory(school)).toEqual([
    {
      id: expect.any(Number),
      action: 1,
      oldid: grade!.id,
      source: 'userdelete',
      timemodified: school.now,
      loggeduser: 2,
      ...KEPT,
    },
  ])
  expect(changed.sort()).toEqual([
    'cache_flags',
    'grade_grades',
    'grade_grades_history',
    'logstore_standard_log',
    'role_assignments',
    'user_enrolments',
  ])
})

test('when it was made is when it was last inserted', async () => {
  const setup = ON + ITEM + LEFT + history(100, 1, 'system', 500, 'NULL') + history(99, 1, 'system', 1500, 'NULL')
  await held.current.apply(ENROL, { setup })
  expect(await grades(held.current)).toMatchObject([{ timecreated: 1500, timemodified: 3000 }])
})

test('in a linked course it comes back likewise', async () => {
  const setup = `${ON} ${ITEM} ${LEFT} INSERT INTO {enrol} (enrol, status, courseid, customint1) VALUES ('meta', 0, 4, 5)`
  await held.current.apply('cid;uid;rolename;enrol\nENG-A1;E1025;student;manual\n', { setup })
  expect(await grades(held.current)).toMatchObject([{ itemid: 9, finalgrade: '12.50000' }])
})

test('Moodle 5 keeps the mark that was deducted, which no history has', async () => {
  const school = applicable(await freshSchool({ version: '5.0' }))
  await school.apply(ENROL, { setup: ON + ITEM + LEFT })
  expect(await grades(school)).toMatchObject([{ finalgrade: '12.50000', deductedmark: '0.00000' }])
})

describe('nothing comes back', () => {
  test.for<[string, string, string]>([
    ['by default', ITEM + LEFT, ENROL],
    [
      'where no history is kept',
      `${ON} ${ITEM} ${LEFT} UPDATE {config} SET value = '1' WHERE name = 'disablegradehistory'`,
      ENROL,
    ],
    ['without a history', ON + ITEM, ENROL],
    ['of which Moodle knows no beginning', ON + ITEM + history(103, 3, 'userdelete', 3000, '12.5'), ENROL],
    [
      'where activities are graded',
      `${ON} ${ITEM} ${LEFT} INSERT INTO {grade_items} (courseid, itemtype, itemmodule) VALUES (4, 'mod', 'quiz')`,
      ENROL,
    ],
    [
      'to who was enrolled already',
      ON + ITEM + history(101, 1, 'system', 1000, '9', 20),
      'cid;uid;rolename;enrol\nHIST-GEO;E1012;teacher;manual\n',
    ],
    ['to who is only given a role', ON + ITEM + LEFT, 'cid;uid;rolename\nHIST-GEO;E1025;student\n'],
  ])('%s', async ([, setup, csv]) => {
    await held.current.apply(csv, { setup })
    expect(await grades(held.current)).toEqual([])
    expect(await grades(held.current, 20)).toEqual([])
  })

  test('to who has a grade', async () => {
    const setup = `${ON} ${ITEM} ${LEFT} INSERT INTO {grade_grades} (itemid, userid, finalgrade) VALUES (9, 33, 1)`
    await held.current.apply(ENROL, { setup })
    expect(await grades(held.current)).toMatchObject([{ finalgrade: '1.00000' }])
    expect(await newHistory(held.current)).toEqual([])
  })
})

describe('within one file', () => {
  const HEAD = 'cmd;cid;uid;rolename;enrol\n'
  test('who leaves and comes back has the grade back that was there', async () => {
    const school = held.current
    const setup = `${ON} ${ITEM} ${history(101, 1, 'system', 1000, 'NULL', 20)}
      INSERT INTO {grade_grades} (id, itemid, userid, finalgrade, timecreated, timemodified) VALUES (50, 9, 20, 7, 1000, 2000)`
    const changed = await school.apply(`${HEAD}del;HIST-GEO;E1012;;manual\nadd;HIST-GEO;E1012;student;manual\n`, {
      setup,
    })
    expect(changed).toContain('grade_grades')
    const [grade] = await grades(school, 20)
    expect(grade).toMatchObject({ finalgrade: '7.00000', timecreated: 1000, timemodified: school.now })
    expect(
      await school.query('SELECT action, oldid, source FROM {grade_grades_history} WHERE id > 101 ORDER BY id'),
    ).toEqual([
      { action: 3, oldid: 50, source: 'userdelete' },
      { action: 1, oldid: grade!.id, source: 'userdelete' },
    ])
  })

  test('who comes back twice has it once', async () => {
    const csv = 'cid;uid;rolename;enrol\nHIST-GEO;E1025;student;manual\nHIST-GEO;E1025;student;self\n'
    await held.current.apply(csv, { setup: ON + ITEM + LEFT, config: { enrol: { allowDisabledInstances: true } } })
    expect(await grades(held.current)).toHaveLength(1)
    expect(
      await held.current.query('SELECT id FROM {user_enrolments} WHERE userid = 33 AND enrolid IN (4, 24)'),
    ).toHaveLength(2)
  })

  test('who comes back and leaves has none, and the history and the log know of both', async () => {
    const school = held.current
    await school.apply(`${HEAD}add;HIST-GEO;E1025;student;manual\ndel;HIST-GEO;E1025;;manual\n`, {
      setup: ON + ITEM + LEFT,
    })
    expect(await grades(school)).toEqual([])
    const [inserted, deleted, ...others] = await newHistory(school)
    expect(others).toEqual([])
    expect(inserted).toMatchObject({ action: 1, source: 'userdelete', finalgrade: '12.50000' })
    expect(deleted).toMatchObject({ ...KEPT, action: 3, source: 'userdelete', oldid: inserted!.oldid, loggeduser: 2 })
    const events = await school.query(
      `SELECT objectid, relateduserid, other FROM {logstore_standard_log} WHERE target = 'grade'`,
    )
    expect(events).toEqual([
      {
        objectid: inserted!.oldid,
        relateduserid: 33,
        other: '{"itemid":"9","overridden":false,"finalgrade":"12.50000"}',
      },
    ])
  })

  test('who comes back, leaves and comes back has a grade that was made now', async () => {
    const school = held.current
    const csv = ['add', 'del', 'add'].map(cmd => `${cmd};HIST-GEO;E1025;student;manual\n`).join('')
    await school.apply(HEAD + csv, { setup: ON + ITEM + LEFT })
    const [grade] = await grades(school)
    expect(grade).toMatchObject({ finalgrade: '12.50000', timecreated: school.now, timemodified: school.now })
    const told = (await newHistory(school)).map(({ action, source }) => `${action} ${source}`)
    expect(told).toEqual(['1 userdelete', '3 userdelete', '1 userdelete'])
  })
})
