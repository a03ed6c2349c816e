/** Whether somebody has a capability in the context of an activity, as Moodle works it out. `has_capability` */
import type { Context, Participant, World } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'
import { loadSystemContext, makeUserContext } from './contexts.ts'
import { contextsAbove } from './modules.ts'
import type { Settings } from './site.ts'

const ALLOW = 1
const PROHIBIT = -1000

/** Says whether a user has the capability in the context, given the roles in the course as they are now. */
export interface CapabilityFacts {
  readonly has: (person: Participant, context: Context) => boolean
  /** These roles below the course are gone. */
  readonly forgetRolesBelow: (person: Participant) => void
}

interface RoleElsewhere {
  readonly contextId: number
  readonly roleId: number
  readonly path: string
}

/**
 * Loads what decides about a capability for these users, in these contexts and all above them.
 * Roles in course contexts are not among it: they are the world's, and change while rows are planned.
 */
export async function loadCapability(
  moodle: Moodle,
  world: World,
  settings: Settings,
  capability: string,
  userIds: readonly number[],
  contexts: readonly (Context | null)[],
): Promise<CapabilityFacts> {
  const nobody: CapabilityFacts = { has: () => false, forgetRolesBelow: () => {} }
  const contextIds = [...new Set(contexts.flatMap(contextsAbove))]
  if (userIds.length === 0 || contextIds.length === 0) return nobody
  const [known] = await select(moodle, `SELECT 1 FROM ${table(moodle, 'capabilities')} WHERE name = ?`, [capability])
  if (known === undefined) return nobody

  const permissions = new Map<number, Map<number, number>>()
  for (const [contextId, roleId, permission] of await select<[number, number, number]>(
    moodle,
    `SELECT contextid, roleid, permission FROM ${table(moodle, 'role_capabilities')} WHERE capability = ? AND contextid IN (?)`,
    [capability, contextIds],
  )) {
    const byRole = permissions.get(contextId) ?? new Map<number, number>()
    permissions.set(contextId, byRole.set(roleId, permission))
  }
  const elsewhere = new Map<number, RoleElsewhere[]>()
  for (const [userId, contextId, roleId, path] of await select<[number, number, number, string | null]>(
    moodle,
    `SELECT a.userid, a.contextid, a.roleid, x.path FROM ${table(moodle, 'role_assignments')} a
       JOIN ${table(moodle, 'context')} x ON x.id = a.contextid AND x.contextlevel <> 50
      WHERE a.userid IN (?) AND a.contextid IN (?)`,
    [userIds, contextIds],
  )) {
    const roles = elsewhere.get(userId) ?? []
    roles.push({ contextId, roleId, path: path ?? '' })
    elsewhere.set(userId, roles)
  }
  // Moodle makes the context of whoever it asks about; only who is deleted is left without one.
  const contextless = new Set(userIds)
  for (const [id] of await select<[number]>(
    moodle,
    `SELECT instanceid FROM ${table(moodle, 'context')} WHERE contextlevel = 30 AND instanceid IN (?)`,
    [userIds],
  )) {
    contextless.delete(id)
  }
  const system = contextless.size === 0 ? null : await loadSystemContext(moodle)
  const admins = new Set((settings('', 'siteadmins') ?? '').split(',').map(Number))
  const defaultRole = Number(settings('', 'defaultuserroleid') ?? 0)

  return {
    has: (person, context) => {
      if (system !== null && contextless.delete(person.userId)) makeUserContext(world, person.userId, system)
      if (admins.has(person.userId)) return true
      const path = contextsAbove(context)
      const roles = new Set([...person.roles].map(({ roleId }) => roleId))
      for (const { contextId, roleId } of elsewhere.get(person.userId) ?? []) {
        if (path.includes(contextId)) roles.add(roleId)
      }
      if (defaultRole !== 0) roles.add(defaultRole)
      return isAllowed(path, roles, permissions)
    },
    forgetRolesBelow: ({ userId, course }) => {
      const below = `${course.context?.path ?? ''}/`
      const roles = elsewhere.get(userId)
      if (roles !== undefined)
        elsewhere.set(
          userId,
          roles.filter(({ path }) => !path.startsWith(below)),
        )
    },
  }
}

/** For each role the deepest permission decides; one role that allows is enough, one that prohibits forbids. */
function isAllowed(
  path: readonly number[],
  roles: ReadonlySet<number>,
  permissions: ReadonlyMap<number, ReadonlyMap<number, number>>,
): boolean {
  let allowed = false
  for (const role of roles) {
    let decisive: number | undefined
    for (const contextId of path) {
      const permission = permissions.get(contextId)?.get(role)
      if (permission === PROHIBIT) return false
      decisive = permission ?? decisive
    }
    if (decisive === ALLOW) allowed = true
  }
  return allowed
}
