/**
 * Says whether the folders of the configuration can be worked with. Looks and never touches: a folder that would be made
 * by the daemon is not made here.
 */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import { EXIT } from '../errors.ts'
import { type Finding, ok, problem, warning } from '../finding.ts'
import { failedWith } from './errno.ts'

/**
 * The findings on dataroot, drop directory and store.
 * @param uid of this process
 */
export async function diagnoseFolders(config: Config, uid: number): Promise<Finding[]> {
  const { dataroot } = config.moodle
  const root = await lookAt(dataroot)
  if (root === undefined)
    return [problem('folder-missing', EXIT.configuration, { path: dataroot, key: 'moodle.dataroot' })]
  const sync = config.intake.directory
  const store = config.store.directory
  return [
    await usable(dataroot, 'moodle.dataroot'),
    ...ownership(dataroot, root.uid, uid),
    await usableOrMakeable(sync, 'intake.directory'),
    await usableOrMakeable(store, 'store.directory'),
    ...(await sameFileSystem(sync, store)),
  ]
}

/** undefined: there is no such folder, or none that can be looked at. */
const lookAt = (path: string): Promise<{ uid: number; dev: number } | undefined> =>
  stat(`${path}/.`).catch(() => undefined)

async function usable(path: string, key: string): Promise<Finding> {
  try {
    await access(`${path}/.`, constants.R_OK | constants.W_OK | constants.X_OK)
    return ok('folder', { path, key })
  } catch (error) {
    return problem('folder-unusable', EXIT.configuration, { path, key, reason: reasonOf(error) })
  }
}

/** The daemon makes these two, but not what they lie in. */
async function usableOrMakeable(path: string, key: string): Promise<Finding> {
  try {
    await stat(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT'))
      return problem('folder-unusable', EXIT.configuration, { path, key, reason: reasonOf(error) })
    const parent = dirname(path)
    const canBeMade = await access(`${parent}/.`, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    )
    return canBeMade
      ? ok('folder-to-be-made', { path, key })
      : problem('folder-not-makeable', EXIT.configuration, { path, key, parent })
  }
  return usable(path, key)
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What the daemon makes belongs to it, and Moodle's own programs must still be able to work in dataroot. */
function ownership(path: string, owner: number, uid: number): Finding[] {
  if (owner === uid) return []
  return [
    uid === 0
      ? warning('run-by-root', { path, owner: String(owner) })
      : warning('other-owner', { path, owner: String(owner), uid: String(uid) }),
  ]
}

async function sameFileSystem(sync: string, store: string): Promise<Finding[]> {
  const [one, other] = await Promise.all([nearest(sync), nearest(store)])
  if (one === undefined || other === undefined) return []
  return [one === other ? ok('same-file-system') : warning('other-file-system', { sync, store })]
}

/** The file system of a folder, or of the one that it would be made in. */
async function nearest(path: string): Promise<number | undefined> {
  return ((await lookAt(path)) ?? (await lookAt(dirname(path))))?.dev
}
