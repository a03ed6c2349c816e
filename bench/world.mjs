// @ts-check
/**
 * The world of the benchmark: the small school of the demo, and in it 50,000 more people and 100 more courses, in which nobody is
 * enrolled yet; and the file that enrols some of them.
 */

export const USERS = 50_000
export const COURSES = 100
const GROUPS = 5
/** Ids below are the school's. */
const FIRST_USER = 1_001
const FIRST_COURSE = 101
/** Has no divisor in common with the number of users: row after row, another person. */
const STRIDE = 7_919

/** A table of the numbers from 0 to 99,999, for both kinds of server. */
const NUMBERS = `(SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS n FROM ${['a', 'b', 'c', 'd', 'e']
  .map(name => `(SELECT 0 n ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map(n => `UNION ALL SELECT ${n}`).join(' ')}) ${name}`)
  .join(', ')}) numbers`

/**
 * Fills a database that holds the school already.
 * @param {import('mysql2/promise').Connection} connection
 * @param {string} prefix
 */
export async function fillWorld(connection, prefix) {
  const now = Math.floor(Date.now() / 1000)
  const statements = [
    `INSERT INTO ${prefix}user (id, confirmed, mnethostid, username, idnumber, firstname, lastname, email, timecreated, timemodified)
     SELECT ${FIRST_USER} + n, 1, 1, CONCAT('user', n), CONCAT('U', n), CONCAT('First', n), CONCAT('Last', n),
            CONCAT('user', n, '@bench.example'), ${now}, ${now}
       FROM ${NUMBERS} WHERE n < ${USERS} ORDER BY n`,
    `INSERT INTO ${prefix}course (id, category, sortorder, fullname, shortname, idnumber, startdate, timecreated, timemodified)
     SELECT ${FIRST_COURSE} + n, 1, 1000000 + n, CONCAT('Course ', n), CONCAT('COURSE', n), CONCAT('C', n), ${now}, ${now}, ${now}
       FROM ${NUMBERS} WHERE n < ${COURSES} ORDER BY n`,
    `INSERT INTO ${prefix}context (contextlevel, instanceid, depth)
     SELECT 50, id, 3 FROM ${prefix}course WHERE id >= ${FIRST_COURSE}`,
    `INSERT INTO ${prefix}context (contextlevel, instanceid, depth)
     SELECT 30, id, 2 FROM ${prefix}user WHERE id >= ${FIRST_USER}`,
    `UPDATE ${prefix}context SET path = CONCAT(IF(contextlevel = 50, '/1/2/', '/1/'), id) WHERE path IS NULL`,
    `INSERT INTO ${prefix}enrol (enrol, status, courseid, roleid, timecreated, timemodified)
     SELECT 'manual', 0, id, 5, ${now}, ${now} FROM ${prefix}course WHERE id >= ${FIRST_COURSE}`,
  ]
  for (const statement of statements) await connection.query(statement)
}

/**
 * What the rows of the file say: nobody twice in a course.
 * @param {number} rows
 * @returns {Generator<{ course: string, user: string, group: string }>}
 */
export function* additions(rows) {
  for (let n = 0; n < rows; n++) {
    // Each time the people have all had their turn, the courses are moved on by one.
    const course = (n + Math.floor(n / USERS)) % COURSES
    const user = (n * STRIDE) % USERS
    yield { course: `COURSE${course}`, user: `U${user}`, group: `Group ${user % GROUPS}` }
  }
}

/**
 * The command file, in pieces.
 * @param {number} rows
 */
export function* commandFile(rows) {
  let piece = 'cmd;cid;uid;rolename;enrol;gcmd;g1\n'
  for (const { course, user, group } of additions(rows)) {
    piece += `add;${course};${user};student;manual;gaddcreate;${group}\n`
    if (piece.length > 100_000) {
      yield piece
      piece = ''
    }
  }
  yield piece
}
