/** The times of an enrolment: section 5 of what a row means, the cells themselves having been read by `file/`. */
import type { CommandRow } from '../file/types.ts'
import type { Enrolment } from './world.ts'

/** The times that an enrolment has after the row: its own, else those kept, else from now on without end. */
export function timesThen(
  row: CommandRow,
  enrolment: Enrolment | undefined,
  now: number,
): { timeStart: number; timeEnd: number } {
  return {
    timeStart: row.start ?? enrolment?.timeStart ?? now,
    timeEnd: row.end ?? enrolment?.timeEnd ?? 0,
  }
}
