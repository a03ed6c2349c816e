/** Grades, which go with the last enrolment in a course: their history, and the completion that hung on them. */
import { raise } from '../../plan/operations.ts'
import {
  type Course,
  change,
  emptyTable,
  insert,
  type Participant,
  remove,
  type Stored,
  type World,
} from '../../plan/world.ts'
import { select, table } from '../connect.ts'
import type { Value } from '../journal.ts'
import { loadModules, type Module, moduleContext } from '../modules.ts'
import type { Settings } from '../site.ts'
import { idOf, writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

/** `GRADE_HISTORY_DELETE` */
export const DELETED = 3
/** Whom the history names as the source of what goes with the last enrolment. `grade_user_unenrol` */
export const DELETION = 'userdelete'
/** `COMPLETION_TRACKING_AUTOMATIC` */
const AUTOMATIC = 2
/** From 4.0 on (3.9 and 4.1 have been looked at) the event depends on completion. */
const COMPLETION_DECIDES_EVENT_FROM = 2022041900

interface GradeItem {
  readonly id: number
  readonly course: Course
  readonly module: Module | null
  readonly itemNumber: number | null
}

interface Grade extends Stored {
  readonly item: GradeItem
  readonly userId: number
  readonly overridden: boolean
  readonly finalGrade: string | null
  /** The columns that the history has as well. */
  readonly kept: readonly Value[]
}

interface GradeHistory extends Stored {
  readonly grade: Grade
}

interface Completion extends Stored {
  readonly state: number
  readonly overrideBy: number | null
}

interface FeedbackFile extends Stored {
  readonly contextId: number
}

export const grades: Consequence = {
  name: 'grades',
  follows: 'grade_user_unenrol (grade_grade::delete, completion_info::update_state)',
  does: 'at the last unenrolment deletes the grades of the person in the course, writes their history, sets completion by grade back to incomplete, and deletes feedback files',
  prepare: async ({ moodle, settings, userIds, courseIds, mayUnenrol }, world) => {
    if (!mayUnenrol || userIds.length === 0) return null
    const itemRows = await select<[number, number, string, string | null, number | null, number | null]>(
      moodle,
      `SELECT id, courseid, itemtype, itemmodule, iteminstance, itemnumber FROM ${table(moodle, 'grade_items')}
        WHERE courseid IN (?) ORDER BY id`,
      [courseIds],
    )
    if (itemRows.length === 0) return null
    const shared = [...(moodle.columns.get('grade_grades')?.keys() ?? [])].filter(
      column =>
        !['id', 'timecreated', 'timemodified'].includes(column) &&
        moodle.columns.get('grade_grades_history')?.has(column),
    )
    const gradeRows = await select<[number, number, number, number, string | null, ...Value[]]>(
      moodle,
      `SELECT id, itemid, userid, overridden, finalgrade, ${shared.join(', ')} FROM ${table(moodle, 'grade_grades')}
        WHERE userid IN (?) AND itemid IN (?) ORDER BY itemid, id`,
      [userIds, itemRows.map(([id]) => id)],
    )
    if (gradeRows.length === 0) return null

    const modules = await loadModules(moodle, world, courseIds)
    const moduleOf = new Map(modules.map(module => [`${module.name}/${module.instance}`, module]))
    const items = new Map<number, GradeItem>()
    for (const [id, courseId, type, name, instance, itemNumber] of itemRows) {
      const module = type === 'mod' ? (moduleOf.get(`${name}/${instance}`) ?? null) : null
      items.set(id, { id, course: world.coursesById.get(courseId)!, module, itemNumber })
    }
    const gradesOf = new Map<string, Grade[]>()
    for (const [id, itemId, userId, overridden, finalGrade, ...kept] of gradeRows) {
      const item = items.get(itemId)!
      const key = `${item.course.id}:${userId}`
      const own = gradesOf.get(key) ?? []
      own.push({ id, fate: 'stored', item, userId, overridden: overridden !== 0, finalGrade, kept })
      gradesOf.set(key, own)
    }

    const completionOn = settings('', 'enablecompletion') === '1'
    const completions = new Map<string, Completion>()
    const automatic = modules.filter(module => module.completion === AUTOMATIC && module.course.completionEnabled)
    if (completionOn && automatic.length > 0) {
      for (const [id, moduleId, userId, state, overrideBy] of await select<
        [number, number, number, number, number | null]
      >(
        moodle,
        `SELECT id, coursemoduleid, userid, completionstate, overrideby FROM ${table(moodle, 'course_modules_completion')}
          WHERE userid IN (?) AND coursemoduleid IN (?)`,
        [userIds, automatic.map(({ id }) => id)],
      )) {
        completions.set(`${moduleId}:${userId}`, { id, fate: 'stored', state, overrideBy })
      }
    }
    const files = new Map<number, FeedbackFile[]>()
    for (const [id, contextId, gradeId] of await select<[number, number, number]>(
      moodle,
      `SELECT id, contextid, itemid FROM ${table(moodle, 'files')}
        WHERE component = 'grade' AND filearea = 'feedback' AND itemid IN (?)`,
      [gradeRows.map(([id]) => id)],
    )) {
      const own = files.get(gradeId) ?? []
      own.push({ id, fate: 'stored', contextId })
      files.set(gradeId, own)
    }

    const removed = emptyTable<Grade>()
    const history = emptyTable<GradeHistory>()
    const incomplete = emptyTable<Completion>()
    const removedFiles = emptyTable<FeedbackFile>()
    const historyOn = settings('', 'disablegradehistory') !== '1'
    const raiseDeleted = deletionTeller(settings, world)

    const setIncomplete = ({ item, userId }: Grade): void => {
      const { module, itemNumber } = item
      if (module === null || module.completionGradeItemNumber === null) return
      if (module.completionGradeItemNumber !== itemNumber) return
      const key = `${module.id}:${userId}`
      const completion = completions.get(key)
      if (completion === undefined || completion.state === 0) return
      if (completion.overrideBy !== null && completion.state === 1) return
      change(incomplete, completion, {})
      completions.delete(key)
      raise(world, {
        name: 'other',
        entry: {
          component: 'core',
          action: 'updated',
          target: 'course_module_completion',
          objectTable: 'course_modules_completion',
          objectId: () => idOf(completion),
          crud: 'u',
          eduLevel: 2,
          context: moduleContext(world, module),
          courseId: item.course.id,
          userId: world.site.actorId,
          relatedUserId: userId,
          other: () => ({ relateduserid: String(userId), overrideby: null, completionstate: 0 }),
        },
      })
    }
    const removeGrade = (grade: Grade): void => {
      const { item, userId, overridden, finalGrade } = grade
      remove(removed, grade)
      if (historyOn) insert(history, { id: null, fate: 'new', grade })
      setIncomplete(grade)
      for (const file of item.module === null ? [] : (files.get(grade.id!) ?? [])) {
        if (file.contextId === item.module?.context?.id) remove(removedFiles, file)
      }
      raiseDeleted({
        course: item.course,
        userId,
        itemId: item.id,
        overridden,
        finalGrade,
        gradeId: () => idOf(grade),
      })
    }
    return {
      observer: {
        afterGroupsOfLast: ({ course, userId }: Participant) => {
          const key = `${course.id}:${userId}`
          for (const grade of gradesOf.get(key) ?? []) removeGrade(grade)
          gradesOf.delete(key)
        },
      },
      tables: [
        { name: 'grade_grades', columns: [], rows: writable(removed, () => ({})) },
        {
          name: 'grade_grades_history',
          columns: ['action', 'oldid', 'source', 'timemodified', 'loggeduser', ...shared],
          rows: writable(history, ({ grade }) => ({
            action: DELETED,
            oldid: idOf(grade),
            source: DELETION,
            timemodified: world.now,
            loggeduser: world.site.actorId,
            ...Object.fromEntries(shared.map((column, i) => [column, grade.kept[i]!])),
          })),
        },
        {
          name: 'course_modules_completion',
          columns: [],
          mutable: ['completionstate', 'timemodified', 'overrideby'],
          rows: writable(incomplete, () => ({ completionstate: 0, timemodified: world.now, overrideby: null })),
        },
        { name: 'files', columns: [], rows: writable(removedFiles, () => ({})) },
      ],
    }
  },
}

/** A grade that goes. */
interface GoingGrade {
  readonly course: Course
  readonly userId: number
  readonly itemId: number
  readonly overridden: boolean
  readonly finalGrade: string | null
  readonly gradeId: () => number
}

/** Raises the event of a grade that goes, on a site where Moodle does. `grade_grade::delete` */
export function deletionTeller(settings: Settings, world: World): (grade: GoingGrade) => void {
  const isTold =
    settings('', 'enablecompletion') === '1' || Number(settings('', 'version') ?? 0) < COMPLETION_DECIDES_EVENT_FROM
  return ({ course, userId, itemId, overridden, finalGrade, gradeId }) => {
    if (!isTold) return
    raise(world, {
      name: 'other',
      entry: {
        component: 'core',
        action: 'deleted',
        target: 'grade',
        objectTable: 'grade_grades',
        objectId: gradeId,
        crud: 'd',
        eduLevel: 1,
        context: course.context!,
        courseId: course.id,
        userId: world.site.actorId,
        relatedUserId: userId,
        other: () => ({ itemid: String(itemId), overridden, finalgrade: finalGrade }),
      },
    })
  }
}
