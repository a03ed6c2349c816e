/**
 * The small school of the demo and the tests: a Moodle-shaped database, filled. It must never be pointed at a real Moodle, whose
 * tables it would find in the way.
 */
import { readFile } from 'node:fs/promises'
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise'

export const MOODLE_VERSIONS = ['3.9', '4.1', '4.5', '5.0', '5.1'] as const
export type MoodleVersion = (typeof MOODLE_VERSIONS)[number]

const OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=COMPRESSED DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci'

/** Connects to a private server and makes an empty database there, which the connection uses. */
export async function createDatabase(
  server: { readonly socketPath: string; readonly user: string },
  name: string,
): Promise<Connection> {
  const { socketPath, user } = server
  const connection = await mysql.createConnection({ socketPath, user, charset: 'utf8mb4_unicode_ci' })
  await connection.query('CREATE DATABASE ?? DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci', [name])
  await connection.changeUser({ database: name })
  return connection
}

/**
 * Makes the school's tables in the database that the connection uses, and fills them.
 * `version` is the Moodle whose columns, tables and settings they have.
 */
export async function loadSchool(
  connection: Connection,
  prefix: string,
  version: MoodleVersion = '4.5',
): Promise<void> {
  await runFile(connection, 'schema.sql', prefix)
  await runFile(connection, 'school.sql', prefix)
  for (const statement of CHANGES[version]) await connection.query(filled(statement, prefix))
}

/** What a person is in a course. */
export interface Participant {
  readonly id: number
  readonly name: string
  /** Short names of roles, and names of groups, with commas between them; empty where there are none. */
  readonly roles: string
  readonly groups: string
  readonly suspended: boolean
  /** Unix time in seconds; 0: no end. */
  readonly end: number
}

/** Everybody who is enrolled in a course of the school, in the order of their names. */
export async function participants(connection: Connection, prefix: string, shortname: string): Promise<Participant[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    filled(
      `SELECT u.id, CONCAT(u.firstname, ' ', u.lastname) AS name, MIN(ue.status) AS suspended, MAX(ue.timeend) AS end,
              (SELECT GROUP_CONCAT(r.shortname ORDER BY r.sortorder SEPARATOR ', ')
                 FROM {prefix}role_assignments ra
                 JOIN {prefix}role r ON r.id = ra.roleid
                 JOIN {prefix}context x ON x.id = ra.contextid AND x.contextlevel = 50 AND x.instanceid = c.id
                WHERE ra.userid = u.id) AS roles,
              (SELECT GROUP_CONCAT(g.name ORDER BY g.name SEPARATOR ', ')
                 FROM {prefix}groups_members gm
                 JOIN {prefix}groups g ON g.id = gm.groupid AND g.courseid = c.id
                WHERE gm.userid = u.id) AS \`groups\`
         FROM {prefix}course c
         JOIN {prefix}enrol e ON e.courseid = c.id
         JOIN {prefix}user_enrolments ue ON ue.enrolid = e.id
         JOIN {prefix}user u ON u.id = ue.userid
        WHERE c.shortname = ?
        GROUP BY u.id, c.id
        ORDER BY u.lastname, u.firstname, u.id`,
      prefix,
    ),
    [shortname],
  )
  return rows.map(row => ({
    id: Number(row.id),
    name: String(row.name),
    roles: String(row.roles ?? ''),
    groups: String(row.groups ?? ''),
    suspended: Number(row.suspended) === 1,
    end: Number(row.end),
  }))
}

async function runFile(connection: Connection, name: string, prefix: string): Promise<void> {
  const text = await readFile(new URL(`../../demo/${name}`, import.meta.url), 'utf8')
  // The files are ours: a semicolon ends a line where it ends a statement, and nowhere else.
  for (const statement of text.split(/;\n/)) {
    if (/^(?!--)\S/m.test(statement)) await connection.query(filled(statement, prefix))
  }
}

function filled(statement: string, prefix: string): string {
  return statement.replaceAll('{prefix}', prefix).replaceAll('{options}', OPTIONS)
}

const isVersion = (version: string, release: string): string[] => [
  `UPDATE {prefix}config SET value = '${version}' WHERE name = 'version'`,
  `UPDATE {prefix}config SET value = '${release}' WHERE name = 'release'`,
]

/** Groups have been visible or not, participating or not, since 4.2; rooms came with the same release. */
const BEFORE_4_2 = [
  'ALTER TABLE {prefix}groups DROP COLUMN visibility, DROP COLUMN participation',
  'DROP TABLE {prefix}communication, {prefix}communication_user',
  `DELETE FROM {prefix}config WHERE name = 'enablecommunicationsubsystem'`,
]

/** The course welcome message as a notification came with 4.4; the instances that were there already send none. */
const BEFORE_4_4 = [
  `DELETE FROM {prefix}message_providers WHERE name = 'enrolcoursewelcomemessage'`,
  `DELETE FROM {prefix}config_plugins WHERE name LIKE '%enrolcoursewelcomemessage%'`,
  `DELETE FROM {prefix}config_plugins WHERE plugin = 'enrol_manual' AND name = 'sendcoursewelcomemessage'`,
  `UPDATE {prefix}enrol SET customint1 = NULL WHERE enrol = 'manual'`,
]

const FROM_5_0 = [
  'ALTER TABLE {prefix}grade_grades ADD COLUMN deductedmark DECIMAL(10,5) NOT NULL DEFAULT 0 AFTER aggregationweight',
]

/** What makes another version of the 4.5 that the files are. */
const CHANGES: Readonly<Record<MoodleVersion, readonly string[]>> = {
  '3.9': [
    ...isVersion('2020061525.00', '3.9.25 (Build: 20231009)'),
    ...BEFORE_4_4,
    ...BEFORE_4_2,
    'ALTER TABLE {prefix}groups ADD COLUMN hidepicture TINYINT NOT NULL DEFAULT 0 AFTER picture',
    `ALTER TABLE {prefix}task_adhoc
       DROP COLUMN timecreated, DROP COLUMN timestarted, DROP COLUMN hostname, DROP COLUMN pid,
       DROP COLUMN attemptsavailable, DROP COLUMN firststartingtime,
       ADD COLUMN blocking TINYINT NOT NULL DEFAULT 0`,
    'ALTER TABLE {prefix}course_modules DROP COLUMN completionpassgrade',
    'ALTER TABLE {prefix}course_modules_completion ADD COLUMN viewed TINYINT DEFAULT NULL AFTER completionstate',
    `ALTER TABLE {prefix}user
       ADD COLUMN icq VARCHAR(15) NOT NULL DEFAULT '', ADD COLUMN skype VARCHAR(50) NOT NULL DEFAULT '',
       ADD COLUMN yahoo VARCHAR(50) NOT NULL DEFAULT '', ADD COLUMN aim VARCHAR(50) NOT NULL DEFAULT '',
       ADD COLUMN msn VARCHAR(50) NOT NULL DEFAULT '', ADD COLUMN url VARCHAR(255) NOT NULL DEFAULT ''`,
  ],
  '4.1': [
    ...isVersion('2022112819.00', '4.1.19 (Build: 20250609)'),
    ...BEFORE_4_4,
    ...BEFORE_4_2,
    `ALTER TABLE {prefix}task_adhoc
       DROP COLUMN attemptsavailable, DROP COLUMN firststartingtime,
       ADD COLUMN blocking TINYINT NOT NULL DEFAULT 0`,
  ],
  '4.5': [],
  '5.0': [...isVersion('2025041402.00', '5.0.2 (Build: 20250811)'), ...FROM_5_0],
  '5.1': [...isVersion('2025100600.00', '5.1 (Build: 20251006)'), ...FROM_5_0],
}
