/** Courses that follow others by `enrol_meta`. */
import type { Site } from '../../plan/world.ts'
import { type Moodle, select, table } from '../connect.ts'

/** The courses that follow these, those that follow them, and so on. */
export async function linkedCourseIds(moodle: Moodle, site: Site, courseIds: readonly number[]): Promise<number[]> {
  if (!site.enabledMethods.has('meta')) return []
  const known = new Set(courseIds)
  const linked: number[] = []
  for (let next = [...courseIds]; next.length > 0; ) {
    const rows = await select<[number]>(
      moodle,
      `SELECT DISTINCT courseid FROM ${table(moodle, 'enrol')} WHERE enrol = 'meta' AND customint1 IN (?)`,
      [next],
    )
    next = rows.map(([id]) => id).filter(id => !known.has(id))
    for (const id of next) known.add(id)
    linked.push(...next)
  }
  return linked
}
