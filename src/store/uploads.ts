/**
 * What was sent to the page, `uploads/<run>/command-file`, and reports of simulated runs, `uploads/<run>/report.json`. They are
 * there to be looked at, and forgotten after a day; a file that is to be run is moved to the arrivals.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Arrival, arrive } from './arrivals.ts'
import { sha256Of } from './bytes.ts'
import { replaceDurably, statsOf } from './durable.ts'
import { failedWith } from './errno.ts'
import { openFile } from './move.ts'
import { checkName } from './names.ts'
import { FOLDER_MODE, type Store } from './store.ts'

/** What is known of a simulated run beside its report. */
export interface Upload {
  readonly id: string
  /** Of the command file. */
  readonly name: string
  readonly sha256: string
  /** Where the file lies in `commands/` or `held/`; null: it was sent, and lies here. */
  readonly storedAs: string | null
}

/** More was sent than is taken. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge'
}

/** So many are kept at most. */
const MOST = 50

const DAY_MS = 86_400_000

/**
 * Receives a file. Nothing is left of one that does not come to its end.
 * @param maxBytes more than these are not taken
 * @returns its SHA-256, in hexadecimal
 * @throws TooLarge, or what the source or the system throws
 */
export async function receive(store: Store, id: string, source: Readable, maxBytes: number): Promise<string> {
  const directory = await makeFolder(store, id)
  try {
    const hash = createHash('sha256')
    let size = 0
    await replaceDurably(join(directory, COMMAND_FILE), stream =>
      pipeline(
        source,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            size += chunk.length
            if (size > maxBytes) throw new TooLarge()
            hash.update(chunk)
            yield chunk
          }
        },
        stream,
      ),
    )
    return hash.digest('hex')
  } catch (error) {
    await forget(store, id)
    throw error
  }
}

/** Keeps what is known of a simulated run, and makes room for its report. */
export async function describeUpload(store: Store, upload: Upload): Promise<void> {
  await makeFolder(store, upload.id)
  await replaceDurably(join(folderOf(store, upload.id), ABOUT), stream => pipeline([JSON.stringify(upload)], stream))
}

/** @returns null: there is none, or not any more */
export async function findUpload(store: Store, id: string): Promise<Upload | null> {
  try {
    return JSON.parse(await readFile(join(folderOf(store, id), ABOUT), 'utf8')) as Upload
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    throw error
  }
}

/** Where the file lies that was sent. */
export const uploadedFile = (store: Store, id: string): string => join(folderOf(store, id), COMMAND_FILE)

/** Where the report of a simulated run is, as JSON. */
export const uploadReport = (store: Store, id: string): string => join(folderOf(store, id), 'report.json')

/** Moves a file that was sent to those that wait for their turn. @returns null: it is gone */
export async function queueUpload(store: Store, id: string, name: string, now: Date): Promise<Arrival | null> {
  try {
    return await arrive(store, Buffer.from(uploadedFile(store, id)), name, now)
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    throw error
  }
}

/** @returns the SHA-256 of a file in hexadecimal; null: there is no such file */
export async function sumOfFile(path: string): Promise<string | null> {
  const file = await openFile(path)
  if (file === null) return null
  try {
    return await sha256Of(file)
  } finally {
    await file.close()
  }
}

export async function forget(store: Store, id: string): Promise<void> {
  await rm(folderOf(store, id), { recursive: true, force: true })
}

/** At the start: removes what has no report, since nobody goes on with it. */
export async function removeUnfinishedUploads(store: Store): Promise<void> {
  for (const { id } of await allUploads(store)) {
    if ((await statsOf(uploadReport(store, id))) === null) await forget(store, id)
  }
}

/** Removes those that are a day old, and the oldest where there are very many. */
export async function removeOldUploads(store: Store, now: Date): Promise<void> {
  const all = await allUploads(store)
  all.sort((a, b) => b.time - a.time)
  for (const [at, { id, time }] of all.entries()) {
    if (at >= MOST || now.getTime() - time > DAY_MS) await forget(store, id)
  }
}

/** Of several who send at a time, each tidies up: what another has just removed is no error. */
async function allUploads(store: Store): Promise<{ readonly id: string; readonly time: number }[]> {
  const all: { readonly id: string; readonly time: number }[] = []
  for (const id of await readdir(store.folder.uploads)) {
    const stats = await statsOf(folderOf(store, id))
    if (stats !== null) all.push({ id, time: stats.mtimeMs })
  }
  return all
}

const COMMAND_FILE = 'command-file'
const ABOUT = 'about.json'

const folderOf = ({ folder }: Store, id: string): string => join(folder.uploads, checkName(id))

async function makeFolder(store: Store, id: string): Promise<string> {
  const directory = folderOf(store, id)
  await mkdir(directory, { recursive: true, mode: FOLDER_MODE })
  return directory
}
