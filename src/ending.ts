/** How a run may end: what its report says, what its result is, and the last line of its log. */
import type { Facts, Run } from './apply.ts'
import { type Faults, NO_FAULTS } from './hints/faults.ts'
import { findFaults } from './hints/find.ts'
import type { Moodle } from './moodle/connect.ts'
import type { RowResult } from './plan/outcome.ts'
import type { Report } from './report/report.ts'
import type { RunResult } from './run.ts'
import type { Lines } from './store/lines.ts'

/** Why rows have failed or were warned, and what may have been meant. Where all is well, nothing is asked. */
export async function faultsOf(
  { ground, summary }: Run,
  moodle: Moodle,
  facts: Facts,
  startedAt: Date,
  outcomes: Lines<RowResult>,
): Promise<Faults> {
  if (summary.failed === 0 && Object.keys(summary.warnings).length === 0) return NO_FAULTS
  return findFaults({ moodle, config: ground.config, ...facts, startedAt }, outcomes.read())
}

/** What a report says beside the rows; what is not given is not there. */
type Said = Partial<Pick<Report, 'retryFile' | 'canBeUndone' | 'faults'> & Pick<Report['file'], 'held' | 'release'>>

export function reportOf({ request, inspection, summary }: Run, startedAt: Date, said: Said = {}): Report {
  const { errors, warnings, sha256 } = inspection
  const { held = [], release = null, retryFile = null, canBeUndone = false, faults = NO_FAULTS } = said
  const outcome = errors.length > 0 ? 'refused' : held.length > 0 ? 'held' : 'processed'
  return {
    run: request.id,
    simulated: request.simulate,
    ...(request.startedBy === undefined ? {} : { startedBy: request.startedBy }),
    startedAt,
    finishedAt: new Date(),
    file: { name: request.name, sha256, outcome, errors, warnings, held, release },
    summary,
    faults,
    retryFile,
    canBeUndone,
  }
}

export function interrupted({ ground, summary }: Run, startedAt: Date): RunResult {
  ground.log.info({ event: 'run-interrupted', rows: summary.rows }, 'run interrupted')
  return { outcome: 'interrupted', startedAt, summary, reason: null, heldAs: null }
}

export function wasHeld({ ground, summary }: Run, startedAt: Date, heldAs: string | null): RunResult {
  ground.log.info({ event: 'run-held' }, 'the run has ended: the file is held')
  return { outcome: 'held', startedAt, summary, reason: null, heldAs }
}

/** All that is left to do is what becomes of the file: it was reported, and nobody was left to put it away. */
export function finishedBefore({ ground, summary }: Run, startedAt: Date): RunResult {
  ground.log.info({ event: 'run-finished-before' }, 'the run had come to its end before')
  return { outcome: 'processed', startedAt, summary, reason: null, heldAs: null }
}

export function finished({ ground, summary }: Run, startedAt: Date): RunResult {
  const seconds = (Date.now() - startedAt.getTime()) / 1000
  ground.log.info({ event: 'run-finished', ...summary, seconds }, 'run finished')
  return { outcome: 'processed', startedAt, summary, reason: null, heldAs: null }
}
