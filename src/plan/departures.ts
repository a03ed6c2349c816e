/**
 * Who would be out of a course when a file is done, who was in it before: what the guard counts. It listens while rows are
 * planned, and changes nothing. Pure.
 */
import type { CommandRow } from '../file/types.ts'
import { type Standing, standingOf } from './moves.ts'
import { type Course, type Enrolment, type Observer, type Participant, participant, type World } from './world.ts'

export interface Departures {
  /** Listens to all chunks of a simulated run, whose world remembers everybody whom it changes. */
  readonly observer: Observer
  /**
   * By course, once all rows are planned, how many people are taken out of it: those who are not enrolled in it any more,
   * and those who have no active enrolment left. Who is taken out and put in again, or keeps another way in, is not.
   */
  readonly count: () => Map<Course, number>
}

/** @param time an enrolment that has ended by then is not active */
export function watchDepartures(time: Date): Departures {
  const now = time.getTime() / 1000
  const before = new Map<Participant, Standing>()
  const meet = ({ instance, userId }: Enrolment, world: World, made: Enrolment | null): void => {
    const person = participant(world, instance.course, userId)
    if (before.has(person)) return
    const enrolments = [...person.enrolments].filter(enrolment => enrolment !== made)
    before.set(person, standingOf(enrolments, now))
  }
  return {
    observer: {
      afterEnrolling: (enrolment, _, world) => meet(enrolment, world, enrolment),
      beforeUpdating: (enrolment, _, world) => meet(enrolment, world, null),
      beforeUnenrolling: (enrolment, world) => meet(enrolment, world, null),
    },
    count: () => {
      const counts = new Map<Course, number>()
      for (const [{ course, enrolments }, was] of before) {
        if (was === 'absent') continue
        const is = standingOf(enrolments, now)
        const isOut = is === 'absent' || (was === 'active' && is === 'inactive')
        if (isOut) counts.set(course, (counts.get(course) ?? 0) + 1)
      }
      return counts
    },
  }
}

/**
 * Whether a row can take anybody out of a course: whether planning must be asked.
 * @param rolesCount whether losing a role can end an enrolment: in courses that follow others by `enrol_meta`, where only
 *   those who have a role there are enrolled
 */
export function canTakeOut(row: CommandRow, now: number, rolesCount: boolean): boolean {
  switch (row.command) {
    case 'del':
      return row.method !== null || rolesCount
    case 'disable':
      return true
    case 'shift':
      return rolesCount || endsBy(row, now)
    case 'add':
    case 'enable':
      return endsBy(row, now)
  }
}

const endsBy = ({ method, end }: CommandRow, now: number): boolean =>
  method !== null && end !== undefined && end !== 0 && end <= now
