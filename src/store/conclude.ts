/** What becomes of a command file once it was run: the one place that decides, for every entrance. */
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Config } from '../config/config.ts'
import { giveName, remove, removingIfFailed, reserve, writeTemporary } from './durable.ts'
import { failedWith } from './errno.ts'
import { copyInto, moveInto, moveOver, openFile, restrict } from './move.ts'
import { numbered, stamped } from './names.ts'
import type { Store } from './store.ts'

/** What the name of the reason has more than that of the refused file. */
const ENDING = '.txt'

/** How a run has ended, as far as its file is concerned: a RunResult is one. */
export interface Verdict {
  readonly outcome: 'processed' | 'refused' | 'held' | 'interrupted'
  /** What people are told of a refused file, several lines perhaps. */
  readonly reason?: string | null
  /** The path in `held/` that people were told; it is taken, if it is still free. */
  readonly heldAs?: string | null
}

/**
 * Archives, removes, keeps, refuses or holds a file. One whose run was interrupted stays, to be run again.
 *
 * @param keep of the configuration: whether a file that was run is archived, and whether it is taken out of the store
 * @param path where it lies, in the store
 * @returns where it is now (or its copy in the archives is); null where there is none, also because somebody took it
 *   away meanwhile
 */
export async function conclude(
  store: Store,
  keep: Pick<Config['store'], 'archive' | 'delete'>,
  path: string,
  verdict: Verdict,
  now: Date,
): Promise<string | null> {
  const name = basename(path)
  try {
    if (verdict.outcome === 'interrupted') return path
    // One that somebody put among the command files has whatever mode they gave it.
    if (verdict.outcome !== 'processed' || keep.delete) await restrictAt(path)
    if (verdict.outcome === 'refused') return await refuse(store, path, verdict.reason ?? '', now)
    if (verdict.outcome === 'held') return await hold(store, path, verdict.heldAs ?? null)
    if (keep.archive && keep.delete) return await moveInto(path, store.folder.archives, stamped(name, now))
    if (keep.archive) return await copyInto(path, store.folder.archives, stamped(name, now))
    if (!keep.delete) return path
    await remove(path)
    return null
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    throw error
  }
}

/** One that we may not even open is put away all the same. */
async function restrictAt(path: string): Promise<void> {
  const handle = await openFile(path).catch((error: unknown) => {
    if (failedWith(error, 'EACCES', 'EPERM')) return null
    throw error
  })
  if (handle === null) return
  try {
    await restrict(handle)
  } finally {
    await handle.close()
  }
}

async function hold(store: Store, path: string, heldAs: string | null): Promise<string> {
  const wanted = heldAs === null ? null : join(store.folder.held, basename(heldAs))
  if (wanted === null || !(await reserve(wanted))) return moveInto(path, store.folder.held, numbered(basename(path)))
  await moveOver(path, wanted)
  return wanted
}

/** The reason first: a file in `refused/` is never without. */
async function refuse(store: Store, path: string, reason: string, now: Date): Promise<string> {
  const directory = store.folder.refused
  const withEnding = stamped(basename(path), now, ENDING)
  const temporary = await writeTemporary(directory, stream => pipeline([`${reason.trimEnd()}\n`], stream))
  return removingIfFailed([temporary], async () => {
    for (let n = 1; ; n++) {
      const text = join(directory, withEnding(n))
      const file = text.slice(0, -ENDING.length)
      if (!(await reserve(file))) continue
      if (await removingIfFailed([file], () => giveName(temporary, text))) {
        await removingIfFailed([text], () => moveOver(path, file))
        return file
      }
      await remove(file)
    }
  })
}
