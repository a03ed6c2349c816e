/**
 * Who comes to a course, who goes, and of whom only something else was changed: what one row does to a person in a course, and
 * what a whole run does in the end. It is what teachers are told of. Pure.
 */
import { participant, type World } from './world.ts'

/** `inactive`: enrolled, but suspended, or ended. */
export type Standing = 'absent' | 'inactive' | 'active'

/** What happened to a person in a course. Without `was` and `is`, their enrolments did not count: a role, a group, a time. */
export interface Move {
  readonly userId: number
  readonly courseId: number
  readonly was?: Standing
  readonly is?: Standing
}

/** What has become of a person in the end. */
export type NetMove = 'arrived' | 'left' | 'suspended' | 'reactivated' | 'changed'

/** In the order in which they are told. */
export const NET_MOVES: readonly NetMove[] = ['arrived', 'left', 'suspended', 'reactivated', 'changed']

/** @param now Unix time in seconds: an enrolment that has ended by then is not active */
export function standingOf(
  enrolments: Iterable<{ readonly status: number; readonly timeEnd: number }>,
  now: number,
): Standing {
  let standing: Standing = 'absent'
  for (const { status, timeEnd } of enrolments) {
    if (status === 0 && (timeEnd === 0 || timeEnd > now)) return 'active'
    standing = 'inactive'
  }
  return standing
}

/** What the changes of the row that was planned last were to people, in its course and in others that follow it. */
export function movesOf(world: World): Move[] {
  const before = new Map<string, Move>()
  for (const { courseId, userId, was } of world.changes) {
    if (userId === null) continue
    const key = `${courseId}:${userId}`
    const known = before.get(key)
    if (known === undefined) before.set(key, { userId, courseId, ...(was === undefined ? {} : { was }) })
    else if (known.was === undefined && was !== undefined) before.set(key, { ...known, was })
  }
  return [...before.values()].map(({ userId, courseId, was }) => {
    const course = world.coursesById.get(courseId)!
    const is = standingOf(participant(world, course, userId).enrolments, world.now)
    return was === undefined || was === is ? { userId, courseId } : { userId, courseId, was, is }
  })
}

/** What the moves of a run come to, person by person: it grows with the people, not with the rows. */
export interface NetMoves {
  /** Takes in a move; those of one person in one course in their order. */
  readonly add: (move: Move) => void
  readonly courseIds: () => number[]
  /** By person, without those with whom it ended as it had begun. */
  readonly of: (courseId: number) => Map<number, NetMove>
}

const STANDINGS: readonly Standing[] = ['absent', 'inactive', 'active']

export function gatherMoves(): NetMoves {
  // Of each person one small number, for there may be a million: where they stood first, and where they stand, from 1; 0 is unknown.
  const byCourse = new Map<number, Map<number, number>>()
  const base = STANDINGS.length + 1
  return {
    add: ({ courseId, userId, was, is }) => {
      let people = byCourse.get(courseId)
      if (people === undefined) {
        people = new Map()
        byCourse.set(courseId, people)
      }
      const known = people.get(userId) ?? 0
      if (was === undefined || is === undefined) people.set(userId, known)
      else {
        const first = known === 0 ? STANDINGS.indexOf(was) + 1 : Math.floor(known / base)
        people.set(userId, first * base + STANDINGS.indexOf(is) + 1)
      }
    },
    courseIds: () => [...byCourse.keys()],
    of: courseId => {
      const net = new Map<number, NetMove>()
      for (const [userId, state] of byCourse.get(courseId) ?? []) {
        const move =
          state === 0 ? 'changed' : between(STANDINGS[Math.floor(state / base) - 1]!, STANDINGS[(state % base) - 1]!)
        if (move !== null) net.set(userId, move)
      }
      return net
    },
  }
}

/** null: nothing to tell, since it ended as it had begun, or who came has no access. */
function between(was: Standing, is: Standing): NetMove | null {
  if (was === is || (was === 'absent' && is === 'inactive')) return null
  if (is === 'absent') return 'left'
  if (was === 'absent') return 'arrived'
  return is === 'active' ? 'reactivated' : 'suspended'
}
