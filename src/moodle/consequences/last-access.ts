/** When somebody last looked at a course: forgotten with the last enrolment in it. */
import type { Course } from '../../plan/world.ts'
import type { Deletion } from '../write.ts'
import type { Consequence } from './consequence.ts'

export const lastAccess: Consequence = {
  name: 'last-access',
  follows: 'enrol_plugin::unenrol_user',
  does: 'at the last unenrolment deletes the last access of the person to the course',
  prepare: async ({ mayUnenrol }) => {
    if (!mayUnenrol) return null
    const leavers = new Map<Course, Set<number>>()
    function* deletions(): Generator<Deletion> {
      for (const [course, users] of leavers) {
        yield { where: 'courseid = ? AND userid IN (?)', values: [course.id, [...users]] }
      }
    }
    return {
      observer: {
        afterGroupsOfLast: ({ course, userId }) => {
          const users = leavers.get(course) ?? new Set()
          leavers.set(course, users.add(userId))
        },
      },
      tables: [{ name: 'user_lastaccess', columns: [], deletions: deletions() }],
    }
  },
}
