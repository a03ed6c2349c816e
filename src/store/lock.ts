/**
 * A lock that is a file: who holds it stands in it, and one whose holder is gone is recognised and taken over.
 * It must never take a lock for left over that somebody still holds, or remove a file that is not such a lock.
 */
import { constants, readFileSync } from 'node:fs'
import { link, open, readdir, readFile, rename, rm, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { failedWith } from './errno.ts'

/** The process that holds a lock. */
export interface Holder {
  readonly pid: number
  readonly host: string
  /** Which process of that number: numbers are given again. Null where the system does not tell. */
  readonly started: string | null
}

/** `holder` is null where the file that is in the way is none of ours. */
export type Taken =
  | { readonly taken: true; readonly release: () => Promise<void> }
  | { readonly taken: false; readonly holder: Holder | null }

/** How often a holder shows that it is there: what processes of another machine or container can know of it. */
const SIGN_OF_LIFE_MS = 30_000

/** After so long without such a sign, the holder on another machine is gone. */
const GONE_AFTER_MS = 120_000

/** A lock is made without any permission, and gets these when it says who holds it. */
const LOCK_MODE = 0o640

const self = (): Holder => ({ pid: process.pid, host: hostname(), started: startOf(process.pid) })

/**
 * Takes the lock if it is free, or its holder gone.
 *
 * @param path must be on a file system where creating a file is exclusive, as it is on all but very old network ones
 */
export async function takeLock(path: string): Promise<Taken> {
  const text = `${JSON.stringify(self())}\n`
  for (let attempts = 3; attempts > 0; attempts--) {
    if (await create(path, text)) return { taken: true, release: hold(path, text) }
    const found = await look(path)
    if (found === undefined) continue
    if (!found.isLeftOver) return { taken: false, holder: found.holder }
    await removeLeftOver(path, found.text)
  }
  return { taken: false, holder: null }
}

/** Removes the lock, if its holder is gone: others may heed it, and wait for nobody. */
export async function removeLeftOverLock(path: string): Promise<void> {
  const found = await look(path)
  if (found?.isLeftOver) await removeLeftOver(path, found.text)
  // One who was killed while removing a lock has left it aside.
  const aside = `.${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(aside) ? Number(name.slice(aside.length)) : Number.NaN
    if (Number.isSafeInteger(pid) && !isRunning(pid)) await rm(join(dirname(path), name), { force: true })
  }
}

/** Whether a process of this number is there. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !failedWith(error, 'ESRCH')
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0)
    try {
      await handle.writeFile(text)
      await handle.chmod(LOCK_MODE)
    } catch (error) {
      // The disk is full: a lock that does not say who holds it would be in everybody's way for minutes.
      await rm(path, { force: true })
      throw error
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    throw error
  }
}

function hold(path: string, text: string): () => Promise<void> {
  const signs = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {
      // Whoever removed the lock has taken it from us; that the database has one writer is held by its own lock.
    })
  }, SIGN_OF_LIFE_MS).unref()
  return async () => {
    clearInterval(signs)
    if ((await look(path))?.text === text) await rm(path, { force: true })
  }
}

interface Found {
  readonly text: string
  readonly holder: Holder | null
  readonly isLeftOver: boolean
}

/** @returns undefined where the lock is not there (any more) */
async function look(path: string): Promise<Found | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stats = await handle.stat()
      const text = stats.isFile() ? await handle.readFile('utf8') : ''
      const holder = parse(text)
      const isSilent = Date.now() - stats.mtimeMs > GONE_AFTER_MS
      const isHalfMade = stats.isFile() && (stats.mode & 0o777) === 0
      return { text, holder, isLeftOver: holder === null ? isHalfMade && isSilent : isGone(holder, isSilent) }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined
    // Not ours to read, or a link: somebody else's.
    if (failedWith(error, 'EACCES', 'ELOOP')) return { text: '', holder: null, isLeftOver: false }
    throw error
  }
}

function isGone(holder: Holder, isSilent: boolean): boolean {
  if (holder.host !== hostname()) return isSilent
  if (!isRunning(holder.pid)) return true
  const started = startOf(holder.pid)
  return started !== null && holder.started !== null && started !== holder.started
}

function parse(text: string): Holder | null {
  try {
    const { pid, host, started } = JSON.parse(text) as Partial<Holder>
    return Number.isInteger(pid) && pid! > 0 && typeof host === 'string'
      ? { pid: pid!, host, started: typeof started === 'string' ? started : null }
      : null
  } catch {
    return null
  }
}

/** Two processes may find the same lock left over: only one of them gets it renamed, and the other must not remove a new one. */
async function removeLeftOver(path: string, text: string): Promise<void> {
  const aside = join(dirname(path), `.${basename(path)}.${process.pid}`)
  try {
    await rename(path, aside)
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== text) {
    await link(aside, path).catch(error => {
      if (!failedWith(error, 'EEXIST')) throw error
    })
  }
  await rm(aside)
}

/** When a process was started, as text that no other process of its number has had: boot and clock ticks since. */
function startOf(pid: number): string | null {
  try {
    // The second field is the program's name in parentheses, and may hold both blanks and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
  } catch {
    return null
  }
}
