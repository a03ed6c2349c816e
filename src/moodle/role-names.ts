/** What roles are called: in a course, on the site, or, where they have no name of their own, in a language. */
import { type Moodle, select, table } from './connect.ts'
import type { Language } from './language.ts'
import { formatString, phpTrim } from './text.ts'

/** The standard roles that have no name of their own are named in the language. */
const NAMES_OF_ROLES: Readonly<Record<string, readonly ['moodle' | 'role', string]>> = {
  manager: ['role', 'manager'],
  coursecreator: ['moodle', 'coursecreators'],
  editingteacher: ['moodle', 'defaultcourseteacher'],
  teacher: ['moodle', 'noneditingteacher'],
  student: ['moodle', 'defaultcoursestudent'],
  guest: ['moodle', 'guest'],
  user: ['moodle', 'authenticateduser'],
  frontpage: ['role', 'frontpageuser'],
}

/**
 * Loads what roles are called. `role_get_name`
 * @param contextIds of the courses
 * @param escapes whether they are to stand in HTML as they are
 * @returns the name of a role in the course of a context; null: in none
 */
export async function loadRoleNames(
  moodle: Moodle,
  contextIds: readonly number[],
  language: Language,
  escapes: boolean,
): Promise<(roleId: number, contextId: number | null) => string> {
  const roles = new Map<number, { readonly shortname: string; readonly name: string }>()
  for (const [id, shortname, name] of await select<[number, string, string]>(
    moodle,
    `SELECT id, shortname, name FROM ${table(moodle, 'role')}`,
  )) {
    roles.set(id, { shortname, name })
  }
  const inCourses = new Map<string, string>()
  for (const [contextId, roleId, name] of contextIds.length === 0
    ? []
    : await select<[number, number, string]>(
        moodle,
        `SELECT contextid, roleid, name FROM ${table(moodle, 'role_names')} WHERE contextid IN (?)`,
        [contextIds],
      )) {
    inCourses.set(`${contextId}:${roleId}`, name)
  }
  return (roleId, contextId) => {
    const role = roles.get(roleId)
    if (role === undefined) return ''
    const inCourse = inCourses.get(`${contextId}:${roleId}`) ?? ''
    const given = phpTrim(inCourse) === '' ? role.name : inCourse
    if (phpTrim(given) !== '') return formatString(given, escapes)
    const [component, identifier] = NAMES_OF_ROLES[role.shortname] ?? []
    return component === undefined || identifier === undefined ? role.shortname : language.string(component, identifier)
  }
}
