/**
 * Where runs keep what it takes to go back: `undo/<run>.jsonl`, and, once it is large and whole, `undo/<run>.jsonl.gz`.
 * Kept as long as reports are (`keep.ts`); larger than a bound it must not become, and is then not kept at all.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { EXIT, Problem } from '../errors.ts'
import { type Change, fromLine, type JournalLine, type Keep, toLine } from '../moodle/journal.ts'
import { remove, replaceDurably, writeTemporary } from './durable.ts'
import { failedWith } from './errno.ts'
import { type Lines, readBackwards, withLines } from './lines.ts'
import { checkName } from './names.ts'
import type { Store } from './store.ts'

/** Bytes, as they are written: some fifty million rows that were added, fewer that were deleted. */
const MAX_BYTES = 1024 ** 3

/** From so many bytes on, compressing is worth it. */
const COMPRESSED_FROM = 64 * 1024

/** The journal of a run that is running. */
export interface Journal {
  /** Begins a chunk, forgetting what was kept of one that was not committed. null: nothing is kept any more. */
  readonly begin: () => Keep | null
  /** @returns the length for the checkpoint; null: nothing is kept any more */
  readonly sync: () => Promise<number | null>
  readonly commit: () => void
}

const NOT_KEPT: Journal = { begin: () => null, sync: async () => null, commit: () => {} }

/**
 * Opens the journal of a run, new or as far as it was committed.
 * @param committed bytes; null: nothing is kept of this run, or not any more
 */
export async function withJournal<T>(
  store: Store,
  id: string,
  committed: number | null,
  use: (journal: Journal) => Promise<T>,
  maxBytes = MAX_BYTES,
): Promise<T> {
  const path = pathOf(store, id)
  // Half a journal would take back half a run.
  if (committed === null || (await sizeOf(path)) < committed) return use(NOT_KEPT)
  return withLines<JournalLine, T>(path, committed, lines => use(bounded(lines, maxBytes)))
}

function bounded(lines: Lines<JournalLine>, maxBytes: number): Journal {
  let isFull = false
  const keep: Keep = async change => {
    if (!isFull) await lines.add([toLine(change)])
    isFull ||= lines.size() > maxBytes
  }
  return {
    begin: () => {
      lines.forget()
      return isFull ? null : keep
    },
    sync: async () => (isFull ? null : lines.sync()),
    commit: lines.commit,
  }
}

/**
 * Makes the journal of a run that has ended small, or removes it where it is of no use.
 * @param bytes as the ledger has it
 */
export async function putJournalAway(store: Store, id: string, bytes: number | null): Promise<void> {
  const path = pathOf(store, id)
  if (bytes === null || bytes === 0) return remove(path)
  if (bytes < COMPRESSED_FROM || (await sizeOf(path)) < bytes) return
  await replaceDurably(path + COMPRESSED, stream =>
    pipeline(createReadStream(path, { end: bytes - 1 }), createGzip(), stream),
  )
  await remove(path)
}

/** Reads the changes of a run from the last to the first, those before an offset. */
export type ReadChanges = (end: number) => AsyncGenerator<{ readonly offset: number; readonly change: Change }>

/**
 * Opens the journal of a run that is to be taken back.
 * @param bytes as the ledger has it
 * @throws Problem 64 where it is gone or not whole
 */
export async function readingJournal<T>(
  store: Store,
  id: string,
  bytes: number,
  use: (changes: ReadChanges) => Promise<T>,
): Promise<T> {
  if (bytes === 0) return use(async function* () {})
  const handle = await openWhole(store, id)
  try {
    if ((await handle.stat()).size < bytes) throw new Problem('journal-damaged', { run: id }, EXIT.usage)
    return await use(async function* (end) {
      for await (const { offset, line } of readBackwards<JournalLine>(handle, end)) {
        yield { offset, change: fromLine(line) }
      }
    })
  } catch (error) {
    if (error instanceof SyntaxError) throw new Problem('journal-damaged', { run: id }, EXIT.usage, error)
    throw error
  } finally {
    await handle.close()
  }
}

/** Opens the journal as it was written; one that was made small is unpacked into a file that goes when it is closed. */
async function openWhole(store: Store, id: string): Promise<FileHandle> {
  const path = pathOf(store, id)
  try {
    return await open(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error
  }
  try {
    const temporary = await writeTemporary(store.folder.running, stream =>
      pipeline(createReadStream(path + COMPRESSED), createGunzip(), stream),
    )
    try {
      return await open(temporary)
    } finally {
      await rm(temporary)
    }
  } catch (error) {
    if (failedWith(error, 'ENOENT'))
      throw new Problem('journal-gone', { run: id, folder: store.folder.undo }, EXIT.usage, error)
    if (failedWith(error, 'Z_DATA_ERROR', 'Z_BUF_ERROR'))
      throw new Problem('journal-damaged', { run: id }, EXIT.usage, error)
    throw error
  }
}

const COMPRESSED = '.gz'

const pathOf = ({ folder }: Store, id: string): string => join(folder.undo, checkName(`${id}.jsonl`))

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return 0
    throw error
  }
}
