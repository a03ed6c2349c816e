/**
 * Holding a file: where the guard finds that it may do harm, all of it is planned, reported, and left to a person. Nothing of it is
 * done before.
 */
import { basename, join } from 'node:path'
import { type Facts, type Run, simulate } from './apply.ts'
import { faultsOf, interrupted, reportOf, wasHeld } from './ending.ts'
import { heldBy, lookThrough, mayBeHeld, trialOf } from './guard.ts'
import type { Moodle } from './moodle/connect.ts'
import { linkedCourses } from './moodle/consequences/linked-courses.ts'
import { beginHolding, finishRun, type Lease } from './moodle/ledger.ts'
import { tellAdministrators } from './notify/administrators.ts'
import { watchDepartures } from './plan/departures.ts'
import type { Hold } from './plan/limits.ts'
import type { RowResult } from './plan/outcome.ts'
import { chooseReportFiles, writeReportFiles } from './report/files.ts'
import { commandOf, heldLines } from './report/held.ts'
import type { Release } from './report/report.ts'
import type { RunResult } from './run.ts'
import type { Lines } from './store/lines.ts'

/**
 * Holds a file that does more harm than the guard lets pass, before any of it is done. Only then is all of it planned
 * beforehand, for its report.
 * @returns how the run has ended; null: nothing holds it
 */
export async function holdIfNeeded(run: Run, moodle: Moodle, facts: Facts, lease: Lease): Promise<RunResult | null> {
  const findings = await lookThrough(run, moodle, facts)
  if (findings === null) return null
  const may = await mayBeHeld(run, moodle, facts, findings)
  if (may === 'interrupted') return interrupted(run, lease.startedAt)
  if (!may) return null
  const trial = trialOf(run)
  const departures = watchDepartures(new Date())
  const how = { consequences: [linkedCourses], observers: [departures.observer] }
  const result = await simulate(trial, moodle, facts, how, async outcomes => {
    const held = await heldBy(trial, moodle, findings, departures)
    return held.length > 0 ? hold(trial, moodle, facts, lease, held, outcomes) : null
  })
  return result === 'interrupted' ? interrupted(trial, lease.startedAt) : result
}

/** Reports a file that is held, and tells administrators. Each step can be done again. */
async function hold(
  run: Run,
  moodle: Moodle,
  facts: Facts,
  lease: Lease,
  held: readonly Hold[],
  outcomes: Lines<RowResult>,
): Promise<RunResult> {
  const { request, ground, file, inspection } = run
  const { startedAt } = lease
  const isMoved = request.namedAs === null
  const files =
    lease.reportFiles ??
    (await chooseReportFiles(ground.store, request.name, startedAt, { retry: false, held: isMoved }))
  await beginHolding(moodle, lease, files)
  const release: Release = { file: request.namedAs ?? join('held', basename(files.held!)), path: files.held }
  const faults = await faultsOf(run, moodle, facts, startedAt, outcomes)
  const report = reportOf(run, startedAt, { held, release, faults })
  await writeReportFiles(files, report, outcomes.read, file, inspection.header!, ground)
  await request.onReport?.(report, outcomes.read)
  await tellAdministrators(ground, {
    event: 'file-held',
    level: 'warn',
    args: { file: request.name, command: commandOf(release) },
    fields: { held, report: files.text },
    quoted: [...heldLines(report.file, ground.lang)].slice(0, -2),
    about: request.id,
    // One that lies elsewhere is released by the command alone.
    ...(isMoved ? { page: '/held' } : {}),
  })
  await finishRun(moodle, lease, 'held')
  return wasHeld(run, startedAt, files.held)
}
