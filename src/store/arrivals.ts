/**
 * Files that were taken from the drop directory and wait for their turn. Each has a folder of its own, so that it keeps
 * its name, whatever else is called so; the folders' names are the order of arrival, which so survives a restart.
 */
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { giveToOwnerOfFolder, syncDirectory } from './durable.ts'
import { failedWith } from './errno.ts'
import { moveInto } from './move.ts'
import { numbered } from './names.ts'
import { ARRIVAL_FOLDER, FOLDER_MODE, type Store } from './store.ts'

export interface Arrival {
  /** The file's own name. */
  readonly name: string
  /** The name of its folder: when it was taken, in milliseconds, of 15 digits. */
  readonly folder: string
}

export function arrivalPath(store: Store, arrival: Arrival): string {
  return join(store.folder.arrivals, arrival.folder, arrival.name)
}

/**
 * Takes a file out of another directory.
 *
 * @param source its path, in bytes: names that are not UTF-8 have no other
 * @param name what it is called from now on
 * @throws FileChanged, or the system's error; then it is where it was
 */
export async function arrive(store: Store, source: Buffer, name: string, now: Date): Promise<Arrival> {
  const folder = await makeFolder(store, now)
  const directory = join(store.folder.arrivals, folder)
  try {
    const path = await moveInto(source, directory, numbered(name))
    await syncDirectory(store.folder.arrivals)
    return { name: basename(path), folder }
  } catch (error) {
    await leave(store, folder)
    throw error
  }
}

/** Puts back what should not have been taken, under its name or, where that is in use again, the next one. */
export async function sendBack(store: Store, arrival: Arrival, directory: string): Promise<void> {
  await moveInto(arrivalPath(store, arrival), directory, numbered(arrival.name))
  await leave(store, arrival.folder)
}

/** @returns the files that wait, in their order; a link or a folder, which somebody else put there, is none */
export async function arrivalsOf(store: Store): Promise<Arrival[]> {
  const arrivals: Arrival[] = []
  const entries = await readdir(store.folder.arrivals, { withFileTypes: true })
  const folders = entries.filter(entry => entry.isDirectory() && ARRIVAL_FOLDER.test(entry.name))
  for (const folder of folders.map(({ name }) => name).sort()) {
    for (const entry of await readdir(join(store.folder.arrivals, folder), { withFileTypes: true })) {
      // No file that was taken begins with a dot; our own unfinished ones do.
      if (entry.isFile() && !entry.name.startsWith('.')) arrivals.push({ name: entry.name, folder })
    }
  }
  return arrivals
}

/** Removes the folder of a file that is not in it any more. */
export async function leave(store: Store, folder: string): Promise<void> {
  try {
    await rmdir(join(store.folder.arrivals, folder))
  } catch (error) {
    // Not empty: nothing is ever thrown away here. Gone: somebody tidied up.
    if (!failedWith(error, 'ENOTEMPTY', 'ENOENT')) throw error
  }
}

async function makeFolder(store: Store, now: Date): Promise<string> {
  for (;;) {
    store.lastArrival = Math.max(now.getTime(), store.lastArrival + 1)
    const folder = String(store.lastArrival).padStart(15, '0')
    try {
      await mkdir(join(store.folder.arrivals, folder), FOLDER_MODE)
      await giveToOwnerOfFolder(join(store.folder.arrivals, folder))
      return folder
    } catch (error) {
      if (!failedWith(error, 'EEXIST')) throw error
    }
  }
}
