/**
 * Mails that are to be sent, one file each. Those of a run are written to `running/<run>.mails/` while it is being reported, and
 * the folder becomes `outbox/<run>` once the run has ended for good: none is sent of a run that has not, none forgotten of one
 * that has. Others are put into `outbox/` by themselves. A file goes when its mail has been sent.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { slices } from '../slices.ts'
import { remove, replaceDurably, syncDirectory, writeDurably } from './durable.ts'
import { failedWith } from './errno.ts'
import { takeLock } from './lock.ts'
import { checkName, stamped } from './names.ts'
import { FOLDER_MODE, MAILS, OUTBOX_LOCK, type Store } from './store.ts'

/** A mail as it lies there. Who sends it, and by which server, is decided when it is sent. */
export interface Mail {
  /** Of its header, with angle brackets: the same however often it is sent. */
  readonly messageId: string
  /** ISO 8601. */
  readonly date: string
  readonly to: { readonly name: string; readonly address: string }
  /** What the sender is called. */
  readonly fromName: string
  readonly subject: string
  readonly text: string
  /** null: as text only. */
  readonly html: string | null
  /** Whether it is for administrators: that one of these cannot be delivered is not told to them by another. */
  readonly isNotice: boolean
}

const ENDING = '.json'

/** What the names of welcome messages begin with: an undo, which has none itself, takes them back. */
export const WELCOME_NAME = 'welcome-'

/** Files that are written side by side: each waits for the disk. */
const WRITTEN_TOGETHER = 16

/** What the mails of a run are written with, while it is being reported. */
export interface MailsOfRun {
  readonly write: (mails: readonly NamedMail[]) => Promise<void>
}

export interface NamedMail {
  /** Tells this mail from the others of the run, and is the same when it is written again. */
  readonly name: string
  readonly mail: Mail
}

/** Begins the mails of a run; what an earlier try has left of them goes. */
export async function beginMails(store: Store, run: string): Promise<MailsOfRun> {
  const folder = folderOf(store, run)
  await rm(folder, { recursive: true, force: true })
  return {
    write: async mails => {
      if (mails.length > 0) await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
      for (const some of slices(mails, WRITTEN_TOGETHER)) {
        await Promise.all(some.map(({ name, mail }) => write(join(folder, checkName(name + ENDING)), mail)))
      }
    },
  }
}

/** Lets the mails of a run be sent, which has ended. Where there are none, or they have been let go before, nothing is done. */
export async function releaseMails(store: Store, run: string): Promise<void> {
  try {
    await rename(folderOf(store, run), join(store.folder.outbox, checkName(run)))
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return
    throw error
  }
  await syncDirectory(store.folder.outbox)
}

/**
 * Takes the mails of a run and those of the run that has taken all of it back out, where neither has been sent: who would read
 * both is told neither, and nobody is welcomed where they are no more. While mails are being sent, nothing is done. To be
 * called before the latter's are let go.
 */
export async function cancelMails(store: Store, original: string, undo: string): Promise<void> {
  const of = join(store.folder.outbox, checkName(original))
  if ((await namesIn(of)).length === 0) return
  const release = await lockOutbox(store)
  if (release === null) return
  try {
    const told = new Set(await namesIn(folderOf(store, undo)))
    for (const name of await namesIn(of)) {
      if (!told.has(name) && !name.startsWith(WELCOME_NAME)) continue
      // In this order: after a crash in between somebody hears of an end without its beginning, and not of what is no more.
      await removeMail(store, join(of, name))
      if (told.has(name)) await remove(join(folderOf(store, undo), name))
    }
    if (told.size > 0) await rmdir(folderOf(store, undo))
  } catch (error) {
    if (!failedWith(error, 'ENOTEMPTY')) throw error
  } finally {
    await release()
  }
}

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [] as string[])).filter(isMail).sort()

/** The runs whose mails nobody has let go, though nobody works on them any more. @param age milliseconds since the last was written */
export async function abandonedMails({ folder }: Store, now: Date, age: number): Promise<string[]> {
  const names = await readdir(folder.running)
  const runs: string[] = []
  for (const name of names) {
    const run = name.slice(0, -MAILS.length)
    if (!name.endsWith(MAILS) || names.includes(`${run}.json`)) continue
    // Gone: another process has just let them go.
    const stats = await lstat(join(folder.running, name)).catch(() => undefined)
    if (stats?.isDirectory() && now.getTime() - stats.mtimeMs > age) runs.push(run)
  }
  return runs
}

/** Removes the mails of a run that has not come to its end, and never will. */
export const dropMails = (store: Store, run: string): Promise<void> =>
  rm(folderOf(store, run), { recursive: true, force: true })

/** Puts a mail that belongs to no run to those that are to be sent. The same name replaces what has not been sent yet. */
export const putMail = ({ folder }: Store, name: string, mail: Mail): Promise<void> =>
  write(join(folder.outbox, checkName(name + ENDING)), mail)

const write = (path: string, mail: Mail): Promise<void> =>
  replaceDurably(path, stream => pipeline([`${JSON.stringify(mail)}\n`], stream))

/** The paths of all mails that are to be sent, in the order in which they came; those of a run by their names. */
export async function mailsToSend({ folder }: Store): Promise<string[]> {
  const entries: { readonly path: string; readonly isFolder: boolean; readonly since: number }[] = []
  for (const name of await readdir(folder.outbox)) {
    if (name.startsWith('.')) continue
    const path = join(folder.outbox, name)
    // Gone: another process has just sent it.
    const stats = await lstat(path).catch(() => undefined)
    if (stats?.isDirectory()) entries.push({ path, isFolder: true, since: stats.ctimeMs })
    else if (stats?.isFile() && name.endsWith(ENDING)) entries.push({ path, isFolder: false, since: stats.mtimeMs })
  }
  entries.sort((a, b) => a.since - b.since || (a.path < b.path ? -1 : 1))
  const paths: string[] = []
  for (const { path, isFolder } of entries) {
    if (!isFolder) paths.push(path)
    else for (const name of await namesIn(path)) paths.push(join(path, name))
  }
  return paths
}

const isMail = (name: string): boolean => name.endsWith(ENDING) && !name.startsWith('.')

/** @returns null: it is not there any more, or no mail of ours */
export async function readMail(path: string): Promise<Mail | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Mail
  } catch (error) {
    if (failedWith(error, 'ENOENT') || error instanceof SyntaxError) return null
    throw error
  }
}

/** When it was put there, in milliseconds; null: it is not there any more. */
export const waitingSince = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  )

/** Takes a mail out that has been sent, and the folder of its run with the last one. */
export async function removeMail({ folder }: Store, path: string): Promise<void> {
  await remove(path)
  const of = dirname(path)
  if (of === folder.outbox) return
  try {
    await rmdir(of)
  } catch (error) {
    if (!failedWith(error, 'ENOTEMPTY', 'ENOENT')) throw error
  }
}

/** Puts a mail that cannot be delivered where somebody may look for it, with the reason; it is kept as long as reports are. */
export async function giveUpMail(store: Store, path: string, reason: string, now: Date): Promise<void> {
  const mail = await readMail(path)
  const name = dirname(path) === store.folder.outbox ? basename(path) : `${basename(dirname(path))}-${basename(path)}`
  await writeDurably(store.folder.undelivered, stamped(name, now), stream =>
    pipeline([`${JSON.stringify({ reason, ...mail }, null, 2)}\n`], stream),
  )
  await removeMail(store, path)
}

/**
 * Makes this process the one that sends mails of a store.
 * @returns what lets others; null: another one sends them
 */
export async function lockOutbox({ directory }: Store): Promise<(() => Promise<void>) | null> {
  const lock = await takeLock(join(directory, OUTBOX_LOCK))
  return lock.taken ? lock.release : null
}

const folderOf = ({ folder }: Store, run: string): string => join(folder.running, checkName(run + MAILS))
