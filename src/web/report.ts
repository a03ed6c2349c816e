/** One run's report as the page shows it: the rows that are asked for, with names for ids; what was changed, and where. */
import { stat } from 'node:fs/promises'
import { Problem } from '../errors.ts'
import type { Lang } from '../messages/say.ts'
import { withMoodle } from '../moodle/connect.ts'
import { countEnrolled } from '../moodle/enrolled.ts'
import { findNamed } from '../moodle/named.ts'
import { namesOfIds } from '../moodle/named-ids.ts'
import { type ReportHead, rowsWith } from '../report/past.ts'
import { changeSentences } from '../report/sentences.ts'
import type { Page } from './page.ts'

/** Which rows are wanted; '' is any. */
export interface Filter {
  readonly outcome: string
  /** Of an error or a warning. */
  readonly code: string
  /** Somewhere in the sentence about the row; or its line, its person or its course, by their identifiers. */
  readonly text: string
  /** Whom and which course the text names; null: nobody, none. */
  readonly named: { readonly userId: number | null; readonly courseId: number | null }
}

/** A row as it stands in a report; one of an undo has no line, but a table. */
export interface ReportRow {
  readonly line?: number
  readonly outcome: string
  readonly code?: string
  readonly warnings?: readonly string[]
  readonly changes?: readonly string[]
  readonly userId?: number
  readonly courseId?: number
  readonly message?: string
}

const OUTCOMES = ['failed', 'applied', 'unchanged'] as const

/** Whom and which course a text names, as the command files do; nobody and none where the database is out of reach. */
export async function namedBy({ ground }: Page, text: string): Promise<Filter['named']> {
  const nobody = { userId: null, courseId: null }
  if (text === '' || text.length > 255) return nobody
  const { current } = ground
  try {
    return await withMoodle(current.value, moodle => findNamed(moodle, current.value, text, text))
  } catch (error) {
    if (error instanceof Problem) return nobody
    throw error
  }
}

/** One page of the rows that match. The report is read as far as that, and no further. */
export async function rowsOf(
  path: string,
  filter: Filter,
  number: number,
  most: number,
): Promise<{ readonly rows: readonly ReportRow[]; readonly hasMore: boolean }> {
  const rows: ReportRow[] = []
  let toSkip = (number - 1) * most
  for await (const row of allRows(path, filter)) {
    if (!isWanted(row, filter)) continue
    if (toSkip > 0) toSkip--
    else if (rows.length < most) rows.push(row)
    else return { rows, hasMore: true }
  }
  return { rows, hasMore: false }
}

/** The rows of a report in their order; those that a filter can tell at a glance only. */
function allRows(path: string, { outcome, code }: Filter): AsyncGenerator<ReportRow> {
  const needle = /^[a-z-]+$/.test(code)
    ? `"${code}"`
    : OUTCOMES.some(each => each === outcome)
      ? `"outcome":"${outcome}"`
      : ROW
  return rowsIn(path, needle)
}

/** What every row has. */
const ROW = '"outcome":"'

async function* rowsIn(path: string, needle: string): AsyncGenerator<ReportRow> {
  for await (const row of rowsWith(path, needle)) yield row as unknown as ReportRow
}

function isWanted(row: ReportRow, { outcome, code, text, named }: Filter): boolean {
  if (
    outcome === 'warned' ? !row.warnings?.length || row.outcome === 'failed' : outcome !== '' && row.outcome !== outcome
  )
    return false
  if (code !== '' && row.code !== code && !row.warnings?.includes(code)) return false
  if (text === '') return true
  if (row.userId !== undefined && row.userId === named.userId) return true
  if (row.courseId !== undefined && row.courseId === named.courseId) return true
  return String(row.line ?? '') === text || (row.message ?? '').toLowerCase().includes(text.toLowerCase())
}

/** What has changed, by kind, with how often. */
export function changesOf({ summary }: ReportHead, lang: Lang): { readonly name: string; readonly sentence: string }[] {
  const { rows, applied, unchanged, failed, passedOver, errors, warnings, ...changes } = summary
  return changeSentences(changes as Readonly<Record<string, number>>, lang)
}

/** What a run does to a course: people in it before and after. */
interface ChangedCourse {
  readonly id: number
  /** null: it is gone, or the database out of reach. */
  readonly name: string | null
  rows: number
  enrolled: number
  unenrolled: number
  suspended: number
  /** People in the course, by any method; null: not known. */
  readonly before: number | null
  readonly after: number | null
}

interface ReportDetails {
  readonly courses: readonly ChangedCourse[]
  readonly moreCourses: number
  readonly userNames: ReadonlyMap<number, string>
  readonly courseNames: ReadonlyMap<number, string>
}

const COURSES_SHOWN = 30
const MOST_REMEMBERED = 20
type Count = Pick<ChangedCourse, 'rows' | 'enrolled' | 'unenrolled' | 'suspended'>
/** Counting reads the whole report; one that has been written does not change. */
const counted = new Map<string, ReadonlyMap<number, Count>>()

/**
 * The courses that a run changes, and names for the rows that are shown. People are counted now: of a simulated run, that is
 * before; of one that was done, only what has come and gone by it is told.
 */
export async function coursesOf(
  { ground }: Page,
  path: string,
  head: ReportHead,
  rows: readonly ReportRow[],
): Promise<ReportDetails> {
  const byCourse = head.undoes === undefined && head.file.outcome !== 'refused' ? await countByCourse(path) : new Map()
  const ids = [...byCourse.keys()].slice(0, COURSES_SHOWN)
  const userIds = [...new Set(rows.flatMap(({ userId }) => userId ?? []))]
  const courseIds = [...new Set([...ids, ...rows.flatMap(({ courseId }) => courseId ?? [])])]
  const isBefore = head.simulated || head.file.outcome === 'held'
  let userNames: ReadonlyMap<number, string> = new Map()
  let courseNames: ReadonlyMap<number, string> = new Map()
  let people: ReadonlyMap<number, number> = new Map()
  try {
    if (userIds.length + courseIds.length > 0) {
      await withMoodle(ground.current.value, async moodle => {
        const names = await namesOfIds(moodle, userIds, courseIds)
        userNames = names.users
        courseNames = names.courses
        if (isBefore && ids.length > 0)
          people = new Map((await countEnrolled(moodle, ids)).map(({ id, people }) => [id, people]))
      })
    }
  } catch (error) {
    // The report is there without a database, too: with ids for names.
    if (!(error instanceof Problem)) throw error
  }
  const courses = ids.map((id): ChangedCourse => {
    const count = byCourse.get(id)!
    const before = people.get(id) ?? null
    const after = before === null ? null : before + count.enrolled - count.unenrolled
    return { id, name: courseNames.get(id) ?? null, ...count, before, after }
  })
  return { courses, moreCourses: byCourse.size - ids.length, userNames, courseNames }
}

async function countByCourse(path: string): Promise<ReadonlyMap<number, Count>> {
  const { ino, size, mtimeMs } = await stat(path)
  const key = `${ino} ${size} ${mtimeMs}`
  const known = counted.get(key)
  if (known !== undefined) return known
  const byCourse = new Map<number, Count>()
  for await (const { outcome, courseId, changes = [] } of rowsIn(path, '"courseId":')) {
    if (courseId === undefined || outcome === 'unchanged') continue
    const count = byCourse.get(courseId) ?? { rows: 0, enrolled: 0, unenrolled: 0, suspended: 0 }
    byCourse.set(courseId, count)
    count.rows++
    for (const change of changes) if (change in count) count[change as keyof Count]++
  }
  counted.set(key, byCourse)
  if (counted.size > MOST_REMEMBERED) counted.delete(counted.keys().next().value!)
  return byCourse
}
