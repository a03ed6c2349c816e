/** What became of a lot of changes that was taken back, as plain data: counts, rows that were left and why, who came and went. */
import type { Config } from '../config/config.ts'
import { type Move, standingOf } from '../plan/moves.ts'
import type { Moodle } from './connect.ts'
import { findEnrolments } from './enrolled.ts'
import type { Change } from './journal.ts'
import { findMembersWithoutEnrolment, type PersonInCourse, type Remembered, type Row } from './undo-facts.ts'
import { findCourses, findNames, type RowOf } from './undo-words.ts'

/** Why a row stays as it is. */
export type LeftCode =
  /** Somebody has changed it since. */
  | 'changed-since'
  /** It was changed, and somebody has deleted it since. */
  | 'gone'
  /** It was deleted, and there is another in its place. */
  | 'taken'
  /** It was deleted, and so has been what it belongs to. */
  | 'owner-gone'
  /** The group was made, and others use it now. */
  | 'group-in-use'
  /** The person is no longer enrolled, and in a group that somebody has put them into. */
  | 'member-without-enrolment'
  | 'database-refused'

export interface Left {
  readonly table: string
  readonly id: number
  readonly code: LeftCode
  readonly userId: number | null
  readonly courseId: number | null
  /** What fills the sentences: names, as far as they can be told; else empty. */
  readonly args: Readonly<Record<string, string>>
}

/** How the summary counts what was taken back. */
export type UndoWord =
  | 'enrolled'
  | 'enrolmentsUpdated'
  | 'suspended'
  | 'reactivated'
  | 'unenrolled'
  | 'rolesAssigned'
  | 'rolesRemoved'
  | 'groupsCreated'
  | 'groupsRemoved'
  | 'groupMembersAdded'
  | 'groupMembersRemoved'
  | 'gradesRestored'
  | 'gradesRemoved'
  | 'otherRows'

/** What became of a lot of changes: plain data, a line of the outcomes. */
export interface Undone {
  /** Rows that are as before the run again. */
  readonly applied: number
  /** Rows that were so already. */
  readonly unchanged: number
  readonly changes: Readonly<Partial<Record<UndoWord, number>>>
  readonly left: readonly Left[]
  /** Who has lost an enrolment, and so may be left in groups. */
  readonly unenrolled: readonly PersonInCourse[]
  /** What it was to people in courses; for the mail to teachers. None where nobody is told. */
  readonly moves?: readonly Move[]
}

/** What has been done with the rows of a lot so far. */
export interface DoneWithLot {
  readonly ground: { readonly moodle: Moodle; readonly config: Config; readonly simulate: boolean }
  /** Rows as they are again. */
  readonly restored: (RowOf & { readonly did: Change['did']; readonly word: UndoWord | null })[]
  readonly left: (RowOf & { readonly code: LeftCode; readonly reason?: string })[]
  /** Rows that were so already. */
  unchanged: number
}

export const idOf = (row: Row): number => Number(row.id)

/** What it is called that rows of these tables go, or come back; of others `otherRows`. */
const GONE: Readonly<Record<string, UndoWord>> = {
  grade_grades: 'gradesRemoved',
  groups: 'groupsRemoved',
  groups_members: 'groupMembersRemoved',
  role_assignments: 'rolesRemoved',
  user_enrolments: 'unenrolled',
}
const BACK: Readonly<Record<string, UndoWord>> = {
  grade_grades: 'gradesRestored',
  groups: 'groupsCreated',
  groups_members: 'groupMembersAdded',
  role_assignments: 'rolesAssigned',
  user_enrolments: 'enrolled',
}

/** null: when something was touched, which is nothing to tell. */
export function wordFor(name: string, did: Change['did'], from: Row, to: Row): UndoWord | null {
  if (did === 'inserted') return GONE[name] ?? 'otherRows'
  if (did === 'deleted') return BACK[name] ?? 'otherRows'
  if (name === 'groups') return null
  if (name !== 'user_enrolments') return 'otherRows'
  if (String(from.status) === String(to.status)) return 'enrolmentsUpdated'
  return String(to.status) === '0' ? 'reactivated' : 'suspended'
}

/** What became of a lot, with names for people. */
export async function conclude(lot: DoneWithLot, courses: ReadonlyMap<RowOf, number>, now: number): Promise<Undone> {
  const { ground, restored, left, unchanged } = lot
  const changes: Partial<Record<UndoWord, number>> = {}
  const unenrolled: PersonInCourse[] = []
  for (const one of restored) {
    if (one.word !== null) changes[one.word] = (changes[one.word] ?? 0) + 1
    const courseId = courses.get(one)
    if (one.word === 'unenrolled' && courseId !== undefined) {
      unenrolled.push({ userId: Number(one.row.userid), courseId })
    }
  }
  return {
    applied: restored.length,
    unchanged,
    changes,
    left: await describe(ground, left, courses),
    unenrolled,
    ...(ground.simulate || !ground.config.enrol.notifyTeachers ? {} : { moves: await findMoves(lot, courses, now) }),
  }
}

/** The tables whose rows tell who is in a course, and as what. */
const TOLD_TO_TEACHERS: ReadonlySet<string> = new Set(['user_enrolments', 'role_assignments', 'groups_members'])

/** Where people stand in courses now, and stood before this lot: their enrolments now, with what the lot did to them reversed. */
async function findMoves(
  { ground, restored }: DoneWithLot,
  courses: ReadonlyMap<RowOf, number>,
  now: number,
): Promise<Move[]> {
  const people = new Map<string, PersonInCourse & { readonly done: DoneWithLot['restored'] }>()
  for (const one of restored) {
    const courseId = courses.get(one)
    if (courseId === undefined || one.word === null || !TOLD_TO_TEACHERS.has(one.table)) continue
    const userId = Number(one.row.userid)
    const key = `${courseId}:${userId}`
    const person = people.get(key) ?? { userId, courseId, done: [] }
    people.set(key, person)
    if (one.table === 'user_enrolments') person.done.push(one)
  }
  const enrolmentsOf = await findEnrolments(ground.moodle, [...people.values()])
  return [...people.values()].map(({ userId, courseId, done }) => {
    if (done.length === 0) return { userId, courseId }
    const there = enrolmentsOf(userId, courseId)
    const before = new Map(there.map(({ id, status, timeEnd }) => [id, { status, timeEnd }]))
    for (const { row, did, word } of done) {
      const id = idOf(row)
      const status = Number(row.status)
      const was = word === 'suspended' || word === 'reactivated' ? 1 - status : status
      if (did === 'deleted') before.delete(id)
      else before.set(id, { status: was, timeEnd: Number(row.timeend) })
    }
    const [was, is] = [standingOf(before.values(), now), standingOf(there, now)]
    return was === is ? { userId, courseId } : { userId, courseId, was, is }
  })
}

/** Memberships of people who have lost their last enrolment in the course by an undo, once all of it is done. */
export async function findLeftMembers(
  ground: DoneWithLot['ground'] & { readonly remembered: Remembered },
  people: readonly PersonInCourse[],
): Promise<Left[]> {
  const members = await findMembersWithoutEnrolment(ground, people)
  const left = members.map(member => ({ ...member, code: 'member-without-enrolment' }) as const)
  return describe(ground, left, await findCourses(ground.moodle, left))
}

async function describe(
  ground: DoneWithLot['ground'],
  left: DoneWithLot['left'],
  courses: ReadonlyMap<RowOf, number>,
): Promise<Left[]> {
  const names = await findNames(ground, left, courses)
  return left.map(one => ({
    table: one.table,
    id: idOf(one.row),
    code: one.code,
    userId: one.row.userid === undefined ? null : Number(one.row.userid),
    courseId: courses.get(one) ?? null,
    args: { ...names.get(one)!, reason: one.reason ?? '' },
  }))
}
