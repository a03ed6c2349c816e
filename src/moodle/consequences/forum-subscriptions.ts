/** Subscriptions to forums with initial subscription, when a role is assigned; and what leaves a forum with its reader. */
import { raise } from '../../plan/operations.ts'
import {
  type Course,
  emptyTable,
  insert,
  type MoodleEvent,
  type Participant,
  participant,
  type RoleAssignment,
  remove,
  type Stored,
} from '../../plan/world.ts'
import { loadCapability } from '../capability.ts'
import { select, table } from '../connect.ts'
import { isInstalled, loadModules, type Module, moduleContext } from '../modules.ts'
import { type Deletion, idOf, writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

/** `FORUM_INITIALSUBSCRIBE` */
const INITIAL = 2

interface Forum {
  readonly id: number
  readonly initial: boolean
  readonly module: Module | null
}

interface Subscription extends Stored {
  readonly forumId: number
  readonly userId: number
}

export const forumSubscriptions: Consequence = {
  name: 'forum-subscriptions',
  follows: '\\mod_forum\\event observers: mod_forum_observer::role_assigned, ::user_unenrolled',
  does: 'subscribes who is given a role to the forums of the course with initial subscription, where mod/forum:allowforcesubscribe lets them; at the last unenrolment deletes their subscriptions, digests, tracking preferences and read marks in the forums of the course',
  prepare: async ({ moodle, settings, userIds, courseIds, mayUnenrol }, world) => {
    if (userIds.length === 0 || courseIds.length === 0 || !(await isInstalled(moodle, 'forum'))) return null
    const rows = await select<[number, number, number]>(
      moodle,
      `SELECT id, course, forcesubscribe FROM ${table(moodle, 'forum')}
        WHERE course IN (?) AND (forcesubscribe = ? OR ?) ORDER BY id`,
      [courseIds, INITIAL, mayUnenrol],
    )
    if (rows.length === 0) return null
    const withInitial = [...new Set(rows.filter(([, , mode]) => mode === INITIAL).map(([, courseId]) => courseId))]
    const modules = await loadModules(moodle, world, withInitial, 'forum')
    const moduleOf = new Map(modules.map(module => [module.instance, module]))
    const forums = new Map<number, Forum[]>()
    for (const [id, courseId, mode] of rows) {
      const own = forums.get(courseId) ?? []
      own.push({ id, initial: mode === INITIAL, module: moduleOf.get(id) ?? null })
      forums.set(courseId, own)
    }
    const capability = await loadCapability(
      moodle,
      world,
      settings,
      'mod/forum:allowforcesubscribe',
      withInitial.length === 0 ? [] : userIds,
      modules.map(({ context, course }) => context ?? course.context ?? course.categoryContext),
    )
    const subscriptions = emptyTable<Subscription>()
    const subscribed = new Map<string, Subscription>()
    for (const [id, userId, forumId] of await select<[number, number, number]>(
      moodle,
      `SELECT id, userid, forum FROM ${table(moodle, 'forum_subscriptions')} WHERE userid IN (?) AND forum IN (?)`,
      [userIds, rows.map(([id]) => id)],
    )) {
      subscribed.set(`${forumId}:${userId}`, { id, fate: 'stored', forumId, userId })
    }

    const subscribe = (assignment: RoleAssignment): void => {
      const { course, userId } = assignment
      for (const { id: forumId, initial, module } of forums.get(course.id) ?? []) {
        const key = `${forumId}:${userId}`
        if (!initial || module === null || subscribed.has(key)) continue
        const context = moduleContext(world, module)
        if (!capability.has(participant(world, course, userId), context)) continue
        const subscription = insert(subscriptions, { id: null, fate: 'new', forumId, userId } as Subscription)
        subscribed.set(key, subscription)
        raise(world, {
          name: 'other',
          entry: {
            component: 'mod_forum',
            action: 'created',
            target: 'subscription',
            objectTable: 'forum_subscriptions',
            objectId: () => idOf(subscription),
            crud: 'c',
            eduLevel: 2,
            context,
            courseId: course.id,
            userId: world.site.actorId,
            relatedUserId: userId,
            other: () => ({ forumid: String(forumId) }),
          },
        })
      }
    }
    const leavers = new Map<Course, Set<number>>()
    const leave = ({ enrolment }: Extract<MoodleEvent, { name: 'user-enrolment-deleted' }>): void => {
      const { course } = enrolment.instance
      const users = leavers.get(course) ?? new Set()
      leavers.set(course, users.add(enrolment.userId))
      for (const { id } of forums.get(course.id) ?? []) {
        const key = `${id}:${enrolment.userId}`
        const subscription = subscribed.get(key)
        if (subscription === undefined) continue
        remove(subscriptions, subscription)
        subscribed.delete(key)
      }
    }
    function* leftBehind(column: string): Generator<Deletion> {
      for (const [course, users] of leavers) {
        const ids = (forums.get(course.id) ?? []).map(({ id }) => id)
        if (ids.length > 0) yield { where: `userid IN (?) AND ${column} IN (?)`, values: [[...users], ids] }
      }
    }
    return {
      observer: {
        onEvent: event => {
          if (event.name === 'role-assigned') subscribe(event.assignment)
          else if (event.name === 'user-enrolment-deleted' && event.last) leave(event)
        },
        afterRolesOfLast: (person: Participant) => capability.forgetRolesBelow(person),
      },
      tables: [
        {
          name: 'forum_subscriptions',
          columns: ['userid', 'forum'],
          idsAreTold: true,
          rows: writable(subscriptions, ({ userId, forumId }) => ({ userid: userId, forum: forumId })),
        },
        { name: 'forum_digests', columns: [], deletions: leftBehind('forum') },
        { name: 'forum_track_prefs', columns: [], deletions: leftBehind('forumid') },
        { name: 'forum_read', columns: [], deletions: leftBehind('forumid') },
      ],
    }
  },
}
