/**
 * Finds out what failed rows may have meant, once all rows are done: some of it the cells tell, the rest is asked of Moodle, for
 * the first of the distinct names of a file. What a run itself changes makes no difference, so that a simulated one says the same.
 */
import { Temporal } from 'temporal-polyfill'
import type { MessageArguments } from '../errors.ts'
import type { NamesGround } from '../moodle/names.ts'
import {
  allRoles,
  courseNamesNear,
  coursesByOtherIdentifier,
  deletedUsers,
  groupNamesOf,
  idsOf,
  methodsOf,
  type OtherIdentifier,
  userNamesNear,
  usersByOtherIdentifier,
} from '../moodle/near.ts'
import { timeZoneOf } from '../moodle/site.ts'
import type { RowResult } from '../plan/outcome.ts'
import { MANAGED_METHODS } from '../plan/plan-row.ts'
import type { Site } from '../plan/world.ts'
import { hintOfCell } from './cell.ts'
import { type FaultCode, type Faults, type FaultValue, gatherFaults, patternOf } from './faults.ts'
import { type Hint, nearHint, wordHint } from './hint.ts'
import { type Comparable, cleaned, comparables, folded, nearest, numberForms } from './spelling.ts'

/** What is needed beside Moodle and its settings. */
export interface HintsGround extends NamesGround {
  readonly site: Site
  /** When the run began: what was made since then does not count. */
  readonly startedAt: Date
}

/** So many words of a list are told. */
const MOST_LISTED = 12

/** The faults of all rows, with the hints that there are. */
export async function findFaults(ground: HintsGround, rows: AsyncIterable<RowResult>): Promise<Faults> {
  const faults = await gatherFaults(rows)
  for (const { code, values } of [...faults.errors, ...faults.warnings]) {
    for (const value of values) value.hint = hintOfCell(code, value.args)
    const open = values.filter(({ hint }) => hint === null)
    const find = FINDERS[code]
    if (find !== undefined && open.length > 0) await find(ground, open)
  }
  for (const fault of faults.errors) fault.pattern = patternOf(fault.values)
  return faults
}

type Finder = (ground: HintsGround, values: readonly FaultValue[]) => Promise<void>

const foundIn = ({ args }: FaultValue): string => String(args.found)
const courseIn = ({ args }: FaultValue): string => String(args.course)
const distinct = (names: readonly string[]): string[] => [...new Set(names)]

/** By the code of a fault: what gives those of its values a hint that have none. */
const FINDERS: Partial<Record<FaultCode, Finder>> = {
  'user-not-found': async (ground, values) => {
    const names = values.map(foundIn)
    const others = await usersByOtherIdentifier(ground, names)
    const deleted = await deletedUsers(ground, names)
    // Any number is somebody's id: a number that has lost its zeros is the likelier.
    const open = names.filter(name => (others.get(name)?.column ?? 'id') === 'id')
    const near = comparables(await userNamesNear(ground, open))
    for (const value of values) {
      const name = foundIn(value)
      const other = others.get(name)
      const spelling = spellingHint(name, near, true)
      if (other !== undefined && spelling?.code !== 'leading-zeros') value.hint = userHint(other, value.args)
      else if (deleted.has(name)) value.hint = { code: 'user-deleted', args: {} }
      else value.hint = spelling ?? NOTHING_NEAR
    }
  },
  'course-not-found': async (ground, values) => {
    const names = values.map(foundIn)
    const others = await coursesByOtherIdentifier(ground, names)
    const open = names.filter(name => !others.has(name))
    const near = comparables(await courseNamesNear(ground, open))
    for (const value of values) {
      const name = foundIn(value)
      const other = others.get(name)
      value.hint =
        other === undefined
          ? (spellingHint(name, near, false) ?? NOTHING_NEAR)
          : {
              code: 'course-other-identifier',
              args: {
                other: other.column,
                meant: other.meant,
                has: other.meant === '' ? 'no' : 'yes',
                identifier: value.args.identifier!,
              },
            }
    }
  },
  'user-ambiguous': (ground, values) => giveIds(ground, 'user', values),
  'course-ambiguous': (ground, values) => giveIds(ground, 'course', values),
  'role-not-found': async ({ moodle }, values) => {
    const roles = await allRoles(moodle)
    const usable = roles.filter(({ inCourses }) => inCourses).map(({ shortname }) => shortname)
    for (const value of values) {
      const name = folded(cleaned(foundIn(value)))
      const called = roles.find(role => role.name !== '' && folded(role.name) === name)?.shortname
      const named = called ?? ROLES_BY_OTHER_NAMES.get(name)
      if (named !== undefined && roles.some(({ shortname }) => shortname === named))
        value.hint = { code: 'role-named', args: { near: named } }
      else
        value.hint = nearHint(nearest(foundIn(value), comparables(usable)).values) ?? {
          code: 'roles',
          args: { roles: listed(usable) },
        }
    }
  },
  'role-not-assignable': async ({ moodle }, values) => {
    const usable = (await allRoles(moodle)).filter(({ inCourses }) => inCourses).map(({ shortname }) => shortname)
    for (const value of values) value.hint = { code: 'roles', args: { roles: listed(usable) } }
  },
  'method-not-available': async (ground, values) => {
    const methods = await methodsOf(ground, distinct(values.map(courseIn)))
    for (const value of values) {
      const there = methods.get(courseIn(value))
      if (there !== undefined) value.hint = methodHint(foundIn(value), there, ground.site.enabledMethods)
    }
  },
  'end-before-start': async ({ settings }, values) => {
    const zone = timeZoneOf(settings)
    for (const value of values) {
      const { start, end } = value.args
      // An earlier version did not keep them.
      if (typeof start !== 'number' || typeof end !== 'number') continue
      const day = [end, start].find(isSpreadsheetDay)
      value.hint =
        day === undefined
          ? { code: 'times', args: { start: timeIn(zone, start), end: timeIn(zone, end) } }
          : { code: 'spreadsheet-day', args: { found: String(day), near: dayOfSpreadsheet(day) } }
    }
  },
  'group-not-found': async (ground, values) => {
    const before = Math.floor(ground.startedAt.getTime() / 1000)
    const groups = await groupNamesOf(ground, distinct(values.map(courseIn)), before)
    const comparable = new Map([...groups].map(([course, names]) => [course, comparables(names)]))
    for (const value of values) {
      const there = groups.get(courseIn(value))
      if (there === undefined) continue
      value.hint =
        nearHint(nearest(foundIn(value), comparable.get(courseIn(value))!).values) ??
        (there.length === 0 ? { code: 'no-groups', args: {} } : { code: 'groups', args: { groups: listed(there) } })
    }
  },
}

/** Also of use: nobody need look any further. */
const NOTHING_NEAR: Hint = { code: 'nothing-near', args: {} }

/** What Moodle shows for the roles that it brings along, where nobody has given them another name. */
const ROLES_BY_OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['manager', 'manager'],
  ['gestionnaire', 'manager'],
  ['course creator', 'coursecreator'],
  ['createur de cours', 'coursecreator'],
  ['teacher', 'editingteacher'],
  ['enseignant', 'editingteacher'],
  ['professeur', 'editingteacher'],
  ['prof', 'editingteacher'],
  ['editing teacher', 'editingteacher'],
  ['non-editing teacher', 'teacher'],
  ['enseignant non editeur', 'teacher'],
  ['tuteur', 'teacher'],
  ['tutor', 'teacher'],
  ['student', 'student'],
  ['etudiant', 'student'],
  ['etudiante', 'student'],
  ['eleve', 'student'],
  ['participant', 'student'],
  ['learner', 'student'],
])

/** What the user's own identifier is, is told where it is a number of the administration; an address or a username is not. */
function userHint({ column, meant }: OtherIdentifier, { identifier }: MessageArguments): Hint {
  const args = { other: column, identifier: identifier! }
  if ((identifier !== 'idnumber' && identifier !== 'id') || meant === '') return { code: 'user-other-identifier', args }
  return { code: 'user-other-identifier-known', args: { ...args, meant } }
}

function spellingHint(name: string, values: readonly Comparable[], ofPeople: boolean): Hint | null {
  const clean = cleaned(name)
  if (clean !== name && values.some(value => value.folded === folded(clean)))
    return { code: 'invisible', args: { near: clean } }
  const padded = numberForms(clean)
  const [number, another] = padded.length === 0 ? [] : values.filter(({ value }) => padded.includes(value))
  if (number !== undefined && another === undefined) return { code: 'leading-zeros', args: { near: number.value } }
  const found = nearest(name, values, { ofPeople })
  const [only] = found.values
  if (found.values.length === 1 && found.slips === 0) return { code: 'lookalike', args: { near: only! } }
  return nearHint(found.values)
}

async function giveIds(ground: HintsGround, kind: 'user' | 'course', values: readonly FaultValue[]): Promise<void> {
  const ids = await idsOf(ground, kind, values.map(foundIn))
  for (const value of values) {
    const own = ids.get(foundIn(value))
    if (own !== undefined) value.hint = { code: 'ids', args: { ids: own.join(', ') } }
  }
}

/** @param methods of the course, and whether an instance of it is enabled there */
function methodHint(name: string, methods: ReadonlyMap<string, boolean>, onSite: ReadonlySet<string>): Hint {
  if (methods.has(name)) {
    return { code: onSite.has(name) ? 'method-disabled' : 'method-disabled-site', args: {} }
  }
  const usable = [...methods]
    .filter(([method, isEnabled]) => isEnabled && onSite.has(method) && !MANAGED_METHODS.has(method))
    .map(([method]) => method)
  if (usable.length === 0) return { code: 'no-methods', args: {} }
  return wordHint(nearest(name, comparables(usable)).values) ?? { code: 'methods', args: { methods: listed(usable) } }
}

/** As seconds, the afternoon of 1 January 1970; as days of a spreadsheet, the years from 1982 to 2091. */
const isSpreadsheetDay = (time: number): boolean => time >= 30_000 && time < 70_000

/** The day that a spreadsheet keeps as a number: days since 30 December 1899. */
const dayOfSpreadsheet = (days: number): string => Temporal.PlainDate.from('1899-12-30').add({ days }).toString()

/** @param seconds Unix time @returns as a file has it, in a time zone */
function timeIn(zone: string, seconds: number): string {
  const time = Temporal.Instant.fromEpochMilliseconds(seconds * 1000).toZonedDateTimeISO(zone)
  return time
    .toPlainDateTime()
    .toString({ smallestUnit: 'second' })
    .replace('T', ' ')
    .replace(/(?: 00:00)?:00$/, '')
}

function listed(words: readonly string[]): string {
  const more = words.length > MOST_LISTED ? ', …' : ''
  return words.slice(0, MOST_LISTED).join(', ') + more
}
