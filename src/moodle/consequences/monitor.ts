/**
 * Event monitoring (`tool_monitor`): events that somebody has subscribed to are kept, and where they are as many as a rule says,
 * Moodle's cron is told to write to the subscriber. Moodle does so at the end of a process, this at the end of a chunk of rows.
 */
import { raise } from '../../plan/operations.ts'
import { change, emptyTable, insert, type LogEntry, type Stored, type World } from '../../plan/world.ts'
import { type AdhocTask, adhocTaskRows } from '../adhoc-tasks.ts'
import { select, table } from '../connect.ts'
import { loadSystemContext } from '../contexts.ts'
import { isTrue } from '../message-outputs.ts'
import type { PhpValue } from '../php.ts'
import { writable } from '../write.ts'
import type { Consequence, Needs } from './consequence.ts'
import { entryOf } from './log.ts'

const MODULE = 70

interface Subscription extends Stored {
  readonly id: number
  /** 0: of the whole site. */
  readonly courseId: number
  /** 0: of the whole course. */
  readonly moduleId: number
  readonly userId: number
  readonly eventName: string
  readonly isActive: boolean
  /** So many events … */
  readonly frequency: number
  /** … later than this. Unix time in seconds. */
  readonly since: number
}

interface MonitoredEvent extends Stored {
  readonly name: string
  readonly entry: LogEntry
}

export const monitor: Consequence = {
  name: 'monitor',
  follows: String.raw`\tool_monitor\eventobservers::process_event, process_buffer`,
  does: 'where event monitoring is on, keeps the events that somebody has subscribed to, and queues the notification of subscribers whose rule is met; a file of several chunks counts chunk by chunk',
  prepare: async (needs, world) => {
    const { moodle, settings, config, warn } = needs
    if (!isTrue(settings('tool_monitor', 'enablemonitor'))) return null
    const subscriptions = await loadSubscriptions(needs, world.now)
    if (subscriptions.length === 0) return null
    const before = await countEarlier(needs, subscriptions)
    const system = await loadSystemContext(moodle)
    const wwwroot = config.moodle.wwwroot ?? ''
    if (wwwroot === '') {
      warn('wwwroot-unknown', 'moodle.wwwroot is not known: the links of monitored events lack the address of the site')
    }

    const events = emptyTable<MonitoredEvent>()
    const notified = emptyTable<Subscription>()
    const tasks = emptyTable<AdhocTask>()
    let isOver = false

    const hear = (entry: LogEntry): void => {
      const name = `\\${entry.component}\\event\\${entry.target}_${entry.action}`
      const isSubscribed = subscriptions.some(
        ({ eventName, courseId }) => eventName === name && (courseId === 0 || courseId === entry.courseId),
      )
      if (isSubscribed && !isOver) insert(events, { id: null, fate: 'new', name, entry })
    }
    const concludeChunk = (): void => {
      isOver = true
      const counts = countByScope(events.touched)
      const met: { readonly event: MonitoredEvent; readonly by: readonly Subscription[] }[] = []
      for (const event of events.touched) {
        const by = subscriptions.filter(subscription => {
          if (!subscription.isActive || !concerns(subscription, event)) return false
          const scope = scopeOf(subscription, event)
          const now = subscription.since < world.now ? (counts.get(scope) ?? 0) : 0
          const count = now + (before.get(`${subscription.id}:${scope}`) ?? 0)
          return count > 0 && count >= subscription.frequency
        })
        for (const subscription of by) raiseMet(world, subscription, system)
        if (by.length > 0) met.push({ event, by })
      }
      for (const { by } of met) for (const subscription of by) change(notified, subscription, {})
      if (met.length === 0) return
      insert(tasks, {
        id: null,
        fate: 'new',
        component: 'tool_monitor',
        className: String.raw`\tool_monitor\notification_task`,
        customData: () =>
          met.map(({ event, by }) => ({
            subscriptionids: by.map(({ id }) => String(id)),
            event: asRead(event, world.now, wwwroot),
          })),
      })
    }
    return {
      observer: { onEvent: event => hear(entryOf(event, world)), afterRows: concludeChunk },
      tables: [
        {
          name: 'tool_monitor_events',
          columns: ['eventname', 'contextid', 'contextlevel', 'contextinstanceid', 'link', 'courseid', 'timecreated'],
          rows: writable(events, ({ name, entry }) => ({
            eventname: name,
            contextid: entry.context.id,
            contextlevel: entry.context.level,
            contextinstanceid: entry.context.instanceId,
            link: linkOf(name, entry, wwwroot),
            courseid: entry.courseId,
            timecreated: world.now,
          })),
        },
        {
          name: 'tool_monitor_subscriptions',
          columns: [],
          mutable: ['lastnotificationsent'],
          rows: writable(notified, () => ({ lastnotificationsent: world.now })),
        },
        adhocTaskRows(moodle, tasks, world.now),
      ],
    }
  },
}

async function loadSubscriptions({ moodle, courseIds }: Needs, now: number): Promise<Subscription[]> {
  const rows = await select<[number, number, number, number, number, number, string, number, number]>(
    moodle,
    `SELECT s.id, s.courseid, s.cmid, s.userid, s.lastnotificationsent, s.inactivedate, r.eventname, r.frequency, r.timewindow
       FROM ${table(moodle, 'tool_monitor_subscriptions')} s
       JOIN ${table(moodle, 'tool_monitor_rules')} r ON r.id = s.ruleid
      WHERE s.courseid IN (?) ORDER BY s.id`,
    [[0, ...courseIds]],
  )
  return rows.map(([id, courseId, moduleId, userId, lastSent, inactiveDate, eventName, frequency, timeWindow]) => ({
    id,
    fate: 'stored',
    courseId,
    moduleId,
    userId,
    eventName,
    isActive: inactiveDate === 0,
    frequency,
    since: Math.max(now - timeWindow, lastSent),
  }))
}

/** What a subscription counts together when an event concerns it. */
function scopeOf({ courseId, moduleId }: Subscription, { name, entry }: MonitoredEvent): string {
  if (courseId === 0) return name
  return moduleId === 0 ? `${name}:${entry.courseId}` : `${name}:${entry.courseId}:${entry.context.instanceId}`
}

function countByScope(events: Iterable<MonitoredEvent>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { name, entry } of events) {
    const inCourse = `${name}:${entry.courseId}`
    for (const scope of [name, inCourse, `${inCourse}:${entry.context.instanceId}`]) {
      counts.set(scope, (counts.get(scope) ?? 0) + 1)
    }
  }
  return counts
}

/** The events that are kept already and count for a subscription, by its id and scope. */
async function countEarlier(
  { moodle }: Needs,
  subscriptions: readonly Subscription[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  const active = subscriptions.filter(({ isActive }) => isActive)
  if (active.length === 0) return counts
  const earliest = Math.min(...active.map(({ since }) => since))
  const rows = await select<[string, number, number, number, number]>(
    moodle,
    `SELECT eventname, courseid, contextinstanceid, timecreated, COUNT(*) FROM ${table(moodle, 'tool_monitor_events')}
      WHERE eventname IN (?) AND timecreated > ? GROUP BY eventname, courseid, contextinstanceid, timecreated`,
    [[...new Set(active.map(({ eventName }) => eventName))], earliest],
  )
  for (const subscription of active) {
    for (const [name, courseId, instanceId, time, count] of rows) {
      if (name !== subscription.eventName || time <= subscription.since) continue
      if (subscription.courseId !== 0 && subscription.courseId !== courseId) continue
      const place = `${name}:${courseId}`
      const scope = subscription.courseId === 0 ? name : subscription.moduleId === 0 ? place : `${place}:${instanceId}`
      const key = `${subscription.id}:${scope}`
      counts.set(key, (counts.get(key) ?? 0) + count)
    }
  }
  return counts
}

/** `\tool_monitor\subscription_manager::get_subscriptions_by_event` */
function concerns({ eventName, courseId, moduleId }: Subscription, { name, entry }: MonitoredEvent): boolean {
  if (eventName !== name) return false
  if (entry.context.level === MODULE && entry.context.instanceId !== 0) {
    return courseId === entry.courseId && (moduleId === 0 || moduleId === entry.context.instanceId)
  }
  return courseId === 0 || courseId === entry.courseId
}

function raiseMet(world: World, { id, courseId, userId }: Subscription, system: LogEntry['context']): void {
  raise(world, {
    name: 'other',
    entry: {
      component: 'tool_monitor',
      action: 'met',
      target: 'subscription_criteria',
      objectTable: null,
      objectId: () => null,
      crud: 'c',
      eduLevel: 1,
      context: world.coursesById.get(courseId)?.context ?? system,
      courseId,
      userId,
      relatedUserId: null,
      other: () => ({ subscriptionid: String(id) }),
    },
  })
}

/** An event as the task is given it: what Moodle has read from the database are strings. */
function asRead({ name, entry }: MonitoredEvent, now: number, wwwroot: string): PhpValue {
  const { context, courseId } = entry
  return {
    eventname: name,
    contextid: context.id,
    contextlevel: context.level,
    contextinstanceid: context.instanceId === 0 ? 0 : String(context.instanceId),
    link: linkOf(name, entry, wwwroot),
    courseid: courseId === 0 ? 0 : String(courseId),
    timecreated: now,
  }
}

/** Where Moodle shows what the event is about, as its `get_url` says; empty where it says nothing. */
function linkOf(name: string, entry: LogEntry, wwwroot: string): string {
  const path = pathOf(name.slice(name.lastIndexOf('\\') + 1), entry)
  return path === null ? '' : `${wwwroot}${path}`
}

function pathOf(event: string, { context, courseId, objectId, other }: LogEntry): string | null {
  switch (event) {
    case 'user_enrolment_created':
    case 'user_enrolment_deleted':
      return `/user/index.php?id=${courseId}`
    case 'user_enrolment_updated':
      return `/enrol/editenrolment.php?ue=${objectId()}`
    case 'role_assigned':
    case 'role_unassigned':
      return `/admin/roles/assign.php?contextid=${context.id}&amp;roleid=${objectId()}`
    case 'group_created':
      return `/group/index.php?id=${courseId}`
    case 'group_member_added':
    case 'group_member_removed':
      return `/group/members.php?group=${objectId()}`
    case 'notification_sent':
    case 'notification_viewed':
      return `/message/output/popup/notifications.php?notificationid=${objectId()}`
    case 'subscription_created':
      return `/mod/forum/subscribers.php?id=${(other() as { forumid: string }).forumid}`
    case 'course_module_completion_updated':
      return `/report/progress/index.php?course=${courseId}`
    default:
      return null
  }
}
