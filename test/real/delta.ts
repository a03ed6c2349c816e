/**
 * What differs between two snapshots of a school, in natural names: short enough to be written down and checked by hand. Ids
 * are told by names, the time of the run is `now`, and what Moodle always writes is left out (`USUAL`), so that whatever is
 * written otherwise stands out.
 */
import type { Row, Snapshot, Value } from './snapshot.ts'

/** A value that may be nested: what the log keeps of an event. */
export type Told = Value | boolean | { readonly [key: string]: Told }
export type ToldRow = Readonly<Record<string, Told>>

export interface TableDelta {
  readonly added?: readonly ToldRow[]
  /** The columns that name the row. */
  readonly removed?: readonly ToldRow[]
  /** The columns that name the row, and what has changed to what. */
  readonly changed?: readonly ToldRow[]
}

/** By table. */
export type Delta = Readonly<Record<string, TableDelta>>

/** The seconds in which a run took place: whatever time lies among them is `now`. */
export interface Moment {
  readonly from: number
  readonly to: number
}

/** Which table the ids in a column are of; the same in every table, but for `ID_COLUMNS_OF`. */
const ID_COLUMNS: Readonly<Record<string, string>> = {
  userid: 'user',
  useridfrom: 'user',
  useridto: 'user',
  relateduserid: 'user',
  modifierid: 'user',
  loggeduser: 'user',
  usermodified: 'user',
  overrideby: 'user',
  courseid: 'course',
  course: 'course',
  roleid: 'role',
  contextid: 'context',
  enrolid: 'enrol',
  groupid: 'groups',
  forum: 'forum',
  forumid: 'forum',
  quiz: 'quiz',
  coursemoduleid: 'course_modules',
  conversationid: 'message_conversations',
  toolid: 'enrol_lti_tools',
}

const ID_COLUMNS_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  grade_grades: { itemid: 'grade_items' },
  grade_grades_history: { itemid: 'grade_items', oldid: 'grade_grades' },
  files: { itemid: 'grade_grades' },
}

/** The columns that name a row. Of a table that is not here: all. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  context: ['contextlevel', 'instanceid'],
  user_enrolments: ['enrolid', 'userid'],
  role_assignments: ['userid', 'roleid', 'contextid', 'component', 'itemid'],
  groups_members: ['groupid', 'userid', 'component', 'itemid'],
  cache_flags: ['name'],
  forum_subscriptions: ['forum', 'userid'],
  forum_digests: ['forum', 'userid'],
  forum_track_prefs: ['forumid', 'userid'],
  forum_read: ['forumid', 'userid'],
  grade_grades: ['itemid', 'userid'],
  user_lastaccess: ['courseid', 'userid'],
  quiz_attempts: ['quiz', 'userid', 'attempt'],
  message_conversation_members: ['conversationid', 'userid'],
  course_modules_completion: ['coursemoduleid', 'userid'],
  enrol_lti_tools: ['enrolid'],
  enrol_lti_users: ['toolid', 'userid'],
  files: ['contextid', 'filearea', 'itemid', 'filename'],
}

/** What a new row always has. `moodle-effects.md`, 1.4, 2.A, 2.C, 2.F, 2.G, 3.4, 4.1, 6.2 */
const USUAL: Readonly<Record<string, ToldRow>> = {
  context: { locked: 0 },
  user_enrolments: { status: 0, timeend: 0, modifierid: 'admin', timecreated: 'now', timemodified: 'now' },
  role_assignments: { timemodified: 'now', modifierid: 'admin', component: '', itemid: 0, sortorder: 0 },
  groups: {
    idnumber: '',
    descriptionformat: 0,
    picture: 0,
    hidepicture: 0,
    visibility: 0,
    participation: 1,
    timecreated: 'now',
    timemodified: 'now',
  },
  groups_members: { timeadded: 'now', component: '', itemid: 0 },
  cache_flags: {
    flagtype: 'accesslib/dirtyusers',
    timemodified: 'now',
    value: '1',
    expiry: 'now + sessiontimeout',
  },
  grade_grades_history: {
    action: 3,
    source: 'userdelete',
    timemodified: 'now',
    loggeduser: 'admin',
    rawgrademax: '100.00000',
    rawgrademin: '0.00000',
    hidden: 0,
    locked: 0,
    locktime: 0,
    exported: 0,
    overridden: 0,
    excluded: 0,
    feedbackformat: 0,
    informationformat: 0,
  },
  message_conversation_members: { timecreated: 'now' },
  logstore_standard_log: { userid: 'admin', anonymous: 0, timecreated: 'now', origin: 'cli' },
}

/** What a change of a row always brings with it. */
const USUALLY_CHANGED: Readonly<Record<string, ToldRow>> = {
  user_enrolments: { modifierid: 'admin', timemodified: 'now' },
  groups: { timemodified: 'now' },
  cache_flags: { timemodified: 'now', expiry: 'now + sessiontimeout' },
  course_modules_completion: { timemodified: 'now' },
}

const SESSION_TIMEOUT = 28_800

/** What a run has made of a school. Rows of a table are in an order of their own, but for the log. */
export function deltaOf(before: Snapshot, after: Snapshot, moment: Moment): Delta {
  const told = teller(before, after, moment)
  const delta: Record<string, TableDelta> = {}
  for (const [table, rows] of after) {
    const old = before.get(table) ?? new Map<number, Row>()
    const added = [...rows].filter(([id]) => !old.has(id)).map(([, row]) => told.added(table, row))
    const removed = [...old].filter(([id]) => !rows.has(id)).map(([, row]) => told.named(table, row))
    const changed = [...rows].flatMap(([id, row]) => {
      const was = old.get(id)
      return was === undefined || JSON.stringify(was) === JSON.stringify(row) ? [] : [told.changed(table, was, row)]
    })
    const inOrder = (some: ToldRow[]): ToldRow[] => (table === 'logstore_standard_log' ? some : sorted(some))
    const all = { added: inOrder(added), removed: sorted(removed), changed: sorted(changed) }
    const some = Object.entries(all).filter(([, rows]) => rows.length > 0)
    if (some.length > 0) delta[table] = Object.fromEntries(some)
  }
  return delta
}

/** The events that were logged, in their order, as `role_assigned E1010 in BIO-2`. */
export function loggedEvents(delta: Delta): string[] {
  return (delta.logstore_standard_log?.added ?? []).map(
    ({ eventname, relateduserid, objecttable, objectid, contextid }) => {
      const name = String(eventname).replace(/^\\core\\event\\|^\\(\w+)\\event\\/, '')
      const what = objecttable === 'groups' || objecttable === 'role' ? ` ${objectid}` : ''
      return `${name}${what}${relateduserid === undefined ? '' : ` ${relateduserid}`} in ${contextid}`
    },
  )
}

/** Rows in the order of what they say. */
export const sorted = <Item>(rows: readonly Item[]): Item[] =>
  rows.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))

const keyOf = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  )

/** Rows as they were before or are now: a row that has gone is still spoken of. */
function teller(before: Snapshot, after: Snapshot, moment: Moment) {
  const rowOf = (table: string, id: Value): Row | undefined =>
    after.get(table)?.get(Number(id)) ?? before.get(table)?.get(Number(id))

  const nameOf = (table: string, id: Value): string | number => {
    const row = rowOf(table, id)
    if (row === undefined) return Number(id) === 0 ? 0 : 'nothing'
    switch (table) {
      case 'user':
        return String(row.idnumber || row.username)
      case 'course':
      case 'role':
        return String(row.shortname)
      case 'course_categories':
      case 'forum':
      case 'quiz':
        return String(row.name)
      case 'context':
        return contextName(row)
      case 'course_modules': {
        const module = String(rowOf('modules', row.module!)?.name)
        return `${module} ${rowOf(module, row.instance!)?.name}`
      }
      case 'enrol':
        return `${nameOf('course', row.courseid!)}/${row.enrol}${numbered(table, row, ['courseid', 'enrol'])}`
      case 'groups':
        return `${nameOf('course', row.courseid!)}/${row.name}${numbered(table, row, ['courseid', 'name'])}`
      case 'grade_items':
        return `${nameOf('course', row.courseid!)}/${row.itemname ?? row.itemtype}`
      case 'message_conversations':
        return String(row.name)
      default:
        return Object.values(named(table, row)).join(' ')
    }
  }

  const contextName = ({ contextlevel, instanceid }: Row): string => {
    switch (contextlevel) {
      case 10:
        return 'system'
      case 30:
        return `user ${nameOf('user', instanceid!)}`
      case 40:
        return `category ${nameOf('course_categories', instanceid!)}`
      case 50:
        return String(nameOf('course', instanceid!))
      case 70:
        return String(nameOf('course_modules', instanceid!))
      default:
        return `${contextlevel}/${instanceid}`
    }
  }

  /** Of several of one name: which, by its id. */
  const numbered = (table: string, row: Row, columns: readonly string[]): string => {
    const all = new Map([...(before.get(table) ?? []), ...(after.get(table) ?? [])])
    const twins = [...all.values()].filter(other => columns.every(column => other[column] === row[column]))
    const ids = twins.map(({ id }) => Number(id)).sort((a, b) => a - b)
    return ids.length === 1 ? '' : ` #${ids.indexOf(Number(row.id)) + 1}`
  }

  const time = (value: number): number | string => {
    const { from, to } = moment
    if (value >= from && value <= to) return 'now'
    return value >= from + SESSION_TIMEOUT && value <= to + SESSION_TIMEOUT ? 'now + sessiontimeout' : value
  }

  const told = (table: string, row: Row, column: string): Told => {
    const value = row[column] ?? null
    if (value === null) return null
    if (table === 'context' && column === 'path')
      return String(value).replaceAll(/\d+/g, id => `${nameOf('context', id)}`)
    if (table === 'context' && column === 'instanceid') return contextName(row)
    if (table === 'cache_flags' && column === 'name') return nameOf('user', value)
    if (table === 'logstore_standard_log') {
      if (column === 'objectid') return nameOf(String(row.objecttable), value)
      if (column === 'other') return toldOther(row)
    }
    // The mark of what an enrolment method has made.
    if (column === 'itemid' && String(row.component).startsWith('enrol_') && value !== 0) return nameOf('enrol', value)
    const foreign = ID_COLUMNS_OF[table]?.[column] ?? ID_COLUMNS[column]
    if (foreign !== undefined) return nameOf(foreign, value)
    return typeof value === 'number' ? time(value) : value
  }

  /** What the log keeps beside an event. Ids that are texts there are in quotes: PHP tells the two apart. */
  const toldOther = (row: Row): Told => {
    const raw = String(row.other)
    const json = /^[{n"[\d]/.test(raw)
    const value = json && !raw.startsWith('N;') ? (JSON.parse(raw) as Told) : unserialize(raw)
    const natural = tellIds(value, String(row.eventname))
    return json ? natural : { php: natural }
  }

  const tellIds = (value: Told, eventName: string): Told => {
    if (typeof value !== 'object' || value === null) return value
    const pairs = Object.entries(value).map(([key, inner]): [string, Told] => {
      if (typeof inner === 'object' || typeof inner === 'boolean') return [key, tellIds(inner, eventName)]
      const table = tableOf(key, value, eventName)
      if (table === undefined || Number(inner) === 0) return [key, inner]
      const name = table === 'time' ? time(Number(inner)) : nameOf(table, inner)
      return [key, typeof inner === 'string' ? `"${name}"` : name]
    })
    return Object.fromEntries(pairs)
  }

  const tableOf = (key: string, beside: Readonly<Record<string, Told>>, eventName: string): string | undefined => {
    if (key === 'id') return eventName.includes('role_') ? 'role_assignments' : 'user_enrolments'
    if (key === 'itemid')
      return eventName.includes('grade_') ? 'grade_items' : beside.component === '' ? undefined : 'enrol'
    return key.startsWith('time') ? 'time' : ID_COLUMNS[key]
  }

  const named = (table: string, row: Row): ToldRow => {
    const columns = NAMES[table] ?? Object.keys(row).filter(column => column !== 'id')
    if (table === 'groups') return { group: nameOf('groups', row.id!) }
    return without(Object.fromEntries(columns.map(column => [column, told(table, row, column)])), {
      component: '',
      itemid: 0,
    })
  }

  const added = (table: string, row: Row): ToldRow => {
    const all = Object.fromEntries(
      Object.keys(row)
        .filter(column => column !== 'id' && row[column] !== null)
        .map(column => [column, told(table, row, column)]),
    )
    return table === 'logstore_standard_log' ? shortLog(all, row) : without(all, USUAL[table] ?? {})
  }

  /** The columns of a log row that say once more what others say are left out where they agree with them. */
  const shortLog = (all: Record<string, Told>, row: Row): ToldRow => {
    const context = rowOf('context', row.contextid!)!
    const agreeing: Record<string, Told> = { ...USUAL.logstore_standard_log }
    if (all.eventname === `\\${all.component}\\event\\${all.target}_${all.action}`) {
      for (const column of ['component', 'action', 'target']) agreeing[column] = all[column]!
    }
    if (row.contextlevel === context.contextlevel && row.contextinstanceid === context.instanceid) {
      agreeing.contextlevel = all.contextlevel!
      agreeing.contextinstanceid = all.contextinstanceid!
      if (context.contextlevel === 50 && row.courseid === context.instanceid) agreeing.courseid = all.courseid!
    }
    return without(all, agreeing)
  }

  const changed = (table: string, was: Row, is: Row): ToldRow => {
    const usual = USUALLY_CHANGED[table] ?? {}
    const columns = Object.keys(is).filter(column => was[column] !== is[column] || column in usual)
    const now = without(Object.fromEntries(columns.map(column => [column, told(table, is, column)])), usual)
    const then = Object.fromEntries(Object.keys(now).map(column => [column, told(table, was, column)]))
    return Object.keys(now).length === 0 ? named(table, is) : { ...named(table, is), from: then, to: now }
  }
  return { added, named, changed }
}

const without = (row: ToldRow, usual: ToldRow): ToldRow =>
  Object.fromEntries(Object.entries(row).filter(([column, value]) => !(column in usual && usual[column] === value)))

/** PHP's `unserialize`, of what Moodle's log may hold. Lengths are in bytes. */
function unserialize(text: string): Told {
  const bytes = Buffer.from(text)
  let at = 0
  const until = (end: string): string => {
    const stop = bytes.indexOf(end, at)
    const piece = bytes.toString('utf8', at, stop)
    at = stop + end.length
    return piece
  }
  const value = (): Told => {
    const kind = until(/^N/.test(bytes.toString('utf8', at, at + 1)) ? ';' : ':')
    if (kind === 'N') return null
    if (kind === 'i') return Number(until(';'))
    if (kind === 'b') return until(';') === '1'
    const length = Number(until(':'))
    at += 1
    if (kind === 's') {
      const piece = bytes.toString('utf8', at, at + length)
      at += length + 2
      return piece
    }
    const pairs: [string, Told][] = []
    for (let i = 0; i < length; i += 1) pairs.push([String(value()), value()])
    at += 1
    return Object.fromEntries(pairs)
  }
  const all = value()
  if (at !== bytes.length) throw new Error(`not serialized by PHP: ${text}`)
  return all
}
