/** Moodle's caches: what a change makes stale in them. Dropping it, after the commit, is `moodle/caches/`'s affair. */
import type { Course, MoodleEvent } from '../../plan/world.ts'
import { EVENTS, gatherStale } from '../caches/definitions.ts'
import type { Consequence } from './consequence.ts'

export const caches: Consequence = {
  name: 'caches',
  follows:
    'groups_create_group, groups_add_member, groups_remove_member, core_course_category::role_assignment_changed, core_course_category::user_enrolment_changed, completion_info::internal_set_data, availability_grade\\callbacks (cache::delete, cache_helper::purge_by_event)',
  does: 'after the commit drops from Moodle’s application caches what the change makes stale: the groups of courses and of people, the teachers on the list of courses, and, where grades go, completion and the grades that restrict access; and tells the caches of people’s sessions that they are stale',
  prepare: async ({ settings }) => {
    const contactRoles = settings('', 'coursecontact')?.split(',').map(Number)
    // Without the setting, Moodle has a default that only its code knows.
    const isContactRole = (roleId: number): boolean => contactRoles?.includes(roleId) ?? true
    const { add, all } = gatherStale()
    const addContacts = (course: Course): void => add('core/coursecontacts', course.id)

    const onEvent = (event: MoodleEvent): void => {
      switch (event.name) {
        case 'user-enrolment-created':
        case 'user-enrolment-updated':
        case 'user-enrolment-deleted':
          addContacts(event.enrolment.instance.course)
          break
        case 'role-assigned':
        case 'role-unassigned':
          add(EVENTS, 'changesincategoryenrolment')
          if (isContactRole(event.assignment.roleId)) addContacts(event.assignment.course)
          break
        case 'group-created':
          add('core/groupdata', event.group.course.id)
          // Moodle writes their number here. Without it, it is counted when next asked for.
          add('core/coursehiddengroups', event.group.course.id)
          break
        case 'group-member-added':
        case 'group-member-removed':
          add('core/user_group_groupings', event.membership.userId)
          add(EVENTS, 'changesincoursestate')
          break
        case 'other':
          break
      }
    }
    return {
      observer: {
        onEvent,
        // Wherever grades may have gone; whether there were any need not be known.
        afterGroupsOfLast: ({ course, userId }) => {
          add('core/completion', `${userId}_${course.id}`)
          add('availability_grade/scores', userId)
        },
      },
      stale: all,
    }
  },
}
