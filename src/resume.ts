/**
 * What a daemon goes on with when it starts: what was begun before the last stop or crash, then what waited for its turn. And the
 * drop directory, where a crash has left something of what was taken from it.
 */
import type { Config } from './config/config.ts'
import { removeDoneFilesOf, removeManifestsOf, removeTaken } from './intake/left-overs.ts'
import type { Queue } from './queue.ts'
import { arrivalsOf } from './store/arrivals.ts'
import { begunJobs, begunUndos } from './store/running.ts'
import { type TaskGround, undoing } from './tasks.ts'

/** Puts it all to the queue: before the first look at the drop directory, so that what lies there comes after it. */
export async function resume(
  ground: TaskGround,
  queue: Queue,
  { directory, doneFile }: Pick<Config['intake'], 'directory' | 'doneFile'>,
): Promise<void> {
  const { store } = ground
  const arrived = await arrivalsOf(store)
  await removeTaken(directory, store, arrived.at(-1))
  const begun = await begunJobs(store)
  for (const job of begun) if (job.arrival === null) queue.add(job)
  for (const { name, folder } of arrived) {
    queue.add(begun.find(job => job.arrival === folder) ?? { file: name, arrival: folder })
  }
  for (const asked of await begunUndos(store)) queue.perform(undoing(ground, asked))
  if (doneFile !== null) await removeDoneFilesOf(directory, arrived, doneFile)
  await removeManifestsOf(directory, store, arrived)
}
