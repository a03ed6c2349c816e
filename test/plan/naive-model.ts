/**
 * What a command file does, as plainly as it can be said: tables are arrays of rows, everything is searched for from one end
 * to the other, and one row changes one thing at a time. Written from the specification alone, to judge `src/plan` by: it must
 * never import anything of it, nor become clever.
 */

type Numbers<Names extends string> = Record<Names, number>

/** Rows of Moodle's tables, with the columns that matter. */
export interface Tables {
  user: (Numbers<'id' | 'deleted'> & { idnumber: string })[]
  course: (Numbers<'id' | 'category'> & { shortname: string })[]
  course_categories: Numbers<'id' | 'parent'>[]
  context: (Numbers<'id' | 'contextlevel' | 'instanceid' | 'depth'> & { path: string })[]
  role: (Numbers<'id'> & { shortname: string })[]
  role_context_levels: Numbers<'roleid' | 'contextlevel'>[]
  enrol: (Numbers<'id' | 'courseid' | 'status' | 'sortorder'> & { enrol: string })[]
  user_enrolments: UserEnrolment[]
  role_assignments: RoleAssignment[]
  groups: GroupRow[]
  groups_members: GroupMember[]
  cache_flags: (Numbers<'id' | 'timemodified' | 'expiry'> & { flagtype: string; name: string; value: string })[]
}

export type UserEnrolment = Numbers<
  'id' | 'enrolid' | 'userid' | 'status' | 'timestart' | 'timeend' | 'modifierid' | 'timecreated' | 'timemodified'
>
export type RoleAssignment = Numbers<
  'id' | 'roleid' | 'contextid' | 'userid' | 'itemid' | 'timemodified' | 'modifierid'
> & { component: string }
export type GroupRow = Numbers<'id' | 'courseid' | 'timecreated' | 'timemodified'> & { name: string }
export type GroupMember = Numbers<'id' | 'groupid' | 'userid' | 'itemid' | 'timeadded'> & { component: string }

export interface Rules {
  /** Unix time in seconds, at which everything happens. */
  now: number
  actor: number
  guest: number
  sessionTimeout: number
  enabledMethods: readonly string[]
  toolSyncInstalled: boolean
  maxGroupName: number
  defaultCommand: string
  protectManualGroups: boolean
  allowDisabledInstances: boolean
  allowedRoles: readonly string[] | null
  /** Whether the database holds two names equal. */
  equal: (one: string, other: string) => boolean
}

export interface CommandFile {
  /** Of the header. */
  columns: readonly string[]
  /** Cells, trimmed; a line may have more or fewer than there are columns. */
  lines: readonly (readonly string[])[]
}

export interface Result {
  outcome: 'applied' | 'unchanged' | 'failed'
  code: string | null
  warnings: string[]
}

/** Does what a file says to the tables, and says what became of each line. */
export function applyFile(file: CommandFile, tables: Tables, rules: Rules): Result[] {
  return file.lines.map(cells => applyLine(cells, file.columns, tables, rules))
}

class RowError extends Error {}

function applyLine(cells: readonly string[], columns: readonly string[], tables: Tables, rules: Rules): Result {
  const line = new Line(cells, columns, tables, rules)
  try {
    line.apply()
  } catch (error) {
    if (!(error instanceof RowError)) throw error
    if (line.changed) throw new Error('a row that failed had changed something')
    return { outcome: 'failed', code: error.message, warnings: [] }
  }
  return { outcome: line.changed ? 'applied' : 'unchanged', code: null, warnings: [...new Set(line.warnings)].sort() }
}

/** Section 6: the words of `cmd`. */
const WORDS: Record<string, string> = {
  add: 'add',
  shift: 'shift',
  del: 'del',
  delete: 'del',
  disable: 'disable',
  suspend: 'disable',
  enable: 'enable',
}

/** Section 4: "a method that Moodle recomputes from elsewhere". */
const RECOMPUTED = ['cohort', 'meta', 'category', 'database', 'ldap', 'guest']

/** `moodle-effects.md`, 1.7. */
const ROLES_AS_BY_HAND = ['manual', 'self', 'paypal', 'fee']

/** Section 5, of those that tests use; digits apart. */
const TIMES: Record<string, number> = { '2025-09-01T06:00:00Z': 1756706400, '2025-09-01 08:00:00+02:00': 1756706400 }

/** One line, which changes the tables as it goes. */
class Line {
  changed = false
  readonly warnings: string[] = []

  private readonly cells: readonly string[]
  private readonly columns: readonly string[]
  private readonly tables: Tables
  private readonly rules: Rules

  constructor(cells: readonly string[], columns: readonly string[], tables: Tables, rules: Rules) {
    this.cells = cells
    this.columns = columns
    this.tables = tables
    this.rules = rules
  }

  apply(): void {
    // Section 2: too many cells; or too few, and one that is required is missing.
    if (this.cells.length > this.columns.length) throw new RowError('wrong-number-of-cells')
    for (const [i, column] of this.columns.entries()) {
      if (['uid', 'cid', 'rolename'].includes(column) && i >= this.cells.length) {
        throw new RowError('wrong-number-of-cells')
      }
    }
    const command = WORDS[this.cell('cmd') || this.rules.defaultCommand]
    if (command === undefined) throw new RowError('bad-command')
    if (this.cell('uid') === '') throw new RowError('empty-user')
    if (this.cell('cid') === '') throw new RowError('empty-course')
    const start = this.time('starttime')
    const end = this.time('endtime')
    const userId = this.user()
    const courseId = this.course()
    const roleId = this.role(command)
    const instance = this.instance(courseId)
    const rolesOnly = !this.has('enrol')

    // Section 6: what `disable` and `enable` are about.
    const about = this.enrolmentsIn(courseId, userId).filter(row =>
      rolesOnly ? !RECOMPUTED.includes(this.methodOf(row.enrolid)) : row.enrolid === instance,
    )
    if ((command === 'disable' || command === 'enable') && about.length === 0) throw new RowError('not-enrolled')

    // Section 5: what there was is kept, where the row says nothing.
    const before = rolesOnly ? undefined : about[0]
    const thenStart = start ?? before?.timestart ?? this.rules.now
    const thenEnd = !this.has('endtime') ? (before?.timeend ?? 0) : (end ?? 0)
    const writes = !rolesOnly && (command === 'add' || command === 'shift' || command === 'enable')
    if (writes && (start !== null || end !== null) && thenEnd !== 0 && thenEnd < thenStart) {
      throw new RowError('end-before-start')
    }

    if (command === 'add' || command === 'shift') {
      if (!rolesOnly) {
        if (before === undefined) this.enrol(courseId, instance!, userId, thenStart, thenEnd)
        else this.update(courseId, before, 0, thenStart, thenEnd)
      }
      this.assign(courseId, userId, roleId!, ...this.markOf(instance))
      if (command === 'shift') {
        for (const row of this.rolesIn(courseId, userId)) {
          const byHand = row.component === '' && row.itemid === 0
          const byThis =
            instance !== null && row.component === `enrol_${this.methodOf(instance)}` && row.itemid === instance
          if (row.roleid !== roleId && (byHand || byThis)) this.unassign(row)
        }
      }
    } else if (command === 'del') {
      if (rolesOnly) {
        for (const row of this.rolesIn(courseId, userId)) {
          const byHand = row.component === '' && row.itemid === 0
          if (byHand && (roleId === null || row.roleid === roleId)) this.unassign(row)
        }
      } else if (before !== undefined) this.unenrol(courseId, before)
    } else if (command === 'disable') {
      for (const row of about) this.update(courseId, row, 1, row.timestart, row.timeend)
    } else {
      for (const row of about) {
        if (rolesOnly) this.update(courseId, row, 0, row.timestart, row.timeend)
        else this.update(courseId, row, 0, thenStart, thenEnd)
      }
    }
    this.groups(courseId, userId)
  }

  // Cells

  private has(column: string): boolean {
    return this.columns.includes(column)
  }

  private cell(column: string): string {
    const i = this.columns.indexOf(column)
    return i === -1 ? '' : (this.cells[i] ?? '')
  }

  private time(column: string): number | null {
    const cell = this.cell(column)
    if (cell === '') return null
    if (/^\d{1,10}$/.test(cell)) return Number(cell)
    const known = TIMES[cell]
    if (known === undefined) throw new RowError('bad-time')
    return known
  }

  // Sections 3 and 4: who, where and how

  /** The one that is equal byte for byte, else the only one that is equal for the database. */
  private one<Found>(name: string, all: readonly Found[], nameOf: (one: Found) => string): Found | 'none' | 'several' {
    const equal = all.filter(one => this.rules.equal(nameOf(one), name))
    const same = equal.filter(one => nameOf(one) === name)
    if (same.length === 1) return same[0]!
    if (same.length > 1 || equal.length > 1) return 'several'
    if (equal.length === 0) return 'none'
    this.warnings.push('matched-approximately')
    return equal[0]!
  }

  private user(): number {
    const living = this.tables.user.filter(user => user.deleted === 0)
    const user = this.one(this.cell('uid'), living, one => one.idnumber)
    if (user === 'none') throw new RowError('user-not-found')
    if (user === 'several') throw new RowError('user-ambiguous')
    if (user.id === this.rules.guest) throw new RowError('guest-user')
    return user.id
  }

  private course(): number {
    const course = this.one(this.cell('cid'), this.tables.course, one => one.shortname)
    if (course === 'none') throw new RowError('course-not-found')
    if (course === 'several') throw new RowError('course-ambiguous')
    const front = Math.min(...this.tables.course.filter(one => one.category === 0).map(one => one.id))
    if (course.id === front) throw new RowError('site-course')
    return course.id
  }

  private role(command: string): number | null {
    const name = this.cell('rolename')
    if (command === 'disable' || command === 'enable') return null
    if (command === 'del' && this.has('enrol')) return null
    if (command === 'del' && name === '') return null
    if (name === '') throw new RowError('empty-role')
    const role = this.one(name, this.tables.role, one => one.shortname)
    if (role === 'none' || role === 'several') throw new RowError('role-not-found')
    const inCourses = this.tables.role_context_levels.some(row => row.roleid === role.id && row.contextlevel === 50)
    if (!inCourses) throw new RowError('role-not-assignable')
    const { allowedRoles } = this.rules
    if (allowedRoles !== null && !allowedRoles.includes(role.shortname)) throw new RowError('role-not-allowed')
    return role.id
  }

  private instance(courseId: number): number | null {
    if (!this.has('enrol')) return null
    const method = this.cell('enrol') === '' ? 'manual' : this.cell('enrol')
    if (RECOMPUTED.includes(method)) throw new RowError('method-managed-by-moodle')
    const methodOn = this.rules.enabledMethods.includes(method)
    const instances = this.tables.enrol
      .filter(row => row.courseid === courseId && row.enrol === method)
      .sort((a, b) => (a.sortorder === b.sortorder ? a.id - b.id : a.sortorder - b.sortorder))
    const on = instances.find(row => row.status === 0 && methodOn)
    if (on !== undefined) return on.id
    if (this.rules.allowDisabledInstances && instances.length > 0) return instances[0]!.id
    throw new RowError('method-not-available')
  }

  private methodOf(instanceId: number): string {
    return this.tables.enrol.find(row => row.id === instanceId)!.enrol
  }

  private markOf(instance: number | null): [component: string, itemId: number] {
    if (instance === null) return ['', 0]
    const method = this.methodOf(instance)
    return ROLES_AS_BY_HAND.includes(method) ? ['', 0] : [`enrol_${method}`, instance]
  }

  private enrolmentsIn(courseId: number, userId: number): UserEnrolment[] {
    const inCourse = (row: UserEnrolment) =>
      this.tables.enrol.find(one => one.id === row.enrolid)?.courseid === courseId
    return this.tables.user_enrolments.filter(row => row.userid === userId && inCourse(row))
  }

  private rolesIn(courseId: number, userId: number): RoleAssignment[] {
    const context = this.tables.context.find(row => row.contextlevel === 50 && row.instanceid === courseId)
    return this.tables.role_assignments.filter(row => row.userid === userId && row.contextid === context?.id)
  }

  private membershipsIn(courseId: number, userId: number): GroupMember[] {
    const inCourse = (row: GroupMember) => this.tables.groups.find(one => one.id === row.groupid)?.courseid === courseId
    return this.tables.groups_members.filter(row => row.userid === userId && inCourse(row))
  }

  // `moodle-effects.md`, sections 1, 2 and 4: what Moodle writes

  private nextId(rows: readonly { id: number }[]): number {
    return Math.max(0, ...rows.map(row => row.id)) + 1
  }

  /** 1.3 @returns the row of the context, made if it is missing */
  private context(level: number, instanceId: number): Tables['context'][number] {
    const { context, course, course_categories } = this.tables
    const there = context.find(row => row.contextlevel === level && row.instanceid === instanceId)
    if (there !== undefined) return there
    const category =
      level === 50
        ? course.find(row => row.id === instanceId)!.category
        : course_categories.find(row => row.id === instanceId)!.parent
    const above = category === 0 ? this.context(10, 0) : this.context(40, category)
    const id = this.nextId(context)
    const made = {
      id,
      contextlevel: level,
      instanceid: instanceId,
      path: `${above.path}/${id}`,
      depth: above.depth + 1,
    }
    context.push(made)
    return made
  }

  /** 1.4 */
  private markDirty(userId: number): void {
    const { cache_flags } = this.tables
    const { now, sessionTimeout } = this.rules
    const values = { timemodified: now, value: '1', expiry: now + sessionTimeout }
    const [flag] = cache_flags
      .filter(row => row.flagtype === 'accesslib/dirtyusers' && row.name === String(userId))
      .sort((a, b) => a.id - b.id)
    if (flag !== undefined) Object.assign(flag, values)
    else {
      const id = this.nextId(cache_flags)
      cache_flags.push({ id, flagtype: 'accesslib/dirtyusers', name: String(userId), ...values })
    }
  }

  /** 2.A */
  private enrol(courseId: number, enrolid: number, userid: number, timestart: number, timeend: number): void {
    this.context(50, courseId)
    const { now, actor } = this.rules
    const id = this.nextId(this.tables.user_enrolments)
    const moment = { modifierid: actor, timecreated: now, timemodified: now }
    this.tables.user_enrolments.push({ id, enrolid, userid, status: 0, timestart, timeend, ...moment })
    this.changed = true
  }

  /** 2.B.1 */
  private update(courseId: number, row: UserEnrolment, status: number, timestart: number, timeend: number): void {
    if (row.status === status && row.timestart === timestart && row.timeend === timeend) return
    this.context(50, courseId)
    const { now, actor } = this.rules
    Object.assign(row, { status, timestart, timeend, modifierid: actor, timemodified: now })
    this.markDirty(row.userid)
    this.changed = true
  }

  /** 2.C */
  private assign(courseId: number, userid: number, roleid: number, component: string, itemid: number): void {
    const [first, ...more] = this.rolesIn(courseId, userid)
      .filter(row => row.roleid === roleid && row.component === component && row.itemid === itemid)
      .sort((a, b) => a.id - b.id)
    if (first !== undefined) {
      for (const row of more) this.removeFrom(this.tables.role_assignments, row)
      return
    }
    const { now, actor } = this.rules
    const contextid = this.context(50, courseId).id
    const id = this.nextId(this.tables.role_assignments)
    const moment = { timemodified: now, modifierid: actor }
    this.tables.role_assignments.push({ id, roleid, contextid, userid, component, itemid, ...moment })
    this.markDirty(userid)
    this.changed = true
  }

  /** 2.D */
  private unassign(row: RoleAssignment): void {
    this.removeFrom(this.tables.role_assignments, row)
    this.markDirty(row.userid)
    this.changed = true
  }

  /** 2.E and, where it was the last, 4.1 */
  private unenrol(courseId: number, row: UserEnrolment): void {
    const { userid, enrolid } = row
    const component = `enrol_${this.methodOf(enrolid)}`
    const own = (one: { component: string; itemid: number }) => one.component === component && one.itemid === enrolid
    const course = this.context(50, courseId)
    for (const membership of this.membershipsIn(courseId, userid).filter(own)) this.leave(membership)
    for (const role of this.rolesIn(courseId, userid).filter(own)) this.unassign(role)
    this.removeFrom(this.tables.user_enrolments, row)
    if (this.enrolmentsIn(courseId, userid).length === 0) {
      for (const role of this.rolesIn(courseId, userid)) this.unassign(role)
      for (const below of this.tables.context.filter(one => one.path.startsWith(`${course.path}/`))) {
        for (const role of this.tables.role_assignments.filter(
          one => one.userid === userid && one.contextid === below.id,
        )) {
          this.unassign(role)
        }
      }
      for (const membership of this.membershipsIn(courseId, userid)) this.leave(membership)
    }
    this.markDirty(userid)
    this.changed = true
  }

  /** 2.F */
  private createGroup(courseid: number, name: string): GroupRow {
    this.context(50, courseid)
    const { now } = this.rules
    const made = { id: this.nextId(this.tables.groups), courseid, name, timecreated: now, timemodified: now }
    this.tables.groups.push(made)
    this.changed = true
    return made
  }

  /** 2.G */
  private join(group: GroupRow, userid: number, component: string): void {
    const { groups_members } = this.tables
    if (groups_members.some(row => row.groupid === group.id && row.userid === userid)) return
    this.context(50, group.courseid)
    const { now } = this.rules
    const id = this.nextId(groups_members)
    groups_members.push({ id, groupid: group.id, userid, timeadded: now, component, itemid: 0 })
    group.timemodified = now
    this.changed = true
  }

  /** 2.H */
  private leave(row: GroupMember): void {
    const group = this.tables.groups.find(one => one.id === row.groupid)!
    this.context(50, group.courseid)
    this.removeFrom(this.tables.groups_members, row)
    group.timemodified = this.rules.now
    this.changed = true
  }

  private removeFrom<Row>(rows: Row[], row: Row): void {
    rows.splice(rows.indexOf(row), 1)
  }

  // Section 7: groups

  private groups(courseId: number, userId: number): void {
    const names = ['g1', 'g2', 'g3', 'g4', 'g5', 'g6', 'g7', 'g8', 'g9']
      .map(column => this.cell(column))
      .filter(name => name !== '')
    const command = this.cell('gcmd')
    if (command === '') {
      if (names.length > 0) this.warnings.push('group-command-empty')
      return
    }
    if (!['gadd', 'gaddcreate', 'greplace', 'greplacecreate', 'gdel'].includes(command)) {
      this.warnings.push('bad-group-command')
      return
    }
    if (command === 'gdel') {
      for (const name of names) {
        const group = this.group(courseId, name, true)
        if (group === null) this.warnings.push('group-not-found')
        for (const row of this.membershipsIn(courseId, userId)) {
          if (row.groupid === group?.id && this.mayLeave(row)) this.leave(row)
        }
      }
      return
    }
    if (command === 'greplace' || command === 'greplacecreate') {
      const meant = names.map(name => this.group(courseId, name, false)?.id)
      for (const row of this.membershipsIn(courseId, userId)) {
        if (!meant.includes(row.groupid) && this.mayLeave(row)) this.leave(row)
      }
    }
    if (names.length === 0) return
    if (this.enrolmentsIn(courseId, userId).length === 0) {
      this.warnings.push('group-not-enrolled')
      return
    }
    const creates = command === 'gaddcreate' || command === 'greplacecreate'
    const { protectManualGroups, toolSyncInstalled, maxGroupName } = this.rules
    const mark = !protectManualGroups ? '' : toolSyncInstalled ? 'tool_sync' : 'enrol_manual'
    for (const name of names) {
      let group = this.group(courseId, name, true)
      if (group === null && !creates) this.warnings.push('group-not-found')
      if (group === null && creates && [...name].length > maxGroupName) this.warnings.push('group-name-too-long')
      else if (group === null && creates) group = this.createGroup(courseId, name)
      if (group !== null) this.join(group, userId, mark)
    }
  }

  /** The lowest id of those of this name byte for byte, or else for the database. */
  private group(courseId: number, name: string, warn: boolean): GroupRow | null {
    const equal = this.tables.groups
      .filter(group => group.courseid === courseId && this.rules.equal(group.name, name))
      .sort((a, b) => a.id - b.id)
    const same = equal.filter(group => group.name === name)
    const meant = same.length > 0 ? same : equal
    if (warn && meant.length > 1) this.warnings.push('group-ambiguous')
    if (warn && meant.length === 1 && same.length === 0) this.warnings.push('matched-approximately')
    return meant[0] ?? null
  }

  private mayLeave({ component, itemid }: GroupMember): boolean {
    if (!this.rules.protectManualGroups) return true
    return component === 'tool_sync' || (component === 'enrol_manual' && itemid === 0)
  }
}
