/** Activities of courses (`course_modules`) with their contexts. */
import { type Context, type Course, insert, type World } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'

/** An activity: a row of `course_modules`. */
export interface Module {
  readonly id: number
  readonly course: Course
  /** The module's name: forum, quiz, … */
  readonly name: string
  /** The id in the module's own table. */
  readonly instance: number
  readonly completion: number
  readonly completionGradeItemNumber: number | null
  /** null where Moodle has not made it yet. */
  context: Context | null
}

/** Whether an activity module is installed. One that was uninstalled has taken its tables with it. */
export async function isInstalled(moodle: Moodle, name: string): Promise<boolean> {
  const [row] = await select(moodle, `SELECT 1 FROM ${table(moodle, 'modules')} WHERE name = ?`, [name])
  return row !== undefined
}

/** Every activity of these courses. @param only the name of a module, to load no others */
export async function loadModules(
  moodle: Moodle,
  world: World,
  courseIds: readonly number[],
  only?: string,
): Promise<Module[]> {
  if (courseIds.length === 0) return []
  const rows = await select<[number, number, string, number, number, number | null, number | null, string | null]>(
    moodle,
    `SELECT cm.id, cm.course, m.name, cm.instance, cm.completion, cm.completiongradeitemnumber, x.id, x.path
       FROM ${table(moodle, 'course_modules')} cm
       JOIN ${table(moodle, 'modules')} m ON m.id = cm.module
       LEFT JOIN ${table(moodle, 'context')} x ON x.contextlevel = 70 AND x.instanceid = cm.id
      WHERE cm.course IN (?) AND (? IS NULL OR m.name = ?) ORDER BY cm.id`,
    [courseIds, only ?? null, only ?? null],
  )
  return rows.map(([id, courseId, name, instance, completion, completionGradeItemNumber, contextId, path]) => ({
    id,
    course: world.coursesById.get(courseId)!,
    name,
    instance,
    completion,
    completionGradeItemNumber,
    context:
      contextId === null ? null : { id: contextId, fate: 'stored', level: 70, instanceId: id, path, parent: null },
  }))
}

/** The module's context, made if it is missing, under the course's. `context_module::instance` */
export function moduleContext(world: World, module: Module): Context {
  module.context ??= insert(world.contexts, {
    id: null,
    fate: 'new',
    level: 70,
    instanceId: module.id,
    path: null,
    parent: module.course.context,
  })
  return module.context
}

/**
 * The ids of the contexts from a module's up to the system's, without the module's own where it is new.
 * A new context's path is that of the one above it.
 */
export function contextsAbove(context: Context | null): number[] {
  if (context === null) return []
  if (context.path === null) return contextsAbove(context.parent)
  return context.path.split('/').filter(Boolean).map(Number)
}
