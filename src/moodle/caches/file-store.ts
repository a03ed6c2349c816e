/**
 * Moodle's cache store in files: removing values by their names, and writing the one kind that is written.
 * It must never scan a folder, nor follow a link below the store's own folder: whoever may write to Moodle's cache must not
 * be able to have files removed elsewhere.
 */
import { randomBytes } from 'node:crypto'
import { constants, lstat as lstatWithCallback, type Stats, unlink as unlinkWithCallback } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isComputed, textOf, truthOf } from '../../config/php-value.ts'
import { failedWith } from '../../store/errno.ts'
import { checkName } from '../../store/names.ts'
import type { CacheStore } from './configuration.ts'
import type { DefinitionName } from './definitions.ts'

/** How many files are being removed at once: a file server answers several as fast as one. */
const AT_ONCE = 32

/** The folder of a store; null where only PHP could tell. `cachestore_file::__construct` */
export function folderOf(store: CacheStore, cacheDirectory: string): string | null {
  const path = store.settings.get('path') ?? ''
  if (isComputed(path)) return null
  return textOf(path) || join(cacheDirectory, 'cachestore_file', store.name.replace(/[^a-zA-Z0-9.\-_]+/g, ''))
}

/** The path of a value's file below the folder of its definition. `cachestore_file::file_path_for_key` */
export function pathBelowDefinition(store: CacheStore, name: string): readonly string[] {
  const file = checkName(`${name}.cache`)
  return truthOf(store.settings.get('singledirectory') ?? null) ? [file] : [`${name.slice(0, 3)}-cache`, file]
}

/** The folder of a definition in that of its store. `cachestore_file::initialise` */
export const definitionFolder = (definition: DefinitionName): string => definition.replace(/[^a-zA-Z0-9]+/g, '_')

/**
 * Removes values. What is not there is as good as removed.
 * @param folder of the store
 * @param names of the values
 * @throws what the system says of the first that cannot be removed; the others are
 */
export async function removeFiles(
  store: CacheStore,
  folder: string,
  definition: DefinitionName,
  names: readonly string[],
): Promise<void> {
  const base = await currentFolder(store, folder, definition)
  if (base === undefined) return
  const byFolder = new Map<string, string[]>()
  for (const name of names) {
    const file = join(base, ...pathBelowDefinition(store, name))
    const files = byFolder.get(dirname(file))
    if (files === undefined) byFolder.set(dirname(file), [file])
    else files.push(file)
  }
  const there: string[] = []
  await atOnce(byFolder, async ([parent, files]) => {
    if (await isOwnDirectory(parent)) there.push(...files)
  })
  await atOnce(there, unlink)
}

/** Does the same with many things, some at once. One that fails does not keep the others. @throws the first error */
async function atOnce<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]()
  const errors: unknown[] = []
  const workOn = async (): Promise<void> => {
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      await work(next.value).catch(error => errors.push(error))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, workOn))
  if (errors.length > 0) throw errors[0]
}

/**
 * Writes a value in the place of the one that was there, as Moodle does: nobody reads half of it. Without the store's
 * folder there is nothing to write: Moodle has never kept anything there.
 */
export async function writeFile(
  store: CacheStore,
  folder: string,
  definition: DefinitionName,
  name: string,
  value: string,
): Promise<void> {
  if (!(await isDirectory(folder))) return
  const root = await realpath(folder)
  await makeDirectory(root, definitionFolder(definition))
  const base = await currentFolder(store, folder, definition)
  if (base === undefined) return
  const parts = pathBelowDefinition(store, name)
  const parent = parts.length === 1 ? base : await makeDirectory(base, parts[0]!)
  const { mode, uid, gid } = await lstat(parent)
  const temporary = join(parent, `${randomBytes(12).toString('hex')}.temp`)
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(value)
    // `$CFG->filepermissions` is `$CFG->directorypermissions` less the right to enter.
    await handOver(handle, mode & 0o666, uid, gid)
    await handle.close()
    await rename(temporary, join(parent, `${name}.cache`))
  } catch (error) {
    await handle.close().catch(() => {})
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * The folder in which a definition's values are now; undefined where there are none.
 * With `asyncpurge` it is named after the time of the last purge.
 */
async function currentFolder(
  store: CacheStore,
  folder: string,
  definition: DefinitionName,
): Promise<string | undefined> {
  if (!(await isDirectory(folder))) return undefined
  const own = join(await realpath(folder), definitionFolder(definition))
  if (!(await isOwnDirectory(own))) return undefined
  if (!truthOf(store.settings.get('asyncpurge') ?? null)) return own
  const purged = await lstatIfThere(join(own, '.lastpurged'))
  if (purged === undefined) return undefined
  const revision = join(own, purged.mtime.toISOString().slice(0, 19).replace(/\D/g, ''))
  return (await isOwnDirectory(revision)) ? revision : undefined
}

/** Whether a path is a directory, and no link to one. */
const isOwnDirectory = async (path: string): Promise<boolean> => (await lstatIfThere(path))?.isDirectory() ?? false

/** The store's own folder may be a link: that is the administrators' doing. */
async function isDirectory(path: string): Promise<boolean> {
  return isOwnDirectory(await realpath(path).catch(() => path))
}

/** Makes a directory that Moodle can work in as in the one above, if it is not there. @returns its path */
async function makeDirectory(parent: string, name: string): Promise<string> {
  const path = join(parent, name)
  try {
    await mkdir(path)
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error
    if (await isOwnDirectory(path)) return path
    throw error
  }
  const { mode, uid, gid } = await lstat(parent)
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await handOver(handle, mode & 0o7777, uid, gid)
  } finally {
    await handle.close()
  }
  return path
}

/** Gives a file or folder of ours the rights that Moodle would have given it; as root, its owner as well. */
async function handOver(handle: FileHandle, mode: number, uid: number, gid: number): Promise<void> {
  if (process.getuid?.() === 0) await handle.chown(uid, gid)
  await handle.chmod(mode)
}

// Not by `fs/promises`: thousands of files that are not there would be thousands of traced errors.

function lstatIfThere(path: string): Promise<Stats | undefined> {
  return new Promise((resolve, reject) => {
    lstatWithCallback(path, (error, stats) => {
      if (error === null) resolve(stats)
      else if (failedWith(error, 'ENOENT', 'ENOTDIR')) resolve(undefined)
      else reject(error)
    })
  })
}

function unlink(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    unlinkWithCallback(path, error => {
      if (error === null || failedWith(error, 'ENOENT')) resolve()
      else reject(error)
    })
  })
}
