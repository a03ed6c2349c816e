/**
 * A row in words: what it means, given what is there, and where Moodle's plugin `tool_sync` would have done otherwise with it
 * (`enrol_sync_manager::cron`, `tool_sync_parsetime`). Decides nothing, changes nothing. Pure.
 */
import { Temporal } from 'temporal-polyfill'
import type { MessageArguments } from '../errors.ts'
import type { CommandRow, Row } from '../file/types.ts'
import { otherRoles, rolesByHand } from './command.ts'
import type { Explanation, Remark, RowErrorCode } from './outcome.ts'
import type { Failure, Resolved, Rules } from './plan-row.ts'
import { type Enrolment, type Participant, participant, type World } from './world.ts'

/** What a row whose names are all known means. Nothing of it has been done yet. */
export function explainRow(resolved: Resolved, world: World, rules: Rules): Explanation {
  const { row } = resolved
  const meaning = [meaningOfCommand(resolved, world, rules.explainIn!)]
  if (row.groupCommand !== null) {
    meaning.push({
      code: `groups-${row.groupCommand}`,
      args: { groups: row.groups.join(', '), count: row.groups.length },
    })
  }
  return { meaning, differences: [...differencesOfWording(row), ...differencesOfPlan(resolved, world, rules)] }
}

/** Of a row that fails: what `tool_sync` would have done all the same. */
export function explainFailure(row: Row, error: Failure | NonNullable<Row['error']>): Explanation {
  const differences = differencesOfWording(row)
  if (row.error === undefined && row.method === null && row.command === 'del' && error.code === 'role-not-found') {
    differences.push(remark('all-roles-removed'))
  } else if (DIFFERING_ERRORS.has(error.code)) differences.push(remark(error.code, error.args))
  // The plugin goes on to the groups, whatever has become of the command.
  const goesOn = error.code === 'role-not-found' || error.code === 'empty-role'
  if (row.error === undefined && row.command === 'add' && goesOn && row.groupCommand !== null) {
    differences.push(remark('groups-all-the-same'))
  }
  return { meaning: [], differences }
}

/** Errors of a row that are none for `tool_sync`: it guesses, or does half of it. */
const DIFFERING_ERRORS: ReadonlySet<RowErrorCode> = new Set([
  'wrong-number-of-cells',
  'empty-user',
  'bad-time',
  'user-ambiguous',
  'guest-user',
  'course-ambiguous',
  'site-course',
  'role-not-assignable',
  'role-not-allowed',
  'method-managed-by-moodle',
  'method-not-available',
  'end-before-start',
])

const remark = (code: string, args: MessageArguments = {}): Remark => ({ code, args })

function meaningOfCommand(resolved: Resolved, world: World, timeZone: string): Remark {
  const { row, course, userId, role, instance, enrolments } = resolved
  const args = { user: row.uid, course: course.fullname, shortname: course.shortname, method: instance?.method ?? '' }
  const [enrolment] = enrolments
  const person = participant(world, course, userId)
  switch (row.command) {
    case 'add':
    case 'shift': {
      const roles = { role: role!.shortname, others: otherRoles(resolved, world).length }
      if (instance === null) return remark(`${row.command}-role`, { ...args, ...roles })
      const times = timesOf(row, enrolment, timeZone)
      if (enrolment === undefined) return remark(row.command, { ...args, ...roles, ...times })
      const suspended = enrolment.status === 0 ? 'no' : 'yes'
      return remark(`${row.command}-enrolled`, { ...args, ...roles, ...times, suspended })
    }
    case 'del':
      if (instance === null) {
        const count = rolesByHand(resolved, world).length
        return remark(role === null ? 'del-roles' : 'del-role', { ...args, role: role?.shortname ?? '', count })
      }
      if (enrolment === undefined) return remark('del-not-enrolled', args)
      return remark('del', { ...args, last: isLast(person) ? 'yes' : 'no' })
    case 'disable':
      return remark(instance === null ? 'disable-everywhere' : 'disable', { ...args, count: enrolments.length })
    case 'enable':
      return instance === null
        ? remark('enable-everywhere', { ...args, count: enrolments.length })
        : remark('enable', { ...args, ...timesOf(row, enrolment, timeZone) })
  }
}

const isLast = ({ enrolments }: Participant): boolean => enrolments.size === 1

/** `start` is `now`, `kept` or a time; `end` is `none`, `kept` or a time. */
function timesOf(row: CommandRow, enrolment: Enrolment | undefined, timeZone: string): { start: string; end: string } {
  const text = (time: number, none: string): string => (time === 0 ? none : timeIn(time, timeZone))
  const untold = enrolment === undefined ? undefined : 'kept'
  return {
    start: row.start === undefined ? (untold ?? 'now') : text(row.start, 'always'),
    end: row.end === undefined ? (untold ?? 'none') : text(row.end, 'none'),
  }
}

/** @param time Unix time in seconds */
const timeIn = (time: number, timeZone: string): string =>
  Temporal.Instant.fromEpochMilliseconds(time * 1000)
    .toZonedDateTimeISO(timeZone)
    .toPlainDateTime()
    .toString({ smallestUnit: 'minute' })
    .replace('T', ' ')

/** Bytes of a line that `tool_sync` reads: the rest is a line of its own for it. */
const LINE_BYTES = 1023
/** The one form of times that it knows, wherever it stands in the cell; what is about it is passed over. */
const ITS_TIME = /\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d/

/** What it would not have read as it is meant. */
function differencesOfWording(row: Row): Remark[] {
  const { wording } = row
  const differences: Remark[] = []
  if (row.length > LINE_BYTES) differences.push(remark('long-line', { length: row.length }))
  if (wording === undefined) return differences
  const { command, start, end, isQuoted } = wording
  if (isQuoted) differences.push(remark('quotes'))
  if (row.error === undefined) {
    if (command === '') differences.push(remark('empty-command'))
    else if (command === 'suspend') differences.push(remark('suspend'))
    else if (command === 'disable') differences.push(remark('disable'))
    for (const [column, cell] of Object.entries({ starttime: start, endtime: end })) {
      // An end of 0 is none, there too; a start of 0 is now.
      if (cell === '' || (cell === '0' && column === 'endtime')) continue
      if (!ITS_TIME.test(cell)) differences.push(remark(`${column}-unread`, { found: cell }))
      else if (!/:\d\d$/.test(cell) || /[+-]\d\d:\d\d$/.test(cell)) differences.push(remark('offset', { found: cell }))
    }
  }
  return differences
}

function differencesOfPlan(resolved: Resolved, world: World, rules: Rules): Remark[] {
  const { row, course, userId, instance, enrolments } = resolved
  const differences: Remark[] = []
  const [enrolment] = enrolments
  const person = participant(world, course, userId)
  const enrols = row.command === 'add' || row.command === 'shift'
  if (enrols && instance !== null && enrolment !== undefined) {
    if (row.command === 'shift') {
      differences.push(remark('shift-unenrols', { last: isLast(person) ? 'yes' : 'no' }))
    } else {
      if (row.start === undefined) differences.push(remark('start-moved'))
      if (row.end === undefined && enrolment.timeEnd !== 0) differences.push(remark('end-erased'))
    }
  }
  if (row.command === 'add' && instance === null) differences.push(remark('role-of-method'))
  const replaces = row.groupCommand === 'greplace' || row.groupCommand === 'greplacecreate'
  const isByHand = [...person.memberships.values()].some(({ component }) => component === '')
  if (replaces && rules.protectManualGroups && isByHand) differences.push(remark('groups-protected'))
  return differences
}
