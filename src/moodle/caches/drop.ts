/**
 * Dropping what is stale from Moodle's caches, in whatever stores they are. Removing is always safe, since Moodle takes what
 * is not there from the database; so nothing here asks whether a value is stale indeed.
 */
import { randomUUID } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { phpSerialize } from '../php.ts'
import {
  type CachePlace,
  type CacheSite,
  type CacheStore,
  cacheDirectoryOf,
  openCacheConfiguration,
  type StoreCommands,
} from './configuration.ts'
import { EVENTS, type StaleKeys } from './definitions.ts'
import { folderOf, removeFiles, writeFile } from './file-store.ts'
import { redisLabel, withRedis } from './redis-store.ts'

/** What could not be dropped, and why. What is out of reach for us altogether is not among these: trying again is no use. */
export interface DropFailure {
  /** The store's name; null: nobody can tell which stores there are. */
  readonly store: string | null
  readonly reason: string
}

/**
 * Drops values, each from every store in which it may be. Never throws.
 * @param now milliseconds
 * @returns what failed and deserves another try
 */
export type DropKeys = (site: CacheSite, stale: Iterable<StaleKeys>, now: number) => Promise<DropFailure[]>

/** The caches of a Moodle. Where they are is read when the first value is to be dropped, and again when it has changed. */
export function openCaches(config: Pick<Config, 'moodle'>): DropKeys {
  const configurationFor = openCacheConfiguration(config)
  const cacheDirectory = cacheDirectoryOf(config)
  return async (site, stale, now) => {
    try {
      const { places, isHeard } = await configurationFor(site)
      const failures: DropFailure[] = []
      for (const [store, work] of workByStore(places, isHeard, stale)) {
        const errors = await dropFrom(store, work, cacheDirectory, now)
        if (errors.length > 0) failures.push({ store: store.name, reason: reasonOf(errors[0]) })
      }
      return failures
    } catch (error) {
      return [{ store: null, reason: reasonOf(error) }]
    }
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

type Work = Map<CachePlace, Set<string>>

/** The keys to drop, by store and definition, each once. */
function workByStore(
  places: readonly CachePlace[],
  isHeard: (event: string) => boolean,
  stale: Iterable<StaleKeys>,
): Iterable<readonly [CacheStore, Work]> {
  const byName = new Map<string, readonly [CacheStore, Work]>()
  for (const { definition, keys } of stale) {
    const wanted = definition === EVENTS ? keys.filter(isHeard) : keys
    const place = places.find(one => one.definition === definition)
    for (const store of place === undefined || wanted.length === 0 ? [] : place.stores) {
      const [, work] = byName.get(store.name) ?? [store, new Map() as Work]
      byName.set(store.name, [store, work])
      const all = work.get(place!) ?? new Set()
      work.set(place!, all)
      for (const key of wanted) all.add(key)
    }
  }
  return byName.values()
}

/** @returns what went wrong; one definition that cannot be dropped does not keep the others */
async function dropFrom(store: CacheStore, work: Work, cacheDirectory: string, now: number): Promise<unknown[]> {
  const errors: unknown[] = []
  try {
    await withStore(store, cacheDirectory, async ({ remove, write }) => {
      for (const [place, keys] of work) {
        const names = [...keys].map(place.nameOf)
        try {
          if (place.definition !== EVENTS) await remove(place, names)
          else for (const name of names) await write?.(place, name, purgedAt(now))
        } catch (error) {
          errors.push(error)
        }
      }
    })
  } catch (error) {
    errors.push(error)
  }
  return errors
}

/** Uses a store, if it is of a kind that we know, and its place can be told. */
async function withStore(
  store: CacheStore,
  cacheDirectory: string,
  use: (commands: StoreCommands) => Promise<void>,
): Promise<void> {
  if (store.plugin === 'redis' && redisLabel(store) !== null) return withRedis(store, use)
  const folder = store.plugin === 'file' ? folderOf(store, cacheDirectory) : null
  if (folder === null) return
  await use({
    remove: ({ definition }, names) => removeFiles(store, folder, definition, names),
    write: ({ definition }, name, value) => writeFile(store, folder, definition, name, value),
  })
}

/**
 * What says that all caches which listen to an event are stale as of now. For `changesincoursestate` Moodle names courses;
 * saying it of all spares us from reading what is there, and from losing what a page writes meanwhile.
 * `cache_helper::purge_by_event`, `cache::get_purge_token`: only the number before the dash is compared.
 */
const purgedAt = (now: number): string => phpSerialize({ purged: `${(now / 1000).toFixed(4)}-${randomUUID()}` })
