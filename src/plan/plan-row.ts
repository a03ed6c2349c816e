/**
 * What one row of a command file does: (row, world, rules) → its outcome, with the world changed accordingly.
 * Everything that can fail is looked at before the first change, so that a row that fails has changed nothing.
 */
import type { MessageArguments } from '../errors.ts'
import type { CommandRow, Row } from '../file/types.ts'
import { applyCommand } from './command.ts'
import { explainFailure, explainRow } from './explain.ts'
import { applyGroups } from './groups.ts'
import { movesOf } from './moves.ts'
import type { Explanation, RowErrorCode, RowResult, RowWarning } from './outcome.ts'
import { timesThen } from './times.ts'
import type { Course, Enrolment, Found, Instance, Role, World } from './world.ts'
import { participant } from './world.ts'

/** The administrator's choices that decide what a row may do (`enrol:` in the configuration). */
export interface Rules {
  readonly protectManualGroups: boolean
  readonly allowDisabledInstances: boolean
  /** Shortnames; null: every role that can be assigned in courses. */
  readonly allowedRoles: readonly string[] | null
  /** What uid and cid hold: for what is said of those that name nobody. */
  readonly userIdentifier: string
  readonly courseIdentifier: string
  /** Rows are explained, with times in this time zone; without, they are not. */
  readonly explainIn?: string
  /** What rows were to people is worked out where teachers are told of it. */
  readonly notifyTeachers?: boolean
}

/** Methods whose enrolments Moodle works out from elsewhere, or that keep none. */
export const MANAGED_METHODS: ReadonlySet<string> = new Set(['cohort', 'meta', 'category', 'database', 'ldap', 'guest'])

/** A row whose names are all known: what the command works on. */
export interface Resolved {
  readonly row: CommandRow
  readonly course: Course
  readonly userId: number
  /** null where the command does not look at the role, or a roles-only `del` names none. */
  readonly role: Role | null
  /** null: roles only. */
  readonly instance: Instance | null
  /** The enrolments that the command is about: in that instance, or all that `disable` and `enable` may touch. */
  readonly enrolments: readonly Enrolment[]
}

export interface Failure {
  readonly code: RowErrorCode
  readonly args: MessageArguments
}
const fail = (code: RowErrorCode, args: MessageArguments = {}): Failure => ({ code, args })

/** Plans one row; the world is changed only where the outcome is `applied`. */
export function planRow(row: Row, world: World, rules: Rules): RowResult {
  const place = { line: row.line, offset: row.offset, length: row.length }
  const explained = (explain: () => Explanation) => (rules.explainIn === undefined ? {} : { explanation: explain() })
  const failed = (error: Failure | NonNullable<Row['error']>): RowResult => {
    return {
      place,
      outcome: 'failed',
      error,
      warnings: [],
      changes: [],
      ...explained(() => explainFailure(row, error)),
    }
  }
  if (row.error !== undefined) return failed(row.error)
  const warnings: RowWarning[] = []
  const resolved = resolve(row, world, rules, warnings)
  if ('code' in resolved) return failed(resolved)
  // Before anything changes: what is there decides what the row means.
  const explanation = explained(() => explainRow(resolved, world, rules))
  world.changes.length = 0
  applyCommand(resolved, world)
  applyGroups(resolved, world, rules, warnings)
  const courseId = resolved.course.id
  const changes = world.changes.filter(change => change.courseId === courseId).map(change => change.word)
  const about = { userId: resolved.userId, courseId }
  if (world.changes.length === 0)
    return { place, outcome: 'unchanged', warnings: distinct(warnings), changes, about, ...explanation }
  const moves = rules.notifyTeachers ? { moves: movesOf(world) } : {}
  return { place, outcome: 'applied', warnings: distinct(warnings), changes, about, ...moves, ...explanation }
}

/** The row's names looked up and its conditions held, or the first of its errors in the order of the specification. */
function resolve(row: CommandRow, world: World, rules: Rules, warnings: RowWarning[]): Resolved | Failure {
  const user = world.users.get(row.uid) ?? NOT_FOUND
  if (user.thing === null) {
    const args = { found: row.uid, identifier: rules.userIdentifier }
    return fail(user.ambiguous ? 'user-ambiguous' : 'user-not-found', args)
  }
  if (user.thing === world.site.guestId) return fail('guest-user', { found: row.uid })

  const course = world.courses.get(row.cid) ?? NOT_FOUND
  if (course.thing === null) {
    const args = { found: row.cid, identifier: rules.courseIdentifier }
    return fail(course.ambiguous ? 'course-ambiguous' : 'course-not-found', args)
  }
  if (course.thing.id === world.site.siteCourseId) return fail('site-course', { found: row.cid })

  const role = resolveRole(row, world, rules)
  if ('code' in role) return role

  let instance: Instance | null = null
  if (row.method !== null) {
    if (MANAGED_METHODS.has(row.method)) return fail('method-managed-by-moodle', { found: row.method })
    instance = findInstance(course.thing, row.method, world, rules)
    if (instance === null) {
      return fail('method-not-available', { found: row.method, course: row.cid })
    }
  }

  const all = [...participant(world, course.thing, user.thing).enrolments]
  const enrolments = all.filter(({ instance: own }) =>
    instance === null ? !MANAGED_METHODS.has(own.method) : own === instance,
  )
  if ((row.command === 'disable' || row.command === 'enable') && enrolments.length === 0) {
    const others = [...new Set(all.map(({ instance: { method } }) => method))].sort().join(', ')
    return fail('not-enrolled', { user: row.uid, course: row.cid, method: row.method ?? 'none', others })
  }
  const wrongTimes = timesThatEndBeforeStart(row, enrolments, world)
  if (wrongTimes !== null) return fail('end-before-start', wrongTimes)

  const approximate = [
    [user.approximately, row.uid],
    [course.approximately, row.cid],
    [role.approximately, row.role],
  ] as const
  for (const [is, found] of approximate) if (is) warnings.push({ code: 'matched-approximately', args: { found } })
  return { row, course: course.thing, userId: user.thing, role: role.thing, instance, enrolments }
}

const NOT_FOUND: Found<never> = { thing: null, ambiguous: false }
const NO_ROLE = { thing: null, approximately: false } as const

function resolveRole(
  row: CommandRow,
  world: World,
  rules: Rules,
): Failure | { readonly thing: Role | null; readonly approximately: boolean } {
  if (row.command === 'disable' || row.command === 'enable') return NO_ROLE
  if (row.command === 'del' && (row.method !== null || row.role === '')) return NO_ROLE
  if (row.role === '') return fail('empty-role', { command: row.command })
  const role = world.roles.get(row.role) ?? NOT_FOUND
  if (role.thing === null) return fail('role-not-found', { found: row.role })
  if (!role.thing.inCourses) return fail('role-not-assignable', { found: row.role })
  if (rules.allowedRoles !== null && !rules.allowedRoles.includes(role.thing.shortname)) {
    return fail('role-not-allowed', { found: row.role, allowed: rules.allowedRoles.join(', ') })
  }
  return role
}

/** The enabled instance of the method with the lowest sort order, then id; disabled ones after those, if they count. */
function findInstance(course: Course, method: string, world: World, rules: Rules): Instance | null {
  const methodEnabled = world.site.enabledMethods.has(method)
  const enabled = (instance: Instance): boolean => methodEnabled && instance.status === 0
  const [first] = course.instances
    .filter(instance => instance.method === method && (rules.allowDisabledInstances || enabled(instance)))
    .sort((a, b) => Number(enabled(b)) - Number(enabled(a)) || a.sortOrder - b.sortOrder || a.id - b.id)
  return first ?? null
}

/** The times that would then stand, if they are the wrong way round, in a row that gives either and writes an enrolment. */
function timesThatEndBeforeStart(
  row: CommandRow,
  enrolments: readonly Enrolment[],
  world: World,
): { readonly start: number; readonly end: number } | null {
  if (row.method === null || (row.command !== 'add' && row.command !== 'shift' && row.command !== 'enable')) return null
  if (row.start === undefined && row.end === undefined) return null
  const { timeStart, timeEnd } = timesThen(row, enrolments[0], world.now)
  return timeEnd !== 0 && timeEnd < timeStart ? { start: timeStart, end: timeEnd } : null
}

/** Each code once, with the arguments of the first. */
function distinct(warnings: readonly RowWarning[]): RowWarning[] {
  return warnings.filter((warning, i) => warnings.findIndex(other => other.code === warning.code) === i)
}
