/**
 * Writing files so that a crash, a full disk or a power cut leaves either all of a file or nothing of it.
 * Nothing here ever overwrites a file that it did not make itself, or leaves a temporary file behind.
 *
 * What is written gets its name by link(2), which overwrites nothing, when it is whole. That is forbidden for files of
 * other users (`fs.protected_hardlinks`), which is what those of feeders are, and unknown to some network file systems:
 * there, a name is first taken by an empty file without any permission (a *reservation*), which rename(2) then replaces.
 */
import { randomBytes } from 'node:crypto'
import { constants, createWriteStream, type Stats } from 'node:fs'
import { chmod, link, lstat, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { failedWith } from './errno.ts'
import { isRunning } from './lock.ts'
import { type Candidate, checkName } from './names.ts'

/** What every file in the store has. */
export const FILE_MODE = 0o640

/**
 * What root makes would be closed to the daemon, which is another user: it belongs to whom the folder belongs that it lies in.
 * Nothing happens where somebody else runs this.
 * @param path of a file or folder that has just been made
 */
export async function giveToOwnerOfFolder(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  // By what is open, so that nothing else can be put in its place; and no name that somebody gave to a file of root's.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const [made, folder] = [await handle.stat(), await stat(dirname(path))]
    if (made.uid === 0 && (made.isDirectory() || made.nlink === 1)) await handle.chown(folder.uid, folder.gid)
  } finally {
    await handle.close()
  }
}

/** Does something; where that fails, removes the files that would be left behind. */
export async function removingIfFailed<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    for (const path of paths) await rm(path, { force: true })
    throw error
  }
}

/** Takes a name, if it is free, for a file that is then renamed onto it. @returns whether it was */
export async function reserve(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0)
    await handle.close()
    return true
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    throw error
  }
}

/** Takes the first name that is free. @returns its path */
export async function reserveFirst(directory: string, candidate: Candidate): Promise<string> {
  for (let n = 1; ; n++) {
    const path = join(directory, checkName(candidate(n)))
    if (await reserve(path)) return path
  }
}

/** The first name that is free, for a file that only its caller would call so. @returns its path */
export async function firstFree(directory: string, candidate: Candidate): Promise<string> {
  for (let n = 1; ; n++) {
    const path = join(directory, checkName(candidate(n)))
    if ((await statsOf(path)) === null) return path
  }
}

/** What there is to know of a file, not of what a link leads to; null: it is not there. */
export async function statsOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    throw error
  }
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
  return giveFirstName(await writeTemporary(directory, write), directory, candidate)
}

/** Gives a temporary file the first name that is free. Where that fails, it is gone. @returns its path */
export async function giveFirstName(temporary: string, directory: string, candidate: Candidate): Promise<string> {
  return removingIfFailed([temporary], async () => {
    for (let n = 1; ; n++) {
      const path = join(directory, checkName(candidate(n)))
      if (await giveName(temporary, path)) return path
    }
  })
}

/** Gives a temporary file a name, if that is free. @returns whether it was; if not, the file is still temporary */
export async function giveName(temporary: string, path: string): Promise<boolean> {
  if (!(await linkOrRename(temporary, path))) return false
  await syncDirectory(dirname(path))
  return true
}

async function linkOrRename(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path)
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    if (!failedWith(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) throw error
    if (!(await reserve(path))) return false
    await removingIfFailed([path], () => rename(temporary, path))
    return true
  }
  await unlink(temporary)
  return true
}

/** Writes a file in the place of what the program itself had there before, if anything. `write` as for `writeDurably`. */
export async function replaceDurably(
  path: string,
  write: (stream: Writable) => Promise<void>,
  mode = FILE_MODE,
): Promise<void> {
  const temporary = await writeTemporary(dirname(path), write, mode)
  await removingIfFailed([temporary], () => rename(temporary, path))
  await syncDirectory(dirname(path))
}

/**
 * Writes a file that has no name yet; the caller renames or removes it.
 *
 * @returns its path. Its name, `.PID-RANDOM.tmp`, tells after a crash whether its writer is still there
 */
export async function writeTemporary(
  directory: string,
  write: (stream: Writable) => Promise<void>,
  mode = FILE_MODE,
): Promise<string> {
  const temporary = join(directory, `.${process.pid}-${randomBytes(6).toString('hex')}.tmp`)
  await removingIfFailed([temporary], async () => {
    const stream = createWriteStream(temporary, { flags: 'wx', mode, flush: true })
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
    await chmod(temporary, mode)
    await giveToOwnerOfFolder(temporary)
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
