/** A small school with what people get wrong, and a file that gets it wrong; and runs of files there, as the commands do them. */
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/log.ts'
import type { Lang } from '../../src/messages/say.ts'
import { type RunRequest, type RunResult, run } from '../../src/run.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { undo } from '../../src/undo.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'

export interface Site {
  readonly school: TestSchool
  readonly store: Store
  readonly run: (content: string, more?: Partial<RunRequest>) => Promise<RunResult & { readonly id: string }>
  readonly undo: (id: string) => Promise<void>
}

export async function newSite(lang: Lang, overrides: Overrides = {}): Promise<Site> {
  const school = await freshSchool()
  const config = await loadConfig(await school.writeConfig(overrides), {})
  const store = await openStore(config.store.directory)
  const ground = { config, store, log: createLog({ level: 'silent' }), lang }
  return {
    school,
    store,
    run: async (content, more = {}) => {
      const id = randomUUID()
      const path = join(school.folder, 'enrols.csv')
      await writeFile(path, content)
      const request: RunRequest = {
        id,
        name: 'enrols.csv',
        path,
        namedAs: null,
        simulate: false,
        approval: 'none',
        ...more,
      }
      return { ...(await run(request, ground)), id }
    },
    undo: async id => {
      await undo({ id: randomUUID(), undoes: id, simulate: false }, ground)
    },
  }
}

/** What the faulty file below meets: a deleted account, one with zeros before, a twin, a method that is switched off. */
export async function addWhatGoesWrong({ query }: TestSchool): Promise<void> {
  await query(
    `INSERT INTO {user} (id, auth, username, idnumber, firstname, lastname, email, deleted, mnethostid) VALUES
       (201, 'manual', 'zoe.martin', '001234', 'Zoé', 'Martin', 'zoe.martin@school.example', 0, 1),
       (202, 'manual', 'paul.blanc', 'E2001', 'Paul', 'Blanc', 'paul.blanc@school.example', 1, 1),
       (203, 'manual', 'anna.twin', 'TWIN', 'Anna', 'Twin', 'anna.twin@school.example', 0, 1),
       (204, 'manual', 'nina.twin', 'twin', 'Nina', 'Twin', 'nina.twin@school.example', 0, 1)`,
  )
  await query(`INSERT INTO {course} (id, category, sortorder, fullname, shortname, idnumber) VALUES
                 (20, 1, 10003, 'Économie', 'ECO101', 'C-501')`)
  await query(`INSERT INTO {enrol} (id, enrol, status, courseid, sortorder, roleid) VALUES (90, 'manual', 0, 20, 0, 5)`)
}

/** Fifty rows that fail, each kind of fault among them, and some that do not. */
export const FAULTY = [
  'cmd;cid;uid;rolename;enrol;starttime;endtime;gcmd;g1',
  'add;BIO-2;E1018;student;manual;;2030-07-01;gaddcreate;Groupe C',
  // Courses: misspelt, by another identifier, not there
  ...['E1001', 'E1002', 'E1003', 'E1004'].map(uid => `add;ECO10l;${uid};student;manual;;;;`),
  'add;C-101;E1001;student;manual;;;;',
  'add;C-102;E1001;student;manual;;;;',
  'add;Histoire-géographie;E1001;student;manual;;;;',
  'add;BIO2;E1001;student;manual;;;;',
  'add;MATSH-1;E1001;student;manual;;;;',
  'add;PHILO-T;E1001;student;manual;;;;',
  'add;RIVIERE;E1001;student;manual;;;;',
  // Users: by another identifier, misspelt, spoilt by a spreadsheet, deleted, several, nobody
  'add;BIO-2;grace.campbell;student;manual;;;;',
  'add;BIO-2;henri.marchand@school.example;student;manual;;;;',
  'add;BIO-2;EI010;student;manual;;;;',
  'add;BIO-2;E10111;student;manual;;;;',
  'add;BIO-2;E0112;student;manual;;;;',
  'add;BIO-2;1234;student;manual;;;;',
  'add;BIO-2;1.23E+05;student;manual;;;;',
  'add;BIO-2;E2001;student;manual;;;;',
  'add;BIO-2;Twin;student;manual;;;;',
  'add;BIO-2;E9999;student;manual;;;;',
  'add;BIO-2;E9998;student;manual;;;;',
  'add;BIO-2;"\u00a0E1012";student;manual;;;;',
  'add;BIO-2;;student;manual;;;;',
  'add;;E1001;student;manual;;;;',
  // Roles
  'add;BIO-2;E1001;studnet;manual;;;;',
  'add;BIO-2;E1001;Étudiant;manual;;;;',
  'add;BIO-2;E1001;Enseignant;manual;;;;',
  'add;BIO-2;E1001;auditor;manual;;;;',
  'add;BIO-2;E1001;coursecreator;manual;;;;',
  'add;BIO-2;E1001;;manual;;;;',
  // Methods
  'add;BIO-2;E1001;student;manuel;;;;',
  'add;BIO-2;E1001;student;self;;;;',
  'add;BIO-2;E1001;student;paypal;;;;',
  'add;BIO-2;E1001;student;cohort;;;;',
  'suspend;DEBAT;E1001;student;manual;;;;',
  // Not enrolled
  'suspend;ECO101;E1001;;manual;;;;',
  'enable;MATHS-1;E1001;;manual;;;;',
  // Commands
  'inscrire;BIO-2;E1001;student;manual;;;;',
  'ADD;BIO-2;E1001;student;manual;;;;',
  'susped;BIO-2;E1001;student;manual;;;;',
  'xyz;BIO-2;E1001;student;manual;;;;',
  // Times
  'add;BIO-2;E1001;student;manual;25/09/2026;;;',
  'add;BIO-2;E1001;student;manual;01/09/2026;;;',
  'add;BIO-2;E1001;student;manual;2026-02-30;;;',
  'add;BIO-2;E1001;student;manual;1788220800000;;;',
  'add;BIO-2;E1001;student;manual;next week;;;',
  'add;BIO-2;E1001;student;manual;2027-01-01;2026-01-01;;',
  'add;BIO-2;E1001;student;manual;2026-09-01;46387;;',
  // The line itself
  'add,BIO-2,E1001,student,manual,,,,',
  '"add;BIO-2;E1001;student;manual;;;;"',
  'add;BIO-2;E1001;student;manual;;;gadd;Groupe A;Groupe B',
  'add;BIO-2;"E1001"x;student;manual;;;;',
  // Warnings
  'add;BIO-2;E1001;student;manual;;;gadd;Group A',
  'add;BIO-2;E1002;student;manual;;;gadd;Groupe D',
  'add;BIO-2;E1002;student;manual;;;gaad;Groupe A',
  'add;BIO-2;E1003;Student;manual;;;;',
  // What nobody must obey
  'add;BIO-2;\u001b[31m<img src=x onerror=alert(1)>\u202e;student;manual;;;;',
  '',
].join('\n')
