/** Which run is to be taken back, and whether it can be: as the ledger knows, and what the store has kept of it. */
import { EXIT, Problem } from './errors.ts'
import type { Moodle } from './moodle/connect.ts'
import { type LedgerEntry, runsBeginning, undosOf } from './moodle/ledger.ts'
import { withMoodleLock } from './moodle/lock.ts'
import { isBegun } from './store/running.ts'
import type { Store } from './store/store.ts'

/** A run whose journal is kept. */
export type UndoableRun = LedgerEntry & { readonly journalBytes: number }

/** The run that is meant, if it can be taken back. @throws Problem that says why not */
export async function findUndoable(moodle: Moodle, store: Store, beginning: string): Promise<UndoableRun> {
  const [entry, another] = await runsBeginning(moodle, beginning)
  if (entry === undefined) throw new Problem('run-unknown', { run: beginning }, EXIT.usage)
  if (another !== undefined) throw new Problem('run-ambiguous', { run: beginning }, EXIT.usage)
  const { id, state, journalBytes } = entry
  if (state === 'held') throw new Problem('run-held', { run: id }, EXIT.usage)
  if (state !== 'finished') {
    if (await isBegun(store, id)) throw new Problem('run-unfinished', { run: id }, EXIT.tryLater)
    // Whoever works on it has the lock; where it is free, or ours, the run has been given up.
    await withMoodleLock(moodle, 0, async () => {})
  }
  const undoneBy = await findUndo(moodle, id)
  if (undoneBy !== null) throw new Problem('run-undone-already', { run: id, by: undoneBy.id }, EXIT.usage)
  if (journalBytes === null) throw new Problem('journal-not-kept', { run: id }, EXIT.usage)
  return { ...entry, journalBytes }
}

/** The run by which a run is taken back, and which has not been taken back in turn. */
async function findUndo(moodle: Moodle, id: string): Promise<LedgerEntry | null> {
  for (const undo of await undosOf(moodle, id)) {
    if (undo.state === 'finished' && (await findUndo(moodle, undo.id)) === null) return undo
  }
  return null
}

/** The undo of a run that was interrupted, unless that has been taken back itself: what is left of it is done under its id. */
export async function findInterrupted(moodle: Moodle, id: string): Promise<string | null> {
  for (const undo of await undosOf(moodle, id)) {
    if (undo.state !== 'finished' && (await findUndo(moodle, undo.id)) === null) return undo.id
  }
  return null
}
