/** One writer per Moodle: a lock of the database server, which is gone with the connection that holds it. */
import { createHash } from 'node:crypto'
import { EXIT, Problem } from '../errors.ts'
import { type Moodle, select } from './connect.ts'

/**
 * Does something while no other run writes to this Moodle, on whatever host it is.
 * @param seconds how long to wait for another run to end
 * @throws Problem 75 where it has not ended by then
 */
export async function withMoodleLock<T>(moodle: Moodle, seconds: number, use: () => Promise<T>): Promise<T> {
  // The lock's name is the server's, not the database's, and may have 64 characters.
  const [[database] = ['']] = await select<[string]>(moodle, 'SELECT DATABASE()')
  const name = `moodle-syncd:${createHash('sha256').update(`${database}/${moodle.prefix}`).digest('hex').slice(0, 40)}`
  const [[got] = [null]] = await select<[number | null]>(moodle, 'SELECT GET_LOCK(?, ?)', [name, seconds])
  if (got !== 1) throw new Problem('another-run', { seconds }, EXIT.tryLater)
  try {
    return await use()
  } finally {
    // Where the connection is lost, so is the lock.
    await select(moodle, 'SELECT RELEASE_LOCK(?)', [name]).catch(() => {})
  }
}
