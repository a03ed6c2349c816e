/**
 * Writing files so that a crash, a full disk or a power cut leaves either all of a file or nothing of it.
 * Nothing here ever overwrites a file that it did not make itself, or leaves a temporary file behind.
 *
 * A free name is taken before it is used, by creating an empty file without any permission (a *reservation*), which the
 * finished file then replaces by rename(2). link(2), the other way not to overwrite, is forbidden for files of other
 * users (`fs.protected_hardlinks`), which is what feeders are, and unknown to some network file systems.
 */
import { randomBytes } from 'node:crypto'
import { constants, createWriteStream } from 'node:fs'
import { chmod, lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { failedWith } from './errno.ts'
import { isRunning } from './lock.ts'
import { type Candidate, checkName } from './names.ts'

/** What every file in the store has. */
export const FILE_MODE = 0o640

/** Does something; where that fails, removes the files that would be left behind. */
export async function removingIfFailed<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    for (const path of paths) await rm(path, { force: true })
    throw error
  }
}

/**
 * Takes the first number whose names are all free.
 *
 * @param candidates the n-th set of names, to be taken together or not at all
 * @returns their paths: reservations, for the caller to replace or remove
 */
export async function reserve(directory: string, candidates: (n: number) => readonly string[]): Promise<string[]> {
  for (let n = 1; ; n++) {
    const reserved: string[] = []
    try {
      await removingIfFailed(reserved, async () => {
        for (const name of candidates(n)) {
          const path = join(directory, checkName(name))
          await reserveExactly(path)
          reserved.push(path)
        }
      })
      return reserved
    } catch (error) {
      if (!failedWith(error, 'EEXIST')) throw error
    }
  }
}

/**
 * Takes a name if it is free.
 *
 * @throws EEXIST where it is not
 */
export async function reserveExactly(path: string): Promise<void> {
  const handle = await open(path, 'wx', 0)
  await handle.close()
}

/** As `reserve`, of one name. */
export async function reserveOne(directory: string, candidate: Candidate): Promise<string> {
  const [path] = await reserve(directory, n => [candidate(n)])
  return path!
}

/**
 * Writes a file under the first of its names that is free.
 *
 * @param write writes to the stream, minding its back-pressure; it need not end it
 * @returns the path of the file, which is on the disk, whole
 * @throws what `write` or the system throws; then there is no such file, not even in part
 */
export async function writeDurably(
  directory: string,
  candidate: Candidate,
  write: (stream: Writable) => Promise<void>,
): Promise<string> {
  const temporary = await writeTemporary(directory, write)
  const target = await removingIfFailed([temporary], () => reserveOne(directory, candidate))
  await removingIfFailed([temporary, target], () => rename(temporary, target))
  await syncDirectory(directory)
  return target
}

/** Writes a text onto a name that has been reserved. Where it fails, the reservation is gone. */
export async function writeOver(reserved: string, text: string): Promise<void> {
  await removingIfFailed([reserved], () => replaceDurably(reserved, text))
}

/** Writes a text in the place of what the program itself had there before, if anything. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const temporary = await writeTemporary(dirname(path), stream => pipeline([text], stream))
  await removingIfFailed([temporary], () => rename(temporary, path))
  await syncDirectory(dirname(path))
}

/**
 * Writes a file that has no name yet; the caller renames or removes it.
 *
 * @returns its path. Its name, `.PID-RANDOM.tmp`, tells after a crash whether its writer is still there
 */
export async function writeTemporary(directory: string, write: (stream: Writable) => Promise<void>): Promise<string> {
  const temporary = join(directory, `.${process.pid}-${randomBytes(6).toString('hex')}.tmp`)
  await removingIfFailed([temporary], async () => {
    const stream = createWriteStream(temporary, { flags: 'wx', mode: FILE_MODE, flush: true })
    const closed = finished(stream)
    const written = write(stream).then(() => {
      if (!stream.writableEnded) stream.end()
    })
    try {
      // Not only `written`: where the disk is full, a writer may wait for a `drain` that never comes.
      await Promise.all([written, closed])
    } catch (error) {
      stream.destroy()
      // It may be about to make the file that is then removed.
      await closed.catch(() => {})
      throw error
    }
    // The umask may have taken away the group's right to read.
    await chmod(temporary, FILE_MODE)
  })
  return temporary
}

/** Removes a file. One that is not there any more is as good as removed. */
export async function remove(path: string): Promise<void> {
  await rm(path, { force: true })
  await syncDirectory(dirname(path))
}

/**
 * Removes what a crash left in a directory: temporary files of programs that are gone, and reservations.
 * Only for the one daemon of a store, when it starts.
 */
export async function removeLeftOvers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    const writer = /^\.(\d+)-[0-9a-f]{12}\.tmp$/.exec(name)?.[1]
    if (
      writer === undefined ? await isReservation(path) : !isRunning(Number(writer)) || Number(writer) === process.pid
    ) {
      await rm(path, { force: true })
    }
  }
}

async function isReservation(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path)
    return stats.isFile() && stats.size === 0 && (stats.mode & 0o777) === 0
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return false
    throw error
  }
}

/** Makes the entries of a directory survive a power cut. Some network file systems do not know how, and need not. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (error) {
    if (!failedWith(error, 'EINVAL', 'ENOTSUP')) throw error
  } finally {
    await handle.close()
  }
}
