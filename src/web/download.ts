/** Sending a file of the store: as a file to keep, never as something that a browser would show or run. */
import { extname, join } from 'node:path'
import type { FastifyReply } from 'fastify'
import { failedWith } from '../store/errno.ts'
import { openFile } from '../store/move.ts'
import { checkName } from '../store/names.ts'
import { Refusal } from './refusal.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
}

/**
 * Sends a regular file that lies directly in a folder. No link is followed.
 * @throws Refusal where there is none of this name
 */
export async function download(reply: FastifyReply, folder: string, name: string): Promise<FastifyReply> {
  if (!isName(name)) throw new Refusal('nothing-there')
  const handle = await openFile(join(folder, checkName(name))).catch(error => {
    throw failedWith(error, 'EACCES', 'ENAMETOOLONG') ? new Refusal('nothing-there', {}, error) : error
  })
  if (handle === null) throw new Refusal('nothing-there')
  const stats = await handle.stat()
  return reply
    .type(TYPES[extname(name)] ?? 'text/csv')
    .header('content-length', stats.size)
    .header('content-disposition', attachment(name))
    .send(handle.createReadStream({ end: Math.max(0, stats.size - 1) }))
}

/** Whether it is what a file in a folder may be called, and none of our own unfinished ones. */
export const isName = (name: string): boolean => name !== '' && !name.startsWith('.') && !/[/\0]/.test(name)

/** RFC 6266: with plain letters for who knows no others. */
function attachment(name: string): string {
  const plain = name.normalize('NFD').replace(/[^\w. -]/g, '_')
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    one => `%${one.charCodeAt(0).toString(16)}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
