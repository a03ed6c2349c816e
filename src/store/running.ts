/**
 * What has begun and is not concluded, one small file for each: after a crash these are run again, before anything else
 * and under the same id, so that the run goes on where it was.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Lang } from '../messages/say.ts'
import type { StartedBy } from '../report/report.ts'
import { type Arrival, arrivalPath } from './arrivals.ts'
import { place } from './commands.ts'
import { remove, replaceDurably, statsOf } from './durable.ts'
import { checkName } from './names.ts'
import { OUTCOMES, type Store } from './store.ts'

/** A command file that is to be run: one that waits in `arrivals/`, or one that lies in `commands/`. */
export interface Job {
  /** Its path relative to `commands/`, where it will be or is. */
  readonly file: string
  /** The folder in `arrivals/` where it waits, or null. */
  readonly arrival: string | null
}

/** A job that was begun, with its run's id; or that a person has put to the queue, who was told the id. */
export interface BegunJob extends Job {
  readonly id: string
  /** undefined: nobody in particular. */
  readonly request?: PersonsRequest
}

/** What a person has asked for. */
export interface PersonsRequest {
  readonly startedBy: StartedBy
  /** Of the report. */
  readonly lang: Lang
  /** The guard has held the file, and they have approved of it. */
  readonly isApproved: boolean
}

/** An undo that a person has asked for. */
export interface BegunUndo {
  readonly id: string
  readonly undoes: string
  /** Of the file of the run that is taken back. */
  readonly name: string
  readonly request: PersonsRequest
}

/**
 * Notes that a job begins, and puts its file to the command files.
 *
 * @returns the path of the file
 */
export async function begin(store: Store, job: BegunJob, now: Date): Promise<string> {
  await note(store, job)
  const arrival = arrivalOf(job)
  // Tried again after a failure, it may have been put there already.
  if (arrival !== null && (await isThere(store, job))) return place(store, arrival, now)
  return commandPath(store, job)
}

/** Notes what is to be done, or gone on with, after a crash. */
export async function note(store: Store, record: BegunJob | BegunUndo): Promise<void> {
  await replaceDurably(recordPath(store, record.id), stream => pipeline([`${JSON.stringify(record)}\n`], stream))
}

/** Notes that a job is done with. */
export async function end(store: Store, id: string): Promise<void> {
  await remove(recordPath(store, id))
}

/** Whether a run was begun that will be gone on with. */
export async function isBegun(store: Store, id: string): Promise<boolean> {
  return (await statsOf(recordPath(store, id))) !== null
}

/**
 * What was begun and is not concluded. A job whose file is in neither of its places was concluded, but for this note.
 *
 * @throws where a note cannot be read: it was written whole or not at all, so somebody else has had their hands on it
 */
export async function begunJobs(store: Store): Promise<BegunJob[]> {
  const jobs: BegunJob[] = []
  for (const record of await records(store)) {
    if ('undoes' in record) continue
    const noted = checked(record)
    const placed = { ...noted, arrival: null }
    if (noted.arrival !== null && (await isThere(store, noted))) jobs.push(noted)
    else if (await isThere(store, placed)) jobs.push(placed)
    else await end(store, noted.id)
  }
  return jobs
}

/** The undos that were begun, or waited, and have not come to their end. */
export async function begunUndos(store: Store): Promise<BegunUndo[]> {
  return (await records(store)).filter(record => 'undoes' in record)
}

async function records({ folder }: Store): Promise<(BegunJob | BegunUndo)[]> {
  const entries = await readdir(folder.running, { withFileTypes: true })
  // We write regular files only; a FIFO of such a name would be waited for without end.
  const notes = entries.filter(entry => entry.isFile() && entry.name.endsWith('.json'))
  const names = notes.map(({ name }) => name).sort()
  const texts = await Promise.all(names.map(name => readFile(join(folder.running, name), 'utf8')))
  return texts.map(text => JSON.parse(text) as BegunJob | BegunUndo)
}

/** Whether the file of a job still is where it waits: people may take it away. */
export async function isThere(store: Store, job: Job): Promise<boolean> {
  const arrival = arrivalOf(job)
  return (await statsOf(arrival === null ? commandPath(store, job) : arrivalPath(store, arrival))) !== null
}

function commandPath(store: Store, job: Job): string {
  return join(store.folder.commands, ...job.file.split('/').map(checkName))
}

export function arrivalOf(job: Job): Arrival | null {
  return job.arrival === null ? null : { name: job.file, folder: job.arrival }
}

/** What became of the rows of a run so far. */
export function outcomesPath({ folder }: Store, id: string): string {
  return join(folder.running, checkName(`${id}${OUTCOMES}`))
}

function recordPath(store: Store, id: string): string {
  return join(store.folder.running, checkName(`${id}.json`))
}

function checked(job: BegunJob): BegunJob {
  const { id, file, arrival } = job
  checkName(id)
  if (arrival !== null) checkName(arrival)
  for (const part of file.split('/')) checkName(part)
  return job
}
