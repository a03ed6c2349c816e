/**
 * A file of lines of JSON that grows while a run runs, and is cut where the last commit was: what is too much for memory,
 * and must agree with the database. Lines are on the disk before the commit that they belong to; their length stands in its
 * checkpoint, so that a run that goes on after a crash cuts off what was not committed.
 */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { giveToOwnerOfFolder, replaceDurably } from './durable.ts'

export interface Lines<Line> {
  /** Adds lines behind those that have been added before. */
  readonly add: (lines: readonly Line[]) => Promise<void>
  /** Of all that has been added, in bytes or a little less. */
  readonly size: () => number
  /** Forgets what was added since the last commit. */
  readonly forget: () => void
  /** @returns the length of the file in bytes, all of which is on the disk then: what the checkpoint is to say */
  readonly sync: () => Promise<number>
  /** What was added is committed. */
  readonly commit: () => void
  /** All lines that are committed, in their order. */
  readonly read: () => AsyncGenerator<Line>
}

/** Results of rows are personal data, and nobody but the program reads them here. */
const MODE = 0o600

/** Bytes that wait in memory before they are written. */
const BUFFER = 256 * 1024

/**
 * Opens such a file, new or as far as it was committed, uses and closes it; the caller removes it.
 * @param committed bytes
 */
export async function withLines<Line, T>(
  path: string,
  committed: number,
  use: (lines: Lines<Line>) => Promise<T>,
): Promise<T> {
  const handle = await openAnew(path, committed)
  try {
    await giveToOwnerOfFolder(path)
    let length = committed
    let written = committed
    let waiting: string[] = []
    let waitingLength = 0
    const flush = async (): Promise<void> => {
      const bytes = Buffer.from(waiting.join(''))
      waiting = []
      waitingLength = 0
      await writeAt(handle, bytes, written)
      written += bytes.length
    }
    return await use({
      add: async lines => {
        for (const line of lines) {
          const text = `${JSON.stringify(line)}\n`
          waiting.push(text)
          waitingLength += text.length
          if (waitingLength >= BUFFER) await flush()
        }
      },
      size: () => written + waitingLength,
      forget: () => {
        waiting = []
        waitingLength = 0
        written = length
      },
      sync: async () => {
        await flush()
        await handle.datasync()
        return written
      },
      commit: () => {
        length = written
      },
      read: () => readForwards<Line>(handle, length),
    })
  } finally {
    await handle.close()
  }
}

/**
 * As another file of its name: who had the run before, and was taken for gone, may come back, and write once more to the one
 * that it has open before the ledger stops it.
 */
async function openAnew(path: string, committed: number): Promise<FileHandle> {
  if (committed === 0) {
    await rm(path, { force: true })
    return open(path, 'wx+', MODE)
  }
  await replaceDurably(path, stream => pipeline(createReadStream(path, { end: committed - 1 }), stream))
  const handle = await open(path, 'r+')
  await handle.chmod(MODE)
  return handle
}

async function writeAt(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
  }
}

const LINE_END = 0x0a
/** Bytes that are read at once. */
const BLOCK = 256 * 1024

async function readAt(handle: FileHandle, at: number, size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, at)
  if (bytesRead !== size) throw new Error('the file is shorter than it was')
  return buffer
}

/** By blocks, since `readline` takes three times as long. @param length bytes; a line must end there */
async function* readForwards<Line>(handle: FileHandle, length: number): AsyncGenerator<Line> {
  // Of the line whose end has not been read yet.
  let pieces: Buffer[] = []
  for (let from = 0; from < length; ) {
    const block = await readAt(handle, from, Math.min(BLOCK, length - from))
    from += block.length
    const end = block.lastIndexOf(LINE_END)
    if (end !== -1) {
      const lines = Buffer.concat([...pieces, block.subarray(0, end)]).toString()
      pieces = []
      for (const line of lines.split('\n')) yield JSON.parse(line) as Line
    }
    pieces.push(block.subarray(end + 1))
  }
}

/** A line, and where it begins in its file, in bytes. */
export interface LineAt<Line> {
  readonly offset: number
  readonly line: Line
}

/**
 * The lines of such a file from the last to the first.
 * @param end bytes: lines behind are passed over; a line must end there
 */
export async function* readBackwards<Line>(handle: FileHandle, end: number): AsyncGenerator<LineAt<Line>> {
  // Of the line that is being put together: its end, in pieces, the last one first.
  let pieces: Buffer[] = []
  let from = end
  while (from > 0) {
    const size = Math.min(BLOCK, from)
    const buffer = await readAt(handle, from - size, size)
    from -= size
    let right = size
    // The line end of the last line is no end of one before it.
    let at = buffer.lastIndexOf(LINE_END, from + size === end ? size - 2 : size - 1)
    for (; at >= 0 && right > 0; at = at === 0 ? -1 : buffer.lastIndexOf(LINE_END, at - 1)) {
      pieces.push(buffer.subarray(at + 1, right))
      right = at + 1
      const line = JSON.parse(Buffer.concat(pieces.reverse()).toString()) as Line
      pieces = []
      yield { offset: from + right, line }
    }
    pieces.push(buffer.subarray(0, right))
  }
  if (end > 0) yield { offset: 0, line: JSON.parse(Buffer.concat(pieces.reverse()).toString()) as Line }
}
