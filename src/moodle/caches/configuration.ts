/**
 * Where Moodle keeps its application caches, read from its cache configuration (`muc/config.php`) without running it, and
 * under which names. Never decides by what lies on the disk: what Moodle would do with the configuration is what counts.
 */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { evaluateConfigPhp, PhpSyntaxError } from '../../config/config-php.ts'
import { type PhpArray, type PhpValue, textOf, truthOf } from '../../config/php-value.ts'
import { failedWith } from '../../store/errno.ts'
import type { Settings } from '../site.ts'
import { DEFINITIONS, type DefinitionName } from './definitions.ts'

/** What of the database the names depend on. */
export interface CacheSite {
  /** `config.siteidentifier` */
  readonly identifier: string
  /** `config.version`, as it is written there. */
  readonly version: string
}

/** An instance of one of Moodle's cache stores. */
export interface CacheStore {
  readonly name: string
  /** `file`, `redis`, `apcu`, … */
  readonly plugin: string
  /** Its own settings. */
  readonly settings: ReadonlyMap<string, PhpValue>
}

/** Where the values of a definition are, and how they are called there. */
export interface CachePlace {
  readonly definition: DefinitionName
  readonly stores: readonly CacheStore[]
  readonly hasTtl: boolean
  /** The name of a key's value. `cache_helper::hash_key` */
  readonly nameOf: (key: string) => string
}

/** What can be asked of a store. */
export interface StoreCommands {
  readonly remove: (place: CachePlace, names: readonly string[]) => Promise<void>
  /** @param value as PHP serializes it. Absent where it is not known how the store writes values */
  readonly write?: (place: CachePlace, name: string, value: string) => Promise<void>
}

export interface CacheConfiguration {
  /** The file that was read; null where there is none and Moodle's defaults hold. */
  readonly path: string | null
  /** Those that this Moodle has. */
  readonly places: readonly CachePlace[]
  /** Whether any cache listens to an event: else nobody would read it. */
  readonly isHeard: (event: string) => boolean
}

/** `cache_store::MODE_APPLICATION` */
const APPLICATION = 1
/** `cache_store::SUPPORTS_DATA_GUARANTEE` */
const DATA_GUARANTEE = 2
/** `cache_definition::SHARING_…`: whose values may be mixed, as bits. */
const SHARING = { all: 1, siteId: 2, version: 4, input: 8 } as const

export const cacheSite = (settings: Settings): CacheSite => ({
  identifier: settings('', 'siteidentifier') ?? '',
  version: settings('', 'version') ?? '0',
})

/** `$CFG->cachedir` */
export const cacheDirectoryOf = ({ moodle }: Pick<Config, 'moodle'>): string =>
  moodle.cacheDirectory ?? join(moodle.dataroot, 'cache')

/**
 * What gives the cache configuration: read when it is first asked for, and again only where it has changed, since parsing
 * it takes longer than dropping a thousand values. Without one, Moodle's defaults hold.
 * It throws an Error, in English, where the configuration cannot be read or understood: nobody knows then where the caches are.
 */
export function openCacheConfiguration(
  config: Pick<Config, 'moodle'>,
): (site: CacheSite) => Promise<CacheConfiguration> {
  let known: { readonly source: string; readonly of: string; readonly configuration: CacheConfiguration } | undefined
  return async site => {
    const path = await configurationPath(config.moodle)
    const source = await readFile(path, 'utf8').catch((error: unknown) => {
      if (failedWith(error, 'ENOENT')) return undefined
      throw error
    })
    if (source === undefined) return defaultConfiguration(site)
    const of = JSON.stringify([path, site])
    if (known?.source !== source || known.of !== of) {
      known = { source, of, configuration: parseCacheConfiguration(source, path, config, site) }
    }
    return known.configuration
  }
}

/** `cache_config::get_config_file_path` */
async function configurationPath({ alternativeCacheConfig, dataroot }: Config['moodle']): Promise<string> {
  if (alternativeCacheConfig === null) return join(dataroot, 'muc', 'config.php')
  const isDirectory = await stat(alternativeCacheConfig).then(
    stats => stats.isDirectory(),
    () => false,
  )
  return isDirectory ? join(alternativeCacheConfig, 'cacheconfig.php') : alternativeCacheConfig
}

/** Where all application caches are before anybody has configured any. */
const DEFAULT_STORE: CacheStore = { name: 'default_application', plugin: 'file', settings: new Map() }

function defaultConfiguration(site: CacheSite): CacheConfiguration {
  const siteId = md5(site.identifier)
  return {
    path: null,
    places: definitionNames().map(definition => ({
      definition,
      stores: [DEFAULT_STORE],
      hasTtl: DEFINITIONS[definition].hasTtl,
      nameOf: naming(definition, DEFINITIONS[definition].simpleKeys, siteId),
    })),
    isHeard: () => true,
  }
}

/**
 * What a cache configuration says.
 * @throws Error where it is not PHP, or does not say in so many words what it configures
 */
export function parseCacheConfiguration(
  source: string,
  path: string,
  { moodle }: Pick<Config, 'moodle'>,
  site: CacheSite,
): CacheConfiguration {
  // A configuration that people write may use what config.php has set.
  const given: Record<string, string> = {
    siteidentifier: site.identifier,
    ...moodle.forced.config,
    dataroot: moodle.dataroot,
    cachedir: cacheDirectoryOf({ moodle }),
  }
  let configuration: PhpValue | undefined
  try {
    configuration = evaluateConfigPhp(source, path, {}, Object.entries(given)).variables.get('configuration')
  } catch (error) {
    if (!(error instanceof PhpSyntaxError)) throw error
    throw new Error(`${path}, line ${error.line}: ${error.message}`, { cause: error })
  }
  if (!(configuration instanceof Map))
    throw new Error(`${path} has no array $configuration that can be told from its text`)
  const described = arrayAt(configuration, 'definitions')
  return {
    path,
    places: definitionNames().flatMap(definition => {
      const own = described.get(definition)
      // A version of Moodle that does not have it.
      if (!(own instanceof Map)) return []
      const identifier = sharedBy(own, textAt(configuration, 'siteidentifier') || md5(site.identifier), site.version)
      return [
        {
          definition,
          stores: storesOf(configuration, definition, own),
          hasTtl: Number(textAt(own, 'ttl')) > 0,
          nameOf: naming(definition, isTrue(own, 'simplekeys'), identifier),
        },
      ]
    }),
    isHeard: event =>
      [...described.values()].some(
        other => other instanceof Map && [...arrayAt(other, 'invalidationevents').values()].includes(event),
      ),
  }
}

const definitionNames = (): DefinitionName[] => Object.keys(DEFINITIONS) as DefinitionName[]

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

/** `cache_definition::generate_single_key_prefix`, `cache_helper::hash_key` */
function naming(definition: DefinitionName, simpleKeys: boolean, identifier: string): (key: string) => string {
  const prefix = md5(`${APPLICATION}/${definition}/${identifier}`)
  return simpleKeys ? key => `${key}-${prefix}` : key => sha1(`${prefix}-${key}`)
}

/** With whom the values are shared, as it stands in their names. `cache_definition::get_cache_identifier` */
function sharedBy(definition: PhpArray, siteId: string, version: string): string {
  const option = Number(textAt(definition, 'selectedsharingoption') || SHARING.siteId)
  if (option & SHARING.all) return ''
  const input = textAt(definition, 'userinputsharingkey')
  return [
    ...(option & SHARING.siteId ? [siteId] : []),
    ...(option & SHARING.version ? [version] : []),
    ...(option & SHARING.input && input !== '' && input !== '0' ? [input] : []),
  ].join('/')
}

/**
 * The stores that a definition is mapped to, or else all application caches; those that do not suit left out. Where none is
 * left, the default one. `cache_config::get_stores_for_definition`, `cache_helper::get_stores_suitable_for_definition`
 */
function storesOf(configuration: PhpArray, definition: DefinitionName, own: PhpArray): CacheStore[] {
  const required = isTrue(own, 'requiredataguarantee') ? DATA_GUARANTEE : 0
  const suitable = new Map(
    arrays(arrayAt(configuration, 'stores')).filter(([, store]) => {
      const has = (name: string, bits: number): boolean => (Number(textAt(store, name)) & bits) === bits
      return has('modes', APPLICATION) && has('features', required)
    }),
  )
  const mapped = (mappings: string, isMeant: (mapping: PhpArray) => boolean): string[] => [
    ...new Set(
      arrays(arrayAt(configuration, mappings))
        .filter(([, mapping]) => isMeant(mapping))
        .map(([, mapping]) => textAt(mapping, 'store'))
        .filter(name => suitable.has(name)),
    ),
  ]
  let names = mapped('definitionmappings', mapping => textAt(mapping, 'definition') === definition)
  if (names.length === 0) {
    names = mapped('modemappings', mapping => Number(textAt(mapping, 'mode')) === APPLICATION).filter(
      name => !isTrue(suitable.get(name)!, 'mappingsonly'),
    )
  }
  if (names.length === 0)
    names = [...suitable.keys()].filter(name => isTrue(suitable.get(name)!, 'default')).slice(0, 1)
  return names.map(name => {
    const store = suitable.get(name)!
    return { name, plugin: textAt(store, 'plugin'), settings: arrayAt(store, 'configuration') }
  })
}

const arrayAt = (array: PhpArray, key: string): PhpArray => {
  const value = array.get(key)
  return value instanceof Map ? value : new Map()
}
const arrays = (array: PhpArray): [string, PhpArray][] =>
  [...array].filter((entry): entry is [string, PhpArray] => entry[1] instanceof Map)
const textAt = (array: PhpArray, key: string): string => textOf(array.get(key) ?? null) ?? ''
const isTrue = (array: PhpArray, key: string): boolean => truthOf(array.get(key) ?? null) === true
