/** One writer per Moodle: a lock of the database server, which is gone with the connection that holds it. */
import { createHash } from 'node:crypto'
import { EXIT, Problem } from '../errors.ts'
import { type Moodle, select } from './connect.ts'

/** What a lock of the server is for: one writes at a time, and one daemon is the active one (`active.ts`). */
const KINDS = { run: 'moodle-syncd', active: 'moodle-syncd-active' } as const

/**
 * Does something while no other run writes to this Moodle, on whatever host it is.
 * @param seconds how long to wait for another run to end
 * @param signal aborted: another run is waited for no longer
 * @throws Problem 75 where it has not ended by then
 */
export async function withMoodleLock<T>(
  moodle: Moodle,
  seconds: number,
  use: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const name = await lockName(moodle, 'run')
  // Second by second: a wait within the server hears no signal.
  for (let left = seconds; !(await getLock(moodle, name, Math.min(left, 1))); left -= 1) {
    if (left <= 1 || signal?.aborted) throw new Problem('another-run', { seconds }, EXIT.tryLater)
  }
  try {
    return await use()
  } finally {
    // Where the connection is lost, so is the lock.
    await select(moodle, 'SELECT RELEASE_LOCK(?)', [name]).catch(() => {})
  }
}

/** The name is the server's, not the database's, and may have 64 characters. */
export async function lockName(
  moodle: Pick<Moodle, 'connection' | 'prefix'>,
  kind: keyof typeof KINDS,
): Promise<string> {
  const [[database] = ['']] = await select<[string]>(moodle, 'SELECT DATABASE()')
  return `${KINDS[kind]}:${createHash('sha256').update(`${database}/${moodle.prefix}`).digest('hex').slice(0, 40)}`
}

async function getLock(moodle: Moodle, name: string, seconds: number): Promise<boolean> {
  const [[got] = [null]] = await select<[number | null]>(moodle, 'SELECT GET_LOCK(?, ?)', [name, seconds])
  return got === 1
}
