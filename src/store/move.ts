/**
 * Moving and copying files into a directory of the store. A file is always in one place, whole; it is never overwritten,
 * and never reached through a link.
 */
import { type BigIntStats, constants, type PathLike } from 'node:fs'
import { type FileHandle, lstat, open, rename, unlink, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { bytesOf } from './bytes.ts'
import { firstFree, giveFirstName, removingIfFailed, reserveFirst, syncDirectory, writeTemporary } from './durable.ts'
import { failedWith } from './errno.ts'
import type { Candidate } from './names.ts'

/** For command files: no link is followed, and a FIFO does not make us wait for somebody who writes into it. */
export const READ_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Opens a file of the store for reading; null: there is none, but a link or a FIFO perhaps, which are never opened. */
export async function openFile(path: string): Promise<FileHandle | null> {
  try {
    const handle = await open(path, READ_FILE)
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
    return null
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ELOOP', 'ENXIO')) return null
    throw error
  }
}

/** The file was written to, or another one put in its place, while it was being moved. It is still where it was. */
export class FileChanged extends Error {
  override readonly name = 'FileChanged'
}

/** Whether two looks saw the same file, not written to in between. */
export function isSame(before: FileIdentity, after: FileIdentity): boolean {
  return before.ino === after.ino && before.size === after.size && before.mtimeNs === after.mtimeNs
}

/** What tells a file, and a state of it, from others in the same directory. */
export type FileIdentity = Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs'>

/**
 * Moves a file into a directory, under the first of its names that is free, from another file system as well.
 *
 * @returns its new path
 * @throws FileChanged, or the system's error; then the file is where it was
 */
export async function moveInto(source: PathLike, directory: string, candidate: Candidate): Promise<string> {
  const target = await reserveFirst(directory, candidate)
  await moveOver(source, target)
  return target
}

/** As `moveInto`, onto a name that has been reserved. Where it fails, the reservation is gone. */
export async function moveOver(source: PathLike, reserved: string): Promise<void> {
  await removingIfFailed([reserved], async () => {
    try {
      await rename(source, reserved)
    } catch (error) {
      if (!failedWith(error, 'EXDEV')) throw error
      await moveAcross(source, reserved)
    }
  })
  await syncDirectory(dirname(reserved))
}

/** Moves a directory into another one of the same file system, under the first of its names that is free. */
export async function moveDirectoryInto(source: string, directory: string, candidate: Candidate): Promise<void> {
  await rename(source, await firstFree(directory, candidate))
  await syncDirectory(directory)
}

/** Copies a file into a directory, under the first of its names that is free. Returns and throws as `moveInto`. */
export async function copyInto(source: PathLike, directory: string, candidate: Candidate): Promise<string> {
  const { temporary } = await copyTemporary(source, directory)
  return giveFirstName(temporary, directory, candidate)
}

/**
 * Moves from one file system to another. A crash before the last step leaves the file in both places, and who moved it must look
 * for that (`intake/left-overs.ts`); the other order would lose it.
 */
async function moveAcross(source: PathLike, reserved: string): Promise<void> {
  const directory = dirname(reserved)
  const { temporary, copied } = await copyTemporary(source, directory)
  await removingIfFailed([temporary], async () => {
    if (!isSame(copied, await lstat(source, { bigint: true }))) throw new FileChanged('replaced while it was copied')
    await rename(temporary, reserved)
  })
  await syncDirectory(directory)
  await unlink(source)
}

async function copyTemporary(source: PathLike, directory: string): Promise<{ temporary: string; copied: BigIntStats }> {
  const handle = await open(source, READ_FILE)
  try {
    const copied = await handle.stat({ bigint: true })
    if (!copied.isFile()) throw new FileChanged('not a regular file')
    const temporary = await writeTemporary(directory, stream => pipeline(bytesOf(handle, 0), stream))
    await removingIfFailed([temporary], async () => {
      if (!isSame(copied, await handle.stat({ bigint: true }))) throw new FileChanged('written to while it was copied')
      await utimes(temporary, copied.atime, copied.mtime)
    })
    return { temporary, copied }
  } finally {
    await handle.close()
  }
}
