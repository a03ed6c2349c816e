/**
 * Grades that come back with whoever is enrolled again, where `recovergradesdefault` is on: from their history, in courses that
 * grade nothing but the course itself. Elsewhere every activity's own PHP would grade anew, which no SQL can do: nothing comes
 * back there, and the log says so.
 */
import { type Enrolment, emptyTable, insert, type Participant, remove, type Stored } from '../../plan/world.ts'
import { select, table } from '../connect.ts'
import type { Value } from '../journal.ts'
import { isTrue } from '../message-outputs.ts'
import { idOf, writable } from '../write.ts'
import type { Consequence, Needs } from './consequence.ts'
import { DELETED, DELETION, deletionTeller } from './grades.ts'

/** `GRADE_HISTORY_INSERT` */
const INSERTED = 1

/** What a grade was, or is. */
interface OldGrade {
  readonly source: Value
  readonly timeModified: Value
  /** When Moodle first inserted it: the history tells. */
  readonly timeCreated: Value
  /** The columns that grades and history have in common. */
  readonly kept: readonly Value[]
}

interface RecoveredGrade extends Stored {
  readonly userId: number
  readonly old: OldGrade
}

interface GradeHistory extends Stored {
  readonly grade: RecoveredGrade
  readonly action: typeof INSERTED | typeof DELETED
}

/** What there is of one person in one course. */
interface PersonalGrades {
  /** There are grades now: Moodle then recovers none. */
  hasGrades: boolean
  /** The newest of each item. */
  old: OldGrade[]
  recovered: RecoveredGrade[]
}

export const recoveredGrades: Consequence = {
  name: 'recovered-grades',
  follows: 'grade_recover_history_grades, in enrol_plugin::enrol_user',
  does: 'where recovergradesdefault is on, gives who is enrolled again the grade of the course back from its history; in courses that grade activities nothing comes back, with a warning in the log: Moodle would have every activity grade anew',
  prepare: async (needs, world) => {
    const { moodle, settings, rows, userIds, warn } = needs
    if (!isTrue(settings('', 'recovergradesdefault')) || isTrue(settings('', 'disablegradehistory'))) return null
    if (userIds.length === 0 || rows.every(({ command }) => command === 'del' || command === 'disable')) return null
    const { itemOf, others } = await loadItems(needs)
    if (itemOf.size === 0 && others.size === 0) return null
    const shared = [...(moodle.columns.get('grade_grades')?.keys() ?? [])].filter(
      column =>
        !['id', 'timecreated', 'timemodified'].includes(column) &&
        moodle.columns.get('grade_grades_history')?.has(column),
    )
    const personal = await loadGrades(needs, itemOf, shared)

    const recovered = emptyTable<RecoveredGrade>()
    const history = emptyTable<GradeHistory>()
    const raiseDeleted = deletionTeller(settings, world)

    const recover = ({ instance, userId }: Enrolment): void => {
      const { course } = instance
      if (others.has(course.id)) {
        warn('grades-not-recovered', 'recovergradesdefault is on, and old grades of activities are not brought back')
        return
      }
      const own = personal.get(`${course.id}:${userId}`)
      if (own === undefined || own.hasGrades) return
      for (const old of own.old) {
        const grade: RecoveredGrade = insert(recovered, { id: null, fate: 'new', userId, old })
        insert(history, { id: null, fate: 'new', grade, action: INSERTED })
        own.recovered.push(grade)
      }
      own.hasGrades = own.recovered.length > 0
    }
    const at = (column: string): number => shared.indexOf(column)
    /** What goes with the last enrolment (see `grades.ts`) can come back, what has just come back can go. */
    const forget = ({ course, userId }: Participant): void => {
      const own = personal.get(`${course.id}:${userId}`)
      if (own === undefined || !own.hasGrades) return
      for (const grade of own.recovered) {
        const { kept } = grade.old
        remove(recovered, grade)
        insert(history, { id: null, fate: 'new', grade, action: DELETED })
        raiseDeleted({
          course,
          userId,
          itemId: Number(kept[at('itemid')]),
          overridden: Number(kept[at('overridden')]) !== 0,
          finalGrade: kept[at('finalgrade')] as string | null,
          gradeId: () => idOf(grade),
        })
      }
      own.old = own.old.map(old => ({
        ...old,
        source: DELETION,
        timeModified: world.now,
        timeCreated: own.recovered.length > 0 ? world.now : old.timeCreated,
      }))
      own.recovered = []
      own.hasGrades = false
    }
    const has = (column: string): boolean => moodle.columns.get('grade_grades')?.has(column) ?? false
    const keptOf = ({ kept }: OldGrade): Record<string, Value> =>
      Object.fromEntries(shared.map((column, i) => [column, kept[i]!]))
    return {
      observer: { afterEnrolling: recover, afterGroupsOfLast: forget },
      tables: [
        {
          name: 'grade_grades',
          columns: [
            ...shared,
            'timecreated',
            'timemodified',
            'aggregationstatus',
            'aggregationweight',
            // From 5.0 on.
            ...(has('deductedmark') ? ['deductedmark'] : []),
          ],
          idsAreTold: true,
          rows: writable(recovered, ({ old }) => ({
            ...keptOf(old),
            timecreated: old.timeCreated,
            timemodified: old.timeModified,
            aggregationstatus: 'unknown',
            aggregationweight: null,
            deductedmark: 0,
          })),
        },
        {
          name: 'grade_grades_history',
          columns: ['action', 'oldid', 'source', 'timemodified', 'loggeduser', ...shared],
          rows: writable(history, ({ grade, action }) => ({
            ...keptOf(grade.old),
            action,
            oldid: idOf(grade),
            source: action === DELETED ? DELETION : grade.old.source,
            timemodified: world.now,
            loggeduser: world.site.actorId,
          })),
        },
      ],
      // Activities may be restricted by the grade of the course.
      stale: () => {
        const users = [...recovered.touched].map(({ userId }) => String(userId))
        return users.length === 0 ? [] : [{ definition: 'availability_grade/scores', keys: [...new Set(users)] }]
      },
    }
  },
}

/** The grade item of each course that has no other; and the courses that have. */
async function loadItems({ moodle, courseIds }: Needs): Promise<{ itemOf: Map<number, number>; others: Set<number> }> {
  const itemOf = new Map<number, number>()
  const others = new Set<number>()
  for (const [id, courseId, type] of await select<[number, number, string]>(
    moodle,
    `SELECT id, courseid, itemtype FROM ${table(moodle, 'grade_items')} WHERE courseid IN (?) ORDER BY id`,
    [courseIds],
  )) {
    if (type === 'course') itemOf.set(courseId, id)
    else others.add(courseId)
  }
  for (const courseId of others) itemOf.delete(courseId)
  return { itemOf, others }
}

/** By `course:user`. */
async function loadGrades(
  { moodle, userIds }: Needs,
  itemOf: ReadonlyMap<number, number>,
  shared: readonly string[],
): Promise<Map<string, PersonalGrades>> {
  const personal = new Map<string, PersonalGrades>()
  if (itemOf.size === 0) return personal
  const courseOf = new Map([...itemOf].map(([courseId, itemId]) => [itemId, courseId]))
  const items = [...courseOf.keys()]
  const own = (itemId: number, userId: number): PersonalGrades => {
    const key = `${courseOf.get(itemId)}:${userId}`
    const known = personal.get(key) ?? { hasGrades: false, old: [], recovered: [] }
    personal.set(key, known)
    return known
  }
  // Only what Moodle once inserted comes back; the newest row of the history says how it was at last.
  const history = await select<[number, number, Value, Value, Value, ...Value[]]>(
    moodle,
    `SELECT h.itemid, h.userid, h.source, h.timemodified, newest.created, ${shared.map(column => `h.${column}`).join(', ')}
       FROM ${table(moodle, 'grade_grades_history')} h
       JOIN (SELECT MAX(id) AS id, MAX(CASE WHEN action = ? THEN timemodified END) AS created
               FROM ${table(moodle, 'grade_grades_history')} WHERE userid IN (?) AND itemid IN (?)
              GROUP BY itemid, userid HAVING SUM(action = ?) > 0) newest ON newest.id = h.id`,
    [INSERTED, userIds, items, INSERTED],
  )
  const created = new Map<string, Value>()
  for (const [itemId, userId, source, timeModified, timeCreated, ...kept] of history) {
    created.set(`${itemId}:${userId}`, timeCreated)
    own(itemId, userId).old.push({ source, timeModified, timeCreated, kept })
  }
  const now = await select<[number, number, ...Value[]]>(
    moodle,
    `SELECT itemid, userid, ${shared.join(', ')} FROM ${table(moodle, 'grade_grades')} WHERE userid IN (?) AND itemid IN (?)`,
    [userIds, items],
  )
  for (const [itemId, userId, ...kept] of now) {
    const person = own(itemId, userId)
    person.hasGrades = true
    const timeCreated = created.get(`${itemId}:${userId}`)
    // Were it deleted, this would be what the history says.
    person.old = timeCreated === undefined ? [] : [{ source: null, timeModified: null, timeCreated, kept }]
  }
  return personal
}
