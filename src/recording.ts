/**
 * What a run, or an undo, keeps of what it does: outcomes, and the way back. Both are on the disk before the changes and their
 * checkpoint are committed together, so that a crash leaves all three, or none.
 */
import type { Moodle } from './moodle/connect.ts'
import type { Keep } from './moodle/journal.ts'
import { type Lease, moveCheckpoint } from './moodle/ledger.ts'
import type { Journal } from './store/journals.ts'
import type { Lines } from './store/lines.ts'

/** The part of a `Recording`, or an `UndoRecording`, that is the same whatever the outcomes are. */
export interface Checkpointed {
  readonly begin: () => Keep | null
  /** After what there is to keep was added: all of it is on the disk, and the checkpoint stands behind it. */
  readonly checkpoint: (step: { readonly rows: number; readonly last: NonNullable<Lease['last']> }) => Promise<void>
  readonly committed: () => void
}

export function checkpointed<Outcome>(
  moodle: Moodle,
  lease: Lease,
  outcomes: Lines<Outcome>,
  journal: Journal,
): Checkpointed {
  return {
    begin: () => {
      outcomes.forget()
      return journal.begin()
    },
    checkpoint: async step => {
      const [outcomesBytes, journalBytes] = await Promise.all([outcomes.sync(), journal.sync()])
      await moveCheckpoint(moodle, lease, { ...step, outcomesBytes, journalBytes })
    },
    committed: () => {
      outcomes.commit()
      journal.commit()
    },
  }
}
