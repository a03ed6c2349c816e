/** Groups as they are loaded: each is one object, however many facts speak of it. */
import type { Course, Group } from '../plan/world.ts'

/** The group of this id, as one object for all who speak of it. */
export function groupOf(course: Course, id: number, name: string, timeModified: number): Group {
  let group = course.groupsById.get(id)
  if (group === undefined) {
    group = { id, fate: 'stored', course, name, timeModified }
    course.groupsById.set(id, group)
  }
  return group
}
