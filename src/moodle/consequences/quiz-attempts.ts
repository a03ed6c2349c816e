/** Open attempts at quizzes that have an override for a group: their check time follows who is in the group. */
import { change, emptyTable, type Membership, participant, type Stored, type World } from '../../plan/world.ts'
import { select, table } from '../connect.ts'
import { isInstalled } from '../modules.ts'
import { writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

interface Quiz {
  readonly timeClose: number
  readonly timeLimit: number
  readonly gracePeriod: number
}

interface Attempt extends Stored {
  readonly quizId: number
  readonly overdue: boolean
  readonly timeStart: number
  timeCheckState: number | null
}

/** A row of `quiz_overrides`; null where it overrides nothing. */
interface Override {
  readonly timeClose: number | null
  readonly timeLimit: number | null
}

export const quizAttempts: Consequence = {
  name: 'quiz-attempts',
  follows: '\\mod_quiz\\group_observers, quiz_update_open_attempts',
  does: 'moves the check time of open quiz attempts, where a group that somebody joins or leaves has an override',
  prepare: async ({ moodle, userIds, courseIds, mayUnenrol, rows }) => {
    if (!mayUnenrol && rows.every(row => row.groupCommand === null)) return null
    if (userIds.length === 0 || courseIds.length === 0 || !(await isInstalled(moodle, 'quiz'))) return null
    const attempts = await select<[number, number, number, string, number, number | null]>(
      moodle,
      `SELECT a.id, a.quiz, a.userid, a.state, a.timestart, a.timecheckstate
         FROM ${table(moodle, 'quiz_attempts')} a JOIN ${table(moodle, 'quiz')} q ON q.id = a.quiz
        WHERE a.userid IN (?) AND a.state IN ('inprogress', 'overdue') AND q.course IN (?)
          AND EXISTS (SELECT 1 FROM ${table(moodle, 'quiz_overrides')} o WHERE o.quiz = q.id AND o.groupid IS NOT NULL)`,
      [userIds, courseIds],
    )
    if (attempts.length === 0) return null
    const quizIds = [...new Set(attempts.map(([, quizId]) => quizId))]
    const quizzes = new Map<number, Quiz>()
    for (const [id, timeClose, timeLimit, gracePeriod] of await select<[number, number, number, number]>(
      moodle,
      `SELECT id, timeclose, timelimit, graceperiod FROM ${table(moodle, 'quiz')} WHERE id IN (?)`,
      [quizIds],
    )) {
      quizzes.set(id, { timeClose, timeLimit, gracePeriod })
    }
    const ofGroups = new Map<string, Override>()
    const ofUsers = new Map<string, Override>()
    for (const [quizId, groupId, userId, timeClose, timeLimit] of await select<
      [number, number | null, number | null, number | null, number | null]
    >(
      moodle,
      `SELECT quiz, groupid, userid, timeclose, timelimit FROM ${table(moodle, 'quiz_overrides')}
        WHERE quiz IN (?) AND (groupid IS NOT NULL OR userid IN (?))`,
      [quizIds, userIds],
    )) {
      if (groupId !== null) ofGroups.set(`${quizId}:${groupId}`, { timeClose, timeLimit })
      else ofUsers.set(`${quizId}:${userId}`, { timeClose, timeLimit })
    }
    const touched = emptyTable<Attempt>()
    const byUser = new Map<number, Attempt[]>()
    for (const [id, quizId, userId, state, timeStart, timeCheckState] of attempts) {
      const own = byUser.get(userId) ?? []
      own.push({ id, fate: 'stored', quizId, overdue: state === 'overdue', timeStart, timeCheckState })
      byUser.set(userId, own)
    }
    const follow = ({ group, userId }: Membership, world: World): void => {
      for (const attempt of byUser.get(userId) ?? []) {
        const { quizId } = attempt
        if (group.id === null || !ofGroups.has(`${quizId}:${group.id}`)) continue
        const person = participant(world, group.course, userId)
        const overrides = [...person.memberships.keys()].flatMap(({ id }) => ofGroups.get(`${quizId}:${id}`) ?? [])
        const quiz = quizzes.get(quizId)!
        const own = ofUsers.get(`${quizId}:${userId}`)
        const timeCheckState = checkTime(attempt, quiz, own, overrides)
        change(touched, attempt, { timeCheckState })
      }
    }
    return {
      observer: {
        onEvent: (event, world) => {
          if (event.name === 'group-member-added' || event.name === 'group-member-removed') {
            follow(event.membership, world)
          }
        },
      },
      tables: [
        {
          name: 'quiz_attempts',
          columns: [],
          mutable: ['timecheckstate'],
          rows: writable(touched, attempt => ({ timecheckstate: attempt.timeCheckState })),
        },
      ],
    }
  },
}

/** When the attempt is to be looked at: its deadline, and past that the grace period. null: never. */
function checkTime(
  attempt: Attempt,
  quiz: Quiz,
  own: Override | undefined,
  groups: readonly Override[],
): number | null {
  const close = own?.timeClose ?? mostGenerous(groups.map(({ timeClose }) => timeClose)) ?? quiz.timeClose
  const limit = own?.timeLimit ?? mostGenerous(groups.map(({ timeLimit }) => timeLimit)) ?? quiz.timeLimit
  const ends = [...(close === 0 ? [] : [close]), ...(limit === 0 ? [] : [attempt.timeStart + limit])]
  if (ends.length === 0) return null
  return Math.min(...ends) + (attempt.overdue ? quiz.gracePeriod : 0)
}

/** 0 is no limit, and so the most generous of all. undefined: none of them overrides it. */
function mostGenerous(values: readonly (number | null)[]): number | undefined {
  const set = values.filter(value => value !== null)
  if (set.length === 0) return undefined
  return set.includes(0) ? 0 : Math.max(...set)
}
