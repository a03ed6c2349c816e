/** The group command of a row: `gadd`, `gaddcreate`, `greplace`, `greplacecreate`, `gdel`. */
import { addMember, createGroup, removeMember } from './operations.ts'
import type { RowWarning } from './outcome.ts'
import type { Resolved, Rules } from './plan-row.ts'
import { byId, type Course, type Group, type Membership, type Participant, participant, type World } from './world.ts'

/** What a name is among the groups of a course: `certain` is false where it was only equal for the database. */
type Match = { readonly group: Group; readonly warning: RowWarning['code'] | null } | null

/** Does what `gcmd` says, after the row's command. Warnings are added to those given. */
export function applyGroups(resolved: Resolved, world: World, rules: Rules, warnings: RowWarning[]): void {
  const { row, course, userId } = resolved
  if (row.groupWarning !== null) warnings.push(row.groupWarning)
  if (row.groupCommand === null) return
  const person = participant(world, course, userId)
  if (row.groupCommand === 'gdel') {
    leaveNamed(resolved, person, world, rules, warnings)
    return
  }
  if (row.groupCommand === 'greplace' || row.groupCommand === 'greplacecreate') {
    leaveOthers(row.groups, person, world, rules)
  }
  if (row.groups.length === 0) return
  if (person.enrolments.size === 0) {
    warnings.push({ code: 'group-not-enrolled', args: { user: row.uid, course: row.cid } })
    return
  }
  const creates = row.groupCommand === 'gaddcreate' || row.groupCommand === 'greplacecreate'
  const mark = rules.protectManualGroups ? world.site.mark : { component: '', itemId: 0 }
  for (const name of row.groups) {
    const match = findGroup(course, name, world)
    if (match?.warning) warnings.push({ code: match.warning, args: { found: name } })
    const group = match?.group ?? (creates ? create(course, name, world, warnings) : notFound(name, row.cid, warnings))
    if (group !== null) addMember(world, group, userId, mark.component, mark.itemId)
  }
}

function notFound(name: string, course: string, warnings: RowWarning[]): null {
  warnings.push({ code: 'group-not-found', args: { found: name, course } })
  return null
}

function create(course: Course, name: string, world: World, warnings: RowWarning[]): Group | null {
  const most = world.site.maxGroupName
  // Characters as the database counts them, not UTF-16 units.
  const length = [...name].length
  if (length > most) {
    warnings.push({ code: 'group-name-too-long', args: { found: name, length, most } })
    return null
  }
  return createGroup(world, course, name, groupKey(name, world))
}

function leaveNamed(
  { row, course }: Resolved,
  person: Participant,
  world: World,
  rules: Rules,
  warnings: RowWarning[],
): void {
  for (const name of row.groups) {
    const match = findGroup(course, name, world)
    if (match === null) {
      notFound(name, row.cid, warnings)
      continue
    }
    if (match.warning) warnings.push({ code: match.warning, args: { found: name } })
    const membership = person.memberships.get(match.group)
    if (membership !== undefined && mayLeave(membership, rules)) removeMember(world, membership)
  }
}

function leaveOthers(names: readonly string[], person: Participant, world: World, rules: Rules): void {
  const kept = new Set(names.map(name => findGroup(person.course, name, world)?.group))
  const inOrder = [...person.memberships.values()].sort((a, b) => byId(a.group, b.group))
  for (const membership of inOrder) {
    if (!kept.has(membership.group) && mayLeave(membership, rules)) removeMember(world, membership)
  }
}

/** With protection, only what sync itself has made is ever left: either of its two marks. */
const mayLeave = ({ component, itemId }: Membership, rules: Rules): boolean =>
  !rules.protectManualGroups || component === 'tool_sync' || (component === 'enrol_manual' && itemId === 0)

const groupKey = (name: string, world: World): string => {
  const key = world.groupKeys.get(name)
  if (key === undefined) throw new Error(`no key for the group name ${JSON.stringify(name)}: its facts were not loaded`)
  return key
}

/** The group of this name: of those equal byte for byte, else of those equal for the database, the lowest id. */
function findGroup(course: Course, name: string, world: World): Match {
  // New groups have no id yet; they stand last, in the order in which they were made.
  const equal = course.groups.get(groupKey(name, world)) ?? []
  const exact = equal.filter(group => group.name === name)
  const [group, another] = exact.length > 0 ? exact : equal
  if (group === undefined) return null
  if (another !== undefined) return { group, warning: 'group-ambiguous' }
  return { group, warning: exact.length > 0 ? null : 'matched-approximately' }
}
