/**
 * The outcomes of a run while it runs: a line of JSON a row, in a file, since a report of a million rows does not belong
 * in memory. Reports are made of it when the run is over.
 */
import { open } from 'node:fs/promises'
import type { RowResult } from '../plan/outcome.ts'

export interface Outcomes {
  /** Adds rows in file order; they are on the disk when it returns. */
  readonly add: (results: readonly RowResult[]) => Promise<void>
  /** All rows so far, in file order. */
  readonly read: () => AsyncGenerator<RowResult>
}

/** Opens a new file for outcomes, uses it and closes it; the caller removes it. */
export async function withOutcomes<T>(path: string, use: (outcomes: Outcomes) => Promise<T>): Promise<T> {
  const handle = await open(path, 'wx', 0o600)
  try {
    return await use({
      add: async results => {
        await handle.appendFile(results.map(result => `${JSON.stringify(result)}\n`).join(''))
      },
      read: () => readResults(path),
    })
  } finally {
    await handle.close()
  }
}

async function* readResults(path: string): AsyncGenerator<RowResult> {
  const handle = await open(path)
  try {
    for await (const line of handle.readLines()) yield JSON.parse(line) as RowResult
  } finally {
    await handle.close()
  }
}
