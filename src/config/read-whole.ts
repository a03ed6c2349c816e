/** Reading a small file as a whole, and nothing that has no end, such as a device that was named by mistake. */
import { open } from 'node:fs/promises'

/**
 * The bytes of a file or pipe.
 *
 * @param most how many it may have
 * @throws what the system says; or that there are more
 */
export async function readWhole(path: string, most: number): Promise<Buffer> {
  const handle = await open(path)
  try {
    const chunks: Buffer[] = []
    for (let left = most + 1; ; ) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(left, 65_536)))
      if (bytesRead === 0) return Buffer.concat(chunks)
      chunks.push(buffer.subarray(0, bytesRead))
      left -= bytesRead
      if (left === 0) throw new Error(`it has more than ${most} bytes`)
    }
  } finally {
    await handle.close()
  }
}
