/**
 * Says which of Moodle's caches a run can drop from, and what it would mean that it cannot. A run goes on either way: what it
 * does is in the database, and only pages would be late; so nothing here is a problem. Changes nothing.
 */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { type Finding, ok, warning } from '../../finding.ts'
import { failedWith } from '../../store/errno.ts'
import type { Settings } from '../site.ts'
import { type CacheStore, cacheDirectoryOf, cacheSite, openCacheConfiguration } from './configuration.ts'
import { type DefinitionName, EVENTS } from './definitions.ts'
import { definitionFolder, folderOf } from './file-store.ts'
import { isWritable, reachRedis, redisLabel } from './redis-store.ts'

/** The findings on every store in which a run may make something stale. */
export async function diagnoseCaches(config: Pick<Config, 'moodle'>, settings: Settings): Promise<Finding[]> {
  const cacheDirectory = cacheDirectoryOf(config)
  try {
    const { places } = await openCacheConfiguration(config)(cacheSite(settings))
    const stores = new Map<string, { readonly store: CacheStore; readonly definitions: DefinitionName[] }>()
    for (const { definition, stores: used } of places) {
      for (const store of used) {
        const { definitions } = stores.get(store.name) ?? { definitions: [] as DefinitionName[] }
        definitions.push(definition)
        stores.set(store.name, { store, definitions })
      }
    }
    const findings: Finding[] = []
    for (const { store, definitions } of stores.values()) {
      findings.push(...(await diagnoseStore(store, definitions, cacheDirectory)))
    }
    return findings
  } catch (error) {
    return [warning('caches-unknown', { reason: reasonOf(error) })]
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

async function diagnoseStore(
  store: CacheStore,
  definitions: readonly DefinitionName[],
  cacheDirectory: string,
): Promise<Finding[]> {
  const args = { store: store.name, plugin: store.plugin, definitions: definitions.join(', ') }
  const server = store.plugin === 'redis' ? redisLabel(store) : null
  if (server !== null) return diagnoseRedis(store, definitions, { ...args, server })
  const path = store.plugin === 'file' ? folderOf(store, cacheDirectory) : null
  if (path === null) return [warning('cache-out-of-reach', args)]
  const folders = [path, ...definitions.map(definition => join(path, definitionFolder(definition)))]
  try {
    await Promise.all(folders.map(usableIfThere))
    return [ok('cache-files', { ...args, path })]
  } catch (error) {
    return [warning('cache-files-unusable', { ...args, path, reason: reasonOf(error) })]
  }
}

/** Files are removed from it, so it must be writable. Moodle makes it when it first keeps something there. */
async function usableIfThere(folder: string): Promise<void> {
  await access(folder, constants.W_OK | constants.X_OK).catch(error => {
    if (!failedWith(error, 'ENOENT')) throw error
  })
}

async function diagnoseRedis(
  store: CacheStore,
  definitions: readonly DefinitionName[],
  args: Readonly<Record<string, string>>,
): Promise<Finding[]> {
  try {
    await reachRedis(store)
  } catch (error) {
    return [warning('cache-redis-unreachable', { ...args, reason: reasonOf(error) })]
  }
  const events = definitions.includes(EVENTS) && !isWritable(store) ? [warning('cache-redis-events', args)] : []
  return [ok('cache-redis', args), ...events]
}
