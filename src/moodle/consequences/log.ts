/** Rows of the standard log: one for every event, in Moodle's order, as a command-line process of Moodle writes them. */
import type { Enrolment, LogEntry, LogValue, MoodleEvent, Stored, World } from '../../plan/world.ts'
import type { Value } from '../journal.ts'
import { type PhpValue, phpJson, phpSerialize } from '../php.ts'
import { idOf, writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

const COLUMNS = [
  'eventname',
  'component',
  'action',
  'target',
  'objecttable',
  'objectid',
  'crud',
  'edulevel',
  'contextid',
  'contextlevel',
  'contextinstanceid',
  'userid',
  'courseid',
  'relateduserid',
  'anonymous',
  'other',
  'timecreated',
  'origin',
  'ip',
  'realuserid',
] as const

/** A row of the log, made of its event when it is written. */
interface Logged extends Stored {
  readonly event: MoodleEvent
}

export const log: Consequence = {
  name: 'log',
  follows: '\\logstore_standard\\log\\store::write (tool_log, helper_writer)',
  does: 'writes a row of the standard log for every event, with the origin cli, where the site has that log on and enrol.writeLog is true',
  prepare: async ({ config, settings }, world) => {
    const stores = (settings('tool_log', 'enabled_stores') ?? '').split(',').map(store => store.trim())
    if (!config.enrol.writeLog || !stores.includes('logstore_standard')) return null
    const encode = Number(settings('logstore_standard', 'jsonformat') ?? 0) === 1 ? phpJson : phpSerialize
    const touched: Logged[] = []
    const rows = writable({ touched }, ({ event }) => valuesOf(entryOf(event, world), world.now, encode))
    return {
      observer: { onEvent: event => touched.push({ id: null, fate: 'new', event }) },
      tables: [{ name: 'logstore_standard_log', columns: COLUMNS, rows }],
    }
  },
}

function valuesOf(entry: LogEntry, now: number, encode: (value: PhpValue) => string): Readonly<Record<string, Value>> {
  return {
    eventname: `\\${entry.component}\\event\\${entry.target}_${entry.action}`,
    component: entry.component,
    action: entry.action,
    target: entry.target,
    objecttable: entry.objectTable,
    objectid: entry.objectId(),
    crud: entry.crud,
    edulevel: entry.eduLevel,
    contextid: entry.context.id,
    contextlevel: entry.context.level,
    contextinstanceid: entry.context.instanceId,
    userid: entry.userId,
    courseid: entry.courseId,
    relateduserid: entry.relatedUserId,
    anonymous: 0,
    other: encode(entry.other()),
    timecreated: now,
    origin: 'cli',
    ip: null,
    realuserid: null,
  }
}

/**
 * An event in the log's terms, as everyone sees it who listens to all events. Values that Moodle had read from the database are
 * strings, those just made are numbers.
 */
export function entryOf(event: MoodleEvent, world: World): LogEntry {
  if (event.name === 'other') return event.entry
  const { actorId } = world.site
  switch (event.name) {
    case 'user-enrolment-created':
    case 'user-enrolment-updated':
    case 'user-enrolment-deleted': {
      const { enrolment } = event
      const { course, method } = enrolment.instance
      const action = event.name.slice('user-enrolment-'.length)
      return {
        component: 'core',
        action,
        target: 'user_enrolment',
        objectTable: 'user_enrolments',
        objectId: () => idOf(enrolment),
        crud: action === 'created' ? 'c' : action === 'updated' ? 'u' : 'd',
        eduLevel: 0,
        context: course.context!,
        courseId: course.id,
        userId: actorId,
        relatedUserId: enrolment.userId,
        other: () =>
          event.name === 'user-enrolment-deleted'
            ? { userenrolment: rowAsRead(event.was, idOf(enrolment), event.last), enrol: method }
            : { enrol: method },
      }
    }
    case 'role-assigned':
    case 'role-unassigned': {
      const { assignment } = event
      const { course, component, itemId } = assignment
      const assigned = event.name === 'role-assigned'
      return {
        component: 'core',
        action: assigned ? 'assigned' : 'unassigned',
        target: 'role',
        objectTable: 'role',
        objectId: () => assignment.roleId,
        crud: assigned ? 'c' : 'd',
        eduLevel: 0,
        context: course.context!,
        courseId: course.id,
        userId: actorId,
        relatedUserId: assignment.userId,
        other: () =>
          assigned
            ? { id: idOf(assignment), component, itemid: itemId === 0 ? 0 : String(itemId) }
            : { id: String(idOf(assignment)), component, itemid: String(itemId) },
      }
    }
    case 'group-created':
    case 'group-member-added':
    case 'group-member-removed': {
      const group = event.name === 'group-created' ? event.group : event.membership.group
      const action =
        event.name === 'group-member-added' ? 'added' : event.name === 'group-created' ? 'created' : 'removed'
      return {
        component: 'core',
        action,
        target: event.name === 'group-created' ? 'group' : 'group_member',
        objectTable: 'groups',
        objectId: () => idOf(group),
        crud: action === 'removed' ? 'd' : 'c',
        eduLevel: 0,
        context: group.course.context!,
        courseId: group.course.id,
        userId: actorId,
        relatedUserId: event.name === 'group-created' ? null : event.membership.userId,
        other: () => {
          if (event.name !== 'group-member-added') return null
          const { component, itemId } = event.membership
          return { component, itemid: component === 'enrol_meta' ? String(itemId) : itemId }
        },
      }
    }
  }
}

/** The enrolment's row as Moodle had read it: every value a string. */
function rowAsRead(was: Readonly<Enrolment>, id: number, last: boolean): LogValue {
  return {
    id: String(id),
    status: String(was.status),
    enrolid: String(was.instance.id),
    userid: String(was.userId),
    timestart: String(was.timeStart),
    timeend: String(was.timeEnd),
    modifierid: String(was.modifierId),
    timecreated: String(was.timeCreated),
    timemodified: String(was.timeModified),
    courseid: String(was.instance.course.id),
    enrol: was.instance.method,
    lastenrol: last,
  }
}
