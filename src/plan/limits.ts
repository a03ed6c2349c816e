/**
 * Whether a file does more harm than a file usually does: counts and limits → what holds it. Pure.
 * That a file says so is no reason: what sends it may have been given half of the people, or none.
 */

/** The guard's limits (`guard:` in the configuration); null: none. Shares are between 0 and 1. */
export interface Limits {
  readonly maxUnenrolments: number | null
  readonly maxShare: number | null
  readonly maxUnmatched: number | null
}

/** What of a file's rows names nothing that is there. */
export interface Unmatched {
  readonly rows: number
  /** Rows whose `uid` is empty, or nobody's. One that is ambiguous is somebody's. */
  readonly users: number
  /** Rows whose `cid` is empty, or no course's. */
  readonly courses: number
}

/** What a file would do to one course. */
export interface Losses {
  /** Its short name. */
  readonly course: string
  /** People who are enrolled before the file, by any method, in whatever state. */
  readonly enrolled: number
  /** Of these, those whom the file takes out of the course, or suspends. */
  readonly lost: number
}

/**
 * One reason to hold a file. `count` of `of` is more than `limit`: a number of people, or a share between 0 and 1.
 * Of courses that would lose more than their share, those that would lose most are told one by one; `more-courses` says how
 * many more there are, of how many.
 */
export type Hold =
  | { readonly code: HoldCode; readonly count: number; readonly of: number; readonly limit: number }
  | {
      readonly code: 'course-share'
      readonly count: number
      readonly of: number
      readonly limit: number
      readonly course: string
    }

/** The sentence of each is `hold.<code>`. */
type HoldCode = 'unenrolments' | 'share' | 'more-courses' | 'unmatched-users' | 'unmatched-courses'

/** Courses that are told one by one: an empty export would name every course of a university. */
const COURSES_TOLD = 10

/** Fewer people or rows than this have no share: two of three is no sign of anything. */
const SMALLEST_WHOLE = 20

/** Whether the names in a file hold it. @returns the reasons; none: they do not */
export function heldByNames({ rows, users, courses }: Unmatched, { maxUnmatched: limit }: Limits): Hold[] {
  const holds: Hold[] = []
  if (exceeds(users, rows, limit)) holds.push({ code: 'unmatched-users', count: users, of: rows, limit })
  if (exceeds(courses, rows, limit)) holds.push({ code: 'unmatched-courses', count: courses, of: rows, limit })
  return holds
}

/**
 * Whether what a file would do holds it.
 * @param losses of every course that the file names, and of those that lose somebody with these
 * @returns the reasons; courses in the order of what they would lose, the most first
 */
export function heldByLosses(losses: readonly Losses[], { maxUnenrolments, maxShare }: Limits): Hold[] {
  const count = losses.reduce((sum, { lost }) => sum + lost, 0)
  const of = losses.reduce((sum, { enrolled }) => sum + enrolled, 0)
  const holds: Hold[] = []
  if (maxUnenrolments !== null && count > maxUnenrolments) {
    holds.push({ code: 'unenrolments', count, of, limit: maxUnenrolments })
  }
  if (exceeds(count, of, maxShare)) holds.push({ code: 'share', count, of, limit: maxShare })
  if (maxShare === null) return holds
  const limit = maxShare
  const emptied = losses.filter(({ lost, enrolled }) => exceeds(lost, enrolled, limit)).sort((a, b) => b.lost - a.lost)
  for (const { course, enrolled, lost } of emptied.slice(0, COURSES_TOLD)) {
    holds.push({ code: 'course-share', count: lost, of: enrolled, limit, course })
  }
  const more = emptied.length - COURSES_TOLD
  if (more > 0) holds.push({ code: 'more-courses', count: more, of: losses.length, limit })
  return holds
}

/** By division: both it and the limit are then the nearest number to the same fraction, and 29 of 100 are not over 29%. */
function exceeds(count: number, of: number, limit: number | null): limit is number {
  return limit !== null && of >= SMALLEST_WHOLE && count / of > limit
}
