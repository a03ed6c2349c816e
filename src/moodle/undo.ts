/**
 * Taking back what a run has changed, some of its changes at a time, the last ones first: one transaction for each lot.
 * A row is touched only where it still is as the run left it. What somebody has changed since stays, and is told.
 */
import type { Config } from '../config/config.ts'
import { change, type DirtyFlag, emptyTable, insert, type Site, type Stored } from '../plan/world.ts'
import { EVENTS, gatherStale, type StaleKeys } from './caches/definitions.ts'
import type { StaleCaches } from './caches/notes.ts'
import type { Moodle } from './connect.ts'
import type { Change, Keep } from './journal.ts'
import { isRefusal, tryAgain } from './transaction.ts'
import { findOtherRows, findRows, findUsedGroups, findWithoutOwner, type Remembered, type Row } from './undo-facts.ts'
import { conclude, type DoneWithLot, idOf, type Undone, wordFor } from './undo-outcome.ts'
import { TABLES } from './undo-tables.ts'
import { findCourses, type RowOf } from './undo-words.ts'
import { findDirtyFlags } from './world.ts'
import { type TableRows, writable, writeTable } from './write.ts'
import { dirtyFlagRows } from './write-world.ts'

/** Keeps what became of a lot together with what was done: both are committed, or neither. */
export interface UndoRecording {
  /** As of `Recording`: what is taken back can be done again. */
  readonly begin: () => Keep | null
  readonly record: (undone: Undone) => Promise<void>
  readonly committed: () => void
}

export interface UndoGround {
  readonly moodle: Moodle
  readonly config: Config
  readonly site: Site
  /** The database stays as it is. */
  readonly simulate: boolean
  /** What earlier lots of a simulated undo would have changed, which the database does not know. */
  readonly remembered: Remembered
  readonly recording: UndoRecording
  readonly staleCaches: StaleCaches
}

/**
 * Takes changes back.
 * @param changes the last one first
 * @param clock the present in milliseconds, looked at anew for each try
 * @throws whatever the database says, once that has been tried often enough
 */
export async function takeBack(ground: UndoGround, changes: readonly Change[], clock: () => number): Promise<Undone> {
  const attempt = (oneByOne: boolean) => tryAgain(() => tryLot(ground, changes, Math.floor(clock() / 1000), oneByOne))
  return await attempt(false).catch(error => {
    if (!isRefusal(error)) throw error
    // One row is not let in: it alone is left out.
    return attempt(true)
  })
}

/** A lot while it is worked on. */
interface Lot extends DoneWithLot {
  readonly ground: UndoGround
  readonly keep: Keep | null
  /** Each row is written by itself, so that one that the database refuses does not keep the others out. */
  readonly oneByOne: boolean
}

async function tryLot(ground: UndoGround, changes: readonly Change[], now: number, oneByOne: boolean): Promise<Undone> {
  const { moodle, simulate, recording, staleCaches } = ground
  const { connection } = moodle
  const lot: Lot = { ground, keep: recording.begin(), oneByOne, restored: [], left: [], unchanged: 0 }
  if (simulate) {
    for (const change of changes) await reverse(lot, change)
    const undone = await conclude(lot, await findCourses(moodle, [...lot.restored, ...lot.left]), now)
    await recording.record(undone)
    recording.committed()
    return undone
  }
  let undone: Undone
  let stale: readonly StaleKeys[]
  await connection.query('START TRANSACTION')
  try {
    for (const change of changes) await reverse(lot, change)
    const courses = await findCourses(moodle, [...lot.restored, ...lot.left])
    undone = await conclude(lot, courses, now)
    await markDirty(lot, now)
    stale = staleBy(lot, courses)
    await staleCaches.note(stale)
    await recording.record(undone)
    await connection.query('COMMIT')
    recording.committed()
  } catch (error) {
    // The first error is the one that matters; a lost connection rolls back by itself.
    await connection.query('ROLLBACK').catch(() => {})
    throw error
  }
  // Committed: nothing that goes wrong from here on may make the lot be tried again.
  await staleCaches.drop(stale)
  return undone
}

async function reverse(lot: Lot, change: Change): Promise<void> {
  const rows = change.rows.map(
    (values): Row => Object.fromEntries(change.columns.map((name, at) => [name, values[at]!])),
  )
  if (!lot.ground.moodle.columns.has(change.table)) {
    // Of a plugin that has been removed since.
    for (const row of rows) lot.left.push({ table: change.table, row, code: 'owner-gone' })
  } else if (change.did === 'inserted') await removeAgain(lot, change.table, rows)
  else if (change.did === 'updated') await setBack(lot, change.table, rows, change.to!)
  else await putBack(lot, change.table, rows)
}

/** Rows that were inserted go, where they are as they were made. */
async function removeAgain(lot: Lot, name: string, made: readonly Row[]): Promise<void> {
  const there = await findRows(lot.ground, name, made.map(idOf))
  const used = name === 'groups' ? await findUsedGroups(lot.ground, [...there.keys()]) : NONE
  const removable: Step[] = []
  for (const asMade of made) {
    const row = there.get(idOf(asMade))
    if (row === undefined) lot.unchanged += 1
    else if (used.has(idOf(row))) lot.left.push({ table: name, row, code: 'group-in-use' })
    else if (!isAs(row, asMade)) lot.left.push({ table: name, row, code: 'changed-since' })
    else removable.push({ from: row, to: row })
  }
  await write(lot, name, 'inserted', removable, some => ({
    name,
    columns: [],
    rows: writable(rowsWith(some, 'removed'), () => ({})),
  }))
}

const NONE: ReadonlySet<number> = new Set()

/** Rows that were changed become what they were, where they are as they were changed to. */
async function setBack(lot: Lot, name: string, before: readonly Row[], to: Row): Promise<void> {
  const there = await findRows(lot.ground, name, before.map(idOf))
  const times = TABLES[name]?.times ?? []
  const onlyTouched = Object.keys(to).every(column => times.includes(column))
  const changeable: Step[] = []
  for (const old of before) {
    const row = there.get(idOf(old))
    const asBefore = Object.fromEntries(Object.keys(to).map(column => [column, old[column]!]))
    if (row !== undefined && isAs(row, to)) changeable.push({ from: row, to: { ...row, ...asBefore } })
    else if (onlyTouched || (row !== undefined && isAs(row, asBefore))) lot.unchanged += 1
    else lot.left.push({ table: name, row: row ?? old, code: row === undefined ? 'gone' : 'changed-since' })
  }
  await write(lot, name, 'updated', changeable, some => ({
    name,
    columns: [],
    mutable: Object.keys(to),
    rows: writable(rowsWith(some, 'changed'), ({ row }) => row),
  }))
}

/** Rows that were deleted come back, under their old ids, where nothing has taken their place. */
async function putBack(lot: Lot, name: string, deleted: readonly Row[]): Promise<void> {
  const { ground } = lot
  const there = await findRows(ground, name, deleted.map(idOf))
  const others = await findOtherRows(ground, name, deleted)
  const withoutOwner = await findWithoutOwner(ground, name, deleted)
  const missing: Step[] = []
  for (const row of deleted) {
    const same = there.get(idOf(row))
    if (same !== undefined && isAs(same, row)) lot.unchanged += 1
    else if (withoutOwner.has(row)) lot.left.push({ table: name, row, code: 'owner-gone' })
    else if (same !== undefined || others.has(row)) lot.left.push({ table: name, row, code: 'taken' })
    else missing.push({ from: row, to: row })
  }
  const known = ground.moodle.columns.get(name)!
  const columns = Object.keys(deleted[0]!).filter(column => known.has(column))
  await write(lot, name, 'deleted', missing, some => ({
    name,
    columns,
    rows: writable(rowsWith(some, 'new'), ({ row }) => row),
  }))
}

const rowsWith = (rows: readonly Row[], fate: Stored['fate']): { touched: (Stored & { row: Row })[] } => ({
  touched: rows.map(row => ({ id: idOf(row), fate, row })),
})

/** Whether a row has these values. Numbers and text are compared as text: the driver gives decimals so. */
const isAs = (row: Row, values: Row): boolean =>
  Object.entries(values).every(([column, value]) => {
    const own = row[column]
    return own === undefined || own === value || (own !== null && value !== null && String(own) === String(value))
  })

/** A row that is to be written: as it is, and as it will be. */
interface Step {
  readonly from: Row
  readonly to: Row
}

/** Writes rows; simulated, remembers them. @param did what had been done to them */
async function write(
  lot: Lot,
  name: string,
  did: Change['did'],
  steps: readonly Step[],
  rowsOf: (rows: readonly Row[]) => TableRows,
): Promise<void> {
  const { ground, keep, oneByOne } = lot
  const done = ({ from, to }: Step): void => {
    lot.restored.push({ table: name, row: to, did, word: wordFor(name, did, from, to) })
  }
  if (ground.simulate) {
    for (const { to } of steps) ground.remembered.set(name, idOf(to), did === 'inserted' ? null : to)
    steps.forEach(done)
  } else if (!oneByOne) {
    await writeTable(ground.moodle, rowsOf(steps.map(({ to }) => to)), keep)
    steps.forEach(done)
  } else {
    for (const step of steps) {
      try {
        await writeTable(ground.moodle, rowsOf([step.to]), keep)
        done(step)
      } catch (error) {
        if (!isRefusal(error)) throw error
        lot.left.push({ table: name, row: step.from, code: 'database-refused', reason: error.message })
      }
    }
  }
}

/** Whoever is logged in has other rights now. `mark_user_dirty` */
async function markDirty({ ground, restored }: Lot, now: number): Promise<void> {
  const users = new Set<number>()
  for (const { table, row } of restored) {
    if (table === 'user_enrolments' || table === 'role_assignments') users.add(Number(row.userid))
  }
  const flags = emptyTable<DirtyFlag>()
  const known = await findDirtyFlags(ground.moodle, [...users])
  for (const userId of users) {
    const flag = known.get(userId)
    if (flag === undefined) insert(flags, { id: null, fate: 'new', userId })
    else change(flags, flag, {})
  }
  await writeTable(ground.moodle, dirtyFlagRows(flags, now, ground.site), null)
}

/** What becomes stale in Moodle's caches: as in `consequences/caches.ts`, told by the rows. */
function staleBy({ restored }: Lot, courses: ReadonlyMap<RowOf, number>): StaleKeys[] {
  const { add, all } = gatherStale()
  for (const one of restored) {
    const courseId = courses.get(one)
    const userId = Number(one.row.userid)
    switch (one.table) {
      case 'user_enrolments':
        if (courseId !== undefined) add('core/coursecontacts', courseId)
        break
      case 'role_assignments':
        add(EVENTS, 'changesincategoryenrolment')
        if (courseId !== undefined) add('core/coursecontacts', courseId)
        break
      case 'groups':
        add('core/groupdata', Number(one.row.courseid))
        add('core/coursehiddengroups', Number(one.row.courseid))
        break
      case 'groups_members':
        add('core/user_group_groupings', userId)
        add(EVENTS, 'changesincoursestate')
        break
      case 'course_modules_completion':
      case 'grade_grades':
        if (courseId !== undefined) add('core/completion', `${userId}_${courseId}`)
        add('availability_grade/scores', userId)
        break
    }
  }
  return all()
}
