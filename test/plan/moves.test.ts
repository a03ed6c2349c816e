/** What rows were to people, and what a run of them comes to. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gatherMoves, type Move, type NetMove, type Standing, standingOf } from '../../src/plan/moves.ts'

const NOW = 1_000
const at = (status: number, timeEnd = 0) => ({ status, timeEnd })

test.each([
  [[], 'absent'],
  [[at(0)], 'active'],
  [[at(1)], 'inactive'],
  [[at(0, NOW)], 'inactive'],
  [[at(0, NOW + 1)], 'active'],
  [[at(1), at(0, 1), at(0)], 'active'],
] as const)('%j is %s', (enrolments, standing) => {
  expect(standingOf(enrolments, NOW)).toBe(standing)
})

function netOf(moves: readonly Omit<Move, 'userId' | 'courseId'>[]): NetMove | undefined {
  const net = gatherMoves()
  for (const move of moves) net.add({ userId: 7, courseId: 2, ...move })
  return net.of(2).get(7)
}

const step = (was: Standing, is: Standing) => ({ was, is })

describe('in the end', () => {
  test.each([
    ['arrived', [step('absent', 'active')]],
    ['arrived', [{}, step('absent', 'inactive'), step('inactive', 'active'), {}]],
    ['left', [step('active', 'absent')]],
    ['left', [step('inactive', 'absent')]],
    ['suspended', [step('active', 'inactive')]],
    ['reactivated', [step('inactive', 'active')]],
    ['changed', [{}, {}]],
    [undefined, [step('absent', 'active'), step('active', 'absent')]],
    [undefined, [step('active', 'absent'), step('absent', 'active'), {}]],
    [undefined, [step('absent', 'inactive')]],
  ] as const)('%s: %j', (move, moves) => {
    expect(netOf(moves)).toBe(move)
  })

  test('only the first and the last count, and people and courses are kept apart', () => {
    const standing = fc.constantFrom<Standing>('absent', 'inactive', 'active')
    const walk = fc.array(standing, { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(3), walk), { maxLength: 8 }), walks => {
        const all = gatherMoves()
        const own = new Map<string, Standing[]>()
        for (const [userId, courseId, steps] of walks) {
          const key = `${courseId}:${userId}`
          const before = own.get(key) ?? [steps[0]!]
          own.set(key, before)
          for (const is of steps.slice(1)) {
            const was = before.at(-1)!
            all.add(was === is ? { userId, courseId } : { userId, courseId, was, is })
            before.push(is)
          }
        }
        for (const [key, stood] of own) {
          const [courseId, userId] = key.split(':').map(Number) as [number, number]
          const moved = stood.some((one, i) => i > 0 && one !== stood[i - 1])
          const direct = moved ? netOf([step(stood[0]!, stood.at(-1)!)]) : 'changed'
          expect(all.of(courseId).get(userId)).toBe(direct)
        }
      }),
    )
  })
})
