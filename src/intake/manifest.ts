/**
 * The manifest of a dropped file: `NAME.sha256` beside it, as sha256sum writes it. Where it is there, the file is whole only
 * once its content is what the manifest says. It is never a command file itself, and goes with the file that it belongs to.
 */
import type { BigIntStats } from 'node:fs'
import { lstat, open, unlink } from 'node:fs/promises'
import { sha256Of } from '../store/bytes.ts'
import { failedWith } from '../store/errno.ts'
import { type FileIdentity, isSame, READ_FILE } from '../store/move.ts'
import { pathOf } from './directory.ts'
import { MANIFEST_ENDING } from './settle.ts'

export interface Manifest {
  /** In hexadecimal, small letters; null where nothing that can be read says it, or not yet. */
  readonly sha256: string | null
  /** Which file it was: another may take its place. */
  readonly identity: FileIdentity
}

/** More than the longest name makes: what is larger is no manifest. */
const MOST_BYTES = 8_192

const nameOf = (name: Buffer): Buffer => Buffer.concat([name, Buffer.from(MANIFEST_ENDING)])

/** The manifest of the file of this name; null where there is none. Something of its name that is no file says nothing. */
export async function readManifest(directory: string, name: Buffer): Promise<Manifest | null> {
  const path = pathOf(directory, { bytes: nameOf(name) })
  let identity: BigIntStats
  try {
    identity = await lstat(path, { bigint: true })
  } catch (error) {
    // The name of a manifest can be too long for a file system, where its file's fits just so.
    if (failedWith(error, 'ENOENT', 'ENAMETOOLONG')) return null
    throw error
  }
  return { sha256: identity.isFile() ? await readSum(path) : null, identity }
}

async function readSum(path: Buffer): Promise<string | null> {
  try {
    const handle = await open(path, READ_FILE)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0)
      return parseManifest(buffer.toString('utf8', 0, bytesRead))
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (failedWith(error, 'EACCES', 'EPERM', 'ENOENT', 'ELOOP', 'ENXIO')) return null
    throw error
  }
}

/** @returns the sum in the first line: alone, or before a blank and a name, whichever that is */
export function parseManifest(text: string): string | null {
  // sha256sum puts a backslash before a line whose name it had to write in another way.
  return /^\uFEFF?\\?([0-9a-f]{64})(?=\s|$)/i.exec(text)?.[1]?.toLowerCase() ?? null
}

/**
 * The sum of a file's content.
 * @param whole what the file was found to be
 * @returns null where it is no longer that, or was written to meanwhile
 */
export async function sumOf(path: Buffer | string, whole: FileIdentity): Promise<string | null> {
  const handle = await open(path, READ_FILE)
  try {
    if (!isSame(whole, await handle.stat({ bigint: true }))) return null
    const sha256 = await sha256Of(handle)
    return isSame(whole, await handle.stat({ bigint: true })) ? sha256 : null
  } finally {
    await handle.close()
  }
}

/** Removes the manifest of a file that was taken, unless another one has taken its place: that of the next file. */
export async function removeManifest(directory: string, name: Buffer, { identity }: Manifest): Promise<void> {
  const path = pathOf(directory, { bytes: nameOf(name) })
  try {
    if (isSame(identity, await lstat(path, { bigint: true }))) await unlink(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error
  }
}
