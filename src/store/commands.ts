/** The command files in the store, by name: those that came, and those that somebody put there. */
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Arrival, arrivalPath, leave } from './arrivals.ts'
import { reserve } from './durable.ts'
import { failedWith } from './errno.ts'
import { moveDirectoryInto, moveInto, moveOver } from './move.ts'
import { checkName, matches, stamped } from './names.ts'
import type { Store } from './store.ts'

/**
 * Puts a file whose turn has come to the command files. One of its name that was kept there makes room for it, or a folder: it
 * goes to the archives, whatever the configuration says of those, since nothing is ever lost.
 *
 * @returns the path of the file
 */
export async function place(store: Store, arrival: Arrival, now: Date): Promise<string> {
  const path = join(store.folder.commands, checkName(arrival.name))
  while (!(await reserve(path))) {
    try {
      const isDirectory = (await lstat(path)).isDirectory()
      await (isDirectory ? moveDirectoryInto : moveInto)(path, store.folder.archives, stamped(arrival.name, now))
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error
    }
  }
  await moveOver(arrivalPath(store, arrival), path)
  await leave(store, arrival.folder)
  return path
}

/**
 * The command files that `enrol.file` names, oldest first.
 *
 * @param pattern relative to `commands/`, with `*` and `?` in any part of it
 * @returns their paths relative to `commands/`; regular files only, none that is reached through a link
 */
export async function standardFiles(store: Store, pattern: string): Promise<string[]> {
  const parts = pattern.split('/').filter(part => part !== '' && part !== '.')
  const found = await descend(store.folder.commands, '', parts)
  return found.sort((a, b) => Number(a.mtimeNs - b.mtimeNs) || (a.file < b.file ? -1 : 1)).map(({ file }) => file)
}

async function descend(
  root: string,
  below: string,
  [part, ...rest]: readonly string[],
): Promise<{ file: string; mtimeNs: bigint }[]> {
  const found: { file: string; mtimeNs: bigint }[] = []
  for (const name of await readdir(join(root, below))) {
    // Our own unfinished files begin with a dot.
    if (part === undefined || name.startsWith('.') || !matches(part, name)) continue
    const file = join(below, name)
    try {
      const stats = await lstat(join(root, file), { bigint: true })
      if (rest.length > 0 && stats.isDirectory()) found.push(...(await descend(root, file, rest)))
      if (rest.length === 0 && stats.isFile()) found.push({ file, mtimeNs: stats.mtimeNs })
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error
    }
  }
  return found
}
