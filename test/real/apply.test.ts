/** A chunk on a database that refuses, that others write to, or that is of another version of Moodle. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { describe, expect, inject, test } from 'vitest'
import type { Row } from '../../src/file/types.ts'
import { applyChunk } from '../../src/moodle/transaction.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { rowsOf } from '../plan/worlds.ts'
import { connectTo } from '../setup.ts'
import { until } from '../until.ts'
import { runFile, told } from './case.ts'
import { applyInChunks, withGround } from './chunk.ts'
import { deltaOf } from './delta.ts'
import { snapshot } from './snapshot.ts'

const NOW = 1_790_000_000

/** Rows of a file, from its text. */
function rows(csv: string): Row[] {
  const [columns, ...lines] = csv
    .trim()
    .split('\n')
    .map(line => line.trim().split(';'))
  return rowsOf({ columns: columns!, lines }, 'add')
}

/** Runs a file by the program, and says what became of its lines; its retry file, too. */
async function run(school: TestSchool, csv: string) {
  const path = join(school.folder, 'enrols.csv')
  await writeFile(path, csv)
  const { report } = await runFile(school, path)
  return { rows: told(report), retry: report.retryFile === undefined ? null : await readFile(report.retryFile, 'utf8') }
}

const enrolled = async (school: TestSchool, course: string): Promise<string[]> => {
  const found = await school.query<{ idnumber: string }>(
    `SELECT u.idnumber FROM {user_enrolments} ue JOIN {enrol} e ON e.id = ue.enrolid
       JOIN {course} c ON c.id = e.courseid JOIN {user} u ON u.id = ue.userid
      WHERE c.shortname = ? ORDER BY u.idnumber`,
    [course],
  )
  return found.map(({ idnumber }) => idnumber)
}

test('a time zone that is none keeps the file waiting, until an administrator chooses another', async () => {
  const school = await freshSchool()
  const csv = 'cmd;cid;uid;rolename;enrol;starttime\nadd;MATHS-1;E1001;student;manual;2026-01-05\n'
  await school.query("UPDATE {config} SET value = 'Europe/Atlantis' WHERE name = 'timezone'")
  await expect(run(school, csv)).rejects.toMatchObject({ code: 'time-zone-unknown', args: { zone: 'Europe/Atlantis' } })
  await school.query("UPDATE {config} SET value = '-3.5' WHERE name = 'timezone'")
  expect(await run(school, csv)).toMatchObject({ rows: { 2: 'applied' } })
  // Moodle takes this for three hours: of half hours it knows but four.
  const [enrolment] = await school.query<{ timestart: number }>(
    'SELECT MAX(timestart) AS timestart FROM {user_enrolments}',
  )
  expect(enrolment?.timestart).toBe(Date.parse('2026-01-05T03:00:00Z') / 1000)
})

describe('a row that the database refuses', () => {
  test('fails alone, and is all that the retry file holds', async () => {
    const school = await freshSchool()
    await school.query(
      `CREATE TRIGGER refuses BEFORE INSERT ON {user_enrolments} FOR EACH ROW
         IF NEW.userid IN (10, 13) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not these two'; END IF`,
    )
    const header = 'cmd;cid;uid;rolename;enrol;gcmd;g1\n'
    const lines = [1, 2, 3, 4, 5, 6, 7].map(i => `add;MATHS-1;E100${i};student;manual;gaddcreate;Groupe ${i % 3}\n`)
    const { rows, retry } = await run(school, header + lines.join(''))
    expect(rows).toEqual({
      2: 'applied',
      3: 'failed database-refused',
      4: 'applied',
      5: 'applied',
      6: 'failed database-refused',
      7: 'applied',
      8: 'applied',
    })
    expect(retry).toBe(header + lines[1] + lines[4])
    expect((await enrolled(school, 'MATHS-1')).slice(0, 5)).toEqual(['E1001', 'E1003', 'E1004', 'E1006', 'E1007'])
    // Nothing of the two is left, and the groups that they would have made first are made by the next.
    const refused = `SELECT 1 FROM {role_assignments} WHERE userid IN (10, 13) AND contextid = 13 UNION ALL
      SELECT 1 FROM {groups_members} m JOIN {groups} g ON g.id = m.groupid WHERE m.userid IN (10, 13) AND g.courseid = 3`
    expect(await school.query(refused)).toEqual([])
    expect(await school.query('SELECT name FROM {groups} WHERE courseid = 3 ORDER BY name')).toEqual([
      { name: 'Groupe 0' },
      { name: 'Groupe 1' },
    ])
  })

  test('fails alone where a column holds less than was known when the run began', async () => {
    const school = await freshSchool()
    const results = await withGround(school, {}, async ground => {
      await school.query('ALTER TABLE {groups} MODIFY name VARCHAR(12) NOT NULL')
      return applyInChunks(
        ground,
        rows(`cmd;cid;uid;rolename;enrol;gcmd;g1
              add;HIST-GEO;E1002;student;manual;gaddcreate;Exposés
              add;HIST-GEO;E1003;student;manual;gaddcreate;Exposés de groupe
              add;HIST-GEO;E1004;student;manual;gaddcreate;exposes`),
        1_000,
        NOW,
      )
    })
    expect(results.map(({ outcome, error }) => error?.code ?? outcome)).toEqual([
      'applied',
      'database-refused',
      'applied',
    ])
    expect(results[1]!.error!.args.reason).toMatch(/too long/i)
    expect(await school.query('SELECT name FROM {groups} WHERE courseid = 4 AND id > 4')).toEqual([{ name: 'Exposés' }])
  })

  test('fails alone where it meets a duplicate, however often it is tried', async () => {
    const school = await freshSchool()
    await school.query(
      `CREATE TRIGGER refuses BEFORE INSERT ON {user_enrolments} FOR EACH ROW
         IF NEW.userid = 10 THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1062, MESSAGE_TEXT = 'there already'; END IF`,
    )
    const { rows } = await run(
      school,
      'cmd;cid;uid;rolename;enrol\nadd;MATHS-1;E1001;student;manual\nadd;MATHS-1;E1002;student;manual\n',
    )
    expect(rows).toEqual({ 2: 'applied', 3: 'failed database-refused' })
  })

  test('fails alone where its group has a character that the column cannot hold', async () => {
    const school = await freshSchool()
    await school.query(
      'ALTER TABLE {groups} MODIFY name VARCHAR(254) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci NOT NULL',
    )
    const { rows } = await run(
      school,
      `cmd;cid;uid;rolename;enrol;gcmd;g1
add;HIST-GEO;E1002;student;manual;gaddcreate;?
add;HIST-GEO;E1003;student;manual;gaddcreate;🎈
add;HIST-GEO;E1004;student;manual;gadd;🎈
add;HIST-GEO;E1005;student;manual;gadd;Delegues
`,
    )
    expect(rows).toEqual({
      2: 'applied',
      3: 'failed database-refused',
      4: 'unchanged group-not-found',
      5: 'applied matched-approximately',
    })
  })
})

describe('somebody else writes meanwhile', () => {
  test('who meets another in a deadlock tries again, and sees what the other has done', async () => {
    const school = await freshSchool()
    await school.query(
      `INSERT INTO {cache_flags} (flagtype, name, value, expiry) VALUES ('accesslib/dirtyusers', '18', '1', 0)`,
    )
    const { results, tries } = await against(
      school,
      rows('cmd;cid;uid;rolename;enrol;endtime\nenable;MATHS-1;E1010;;manual;4000000000'),
      {
        // The other has changed more rows, so that it is ours who has to give way.
        first: ['UPDATE {user} SET timemodified = 1', 'SELECT * FROM {cache_flags} FOR UPDATE'],
        whenWaitedFor: ['UPDATE {user_enrolments} SET status = 1, timestart = 100 WHERE userid = 18', 'COMMIT'],
      },
    )
    expect(tries).toBe(2)
    expect(results[0]).toMatchObject({ outcome: 'applied', changes: ['reactivated', 'enrolment-updated'] })
    expect(
      await school.query('SELECT status, timestart, timeend FROM {user_enrolments} WHERE userid = 18 AND enrolid = 3'),
    ).toEqual([{ status: 0, timestart: 100, timeend: 4_000_000_000 }])
  })

  test('who waits too long for a lock tries again', async () => {
    const school = await freshSchool()
    const { results, tries } = await against(
      school,
      rows('cmd;cid;uid;rolename;enrol\ndisable;MATHS-1;E1010;;manual'),
      { first: ['SELECT * FROM {user_enrolments} WHERE userid = 18 FOR UPDATE'], whenTriedAgain: ['COMMIT'] },
    )
    expect(tries).toBeGreaterThanOrEqual(2)
    expect(results[0]).toMatchObject({ outcome: 'applied', changes: ['suspended'] })
    expect(await school.query('SELECT status FROM {user_enrolments} WHERE userid = 18 AND enrolid = 3')).toEqual([
      { status: 1 },
    ])
  })

  test('whom another has just enrolled is enrolled already', async () => {
    const school = await freshSchool()
    const { results, tries } = await against(
      school,
      rows(`cmd;cid;uid;rolename;enrol
            add;MATHS-1;E1001;student;manual
            add;MATHS-1;E1002;student;manual`),
      {
        first: ['INSERT INTO {user_enrolments} (enrolid, userid, status, timestart, timeend) VALUES (3, 9, 1, 100, 0)'],
        whenWaitedFor: ['COMMIT'],
      },
    )
    expect(tries).toBe(2)
    expect(results.map(({ changes }) => changes)).toEqual([
      ['reactivated', 'role-assigned'],
      ['enrolled', 'role-assigned'],
    ])
    expect(
      await school.query(
        'SELECT userid, status, timestart FROM {user_enrolments} WHERE enrolid = 3 AND userid IN (9, 10) ORDER BY userid',
      ),
    ).toEqual([
      { userid: 9, status: 0, timestart: 100 },
      { userid: 10, status: 0, timestart: NOW },
    ])
  })

  interface Other {
    /** What it does in a transaction before the chunk begins. */
    readonly first: readonly string[]
    /** What it does as soon as the chunk waits for one of its locks. */
    readonly whenWaitedFor?: readonly string[]
    /** What it does as soon as the chunk is tried for the second time. */
    readonly whenTriedAgain?: readonly string[]
  }

  /** Applies rows while another connection is in their way. */
  async function against(school: TestSchool, rows: readonly Row[], other: Other) {
    const connection = await connectTo(inject('server'), school.database.name)
    const does = async (statements: readonly string[]): Promise<void> => {
      for (const sql of statements) await connection.query(sql.replaceAll(/\{(\w+)\}/g, `${school.database.prefix}$1`))
    }
    try {
      return await withGround(school, {}, async ({ moodle, ...ground }) => {
        if (other.whenTriedAgain !== undefined) {
          await moodle.connection.query('SET SESSION innodb_lock_wait_timeout = 1')
        }
        await does(['START TRANSACTION', ...other.first])
        let tries = 0
        const clock = (): number => {
          tries += 1
          return NOW * 1000
        }
        const applied = applyChunk({ ...ground, moodle }, rows, clock)
        if (other.whenWaitedFor !== undefined) {
          await until('the chunk to wait', () => isWaiting(school, moodle.connection))
          await does(other.whenWaitedFor)
        } else {
          await until('a second try', () => (tries > 1 ? true : undefined))
          await does(other.whenTriedAgain ?? [])
        }
        return { results: await applied, tries }
      })
    } finally {
      await connection.end()
    }
  }

  async function isWaiting(school: TestSchool, { threadId }: Connection): Promise<true | undefined> {
    // The server brings this table up to date only where nobody has read it for a tenth of a second.
    await school.query('SELECT SLEEP(0.11)')
    const waiting = await school.query(
      `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_mysql_thread_id = ?`,
      [threadId],
    )
    return waiting.length > 0 ? true : undefined
  }
})

test('a simulated run knows the groups of those whom an earlier chunk has changed', async () => {
  const school = await freshSchool()
  const apply = (simulate: boolean) =>
    withGround(school, { simulate, config: { enrol: { protectManualGroups: false } } }, async ground =>
      applyInChunks(
        ground,
        rows(`cmd;cid;uid;rolename;enrol;gcmd;g1
              disable;BIO-2;E1001;;manual;;
              suspend;BIO-2;E1001;;manual;gadd;Groupe A
              suspend;BIO-2;E1001;;manual;gdel;Groupe A`),
        1,
        NOW,
      ),
    )
  const simulated = await apply(true)
  expect(simulated.map(({ changes }) => changes)).toEqual([['suspended'], [], ['group-member-removed']])
  expect(await apply(false)).toEqual(simulated)
})

describe('the log tells the ids that rows have got', () => {
  test.for([
    ['of one row a statement', { maxStatementBytes: 1, idStep: 1 }],
    ['of some rows a statement', { maxStatementBytes: 20_000, idStep: 1 }],
    ['of a thousand rows a statement, where ids go up by three', { maxStatementBytes: 10_000_000, idStep: 3 }],
  ] as const)('%s', async ([, limits]) => {
    const school = await freshSchool()
    const people = Array.from({ length: limits.maxStatementBytes === 1 ? 20 : 1_200 }, (_, i) => 1_000 + i)
    const users = people.map(id => [id, `p${id}`, `P${id}`])
    await school.query('INSERT INTO {user} (id, username, idnumber) VALUES ?', [users])
    await withGround(school, {}, async ({ moodle, ...ground }) => {
      await moodle.connection.query('SET SESSION auto_increment_increment = ?', [limits.idStep])
      const lines = people.map(id => `add;MATHS-1;P${id};student;manual;gaddcreate;Groupe ${id % 7}`)
      const csv = ['cmd;cid;uid;rolename;enrol;gcmd;g1', ...lines].join('\n')
      await applyInChunks({ ...ground, moodle: { ...moodle, ...limits } }, rows(csv), 2_000, NOW)
    })
    const wrong = await school.query(
      `SELECT l.id, l.eventname, l.relateduserid FROM {logstore_standard_log} l
         LEFT JOIN {user_enrolments} ue ON l.objecttable = 'user_enrolments' AND ue.id = l.objectid
                                       AND ue.userid = l.relateduserid AND ue.enrolid = 3
         LEFT JOIN {role_assignments} ra ON l.objecttable = 'role' AND ra.id = JSON_VALUE(l.other, '$.id')
                                        AND ra.userid = l.relateduserid AND ra.contextid = 13
         LEFT JOIN {groups} g ON l.objecttable = 'groups' AND g.id = l.objectid
         LEFT JOIN {groups_members} m ON l.relateduserid IS NOT NULL AND m.groupid = g.id AND m.userid = l.relateduserid
        WHERE ue.id IS NULL AND ra.id IS NULL AND m.id IS NULL AND l.eventname <> '\\\\core\\\\event\\\\group_created'`,
    )
    expect(wrong).toEqual([])
    const [{ logged }] = (await school.query('SELECT COUNT(*) AS logged FROM {logstore_standard_log}')) as [
      { logged: number },
    ]
    expect(logged).toBe(3 * people.length + 7)
    const misplaced = await school.query(
      `SELECT g.name, u.idnumber FROM {groups_members} m JOIN {groups} g ON g.id = m.groupid JOIN {user} u ON u.id = m.userid
        WHERE g.courseid = 3 AND g.name <> CONCAT('Groupe ', u.id % 7)`,
    )
    expect(misplaced).toEqual([])
  })
})

describe('another version of Moodle', () => {
  test.for(['3.9', '4.1', '4.5', '5.0', '5.1'] as const)('%s', async version => {
    const school = await freshSchool({ version })
    const path = join(school.folder, 'enrols.csv')
    await writeFile(
      path,
      `cmd;cid;uid;rolename;enrol;gcmd;g1
add;BIO-2;E1010;student;manual;gaddcreate;Exposés
suspend;BIO-2;E1009;;manual;;
del;BIO-2;E1001;;manual;;
`,
    )
    const before = await snapshot(school)
    const { report, moment } = await runFile(school, path)
    expect(told(report)).toEqual({ 2: 'applied', 3: 'applied', 4: 'applied' })
    const { logstore_standard_log: log, ...delta } = deltaOf(before, await snapshot(school), moment)
    expect(log!.added).toHaveLength(12)
    expect(delta).toEqual({
      user_enrolments: {
        added: [{ enrolid: 'BIO-2/manual', userid: 'E1010', timestart: 'now' }],
        removed: [{ enrolid: 'BIO-2/manual', userid: 'E1001' }],
        changed: [{ enrolid: 'BIO-2/manual', userid: 'E1009', from: { status: 0 }, to: { status: 1 } }],
      },
      role_assignments: {
        added: [{ roleid: 'student', contextid: 'BIO-2', userid: 'E1010' }],
        removed: [{ roleid: 'student', contextid: 'BIO-2', userid: 'E1001' }],
      },
      groups: {
        added: [{ courseid: 'BIO-2', name: 'Exposés' }],
        changed: [{ group: 'BIO-2/Groupe A' }],
      },
      groups_members: {
        added: [{ groupid: 'BIO-2/Exposés', userid: 'E1010', component: 'enrol_manual' }],
        removed: [{ groupid: 'BIO-2/Groupe A', userid: 'E1001' }],
      },
      message_conversation_members: { removed: [{ conversationid: 'Groupe A', userid: 'E1001' }] },
      forum_subscriptions: {
        added: [{ forum: 'Questions de cours', userid: 'E1010' }],
        removed: [{ forum: 'Questions de cours', userid: 'E1001' }],
      },
      grade_grades: {
        removed: [
          { itemid: 'BIO-2/La cellule', userid: 'E1001' },
          { itemid: 'BIO-2/course', userid: 'E1001' },
        ],
      },
      grade_grades_history: {
        added: [
          {
            oldid: 'BIO-2/La cellule E1001',
            itemid: 'BIO-2/La cellule',
            userid: 'E1001',
            rawgrade: '82.00000',
            finalgrade: '82.00000',
            usermodified: 'T001',
          },
          { oldid: 'BIO-2/course E1001', itemid: 'BIO-2/course', userid: 'E1001', finalgrade: '82.00000' },
        ],
      },
      course_modules_completion: {
        changed: [
          {
            coursemoduleid: 'quiz La cellule',
            userid: 'E1001',
            from: { completionstate: 1 },
            to: { completionstate: 0 },
          },
        ],
      },
      user_lastaccess: { removed: [{ courseid: 'BIO-2', userid: 'E1001' }] },
      cache_flags: { added: [{ name: 'E1001' }, { name: 'E1009' }, { name: 'E1010' }] },
    })
  })
})

test('people of a large chunk are found by the indexes: what a table holds of others is not gone through', async () => {
  const school = await freshSchool()
  const people = Array.from({ length: 1_100 }, (_, i) => `P${i}`)
  const others = Array.from({ length: 30_000 }, (_, i) => i + 1_000_000)
  await school.query('INSERT INTO {user} (username, idnumber, confirmed, mnethostid) VALUES ?', [
    people.map(name => [name.toLowerCase(), name, 1, 1]),
  ])
  await school.query('INSERT INTO {groups_members} (groupid, userid) VALUES ?', [others.map(id => [id, id])])
  await school.query('ANALYZE TABLE {groups_members}')
  const lines = people.map(name => `add;BIO-2;${name};student;manual;gadd;Groupe A`)
  await withGround(school, { simulate: true }, async ground => {
    const rowsRead = async (): Promise<number> => {
      const [counts] = await ground.moodle.connection.query<(RowDataPacket & { Value: string })[]>(
        "SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'",
      )
      return counts.reduce((sum, { Value }) => sum + Number(Value), 0)
    }
    const before = await rowsRead()
    const results = await applyInChunks(
      ground,
      rows(`cmd;cid;uid;rolename;enrol;gcmd;g1\n${lines.join('\n')}`),
      2_000,
      NOW,
    )
    expect(results.filter(({ changes }) => changes.includes('group-member-added')).length).toBe(people.length)
    expect((await rowsRead()) - before).toBeLessThan(others.length)
  })
})
