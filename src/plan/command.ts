/** The command of a row whose names are all known: `add`, `shift`, `del`, `disable`, `enable`. */
import { assignRole, enrol, unassignRole, unenrol, updateEnrolment } from './operations.ts'
import type { Resolved } from './plan-row.ts'
import { timesThen } from './times.ts'
import { type Instance, participant, type RoleAssignment, type World } from './world.ts'

/**
 * Methods that leave the roles they assign as if assigned by hand: `roles_protected()` is false, and enrolling is not
 * overridden (as `flatfile` does). Every other method marks them with itself and its instance.
 */
const UNPROTECTED_METHODS: ReadonlySet<string> = new Set(['manual', 'self', 'paypal', 'fee'])

const BY_HAND = { component: '', itemId: 0 } as const

const markOf = (instance: Instance | null): { component: string; itemId: number } =>
  instance === null || UNPROTECTED_METHODS.has(instance.method)
    ? BY_HAND
    : { component: `enrol_${instance.method}`, itemId: instance.id }

/** Does what the row's command says; the group command comes after. */
export function applyCommand(resolved: Resolved, world: World): void {
  const { instance } = resolved
  switch (resolved.row.command) {
    case 'add':
      add(resolved, world)
      break
    case 'shift':
      add(resolved, world)
      removeOtherRoles(resolved, world)
      break
    case 'del':
      if (instance === null) removeRolesByHand(resolved, world)
      else unenrolFrom(resolved, world)
      break
    case 'disable':
      setStatus(resolved, world, 1)
      break
    case 'enable':
      setStatus(resolved, world, 0)
  }
}

function add({ row, course, userId, role, instance, enrolments }: Resolved, world: World): void {
  const roleId = role!.id
  if (instance !== null) {
    const [enrolment] = enrolments
    const values = { status: 0, ...timesThen(row, enrolment, world.now) }
    if (enrolment !== undefined) updateEnrolment(world, enrolment, values)
    else enrol(world, instance, userId, values, roleId)
  }
  const { component, itemId } = markOf(instance)
  assignRole(world, course, userId, roleId, component, itemId)
}

function removeOtherRoles(resolved: Resolved, world: World): void {
  for (const assignment of otherRoles(resolved, world)) unassignRole(world, assignment)
}

/** What `shift` takes away: every other role that was assigned by hand or by this instance. */
export function otherRoles({ course, userId, role, instance }: Resolved, world: World): RoleAssignment[] {
  const own = instance === null ? null : { component: `enrol_${instance.method}`, itemId: instance.id }
  const replaced = (assignment: RoleAssignment): boolean =>
    assignment.roleId !== role!.id && (isMarked(assignment, BY_HAND) || (own !== null && isMarked(assignment, own)))
  return rolesOf(course, userId, world).filter(replaced)
}

function removeRolesByHand(resolved: Resolved, world: World): void {
  for (const assignment of rolesByHand(resolved, world)) unassignRole(world, assignment)
}

/** What `del` takes away in a file of roles only: the role that it names, or every one, that was assigned by hand. */
export function rolesByHand({ course, userId, role }: Resolved, world: World): RoleAssignment[] {
  return rolesOf(course, userId, world).filter(
    assignment => isMarked(assignment, BY_HAND) && (role === null || assignment.roleId === role.id),
  )
}

function unenrolFrom({ enrolments }: Resolved, world: World): void {
  for (const enrolment of enrolments) unenrol(world, enrolment)
}

function setStatus({ row, enrolments, instance }: Resolved, world: World, status: number): void {
  for (const enrolment of enrolments) {
    const times = status === 0 && instance !== null ? timesThen(row, enrolment, world.now) : {}
    updateEnrolment(world, enrolment, { status, ...times })
  }
}

const isMarked = (assignment: RoleAssignment, mark: { component: string; itemId: number }): boolean =>
  assignment.component === mark.component && assignment.itemId === mark.itemId

const rolesOf = (course: Resolved['course'], userId: number, world: World): RoleAssignment[] =>
  [...participant(world, course, userId).roles].sort((a, b) => a.roleId - b.roleId)
