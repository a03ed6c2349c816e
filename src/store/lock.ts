/**
 * A lock that is a file: who holds it stands in it, and one whose holder is gone is recognised and taken over.
 * It must never take a lock for left over that somebody still holds, or remove a file that is not such a lock.
 */
import { randomBytes } from 'node:crypto'
import { constants, readFileSync } from 'node:fs'
import { link, open, readdir, readFile, rename, rm, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { failedWith } from './errno.ts'

/** The process that holds a lock. */
export interface Holder {
  readonly pid: number
  readonly host: string
  /** Which process of that number: numbers are given again. Null where the system does not tell. */
  readonly started: string | null
}

export interface Lock {
  readonly release: () => Promise<void>
  /** Aborted once it is another's: who holds it was taken for gone. */
  readonly lost: AbortSignal
}

/** `holder` is null where the file that is in the way is none of ours. */
export type Taken = ({ readonly taken: true } & Lock) | { readonly taken: false; readonly holder: Holder | null }

/** How often a holder shows that it is there: what processes of another machine or container can know of it. */
const SIGN_OF_LIFE_MS = 1_000

/** After so long without such a sign, the holder on another machine is gone. Minutes, since its clock may go wrong. */
const GONE_AFTER_MS = 120_000

/** The same for one who has been looking all along, and needs no clock of another's. */
const SILENT_AFTER_MS = 5_000

/** How often one who waits for a lock looks at it. */
const LOOK_EVERY_MS = 1_000

/** Where it cannot be made whole, a lock is made without any permission, and gets these when it says who holds it. */
const LOCK_MODE = 0o640

const self = (): Holder => ({ pid: process.pid, host: hostname(), started: startOf(process.pid) })

/**
 * Takes the lock if it is free, or its holder gone.
 *
 * @param path must be on a file system where creating a file is exclusive, as it is on all but very old network ones
 */
export function takeLock(path: string): Promise<Taken> {
  return take(path, isSilentByClock)
}

/** @param isSilent whether a holder gives no sign of life any more, where it cannot be seen from here */
async function take(path: string, isSilent: (found: Found) => boolean): Promise<Taken> {
  const text = `${JSON.stringify(self())}\n`
  for (let attempts = 3; attempts > 0; attempts--) {
    if (await create(path, text)) return { taken: true, ...hold(path, text) }
    const found = await look(path)
    if (found === undefined) continue
    if (!isLeftOver(found, isSilent)) return { taken: false, holder: found.holder }
    await removeLeftOver(path, found.text)
  }
  return { taken: false, holder: null }
}

/**
 * Takes the lock as soon as it is free. Meanwhile its holder is asked for it, if we are entitled to it: it gives it away if it
 * is not entitled itself (`wasAskedFor`). One on another machine who then gives no sign of life is gone.
 *
 * @param isEntitled of two who ask, at most one may be
 * @param onWait told at every look at which the lock is another's
 * @returns null where the signal came first
 */
export async function awaitLock(
  path: string,
  isEntitled: () => boolean,
  onWait: (holder: Holder | null) => void,
  signal: AbortSignal,
): Promise<Lock | null> {
  let sign: string | undefined
  let since = 0
  const isSilent = ({ text, mtimeMs }: Found): boolean => {
    const seen = `${mtimeMs} ${text}`
    if (seen !== sign) since = performance.now()
    sign = seen
    return performance.now() - since > (isEntitled() ? SILENT_AFTER_MS : GONE_AFTER_MS)
  }
  while (!signal.aborted) {
    const lock = await take(path, isSilent)
    if (lock.taken) {
      await rm(path + ASKED, { force: true })
      await removeAsides(path)
      return lock
    }
    onWait(lock.holder)
    if (isEntitled()) await ask(path)
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {})
  }
  return null
}

/** What lies beside a lock that somebody asks for. */
const ASKED = '.asked'

async function ask(path: string): Promise<void> {
  const handle = await open(path + ASKED, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, LOCK_MODE)
  await handle.close()
}

/** Whether somebody has asked for a lock since the last time. */
export async function wasAskedFor(path: string): Promise<boolean> {
  try {
    await rm(path + ASKED)
    return true
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return false
    throw error
  }
}

/** Removes the lock, if its holder is gone: others may heed it, and wait for nobody. */
export async function removeLeftOverLock(path: string): Promise<void> {
  const found = await look(path)
  if (found !== undefined && isLeftOver(found, isSilentByClock)) await removeLeftOver(path, found.text)
  await removeAsides(path)
}

/** Removes what those have left who were killed while they made a lock, or removed one. */
async function removeAsides(path: string): Promise<void> {
  const aside = `.${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(aside) ? Number.parseInt(name.slice(aside.length), 10) : Number.NaN
    if (Number.isSafeInteger(pid) && !isRunning(pid)) await rm(join(dirname(path), name), { force: true })
  }
}

/** Where a lock is made, and where it is put that is removed. */
const asideOf = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString('hex')}`)

/** Whether a process of this number is there. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !failedWith(error, 'ESRCH')
  }
}

/** Makes a lock that says who holds it from its first moment. @returns whether the name was free */
async function create(path: string, text: string): Promise<boolean> {
  const aside = asideOf(path)
  try {
    await writeLock(aside, text)
    await link(aside, path)
    return true
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    if (!failedWith(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) throw error
    return await createInPlace(path, text)
  } finally {
    await rm(aside, { force: true })
  }
}

/** Where a file cannot have two names. */
async function createInPlace(path: string, text: string): Promise<boolean> {
  try {
    await writeLock(path, text)
    return true
  } catch (error) {
    if (failedWith(error, 'EEXIST')) return false
    throw error
  }
}

async function writeLock(path: string, text: string): Promise<void> {
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
}

function hold(path: string, text: string): Lock {
  const lost = new AbortController()
  const sign = async (): Promise<void> => {
    // Not for the lock of whoever has taken us for gone.
    if ((await look(path))?.text !== text) return lost.abort()
    const now = new Date()
    await utimes(path, now, now)
  }
  // A file system that is away for a while is no reason: whoever can see the lock then judges by it.
  const signs = setInterval(() => void sign().catch(() => {}), SIGN_OF_LIFE_MS).unref()
  const release = async (): Promise<void> => {
    clearInterval(signs)
    if ((await look(path))?.text === text) await rm(path, { force: true })
  }
  return { release, lost: lost.signal }
}

interface Found {
  readonly text: string
  readonly mtimeMs: number
  readonly holder: Holder | null
  /** It does not say yet who holds it. */
  readonly isHalfMade: boolean
}

/** @returns undefined where the lock is not there (any more) */
async function look(path: string): Promise<Found | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stats = await handle.stat()
      const text = stats.isFile() ? await handle.readFile('utf8') : ''
      const isHalfMade = stats.isFile() && (stats.mode & 0o777) === 0
      return { text, mtimeMs: stats.mtimeMs, holder: parse(text), isHalfMade }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined
    // Not ours to read, or a link: somebody else's.
    if (failedWith(error, 'EACCES', 'ELOOP')) return { text: '', mtimeMs: 0, holder: null, isHalfMade: false }
    throw error
  }
}

/** Whether whoever held it is gone. What is none of our locks never is left over. */
function isLeftOver(found: Found, isSilent: (found: Found) => boolean): boolean {
  const { holder, isHalfMade } = found
  if (holder === null) return isHalfMade && isSilent(found)
  if (holder.host !== hostname()) return isSilent(found)
  if (!isRunning(holder.pid)) return true
  const started = startOf(holder.pid)
  return started !== null && holder.started !== null && started !== holder.started
}

/** As far as one look can tell, by the clocks of two machines. */
const isSilentByClock = ({ mtimeMs }: Found): boolean => Date.now() - mtimeMs > GONE_AFTER_MS

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
  const aside = asideOf(path)
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
