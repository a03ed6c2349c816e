// @ts-check
/**
 * The alternative without moodle-syncd: a client that does what a PHP plugin does through Moodle's functions, one row and one
 * query at a time. It keeps what Moodle keeps in memory (courses, roles, contexts, instances) and asks for the rest.
 */

/**
 * @param {import('mysql2/promise').Connection} connection
 * @param {string} prefix
 * @param {Iterable<{ course: string, user: string, group: string }>} additions
 */
export async function addRowByRow(connection, prefix, additions) {
  const now = Math.floor(Date.now() / 1000)
  const actor = 2
  /** @type {Map<string, { id: number, contextid: number, enrolid: number }>} */
  const courses = new Map()
  const roleid = await value(`SELECT id FROM ${prefix}role WHERE shortname = ?`, ['student'])

  for (const { course: shortname, user: idnumber, group: name } of additions) {
    const userid = await value(`SELECT id FROM ${prefix}user WHERE idnumber = ? AND deleted = 0`, [idnumber])
    let course = courses.get(shortname)
    if (course === undefined) {
      const id = await value(`SELECT id FROM ${prefix}course WHERE shortname = ?`, [shortname])
      const contextid = await value(`SELECT id FROM ${prefix}context WHERE contextlevel = 50 AND instanceid = ?`, [id])
      const enrolid = await value(
        `SELECT id FROM ${prefix}enrol WHERE courseid = ? AND enrol = 'manual' AND status = 0`,
        [id],
      )
      course = { id, contextid, enrolid }
      courses.set(shortname, course)
    }
    const { id: courseid, contextid, enrolid } = course

    await value(`SELECT id FROM ${prefix}user_enrolments WHERE enrolid = ? AND userid = ?`, [enrolid, userid])
    const enrolmentid = await insert('user_enrolments', {
      enrolid,
      userid,
      status: 0,
      timestart: now,
      timeend: 0,
      modifierid: actor,
      timecreated: now,
      timemodified: now,
    })
    await log('created', 'user_enrolment', 'user_enrolments', enrolmentid, userid, '{"enrol":"manual"}')

    await value(
      `SELECT id FROM ${prefix}role_assignments WHERE roleid = ? AND contextid = ? AND userid = ? AND component = '' AND itemid = 0`,
      [roleid, contextid, userid],
    )
    const assignmentid = await insert('role_assignments', {
      roleid,
      contextid,
      userid,
      component: '',
      itemid: 0,
      timemodified: now,
      modifierid: actor,
      sortorder: 0,
    })
    await markChanged(userid)
    await log('assigned', 'role', 'role', roleid, userid, `{"id":${assignmentid},"component":"","itemid":0}`)
    await value(`SELECT id FROM ${prefix}forum WHERE course = ? AND forcesubscribe = 2`, [courseid])
    await value(`SELECT id FROM ${prefix}enrol WHERE enrol = 'meta' AND customint1 = ?`, [courseid])

    let groupid = await value(`SELECT id FROM ${prefix}groups WHERE courseid = ? AND name = ?`, [courseid, name])
    if (groupid === undefined) {
      groupid = await insert('groups', { courseid, name, timecreated: now, timemodified: now })
      await log('created', 'group', 'groups', groupid, null, null)
    }
    await value(
      `SELECT ue.id FROM ${prefix}user_enrolments ue JOIN ${prefix}enrol e ON e.id = ue.enrolid WHERE e.courseid = ? AND ue.userid = ?`,
      [courseid, userid],
    )
    const member = await value(`SELECT id FROM ${prefix}groups_members WHERE groupid = ? AND userid = ?`, [
      groupid,
      userid,
    ])
    if (member === undefined) {
      await insert('groups_members', { groupid, userid, timeadded: now, component: '', itemid: 0 })
      await connection.execute(`UPDATE ${prefix}groups SET timemodified = ? WHERE id = ?`, [now, groupid])
      await value(
        `SELECT id FROM ${prefix}message_conversations WHERE component = 'core_group' AND itemtype = 'groups' AND itemid = ?`,
        [groupid],
      )
      await log('added', 'group_member', 'groups', groupid, userid, '{"component":"","itemid":0}')
    }

    /** @param {string} action @param {string} target @param {string} objecttable @param {number} objectid @param {number | null} relateduserid @param {string | null} other */
    async function log(action, target, objecttable, objectid, relateduserid, other) {
      await insert('logstore_standard_log', {
        eventname: `\\core\\event\\${target}_${action}`,
        component: 'core',
        action,
        target,
        objecttable,
        objectid,
        crud: 'c',
        edulevel: 0,
        contextid,
        contextlevel: 50,
        contextinstanceid: courseid,
        userid: actor,
        courseid,
        relateduserid,
        anonymous: 0,
        other: other ?? 'null',
        timecreated: now,
        origin: 'cli',
        ip: null,
        realuserid: null,
      })
    }
  }

  /** @param {number} userid */
  async function markChanged(userid) {
    const flag = await value(
      `SELECT id FROM ${prefix}cache_flags WHERE flagtype = 'accesslib/dirtyusers' AND name = ?`,
      [String(userid)],
    )
    if (flag === undefined) {
      const flagtype = 'accesslib/dirtyusers'
      await insert('cache_flags', {
        flagtype,
        name: String(userid),
        value: '1',
        timemodified: now,
        expiry: now + 28_800,
      })
    } else {
      await connection.execute(`UPDATE ${prefix}cache_flags SET timemodified = ?, expiry = ? WHERE id = ?`, [
        now,
        now + 28_800,
        flag,
      ])
    }
  }

  /** @param {string} table @param {Record<string, string | number | null>} row @returns {Promise<number>} the new row's id */
  async function insert(table, row) {
    const columns = Object.keys(row)
    const sql = `INSERT INTO ${prefix}${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
    const [{ insertId }] = /** @type {[import('mysql2').ResultSetHeader, unknown]} */ (
      await connection.execute(sql, Object.values(row))
    )
    return insertId
  }

  /** @param {string} sql @param {(string | number)[]} values @returns {Promise<any>} the first column of the first row */
  async function value(sql, values) {
    const [rows] = await connection.execute({ sql, values, rowsAsArray: true })
    return /** @type {any[][]} */ (rows)[0]?.[0]
  }
}
