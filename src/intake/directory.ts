/** What there is in the drop directory, by names that are bytes. */
import type { BigIntStats } from 'node:fs'
import { lstat, readdir, unlink } from 'node:fs/promises'
import { failedWith } from '../store/errno.ts'
import { doneFileOf } from './settle.ts'

/** Something in the drop directory. Names of files are bytes; those that are not UTF-8 are readable, but not exact. */
export interface Dropped {
  readonly bytes: Buffer
  readonly name: string
}

/** Where it lies. */
export function pathOf(directory: string, { bytes }: Pick<Dropped, 'bytes'>): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), bytes])
}

/** What tells one name from all others. */
export const keyOf = ({ bytes }: Dropped): string => bytes.toString('latin1')

/** All that is there, by the keys of the names. @throws what the system says where the directory cannot be read */
export async function list(directory: string): Promise<Map<string, Dropped>> {
  const entries = new Map<string, Dropped>()
  for (const bytes of await readdir(directory, { encoding: 'buffer' })) {
    const dropped = { bytes, name: bytes.toString('utf8') }
    entries.set(keyOf(dropped), dropped)
  }
  return entries
}

/** @returns undefined where there is nothing (any more) */
export async function statsOf(path: string | Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    // Too long: the name of a done file can be, where its file's fits just so.
    if (failedWith(error, 'ENOENT', 'ENAMETOOLONG')) return undefined
    throw error
  }
}

/** Whether there is a regular file of this name. */
export async function isThere(directory: string, bytes: Buffer): Promise<boolean> {
  return (await statsOf(pathOf(directory, { bytes })))?.isFile() === true
}

/** Removes the done file of a file. One that is gone already is as good as removed. */
export async function removeDoneFile(directory: string, name: Buffer, doneFile: string): Promise<void> {
  try {
    await unlink(pathOf(directory, { bytes: doneFileOf(name, doneFile) }))
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error
  }
}
