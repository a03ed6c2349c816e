/** Taking a run back: every table as it was before, whatever the run did; but what others have done since stays, and is told. */
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/log.ts'
import { withMoodle } from '../../src/moodle/connect.ts'
import { type Change, fromLine, type Keep, toLine } from '../../src/moodle/journal.ts'
import { withMoodleLock } from '../../src/moodle/lock.ts'
import type { ChunkGround } from '../../src/moodle/transaction.ts'
import { takeBack } from '../../src/moodle/undo.ts'
import { rememberRows } from '../../src/moodle/undo-facts.ts'
import type { Undone } from '../../src/moodle/undo-outcome.ts'
import type { UndoReport } from '../../src/report/undo.ts'
import { run } from '../../src/run.ts'
import { withJournal } from '../../src/store/journals.ts'
import { removeOld } from '../../src/store/keep.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { type UndoResult, undo } from '../../src/undo.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'
import type { CommandFile } from '../plan/naive-model.ts'
import { commandFile, school as schoolOf, settings } from '../plan/random.ts'
import { rowsOf } from '../plan/worlds.ts'
import { applyInChunks, withGround } from './chunk.ts'
import { openRandomSchool, type RandomSchool } from './random-school.ts'
import { differing, type Snapshot, snapshot } from './snapshot.ts'

/** What an undo leaves as it is, on purpose: notes of what happened, and contexts, which Moodle would make again. */
const LEFT_ALONE = ['logstore_standard_log', 'cache_flags', 'context', 'task_adhoc', 'notifications']

const changed = (before: Snapshot, after: Snapshot): string[] => differing(before, after, { butFor: LEFT_ALONE })

/** One run of a file, and undos, as the commands do them. */
interface Site {
  readonly school: TestSchool
  readonly run: (content: string, id?: string) => Promise<string>
  readonly undo: (
    id: string,
    simulate?: boolean,
  ) => Promise<UndoResult & { readonly report: UndoReport; readonly left: Left[]; readonly id: string }>
  readonly config: Config
  readonly store: Store
}
type Left = Undone['left'][number]

async function newSite(overrides: Overrides = {}): Promise<Site> {
  const school = await freshSchool()
  const config = await loadConfig(await school.writeConfig(overrides), {})
  const store = await openStore(config.store.directory)
  const ground = { config, store, log: createLog({ level: 'silent' }), lang: 'en' } as const
  return {
    school,
    config,
    store,
    run: async (content, id = randomUUID()) => {
      const path = join(school.folder, 'enrols.csv')
      await writeFile(path, content)
      const request = {
        id,
        name: 'enrols.csv',
        path,
        namedAs: path,
        simulate: false,
        approval: 'none',
      } as const
      const { outcome, summary } = await run(request, ground)
      expect([outcome, summary.failed]).toEqual(['processed', 0])
      return id
    },
    undo: async (id, simulate = false) => {
      let told: { report: UndoReport; left: Left[] } | undefined
      const onReport = async (report: UndoReport, lots: () => AsyncIterable<Undone>) => {
        const left: Left[] = []
        for await (const lot of lots()) left.push(...lot.left)
        told = { report, left }
      }
      const result = await undo({ id: randomUUID(), undoes: id, simulate, onReport }, ground)
      return { ...result, ...told!, id: told!.report.run }
    },
  }
}

const HEADER = 'cmd;cid;uid;rolename;enrol;gcmd;g1\n'

/** What hangs on the last enrolment of E1001 (9) and E1002 (10) in BIO-2, as far as the school has none of it. */
const EVERYTHING = `
  DELETE FROM {forum_digests}; DELETE FROM {forum_track_prefs}; DELETE FROM {forum_read}; DELETE FROM {files};
  DELETE FROM {quiz_overrides}; DELETE FROM {quiz_attempts};
  INSERT INTO {forum_digests} (userid, forum, maildigest) VALUES (9, 2, 1);
  INSERT INTO {forum_track_prefs} (userid, forumid) VALUES (9, 1);
  INSERT INTO {forum_read} (userid, forumid, discussionid, postid, firstread, lastread)
    SELECT 9, 2, 1, id, 1757000000, 1757000001 FROM {user};
  INSERT INTO {role_assignments} (roleid, contextid, userid, timemodified) VALUES (4, 23, 9, 1757000000);
  INSERT INTO {files} (contextid, pathnamehash, component, filearea, itemid, filename, filesize, timecreated, timemodified)
    SELECT 23, CONCAT('hash', id), 'grade', 'feedback', id, 'note.txt', 7, 1, 1 FROM {grade_grades} WHERE itemid = 2;
  INSERT INTO {quiz_overrides} (quiz, groupid, timeclose) VALUES (1, 1, 1759300000);
  INSERT INTO {quiz_attempts} (quiz, userid, layout, state, timestart, timecheckstate) VALUES (1, 9, '', 'inprogress', 1757000000, 7);
`

const LEAVE = `${HEADER}del;BIO-2;E1001;;manual;;\ndel;BIO-2;E1002;;manual;;\nshift;BIO-2;T002;editingteacher;manual;;\n`

describe('a run that is taken back', () => {
  test('leaves every table as it was: what goes with a last enrolment, roles, groups', async () => {
    const site = await newSite()
    await site.school.query(EVERYTHING)
    const before = await snapshot(site.school)
    const id = await site.run(`${LEAVE}add;BIO-2;E1018;student;manual;gaddcreate;New\nsuspend;BIO-2;E1003;;manual;;\n`)
    const after = await snapshot(site.school)
    expect(changed(before, after).sort()).toEqual([
      'course_modules_completion',
      'files',
      'forum_digests',
      'forum_read',
      'forum_subscriptions',
      'forum_track_prefs',
      'grade_grades',
      'grade_grades_history',
      'groups',
      'groups_members',
      'message_conversation_members',
      'quiz_attempts',
      'role_assignments',
      'user_enrolments',
      'user_lastaccess',
    ])
    const { report, left } = await site.undo(id)
    expect(left).toEqual([])
    expect(changed(before, await snapshot(site.school))).toEqual([])
    expect(report).toMatchObject({
      undoes: { id },
      simulated: false,
      file: { name: 'enrols.csv' },
      summary: {
        failed: 0,
        changes: {
          enrolled: 2,
          unenrolled: 1,
          reactivated: 1,
          suspended: 0,
          groupsRemoved: 1,
          groupMembersRemoved: 1,
          groupMembersAdded: 2,
          gradesRestored: 4,
        },
      },
    })
  })

  test('can be had again by taking the undo back, and so on', async () => {
    const site = await newSite()
    await site.school.query(EVERYTHING)
    const before = await snapshot(site.school)
    const first = await site.run(LEAVE)
    const after = await snapshot(site.school)
    const second = await site.undo(first)
    const third = await site.undo(second.id)
    expect([third.left, changed(after, await snapshot(site.school))]).toEqual([[], []])
    await site.undo(first)
    expect(changed(before, await snapshot(site.school))).toEqual([])
  })

  test('is not taken back twice', async () => {
    const site = await newSite()
    const id = await site.run(LEAVE)
    const { id: by } = await site.undo(id)
    await expect(site.undo(id)).rejects.toMatchObject({ code: 'run-undone-already', args: { run: id, by }, exit: 64 })
    await site.undo(by)
    await site.undo(id)
  })

  test('is named by the beginning of its id; what names none, or several, is said so', async () => {
    const site = await newSite()
    await expect(site.undo('1234')).rejects.toMatchObject({ code: 'run-unknown', exit: 64 })
    const id = await site.run(LEAVE)
    await site.school.query(
      "INSERT INTO syncd_run SELECT 'ffffffff-1', moodle, file_name, sha256, state, fence, started_at, rows_done, last_offset, last_line, outcomes_bytes, report_files, journal_bytes, undoes FROM syncd_run",
    )
    await expect(site.undo('')).rejects.toMatchObject({ code: 'run-ambiguous', exit: 64 })
    await expect(site.undo('f_')).rejects.toMatchObject({ code: 'run-unknown' })
    expect((await site.undo(id.slice(0, 8))).report.undoes.id).toBe(id)
  })

  test('drops what becomes stale, and tells whoever is logged in', async () => {
    const site = await newSite()
    const id = await site.run(LEAVE)
    await site.school.query('DELETE FROM {cache_flags}')
    await site.undo(id)
    const flags = await site.school.query('SELECT name, value FROM {cache_flags} ORDER BY id')
    // T002 was shifted: 4. What is stale in caches of files is `stale-caches.test.ts`'s affair.
    expect(flags.map(({ name }) => name).sort()).toEqual(['10', '4', '9'])
    const notes = (await readdir(site.store.folder.running)).filter(name => name.endsWith('.stale'))
    const noted = JSON.stringify(
      await Promise.all(
        notes.map(async name => JSON.parse(await readFile(join(site.store.folder.running, name), 'utf8')).stale),
      ),
    )
    for (const definition of [
      'core/coursecontacts',
      'core/user_group_groupings',
      'core/completion',
      'core/eventinvalidation',
    ]) {
      expect(noted).toContain(definition)
    }
  })

  test('a simulated undo says the same, and writes nothing', async () => {
    const site = await newSite()
    await site.school.query(EVERYTHING)
    const id = await site.run(`${LEAVE}add;BIO-2;E1001;student;manual;gaddcreate;New\n`)
    const after = await snapshot(site.school)
    const files = await readdir(site.store.directory, { recursive: true })
    const simulated = await site.undo(id, true)
    expect(differing(after, await snapshot(site.school))).toEqual([])
    expect(await readdir(site.store.directory, { recursive: true })).toEqual(files)
    expect(await site.school.query('SELECT id FROM syncd_run')).toHaveLength(1)
    const real = await site.undo(id)
    expect([simulated.summary, simulated.left]).toEqual([real.summary, real.left])
    expect(simulated.report.simulated).toBe(true)
  })
})

describe('what others have done since', () => {
  let site: Site
  let result: Awaited<ReturnType<Site['undo']>>
  let left: Record<string, string>
  beforeAll(async () => {
    site = await newSite()
    const id = await site.run(
      `${HEADER}${['E1018', 'E1019', 'E1020', 'E1021'].map(uid => `add;BIO-2;${uid};student;manual;gaddcreate;New\n`).join('')}` +
        'suspend;BIO-2;E1003;;manual;;\nsuspend;BIO-2;E1004;;manual;;\nsuspend;BIO-2;E1005;;manual;;\n' +
        'del;BIO-2;E1001;;manual;;\ndel;BIO-2;E1002;;manual;;\ndel;BIO-2;E1006;;manual;;\n',
    )
    await site.school.query(`
      UPDATE {user_enrolments} SET timeend = 4000000000, timemodified = 4 WHERE userid = 26 AND enrolid = 2;
      INSERT INTO {groups_members} (groupid, userid, timeadded) VALUES (1, 27, 5);
      DELETE FROM {user_enrolments} WHERE userid = 28 AND enrolid = 2;
      INSERT INTO {groups_members} (groupid, userid, timeadded) SELECT id, 13, 6 FROM {groups} WHERE name = 'New';
      UPDATE {groups} SET timemodified = 6 WHERE name = 'New' OR id = 1;
      UPDATE {user_enrolments} SET status = 0, timemodified = 7 WHERE userid = 11 AND enrolid = 2;
      DELETE FROM {user_enrolments} WHERE userid = 12 AND enrolid = 2;
      INSERT INTO {user_enrolments} (enrolid, userid, timecreated) VALUES (2, 9, 8);
      UPDATE {user} SET deleted = 1 WHERE id = 10;
      DELETE FROM {groups} WHERE id = 2`)
    result = await site.undo(id)
    left = Object.fromEntries(
      result.left.map(({ table, userId, code, args }) => [`${table} ${userId ?? args.group}`, code]),
    )
  })

  const rows = (sql: string) => site.school.query(sql)
  const enrolled = async (userid: number) =>
    (await rows(`SELECT status, timeend FROM {user_enrolments} WHERE enrolid = 2 AND userid = ${userid}`))[0]

  test('an enrolment with other times stays', async () => {
    expect(left['user_enrolments 26']).toBe('changed-since')
    expect(await enrolled(26)).toEqual({ status: 0, timeend: 4_000_000_000 })
  })

  test('who was put into a group by hand is no longer enrolled, stays in the group, and is told of', async () => {
    expect(left['groups_members 27']).toBe('member-without-enrolment')
    expect(await enrolled(27)).toBeUndefined()
    expect(await rows('SELECT id FROM {groups_members} WHERE userid = 27 AND groupid = 1')).toHaveLength(1)
  })

  test('who was unenrolled meanwhile is so already', () => {
    expect(Object.keys(left)).not.toContain('user_enrolments 28')
    expect(result.summary.unchanged).toBeGreaterThan(0)
  })

  test('a group with somebody else in it stays, and when it was touched is nothing to tell', async () => {
    expect(left['groups New']).toBe('group-in-use')
    expect(Object.keys(left).filter(key => key.startsWith('groups '))).toEqual(['groups New'])
    expect(
      await rows("SELECT userid FROM {groups_members} m JOIN {groups} g ON g.id = m.groupid WHERE g.name = 'New'"),
    ).toEqual([{ userid: 13 }])
  })

  test('who is active again, or gone, stays so; who is not is set back', async () => {
    expect([left['user_enrolments 11'], left['user_enrolments 12'], left['user_enrolments 13']]).toEqual([
      'changed-since',
      'gone',
      undefined,
    ])
    const statuses = await Promise.all([11, 12, 13].map(async id => (await enrolled(id))?.status))
    expect(statuses).toEqual([0, undefined, 0])
  })

  test('who was enrolled anew keeps that enrolment, and gets back the rest', async () => {
    expect(left['user_enrolments 9']).toBe('taken')
    expect(await rows('SELECT timecreated FROM {user_enrolments} WHERE enrolid = 2 AND userid = 9')).toEqual([
      { timecreated: 8 },
    ])
    expect(await rows('SELECT finalgrade FROM {grade_grades} WHERE userid = 9')).toHaveLength(2)
  })

  test('a deleted account gets nothing back', async () => {
    expect(left['user_enrolments 10']).toBe('owner-gone')
    for (const table of ['user_enrolments', 'grade_grades', 'groups_members', 'role_assignments']) {
      const courses =
        table === 'user_enrolments'
          ? 'AND enrolid = 2'
          : table === 'role_assignments'
            ? 'AND contextid = 12'
            : table === 'groups_members'
              ? 'AND groupid = 1'
              : ''
      expect(await rows(`SELECT id FROM {${table}} WHERE userid = 10 ${courses}`)).toEqual([])
    }
  })

  test('a group that is gone gets no members back', () => {
    expect(left['groups_members 14']).toBe('owner-gone')
  })

  test('is told in sentences, with the identifiers of command files', async () => {
    const [name] = (await readdir(site.store.folder.reports)).filter(
      name => name.includes('undo-') && name.endsWith('.txt'),
    )
    const text = await readFile(join(site.store.folder.reports, name!), 'utf8')
    expect(text).toContain('Enrolment of E1018 in BIO-2 (manual): has changed since the run.')
    expect(text).toContain('Membership of E1019 in the group Groupe A of BIO-2: was not made by the run')
    const json = JSON.parse(await readFile(join(site.store.folder.reports, name!.replace(/txt$/, 'json')), 'utf8'))
    expect(json).toMatchObject({
      undoes: result.report.undoes.id,
      simulated: false,
      summary: { failed: result.left.length },
    })
    expect(json.rows).toHaveLength(result.left.length)
    expect(json.rows).toContainEqual(
      expect.objectContaining({ outcome: 'failed', code: 'changed-since', userId: 26, courseId: 2 }),
    )
  })
})

test('one row that the database does not let back in keeps out no other', async () => {
  const site = await newSite()
  const before = await snapshot(site.school)
  const id = await site.run(LEAVE)
  await site.school.query(`CREATE TRIGGER refuse BEFORE INSERT ON {grade_grades} FOR EACH ROW
    BEGIN IF NEW.userid = 9 AND NEW.itemid = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF; END`)
  const { left, summary } = await site.undo(id)
  expect(left).toMatchObject([
    { table: 'grade_grades', userId: 9, courseId: 2, code: 'database-refused', args: { reason: 'not this one' } },
  ])
  expect(summary).toMatchObject({ failed: 1, changes: { gradesRestored: 3, enrolled: 2 } })
  expect(changed(before, await snapshot(site.school))).toEqual(['grade_grades'])
})

test('a Moodle that was upgraded since gets back what it still has a place for', async () => {
  const site = await newSite()
  await site.school.query(EVERYTHING)
  const id = await site.run(LEAVE)
  await site.school.query(`ALTER TABLE {grade_grades} DROP COLUMN feedback, ADD COLUMN newer INT NOT NULL DEFAULT 5;
    DROP TABLE {forum_track_prefs}`)
  const { left, summary } = await site.undo(id)
  expect(left).toMatchObject([{ table: 'forum_track_prefs', userId: 9, code: 'owner-gone' }])
  expect(summary.changes.gradesRestored).toBe(4)
  expect(await site.school.query('SELECT DISTINCT newer FROM {grade_grades}')).toEqual([{ newer: 5 }])
})

test('an undo that is stopped has done nothing by halves, and goes on under its own id', async () => {
  const site = await newSite()
  const { school, config, store } = site
  const numbers =
    'SELECT 1000 + c.half * 5000 + a.id * 50 + b.id AS n FROM {user} a JOIN {user} b JOIN (SELECT 0 AS half UNION SELECT 1) c'
  await school.query(
    `INSERT INTO {user} (id, username, idnumber) SELECT n, CONCAT('u', n), CONCAT('U', n) FROM (${numbers}) numbers`,
  )
  const people = await school.query<{ idnumber: string }>('SELECT idnumber FROM {user} WHERE id > 1000')
  const before = await snapshot(school)
  const id = await site.run(HEADER + people.map(({ idnumber }) => `add;DEBAT;${idnumber};student;self;;\n`).join(''))
  const ground = { config, store, log: createLog({ level: 'silent' }), lang: 'en' } as const
  const stop = new AbortController()
  const request = { id: randomUUID(), undoes: id, simulate: false, signal: stop.signal, onProgress: () => stop.abort() }
  const stopped = await undo(request, ground)
  expect(stopped.outcome).toBe('interrupted')
  const { summary, id: by } = await site.undo(id)
  expect(by).toBe(request.id)
  expect(stopped.summary.applied).toBeGreaterThan(0)
  expect(stopped.summary.applied).toBeLessThan(summary.applied)
  expect(summary.changes).toMatchObject({ unenrolled: people.length, rolesRemoved: people.length })
  expect(changed(before, await snapshot(school))).toEqual([])
})

const NOW = 1_790_000_000

/** Does something with chunks, and keeps what it takes to go back, as it would come out of a file. */
async function keeping(ground: ChunkGround, work: (ground: ChunkGround) => Promise<unknown>): Promise<Change[]> {
  const journal: Change[] = []
  let begun: Change[] = []
  const keep: Keep = async change => {
    begun.push(fromLine(JSON.parse(JSON.stringify(toLine(change)))))
  }
  const begin = (): Keep => {
    begun = []
    return keep
  }
  const committed = (): void => {
    journal.push(...begun)
  }
  await work({ ...ground, recording: { ...ground.recording, begin, committed } })
  return journal
}

describe('whatever a run does', () => {
  let random: RandomSchool
  beforeAll(async () => {
    random = await openRandomSchool()
  })

  /** Takes changes back, so many of them in a transaction. @returns what became of them, and how to have them again */
  async function back(
    ground: ChunkGround,
    journal: readonly Change[],
    changesAtOnce: number,
    simulate = false,
  ): Promise<{ undone: Undone[]; journal: Change[] }> {
    const undone: Undone[] = []
    const remembered = rememberRows()
    const kept = await keeping(ground, async ({ recording }) => {
      const record = async (one: Undone) => void undone.push(one)
      const own = { ...ground, simulate, remembered, recording: { ...recording, record } }
      const changes = journal.toReversed()
      for (let from = 0; from < changes.length; from += changesAtOnce) {
        await takeBack(own, changes.slice(from, from + changesAtOnce), () => NOW * 1_000)
      }
    })
    return { undone, journal: kept }
  }

  test('going back makes every table what it was; simulated, it says so and writes nothing; and forward again', async () => {
    const { school, cast } = random
    const sizes = fc.constantFrom(1, 3, 1_000)
    const everything = [schoolOf(cast), commandFile(cast), settings(cast), sizes, sizes] as const
    await fc.assert(
      fc.asyncProperty(...everything, async (tables, file, chosen, chunkRows, changesAtOnce) => {
        await random.arrange(tables, chosen)
        await school.query(EVERYTHING)
        const before = await snapshot(school)
        const { defaultCommand, protectManualGroups, allowDisabledInstances, allowedRoles } = chosen
        const config = { enrol: { defaultCommand, protectManualGroups, allowDisabledInstances, allowedRoles } }
        await withGround(school, { config }, async ground => {
          const journal = await keeping(ground, own => applyInChunks(own, rowsOf(file, defaultCommand), chunkRows, NOW))
          const after = await snapshot(school)

          const simulated = await back(ground, journal, changesAtOnce, true)
          expect(differing(after, await snapshot(school))).toEqual([])
          const real = await back(ground, journal, changesAtOnce)
          expect(real.undone.flatMap(({ left }) => left)).toEqual([])
          expect(changed(before, await snapshot(school))).toEqual([])
          expect(simulated.undone).toEqual(real.undone)

          const again = await back(ground, real.journal, changesAtOnce)
          expect(again.undone.flatMap(({ left }) => left)).toEqual([])
          expect(changed(after, await snapshot(school))).toEqual([])
        })
      }),
      { numRuns: 40 },
    )
  })
})

/** People who are put into a course, and some of them into a group. */
const additions: CommandFile = {
  columns: ['cmd', 'cid', 'uid', 'rolename', 'enrol', 'gcmd', 'g1'],
  lines: ['E1018', 'E1019', 'E1020'].map(uid => ['add', 'BIO-2', uid, 'student', 'manual', 'gadd', 'Groupe A']),
}

describe('what it takes to go back', () => {
  const journals = async ({ store }: Site): Promise<string[]> => (await readdir(store.folder.undo)).sort()

  test('is made small once it is large, and removed once it is of no use', async () => {
    const site = await newSite()
    await site.school.query(EVERYTHING)
    for (let i = 0; i < 8; i += 1) {
      await site.school.query(
        'INSERT INTO {forum_read} (userid, forumid, discussionid, postid, firstread, lastread) SELECT 9, 2, 1, id + (SELECT MAX(postid) FROM {forum_read}), id * 7919, id * 104729 FROM {forum_read}',
      )
    }
    const before = await snapshot(site.school)
    const large = await site.run(LEAVE)
    const small = await site.run(`${HEADER}add;BIO-2;E1018;student;manual;;\n`)
    await site.run(`${HEADER}add;BIO-2;E1018;student;manual;;\n`)
    expect(await journals(site)).toEqual([`${large}.jsonl.gz`, `${small}.jsonl`].sort())
    await site.undo(small)
    await site.undo(large)
    expect(changed(before, await snapshot(site.school))).toEqual([])
    expect((await readdir(site.store.folder.running)).filter(name => !name.endsWith('.stale'))).toEqual([])
  })

  test('costs a run of additions no question but how the groups were', async () => {
    const site = await newSite()
    const { columns, lines } = additions
    await withGround(site.school, {}, async ground => {
      const asked = vi.spyOn(ground.moodle.connection, 'query')
      const journal = await keeping(ground, own => applyInChunks(own, rowsOf({ columns, lines }, 'add'), 1_000, NOW))
      const locking = asked.mock.calls
        .map(([sql]) => (typeof sql === 'string' ? sql : sql.sql))
        .filter(sql => /FOR UPDATE/.test(sql))
      expect(locking.map(sql => /FROM `(\w+)`/.exec(sql)?.[1])).toEqual(['mdl_groups'])
      expect(journal.map(({ table, did }) => `${table} ${did}`).sort()).toEqual([
        'forum_subscriptions inserted',
        'groups updated',
        'groups_members inserted',
        'message_conversation_members inserted',
        'role_assignments inserted',
        'user_enrolments inserted',
      ])
    })
  })

  test('is forgotten with the reports; then the run cannot be taken back', async () => {
    const site = await newSite()
    const id = await site.run(LEAVE)
    const path = join(site.store.folder.undo, `${id}.jsonl`)
    await removeOld(site.store, 90, new Date())
    const old = new Date(Date.now() - 91 * 86_400_000)
    await utimes(path, old, old)
    await removeOld(site.store, 0, new Date())
    expect(await journals(site)).toHaveLength(1)
    await removeOld(site.store, 90, new Date())
    expect(await journals(site)).toEqual([])
    await expect(site.undo(id)).rejects.toMatchObject({ code: 'journal-gone', exit: 64 })
  })

  test('that is damaged is not used', async () => {
    const site = await newSite()
    await site.school.query(EVERYTHING)
    const before = await site.run(LEAVE)
    const path = join(site.store.folder.undo, `${before}.jsonl`)
    await truncate(path, (await stat(path)).size - 1)
    const after = await snapshot(site.school)
    await expect(site.undo(before)).rejects.toMatchObject({ code: 'journal-damaged', exit: 64 })
    await writeFile(path, 'x'.repeat((await stat(path)).size + 1))
    await expect(site.undo(before)).rejects.toMatchObject({ code: 'journal-damaged' })
    await rm(path)
    await writeFile(`${path}.gz`, 'not packed')
    await expect(site.undo(before)).rejects.toMatchObject({ code: 'journal-damaged' })
    expect(differing(after, await snapshot(site.school))).toEqual([])
  })

  test('that would be too large is not kept, and its run says so', async () => {
    const site = await newSite()
    await withJournal(
      site.store,
      'large',
      0,
      async journal => {
        const change: Change = {
          table: 'groups',
          did: 'deleted',
          columns: ['id', 'name'],
          rows: [[1, 'x'.repeat(600)]],
        }
        await journal.begin()!(change)
        expect(await journal.sync()).toBeGreaterThan(600)
        journal.commit()
        await journal.begin()!(change)
        expect(await journal.sync()).toBeNull()
        expect(journal.begin()).toBeNull()
      },
      1_000,
    )
    // One that was begun, and whose journal had become too large.
    const begun = await site.run(HEADER)
    const id = randomUUID()
    await site.school.query(
      `INSERT INTO syncd_run (id, moodle, file_name, sha256, state, fence, started_at, rows_done, outcomes_bytes)
         SELECT ?, moodle, file_name, ?, 'running', 1, started_at, 0, 0 FROM syncd_run WHERE id = ?`,
      [id, createHash('sha256').update(LEAVE).digest('hex'), begun],
    )
    for (const name of await readdir(site.store.folder.reports)) await rm(join(site.store.folder.reports, name))
    expect(await site.run(LEAVE, id)).toBe(id)
    const reports = (await readdir(site.store.folder.reports)).sort()
    const [, json, text] = await Promise.all(
      reports.map(name => readFile(join(site.store.folder.reports, name), 'utf8')),
    )
    expect(JSON.parse(json!)).toMatchObject({ run: id, canBeUndone: false, summary: { applied: 3 } })
    expect(text).toContain('This run cannot be taken back')
    await expect(site.undo(id)).rejects.toMatchObject({ code: 'journal-not-kept', exit: 64 })
  })
})

describe('a run that has not ended', () => {
  test('is not taken back while the daemon will go on with it', async () => {
    const site = await newSite()
    const id = await site.run(LEAVE)
    await site.school.query("UPDATE syncd_run SET state = 'running'")
    const note = join(site.store.folder.running, `${id}.json`)
    await writeFile(note, '')
    await expect(site.undo(id)).rejects.toMatchObject({ code: 'run-unfinished', exit: 75 })
    await rm(note)
    // Given up: what it has done is taken back, and it can do no more.
    await site.undo(id)
    expect(await site.school.query('SELECT fence FROM syncd_run WHERE id = ?', [id])).toEqual([{ fence: 2 }])
  })

  test('is not even looked at while it is running', async () => {
    const site = await newSite()
    const id = await site.run(LEAVE)
    await site.school.query("UPDATE syncd_run SET state = 'running'")
    await withMoodle(site.config, moodle =>
      withMoodleLock(moodle, 0, () =>
        expect(site.undo(id, true)).rejects.toMatchObject({ code: 'another-run', exit: 75 }),
      ),
    )
    expect((await site.undo(id, true)).left).toEqual([])
  })
})
