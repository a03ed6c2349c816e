/** Who came by LTI: what the tool remembers of them goes with their enrolment. */
import { emptyTable, remove, type Stored } from '../../plan/world.ts'
import { select, table } from '../connect.ts'
import { writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

export const ltiUsers: Consequence = {
  name: 'lti-users',
  follows: 'enrol_lti_plugin::unenrol_user',
  does: 'at an unenrolment from the method lti deletes what the published tool remembers of the person',
  prepare: async ({ moodle, courseIds, userIds, mayUnenrol }, world) => {
    if (!mayUnenrol || userIds.length === 0) return null
    const instances = courseIds.flatMap(id =>
      world.coursesById.get(id)!.instances.filter(({ method }) => method === 'lti'),
    )
    if (instances.length === 0) return null
    const usersOf = new Map<string, Stored[]>()
    for (const [id, userId, instanceId] of await select<[number, number, number]>(
      moodle,
      `SELECT u.id, u.userid, t.enrolid FROM ${table(moodle, 'enrol_lti_users')} u
         JOIN ${table(moodle, 'enrol_lti_tools')} t ON t.id = u.toolid
        WHERE u.userid IN (?) AND t.enrolid IN (?)`,
      [userIds, instances.map(({ id }) => id)],
    )) {
      const key = `${instanceId}:${userId}`
      usersOf.set(key, [...(usersOf.get(key) ?? []), { id, fate: 'stored' }])
    }
    if (usersOf.size === 0) return null
    const removed = emptyTable<Stored>()
    return {
      observer: {
        beforeUnenrolling: ({ instance, userId }) => {
          for (const user of usersOf.get(`${instance.id}:${userId}`) ?? []) remove(removed, user)
        },
      },
      tables: [{ name: 'enrol_lti_users', columns: [], rows: writable(removed, () => ({})) }],
    }
  },
}
