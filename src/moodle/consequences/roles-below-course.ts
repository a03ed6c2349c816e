/** Roles in the contexts below a course (activities, blocks), which go with the last enrolment in it. */
import { markDirty, raise } from '../../plan/operations.ts'
import { emptyTable, type Participant, remove, type Stored, type World } from '../../plan/world.ts'
import { select, table } from '../connect.ts'
import { idOf, writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

interface RoleBelow extends Stored {
  readonly userId: number
  readonly roleId: number
  readonly component: string
  readonly itemId: number
  readonly context: { readonly id: number; readonly level: number; readonly instanceId: number; readonly path: string }
}

export const rolesBelowCourse: Consequence = {
  name: 'roles-below-course',
  follows: 'role_unassign_all with subcontexts, in enrol_plugin::unenrol_user',
  does: 'at the last unenrolment removes the roles that the person has in activities and blocks of the course',
  prepare: async ({ moodle, userIds, mayUnenrol }) => {
    if (!mayUnenrol || userIds.length === 0) return null
    const rows = await select<[number, number, number, string, number, number, number, number, string | null]>(
      moodle,
      `SELECT STRAIGHT_JOIN a.id, a.userid, a.roleid, a.component, a.itemid, x.id, x.contextlevel, x.instanceid, x.path
         FROM ${table(moodle, 'role_assignments')} a
         JOIN ${table(moodle, 'context')} x ON x.id = a.contextid AND x.contextlevel > 50
        WHERE a.userid IN (?) ORDER BY x.path, a.roleid, a.id`,
      [userIds],
    )
    if (rows.length === 0) return null
    const removed = emptyTable<RoleBelow>()
    const byUser = new Map<number, RoleBelow[]>()
    for (const [id, userId, roleId, component, itemId, contextId, level, instanceId, path] of rows) {
      const own = byUser.get(userId) ?? []
      const context = { id: contextId, level, instanceId, path: path ?? '' }
      own.push({ id, fate: 'stored', userId, roleId, component, itemId, context })
      byUser.set(userId, own)
    }
    const removeBelow = ({ course, userId }: Participant, world: World): void => {
      const below = `${course.context?.path}/`
      const own = byUser.get(userId) ?? []
      byUser.set(
        userId,
        own.filter(({ context }) => !context.path.startsWith(below)),
      )
      for (const assignment of own.filter(({ context }) => context.path.startsWith(below))) {
        remove(removed, assignment)
        markDirty(world, userId)
        raise(world, {
          name: 'other',
          entry: {
            component: 'core',
            action: 'unassigned',
            target: 'role',
            objectTable: 'role',
            objectId: () => assignment.roleId,
            crud: 'd',
            eduLevel: 0,
            context: assignment.context,
            courseId: course.id,
            userId: world.site.actorId,
            relatedUserId: userId,
            other: () => ({
              id: String(idOf(assignment)),
              component: assignment.component,
              itemid: String(assignment.itemId),
            }),
          },
        })
      }
    }
    return {
      observer: { afterRolesOfLast: removeBelow },
      tables: [{ name: 'role_assignments', columns: [], rows: writable(removed, () => ({})) }],
    }
  },
}
