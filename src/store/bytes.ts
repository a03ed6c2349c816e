/** Reading a file that is open, from the beginning to the end, without closing it. */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

const READ_BYTES = 256 * 1024

/** The file from an offset on. Not a stream of Node's, which would close the file at its end. */
export async function* bytesOf(file: FileHandle, from: number): AsyncGenerator<Uint8Array> {
  for (let offset = from; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, offset)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    offset += bytesRead
  }
}

/** The SHA-256 of what is in it, in hexadecimal. */
export async function sha256Of(file: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of bytesOf(file, 0)) hash.update(bytes)
  return hash.digest('hex')
}
