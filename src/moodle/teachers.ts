/** Who is told of what a run has changed in a course: its teachers, as Moodle would tell them. Reads only. */
import { type Moodle, select, table } from './connect.ts'
import { hasProvider, isTrue, loadOutputs } from './message-outputs.ts'
import type { Settings } from './site.ts'
import { type NameValues, nameColumns, namesIn, type PersonNames } from './text.ts'

/**
 * The kind of message that people and sites have settings for. Every Moodle has this one, without a capability that it needs, and
 * it is made for the very thing: `enrol_flatfile`, Moodle's own method for files of enrolments, tells teachers of them by it.
 * (`moodle/notices` and its like are for administrators; `moodle/coursecontentupdated` and the welcome message came later.)
 */
export const PROVIDER = { component: 'enrol_flatfile', name: 'flatfile_enrolment' } as const

/** What Moodle sets for a kind of message whose plugin says nothing of it. `message_set_default_message_preference` */
const OUTPUTS_BY_DEFAULT = 'popup,email'

export interface Teacher {
  readonly id: number
  readonly email: string
  /** Moodle's code of their language; empty: none chosen. */
  readonly language: string
  readonly names: PersonNames
  readonly wantsMail: boolean
  /** A notification in Moodle. */
  readonly wantsBell: boolean
}

/**
 * Loads the teachers of courses: who has a role of the archetype `editingteacher` in the course itself, an account that is
 * confirmed and neither deleted nor suspended, and an enrolment that is active and current; of those, whoever wants to be told.
 * @param now Unix time in seconds
 * @returns by course, in the order of their ids
 */
export async function loadTeachers(
  moodle: Moodle,
  settings: Settings,
  courseIds: readonly number[],
  now: number,
): Promise<Map<number, Teacher[]>> {
  const teachers = new Map<number, Teacher[]>()
  const preferenceBase = `${PROVIDER.component}_${PROVIDER.name}`
  const isProviderThere = await hasProvider(moodle, PROVIDER)
  if (courseIds.length === 0 || (isProviderThere && isTrue(settings('message', `${preferenceBase}_disable`))))
    return teachers
  const rows = await select<[number, number, string, number, string, string, ...NameValues]>(
    moodle,
    `SELECT DISTINCT c.instanceid, u.id, u.email, u.emailstop, u.lang, u.auth, ${nameColumns('u')}
       FROM ${table(moodle, 'context')} c
       JOIN ${table(moodle, 'role_assignments')} ra ON ra.contextid = c.id
       JOIN ${table(moodle, 'role')} r ON r.id = ra.roleid AND r.archetype = 'editingteacher'
       JOIN ${table(moodle, 'user')} u ON u.id = ra.userid AND u.deleted = 0 AND u.suspended = 0 AND u.confirmed = 1
      WHERE c.contextlevel = 50 AND c.instanceid IN (?)
        AND EXISTS (SELECT 1 FROM ${table(moodle, 'enrol')} e
                      JOIN ${table(moodle, 'user_enrolments')} ue ON ue.enrolid = e.id AND ue.userid = u.id
                     WHERE e.courseid = c.instanceid AND e.status = 0 AND ue.status = 0
                       AND ue.timestart <= ? AND (ue.timeend = 0 OR ue.timeend > ?))
      ORDER BY c.instanceid, u.id`,
    [courseIds, now, now],
  )
  if (rows.length === 0) return teachers
  const userIds = [...new Set(rows.map(([, id]) => id))]
  const outputsOf = isProviderThere
    ? await loadOutputs(moodle, settings, preferenceBase, userIds, OUTPUTS_BY_DEFAULT)
    : // That plugin was removed from this Moodle: nobody has settings for it, and no notification of its kind can be shown.
      (_: number, emailStopped: boolean) => (emailStopped ? [] : ['email'])
  for (const [courseId, id, email, emailStop, language, auth, ...own] of rows) {
    const outputs = outputsOf(id, emailStop === 1)
    const wantsMail = outputs.includes('email') && auth !== 'nologin'
    const wantsBell = outputs.includes('popup')
    if (!wantsMail && !wantsBell) continue
    const inCourse = teachers.get(courseId) ?? []
    teachers.set(courseId, inCourse)
    inCourse.push({ id, email, language, names: namesIn(own), wantsMail, wantsBell })
  }
  return teachers
}

/**
 * Makes sure that teachers could be looked for: a right that is missing must be missed before a run's first change, not after
 * its last.
 */
export async function probeTeachers(moodle: Moodle, settings: Settings): Promise<void> {
  await loadTeachers(moodle, settings, [0], 0)
}
