/**
 * What a crash has left in the drop directory of files that are in the store already. Lying there, it would make the next file of
 * that name whole too soon, or never, or have the same file run twice.
 */
import { lstat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Arrival, arrivalPath } from '../store/arrivals.ts'
import type { Store } from '../store/store.ts'
import { looksLike } from './claim.ts'
import { list, pathOf, removeDoneFile, statsOf } from './directory.ts'
import { readManifest, removeManifest, sumOf } from './manifest.ts'

/**
 * Removes the done files of files that were taken just before a crash: lying there, they would make the next file of
 * that name whole before it is.
 */
export async function removeDoneFilesOf(
  directory: string,
  arrivals: readonly Arrival[],
  doneFile: string,
): Promise<void> {
  for (const { name } of arrivals) {
    if ((await statsOf(join(directory, name))) === undefined) {
      await removeDoneFile(directory, Buffer.from(name), doneFile)
    }
  }
}

/**
 * Removes from the drop directory what was taken from it just before a crash, where that is another file system than the store:
 * a file is copied then, and lies in both places for a moment. It would be run twice.
 *
 * @param last what was taken last
 */
export async function removeTaken(directory: string, store: Store, last: Arrival | undefined): Promise<void> {
  if (last === undefined || (await statsOf(directory)) === undefined) return
  const path = arrivalPath(store, last)
  const taken = await lstat(path, { bigint: true })
  for (const dropped of (await list(directory)).values()) {
    const source = pathOf(directory, dropped)
    const stats = dropped.name === last.name ? await statsOf(source) : undefined
    if (stats === undefined || stats.dev === taken.dev || !looksLike(taken, stats)) continue
    const [one, other] = [await sumOf(path, taken), await sumOf(source, stats)]
    if (one !== null && one === other) await unlink(source)
  }
}

/**
 * Removes the manifests of files that were taken just before a crash: lying there, they would keep the next file of that
 * name from being whole. One that says something else is that next file's.
 */
export async function removeManifestsOf(directory: string, store: Store, arrivals: readonly Arrival[]): Promise<void> {
  for (const arrival of arrivals) {
    const name = Buffer.from(arrival.name)
    const manifest = await readManifest(directory, name)
    if (manifest === null || manifest.sha256 === null) continue
    const path = arrivalPath(store, arrival)
    const sum = await sumOf(path, await lstat(path, { bigint: true }))
    if (sum === manifest.sha256) await removeManifest(directory, name, manifest)
  }
}
