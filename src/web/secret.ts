/**
 * What signs the cookies of the page, and which sessions have been ended before their time. Kept in the store, for its user
 * alone, so that a restart logs nobody out, and nobody in again who has logged out.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { replaceDurably } from '../store/durable.ts'
import { failedWith } from '../store/errno.ts'
import type { Store } from '../store/store.ts'

interface Kept {
  readonly secret: string
  /** By id of the user: sessions that began before this time, in milliseconds, have ended. */
  readonly endedBefore: Record<string, number>
}

export interface PageSecret {
  readonly secret: string
  readonly isEnded: (userId: number, since: number) => boolean
  /** Ends all sessions of a user. */
  readonly end: (userId: number, now: number) => Promise<void>
}

const MODE = 0o600

/** Reads it, or makes a new one. */
export async function openSecret({ directory }: Store): Promise<PageSecret> {
  const path = join(directory, 'page.json')
  const write = (kept: Kept): Promise<void> =>
    replaceDurably(path, stream => pipeline([`${JSON.stringify(kept)}\n`], stream), MODE)
  let kept = await read(path)
  if (kept === null) {
    kept = { secret: randomBytes(32).toString('base64url'), endedBefore: {} }
    await write(kept)
  }
  const { secret, endedBefore } = kept
  return {
    secret,
    isEnded: (userId, since) => since <= (endedBefore[userId] ?? Number.NEGATIVE_INFINITY),
    end: async (userId, now) => {
      endedBefore[userId] = now
      await write({ secret, endedBefore })
    },
  }
}

/** null: there is none, or none that can be used. */
async function read(path: string): Promise<Kept | null> {
  try {
    const { secret, endedBefore } = (JSON.parse(await readFile(path, 'utf8')) ?? {}) as Partial<Kept>
    return typeof secret === 'string' && secret.length >= 32 ? { secret, endedBefore: endedBefore ?? {} } : null
  } catch (error) {
    if (failedWith(error, 'ENOENT') || error instanceof SyntaxError) return null
    throw error
  }
}
