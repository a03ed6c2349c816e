/**
 * The guard: what is looked at before a file's first change. Whether its names are there; whether it can take anybody out
 * of a course, so that planning must tell whom; how many are enrolled. Reads only. What is too much: `plan/limits.ts`.
 */
import { applyRows, chunksOf, type Facts, type Run } from './apply.ts'
import type { Moodle } from './moodle/connect.ts'
import { linkedCourses } from './moodle/consequences/linked-courses.ts'
import { countEnrolled } from './moodle/enrolled.ts'
import { findCourses, findUsers } from './moodle/names.ts'
import { canTakeOut, type Departures, watchDepartures } from './plan/departures.ts'
import { type Hold, heldByLosses, heldByNames, type Losses, type Unmatched } from './plan/limits.ts'
import { emptySummary } from './report/report.ts'

/** What a look through a file finds. */
export interface Findings {
  readonly unmatched: Unmatched
  /** The courses that are named. */
  readonly courseIds: ReadonlySet<number>
  /** The users, as they are named, whom some row can take out of a course. Whom it does, only planning tells. */
  readonly leaving: ReadonlySet<string>
}

/** Distinct names that are remembered, however long the file is, before they are asked for. */
const NAMES_AT_ONCE = 5_000

/**
 * Looks through the rows of a file. The database is asked once for each distinct name, or nearly: that is a small part of
 * what applying them costs.
 * @returns null where the guard does not look: it has no limit, or a person has approved of the file
 */
export async function lookThrough(run: Run, moodle: Moodle, facts: Facts): Promise<Findings | null> {
  const { config } = run.ground
  const { maxUnenrolments, maxShare, maxUnmatched } = config.guard
  const isUnlimited = maxUnenrolments === null && maxShare === null && maxUnmatched === null
  if (isUnlimited || run.request.approval !== 'none') return null
  const { settings, site } = facts
  const ground = { moodle, config, settings }
  // In courses that follow others, enrolments may come and go with roles.
  const rolesCount = site.enabledMethods.has('meta') && settings('enrol_meta', 'syncall') === '0'
  const now = Math.floor(Date.now() / 1000)
  const courseIds = new Set<number>()
  const uids = countingNames(async names => {
    const found = await findUsers(ground, names)
    return name => isThere(found.get(name))
  })
  const cids = countingNames(async names => {
    const found = await findCourses(ground, names)
    for (const { thing } of found.values()) if (thing !== null) courseIds.add(thing.id)
    return name => isThere(found.get(name))
  })
  let count = 0
  const leaving = new Set<string>()
  for await (const rows of chunksOf(run, moodle, facts, null)) {
    await run.ensureSame()
    for (const row of rows) {
      if (row.error === undefined) {
        uids.add(row.uid)
        cids.add(row.cid)
        if (canTakeOut(row, now, rolesCount)) leaving.add(row.uid)
      } else if (row.error.code === 'empty-user') uids.addEmpty()
      else if (row.error.code === 'empty-course') cids.addEmpty()
    }
    count += rows.length
    await Promise.all([uids.ask(NAMES_AT_ONCE), cids.ask(NAMES_AT_ONCE)])
  }
  await Promise.all([uids.ask(1), cids.ask(1)])
  return { unmatched: { rows: count, users: uids.unmatched(), courses: cids.unmatched() }, courseIds, leaving }
}

/**
 * Whether a file may be held. To know whom it takes out, the rows of those whom some row can take out are planned, and no
 * others: a file that only adds is planned once. Where one of them is spelled in two ways, too many may be found here.
 */
export async function mayBeHeld(
  run: Run,
  moodle: Moodle,
  facts: Facts,
  findings: Findings,
): Promise<boolean | 'interrupted'> {
  const { guard } = run.ground.config
  if (heldByNames(findings.unmatched, guard).length > 0) return true
  const { leaving } = findings
  if (leaving.size === 0 || (guard.maxUnenrolments === null && guard.maxShare === null)) return false
  const departures = watchDepartures(new Date())
  const isDone = await applyRows(trialOf(run), moodle, facts, {
    isIncluded: row => row.error === undefined && leaving.has(row.uid),
    simulate: true,
    last: null,
    // Of all consequences, this one alone takes people out of courses.
    consequences: [linkedCourses],
    observers: [departures.observer],
    recording: { begin: () => null, add: async () => {}, checkpoint: async () => {}, committed: () => {} },
  })
  return isDone ? (await heldBy(run, moodle, findings, departures)).length > 0 : 'interrupted'
}

/** A run that is only planned: it shows no progress, and counts for itself. */
export function trialOf(run: Run): Run {
  const { onProgress: _, ...request } = run.request
  return { ...run, request: { ...request, simulate: true }, summary: emptySummary(run.inspection.passedOver) }
}

/**
 * What holds a file, once all of it has been planned.
 * @param departures has listened
 */
export async function heldBy(
  { ground }: Run,
  moodle: Moodle,
  { unmatched, courseIds }: Findings,
  departures: Departures,
): Promise<Hold[]> {
  const { guard } = ground.config
  return [
    ...heldByNames(unmatched, guard),
    ...heldByLosses(await lossesOf(moodle, courseIds, departures.count()), guard),
  ]
}

/** What a file would do to the courses that it names, and to those that lose somebody with them. */
async function lossesOf(
  moodle: Moodle,
  named: ReadonlySet<number>,
  departures: ReturnType<Departures['count']>,
): Promise<Losses[]> {
  // Where nobody is lost, nobody need be counted.
  if (departures.size === 0) return []
  const lost = new Map([...departures].map(([{ id }, number]) => [id, number]))
  const courses = await countEnrolled(moodle, [...new Set([...named, ...lost.keys()])])
  return courses.map(({ id, shortname, people }) => ({ course: shortname, enrolled: people, lost: lost.get(id) ?? 0 }))
}

const isThere = (found: { readonly thing: unknown; readonly ambiguous?: boolean } | undefined): boolean =>
  found !== undefined && (found.thing !== null || found.ambiguous === true)

/** Counts rows by the name in them, and finds out for many names at once which of them are there. */
function countingNames(find: (names: readonly string[]) => Promise<(name: string) => boolean>) {
  const rows = new Map<string, number>()
  let unmatched = 0
  return {
    add: (name: string): void => {
      rows.set(name, (rows.get(name) ?? 0) + 1)
    },
    addEmpty: (): void => {
      unmatched += 1
    },
    /** Asks for the names that were added, if there are so many. */
    ask: async (least: number): Promise<void> => {
      if (rows.size < least) return
      const isMatched = await find([...rows.keys()])
      for (const [name, number] of rows) if (!isMatched(name)) unmatched += number
      rows.clear()
    },
    /** Rows whose name is not there, of those that were asked for. */
    unmatched: (): number => unmatched,
  }
}
