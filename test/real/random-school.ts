/** A school of a test's own that is arranged at random, again and again: who is what in which course, and by which method. */
import { freshSchool, type TestSchool } from '../database.ts'
import type { Tables } from '../plan/naive-model.ts'
import type { Cast, Settings } from '../plan/random.ts'
import { differing, restore, type Snapshot, snapshot } from './snapshot.ts'

const USERS = { usual: ['E1001', 'e1001', 'E1005', 'twin'], odd: ['TWIN', 'Twin', 'tWIN', 'E1028', 'guest', 'nobody'] }
const COURSES = { usual: ['BIO-2', 'bio-2', 'DEBAT'], odd: ['RIVIERE', 'nowhere'] }
const ROLES = { usual: ['student', 'Teacher'], odd: ['coursecreator', 'nothing'] }

export interface RandomSchool {
  readonly school: TestSchool
  readonly cast: Cast
  /** The tables that the model knows, as they are now. */
  readonly readTables: () => Promise<Tables>
  /** Makes the school as it is at the beginning, but for this arrangement. */
  readonly arrange: (tables: Tables, settings: Settings) => Promise<Snapshot>
}

export async function openRandomSchool(): Promise<RandomSchool> {
  const school = await freshSchool()
  await school.query(
    `INSERT INTO {user} (id, username, idnumber) VALUES (50, 'twin1', 'twin'), (51, 'twin2', 'Twin'), (52, 'twin3', 'TWIN');
     INSERT INTO {context} (id, contextlevel, instanceid, path, depth) VALUES
       (150, 30, 50, '/1/150', 2), (151, 30, 51, '/1/151', 2), (152, 30, 52, '/1/152', 2);
     UPDATE {user} SET idnumber = 'guest' WHERE id = 1`,
  )
  const pristine = await snapshot(school)
  const cast = {
    tables: await readTables(school),
    users: [9, 13, 50],
    courses: [2, 7],
    roles: [5, 4],
    names: { users: USERS, courses: COURSES, roles: ROLES },
  }
  return {
    school,
    cast,
    readTables: () => readTables(school),
    arrange: (tables, settings) => arrange(school, pristine, tables, settings),
  }
}

/** The columns of the tables that the model knows. */
const COLUMNS: { readonly [Name in keyof Tables]: readonly (keyof Tables[Name][number] & string)[] } = {
  user: ['id', 'deleted', 'idnumber'],
  course: ['id', 'category', 'shortname'],
  course_categories: ['id', 'parent'],
  role: ['id', 'shortname'],
  role_context_levels: ['roleid', 'contextlevel'],
  context: ['id', 'contextlevel', 'instanceid', 'path', 'depth'],
  enrol: ['id', 'courseid', 'enrol', 'status', 'sortorder'],
  user_enrolments: [
    'id',
    'enrolid',
    'userid',
    'status',
    'timestart',
    'timeend',
    'modifierid',
    'timecreated',
    'timemodified',
  ],
  role_assignments: ['id', 'roleid', 'contextid', 'userid', 'component', 'itemid', 'timemodified', 'modifierid'],
  groups: ['id', 'courseid', 'name', 'timecreated', 'timemodified'],
  groups_members: ['id', 'groupid', 'userid', 'timeadded', 'component', 'itemid'],
  cache_flags: ['id', 'flagtype', 'name', 'timemodified', 'value', 'expiry'],
}

/** Those of which a school's arrangement is made. */
const ARRANGED = [
  'context',
  'enrol',
  'user_enrolments',
  'role_assignments',
  'groups',
  'groups_members',
  'cache_flags',
] as const

async function readTables(school: TestSchool): Promise<Tables> {
  const tables: Record<string, unknown[]> = {}
  for (const [name, columns] of Object.entries(COLUMNS)) {
    const rows = await school.query(`SELECT ${columns.join(', ')} FROM {${name}} ORDER BY id`)
    tables[name] = rows.map(row => ({ ...row }))
  }
  return tables as unknown as Tables
}

async function arrange(
  school: TestSchool,
  pristine: Snapshot,
  tables: Tables,
  { enabledMethods, toolSyncInstalled }: Settings,
): Promise<Snapshot> {
  await restore(school, differing(pristine, await snapshot(school), { butFor: ARRANGED }))
  const statements = ARRANGED.flatMap(name => {
    const rows = tables[name].map(row => COLUMNS[name].map(column => (row as Record<string, unknown>)[column]))
    const into = `INSERT INTO {${name}} (${COLUMNS[name].map(column => `\`${column}\``).join(', ')}) VALUES ?`
    return [`DELETE FROM {${name}}`, ...(rows.length === 0 ? [] : [school.connection.format(into, [rows])])]
  })
  await school.query(
    `${statements.join(';\n')};
     UPDATE {config} SET value = ? WHERE name = 'enrol_plugins_enabled';
     DELETE FROM {config_plugins} WHERE plugin = 'tool_sync';
     INSERT INTO {config_plugins} (plugin, name, value) SELECT 'tool_sync', 'version', '1' FROM DUAL WHERE ?`,
    [enabledMethods.join(','), toolSyncInstalled],
  )
  return snapshot(school)
}
