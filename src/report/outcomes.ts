/**
 * The outcomes of a run while it runs: a line of JSON a row, in a file, since a report of a million rows does not belong
 * in memory. Written before the chunk is committed, with their length in its checkpoint, so that a run that goes on after
 * a crash cuts off what was not committed.
 */
import { open } from 'node:fs/promises'
import type { RowResult } from '../plan/outcome.ts'

export interface Outcomes {
  /**
   * Writes a chunk's rows behind those that are committed; they are on the disk when it returns.
   * @returns the length that the file then has: what the checkpoint is to say
   */
  readonly write: (results: readonly RowResult[]) => Promise<number>
  /** What was written last is committed. */
  readonly commit: () => void
  /** All rows that are committed, in file order. */
  readonly read: () => AsyncGenerator<RowResult>
}

/**
 * Opens the outcomes of a run, new or as far as they were committed, uses and closes them; the caller removes them.
 * @param committed bytes
 */
export async function withOutcomes<T>(
  path: string,
  committed: number,
  use: (outcomes: Outcomes) => Promise<T>,
): Promise<T> {
  const handle = await open(path, committed === 0 ? 'w' : 'r+', 0o600)
  try {
    await handle.truncate(committed)
    let length = committed
    let written = committed
    return await use({
      write: async results => {
        const lines = Buffer.from(results.map(result => `${JSON.stringify(result)}\n`).join(''))
        for (let done = 0; done < lines.length; ) {
          done += (await handle.write(lines, done, lines.length - done, length + done)).bytesWritten
        }
        await handle.datasync()
        written = length + lines.length
        return written
      },
      commit: () => {
        length = written
      },
      read: () => readResults(path, () => length),
    })
  } finally {
    await handle.close()
  }
}

async function* readResults(path: string, length: () => number): AsyncGenerator<RowResult> {
  if (length() === 0) return
  const handle = await open(path)
  try {
    for await (const line of handle.readLines({ start: 0, end: length() - 1 })) yield JSON.parse(line) as RowResult
  } finally {
    await handle.close()
  }
}
