/**
 * In whose name Moodle writes to the people of a course: its contact, or the holder of its enrolment key.
 * Follows the roles that rows assign and remove in courses while they are planned.
 */
import type { Course, MoodleEvent, RoleAssignment } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'
import { contextsAbove } from './modules.ts'
import { listOf, type Settings } from './site.ts'

/** Who it is now; null: nobody. */
export interface Contacts {
  /** `get_welcome_message_contact`, from the course contact. */
  readonly courseContact: (course: Course) => number | null
  /** `get_welcome_message_contact`, from the key holder. */
  readonly keyHolder: (course: Course) => number | null
  readonly onEvent: (event: MoodleEvent) => void
}

/** A role in a course or above it; `id` is null for one that is not written yet. */
type Held = Pick<RoleAssignment, 'id' | 'userId' | 'roleId'>

/**
 * Loads who can be a contact.
 * @param withContact the courses whose contact will be asked for
 * @param withKeyHolder the courses whose key holder will be asked for
 * @param userIds the people whose roles may change
 */
export async function loadContacts(
  moodle: Moodle,
  settings: Settings,
  withContact: readonly Course[],
  withKeyHolder: readonly Course[],
  userIds: readonly number[],
): Promise<Contacts> {
  const contacts = await loadCourseContacts(moodle, listOf(settings('', 'coursecontact')).map(Number), withContact)
  const holders = await loadKeyHolders(moodle, settings, withKeyHolder, userIds)
  return {
    courseContact: contacts.of,
    keyHolder: holders.of,
    onEvent: event => {
      if (event.name !== 'role-assigned' && event.name !== 'role-unassigned') return
      const { course, roleId } = event.assignment
      for (const { roles, inCourse } of [contacts, holders]) {
        const held = inCourse.get(course.id)
        if (held !== undefined && roles.has(roleId)) follow(held, event)
      }
    },
  }
}

function follow(
  held: Held[],
  { name, assignment }: Extract<MoodleEvent, { name: 'role-assigned' | 'role-unassigned' }>,
) {
  if (name === 'role-assigned') held.push(assignment)
  else {
    const gone = held.findIndex(one => one === assignment || (one.id !== null && one.id === assignment.id))
    if (gone !== -1) held.splice(gone, 1)
  }
}

interface Followed {
  /** Those that matter. */
  readonly roles: ReadonlySet<number>
  /** By course: the assignments in its own context, in the order of their ids. */
  readonly inCourse: ReadonlyMap<number, Held[]>
  readonly of: (course: Course) => number | null
}

const pathOf = (course: Course): number[] => contextsAbove(course.context ?? course.categoryContext)

/**
 * The contact of a course is who was first given, in the course or above it, the first of the contact roles that anybody has.
 * @param roles in the order of `config.coursecontact`
 */
async function loadCourseContacts(
  moodle: Moodle,
  roles: readonly number[],
  courses: readonly Course[],
): Promise<Followed> {
  const own = new Set(courses.flatMap(({ context }) => (context?.id == null ? [] : [context.id])))
  const above = [...new Set(courses.flatMap(pathOf))].filter(id => !own.has(id))
  const inCourse = new Map(courses.map(({ id }) => [id, [] as Held[]]))
  const firstAbove = new Map<number, Held[]>()
  if (roles.length > 0 && courses.length > 0) {
    const byContext = new Map(courses.map(course => [course.context?.id, course.id]))
    for (const [id, roleId, contextId, userId] of await selectHeld(moodle, roles, [...own])) {
      inCourse.get(byContext.get(contextId)!)!.push({ id, roleId, userId })
    }
    // No row changes roles above courses, so that the first is enough, however many have the role in a category.
    for (const [id, roleId, contextId, userId] of await selectFirstHeld(moodle, roles, above)) {
      const held = firstAbove.get(contextId) ?? []
      held.push({ id, roleId, userId })
      firstAbove.set(contextId, held)
    }
  }
  return {
    roles: new Set(roles),
    inCourse,
    of: course => {
      const all = [...pathOf(course).flatMap(id => firstAbove.get(id) ?? []), ...(inCourse.get(course.id) ?? [])]
      for (const role of roles) {
        const held = all.filter(({ roleId }) => roleId === role)
        if (held.length > 0) return held.reduce((first, one) => (idOrLast(one) < idOrLast(first) ? one : first)).userId
      }
      return null
    },
  }
}

const idOrLast = ({ id }: Held): number => id ?? Number.POSITIVE_INFINITY

type HeldRow = [id: number, roleId: number, contextId: number, userId: number]

async function selectHeld(moodle: Moodle, roles: readonly number[], contexts: readonly number[]): Promise<HeldRow[]> {
  if (contexts.length === 0) return []
  return select<HeldRow>(
    moodle,
    `SELECT a.id, a.roleid, a.contextid, a.userid FROM ${table(moodle, 'role_assignments')} a
       JOIN ${table(moodle, 'user')} u ON u.id = a.userid AND u.deleted = 0
      WHERE a.roleid IN (?) AND a.contextid IN (?) ORDER BY a.id`,
    [roles, contexts],
  )
}

async function selectFirstHeld(
  moodle: Moodle,
  roles: readonly number[],
  contexts: readonly number[],
): Promise<HeldRow[]> {
  if (contexts.length === 0) return []
  return select<HeldRow>(
    moodle,
    `SELECT a.id, a.roleid, a.contextid, a.userid FROM ${table(moodle, 'role_assignments')} a
       JOIN (SELECT MIN(b.id) AS id FROM ${table(moodle, 'role_assignments')} b
               JOIN ${table(moodle, 'user')} u ON u.id = b.userid AND u.deleted = 0
              WHERE b.roleid IN (?) AND b.contextid IN (?) GROUP BY b.roleid, b.contextid) first ON first.id = a.id`,
    [roles, contexts],
  )
}

const ALLOW = 1
const PROHIBIT = -1000

/** What roles in a course say of a capability. `get_roles_with_cap_in_context` */
interface Deciding {
  readonly allowing: ReadonlySet<number>
  readonly prohibiting: ReadonlySet<number>
}

const KEY_HOLDER = 'enrol/self:holdkey'

/** The key holder of a course is the first by name of those with the capability there. `get_users_by_capability` */
async function loadKeyHolders(
  moodle: Moodle,
  settings: Settings,
  courses: readonly Course[],
  userIds: readonly number[],
): Promise<Followed> {
  const deciding = await loadDeciding(moodle, courses)
  if (deciding.size === 0) return { roles: new Set(), inCourse: new Map(), of: () => null }

  const guest = Number(settings('', 'siteguest') ?? 0)
  const everybodysRole = Number(settings('', 'defaultuserroleid') ?? 0)
  const roles = new Set([...deciding.values()].flatMap(({ allowing, prohibiting }) => [...allowing, ...prohibiting]))
  const concerned = courses.filter(({ id }) => deciding.has(id))
  const held = await selectHeld(moodle, [...roles], [...new Set(concerned.flatMap(pathOf))])
  const inCourse = new Map(concerned.map(({ id }) => [id, [] as Held[]]))
  const above = new Map(concerned.map(({ id }) => [id, [] as Held[]]))
  for (const course of concerned) {
    const path = pathOf(course)
    for (const [id, roleId, contextId, userId] of held) {
      if (!path.includes(contextId)) continue
      const where = contextId === course.context?.id ? inCourse : above
      where.get(course.id)!.push({ id, roleId, userId })
    }
  }
  const candidates = new Set([...userIds, ...held.map(([, , , userId]) => userId)])
  const everybodyHolds = [...deciding.values()].some(({ allowing }) => allowing.has(everybodysRole))
  if (everybodyHolds) {
    // Of everybody, as many as can be kept out by a role, and one more.
    const first = await select<[number]>(
      moodle,
      `SELECT id FROM ${table(moodle, 'user')} WHERE deleted = 0 AND id <> ? ORDER BY lastname, firstname, id LIMIT ?`,
      [guest, candidates.size + 1],
    )
    for (const [id] of first) candidates.add(id)
  }
  const byName = await select<[number]>(
    moodle,
    `SELECT id FROM ${table(moodle, 'user')} WHERE deleted = 0 AND id <> ? AND id IN (?) ORDER BY lastname, firstname, id`,
    [guest, [...candidates]],
  )
  return {
    roles,
    inCourse,
    of: course => {
      const decides = deciding.get(course.id)
      if (decides === undefined || decides.prohibiting.has(everybodysRole)) return null
      const allowed = new Set<number>()
      const prohibited = new Set<number>()
      for (const { userId, roleId } of [...above.get(course.id)!, ...inCourse.get(course.id)!]) {
        if (decides.allowing.has(roleId)) allowed.add(userId)
        if (decides.prohibiting.has(roleId)) prohibited.add(userId)
      }
      const everybody = decides.allowing.has(everybodysRole)
      return byName.find(([id]) => (everybody || allowed.has(id)) && !prohibited.has(id))?.[0] ?? null
    },
  }
}

/** What decides about the capability, for the courses in which any role has it. */
async function loadDeciding(moodle: Moodle, courses: readonly Course[]): Promise<Map<number, Deciding>> {
  const deciding = new Map<number, Deciding>()
  const contexts = [...new Set(courses.flatMap(pathOf))]
  if (contexts.length === 0) return deciding
  const permissions = await select<[number, number, number]>(
    moodle,
    `SELECT r.contextid, r.roleid, r.permission FROM ${table(moodle, 'role_capabilities')} r
       JOIN ${table(moodle, 'capabilities')} c ON c.name = r.capability
      WHERE r.capability = ? AND r.contextid IN (?)`,
    [KEY_HOLDER, contexts],
  )
  for (const course of courses) {
    const path = pathOf(course)
    const decisive = new Map<number, number>()
    const prohibiting = new Set<number>()
    // From the top down: the deepest permission of a role decides.
    for (const contextId of path) {
      for (const [where, roleId, permission] of permissions) {
        if (where !== contextId) continue
        decisive.set(roleId, permission)
        if (permission === PROHIBIT) prohibiting.add(roleId)
      }
    }
    const allowing = new Set([...decisive].flatMap(([roleId, permission]) => (permission === ALLOW ? [roleId] : [])))
    if (allowing.size > 0) deciding.set(course.id, { allowing, prohibiting })
  }
  return deciding
}
