/**
 * One chunk, one transaction: its facts are loaded, its rows planned, its changes written, or none of it.
 * Which errors deserve another try, and which make one row fail alone, is decided here.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Row } from '../file/types.ts'
import type { RowResult } from '../plan/outcome.ts'
import { planRow, type Rules } from '../plan/plan-row.ts'
import { type Participant, touchedParticipants, type World } from '../plan/world.ts'
import type { StaleKeys } from './caches/definitions.ts'
import type { StaleCaches } from './caches/notes.ts'
import type { Keep } from './journal.ts'
import { errorCode } from './problems.ts'
import { type Ground, loadWorld } from './world.ts'
import { writeWorld } from './write-world.ts'

/**
 * Errors that go away by themselves: others hold the rows, or have just made the row that we were about to make.
 * The chunk's facts are then loaded again and its rows planned again, since the world has moved. Milliseconds.
 */
const WORTH_ANOTHER_TRY: Readonly<
  Record<string, { readonly min: number; readonly max: number; readonly tries: number }>
> = {
  ER_LOCK_DEADLOCK: { min: 20, max: 2_000, tries: 12 },
  // What a cluster calls a deadlock with another of its nodes.
  ER_TRANSACTION_ROLLBACK_DURING_COMMIT: { min: 20, max: 2_000, tries: 12 },
  ER_LOCK_WAIT_TIMEOUT: { min: 500, max: 5_000, tries: 6 },
  ER_DUP_ENTRY: { min: 1, max: 100, tries: 5 },
  ER_CHECKREAD: { min: 1, max: 100, tries: 5 },
}

/** Errors that a row's own values cause: it fails alone. A duplicate that stays one is such an error, too. */
const ROW_ERRORS: ReadonlySet<string> = new Set([
  'ER_DUP_ENTRY',
  'ER_DATA_TOO_LONG',
  'ER_TRUNCATED_WRONG_VALUE',
  'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
  'ER_WARN_DATA_OUT_OF_RANGE',
  'ER_BAD_NULL_ERROR',
  'ER_NO_DEFAULT_FOR_FIELD',
  'ER_NO_REFERENCED_ROW_2',
  'ER_ROW_IS_REFERENCED_2',
  'ER_CONSTRAINT_FAILED',
  'ER_CHECK_CONSTRAINT_VIOLATED',
  'ER_SIGNAL_EXCEPTION',
])

/** What a chunk needs beyond its facts. */
export interface ChunkGround extends Ground {
  readonly rules: Rules
  readonly recording: Recording
  readonly staleCaches: StaleCaches
}

/** Keeps the results of a chunk together with what they did: both are committed, or neither. */
export interface Recording {
  /**
   * A chunk begins, or is tried again: what was recorded of it is forgotten.
   * @returns where to keep what it takes to go back; null where nothing is kept
   */
  readonly begin: () => Keep | null
  /** Adds the results to what is recorded, while the changes are written. */
  readonly add: (results: readonly RowResult[]) => Promise<void>
  /** In the chunk's transaction, after its changes: what was added is on the disk, and the checkpoint stands behind it. */
  readonly checkpoint: (results: readonly RowResult[]) => Promise<void>
  /** The chunk is committed. */
  readonly committed: () => void
}

/**
 * Applies a chunk of rows, or, simulated, plans it and leaves the database as it is.
 * @param clock the present in milliseconds; looked at anew for each try, so that Moodle's sessions notice the change
 * @returns the rows' results, in their order
 * @throws whatever the database says, once that has been tried often enough
 */
export async function applyChunk(ground: ChunkGround, rows: readonly Row[], clock: () => number): Promise<RowResult[]> {
  try {
    return await tryAgain(() => tryChunk(ground, rows, Math.floor(clock() / 1000)))
  } catch (error) {
    if (isRefusal(error)) return applyHalves(ground, rows, clock, error.message)
    throw error
  }
}

/** Does what is done in one transaction, again and again while others are in its way. @throws the last error */
export async function tryAgain<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const again = WORTH_ANOTHER_TRY[errorCode(error)]
      if (again === undefined || attempt >= again.tries) throw error
      // Half of the delay is chance, so that two who met do not meet again.
      const delay = Math.min(again.max, again.min * 2 ** (attempt - 1))
      await wait(delay / 2 + (Math.random() * delay) / 2)
    }
  }
}

/** Whether the database refuses what is to be written, whoever else is there. */
export const isRefusal = (error: unknown): error is Error => ROW_ERRORS.has(errorCode(error))

/** Finds the row that the database refuses: it fails, and the others go through. */
async function applyHalves(
  ground: ChunkGround,
  rows: readonly Row[],
  clock: () => number,
  reason: string,
): Promise<RowResult[]> {
  const [only] = rows
  if (rows.length === 1 && only !== undefined) return [await recordRefusal(ground, only, reason)]
  const middle = Math.ceil(rows.length / 2)
  const first = await applyChunk(ground, rows.slice(0, middle), clock)
  return [...first, ...(await applyChunk(ground, rows.slice(middle), clock))]
}

async function recordRefusal({ moodle, recording }: ChunkGround, row: Row, reason: string): Promise<RowResult> {
  const place = { line: row.line, offset: row.offset, length: row.length }
  const error = { code: 'database-refused', args: { reason } } as const
  const result: RowResult = { place, outcome: 'failed', error, warnings: [], changes: [] }
  recording.begin()
  await moodle.connection.query('START TRANSACTION')
  await recording.add([result])
  await recording.checkpoint([result])
  await moodle.connection.query('COMMIT')
  recording.committed()
  return result
}

async function tryChunk(ground: ChunkGround, rows: readonly Row[], now: number): Promise<RowResult[]> {
  const { connection } = ground.moodle
  if (ground.simulate) {
    const rememberedBefore = new Set(ground.remembered.participants.values())
    const { world } = await loadWorld(ground, rows, now)
    const results = planRows(rows, world, ground.rules)
    forgetUnchanged(world, rememberedBefore)
    await ground.recording.add(results)
    await ground.recording.checkpoint(results)
    ground.recording.committed()
    return results
  }
  let results: RowResult[]
  let stale: readonly StaleKeys[]
  const keep = ground.recording.begin()
  await connection.query('START TRANSACTION')
  try {
    const fresh = { ...ground, remembered: { coursesById: new Map(), participants: new Map() } }
    const { world, prepared } = await loadWorld(fresh, rows, now)
    results = planRows(rows, world, ground.rules)
    stale = prepared.flatMap(one => one.stale?.() ?? [])
    // The log hears first and is written last: it tells the ids of the others' rows.
    const following = prepared.toReversed().flatMap(({ tables }) => tables ?? [])
    await allDone([writeWorld(ground.moodle, world, following, keep), ground.recording.add(results)])
    await allDone([ground.staleCaches.note(stale), ground.recording.checkpoint(results)])
    await connection.query('COMMIT')
    ground.recording.committed()
  } catch (error) {
    // The first error is the one that matters; a lost connection rolls back by itself.
    await connection.query('ROLLBACK').catch(() => {})
    throw error
  }
  // Committed: nothing that goes wrong from here on may make the chunk be tried again.
  await ground.staleCaches.drop(stale)
  return results
}

/** Waits until all is done, even where something fails: nothing goes on while the chunk is tried again. @throws the first error */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  for (const done of await Promise.allSettled(work)) if (done.status === 'rejected') throw done.reason
}

function planRows(rows: readonly Row[], world: World, rules: Rules): RowResult[] {
  const results = rows.map(row => planRow(row, world, rules))
  for (const observer of world.observers) observer.afterRows?.(world)
  return results
}

/** Of a simulated run, what it has changed must be remembered, and nothing else: memory is for those alone. */
function forgetUnchanged(world: World, rememberedBefore: ReadonlySet<Participant>): void {
  const touched = touchedParticipants(world)
  for (const [key, person] of world.participants) {
    if (!touched.has(person) && !rememberedBefore.has(person)) world.participants.delete(key)
  }
}
