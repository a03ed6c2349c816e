/**
 * Moodle's cache store in Redis: removing values by their names, and writing the one kind that is written.
 * A connection lasts as long as one call: there is nothing to close when the program ends, and no server is held on to.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { RedisClientOptions, RedisFunctions, RedisModules, RedisScripts } from 'redis'
import { isComputed, type PhpValue, textOf, truthOf } from '../../config/php-value.ts'
import { slices } from '../../slices.ts'
import { phpSerialize } from '../php.ts'
import type { CacheStore, StoreCommands } from './configuration.ts'

/** Milliseconds; Moodle waits as long. */
const TIMEOUT = 3_000
const NAMES_A_COMMAND = 1_000

/** `Redis::SERIALIZER_PHP`, and no compression on top: the values of which we know how they are written. */
const SERIALIZER_PHP = '1'
const NO_COMPRESSION = '0'

type Options = RedisClientOptions<RedisModules, RedisFunctions, RedisScripts, 2>
type SocketOptions = NonNullable<Options['socket']>

interface Address {
  readonly socket: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly label: string
}

const setting = (store: CacheStore, name: string): PhpValue => store.settings.get(name) ?? null
const text = (store: CacheStore, name: string): string => textOf(setting(store, name)) ?? ''
const isOn = (store: CacheStore, name: string): boolean => truthOf(setting(store, name)) === true

/** The servers of a store, the first alone where it is no cluster. Empty where none is named, or only PHP could tell. */
function addressesOf(store: CacheStore): Address[] {
  const addresses = text(store, 'server')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .map((line): Address => {
      const path = line.replace(/^unix:\/\//, '')
      if (path.startsWith('/')) return { socket: { path }, label: path }
      const [host = '', port = '6379'] = line.split(':')
      return { socket: { host, port: Number(port) }, label: `${host}:${port}` }
    })
  return isOn(store, 'clustermode') ? addresses : addresses.slice(0, 1)
}

/** Where a store is, for people; null where only PHP could tell. */
export function redisLabel(store: CacheStore): string | null {
  return ['server', 'password', 'prefix'].some(name => isComputed(setting(store, name))) ||
    addressesOf(store).length === 0
    ? null
    : addressesOf(store)
        .map(({ label }) => label)
        .join(', ')
}

/** Whether it is known how the store writes values: else none can be written to it, only removed. */
export const isWritable = (store: CacheStore): boolean =>
  (text(store, 'serializer') || SERIALIZER_PHP) === SERIALIZER_PHP &&
  (text(store, 'compressor') || NO_COMPRESSION) === NO_COMPRESSION

/** The hash that holds the values of a definition. `cache_definition::generate_definition_hash`, `Redis::OPT_PREFIX` */
export function hashOf(store: CacheStore, definition: string): string {
  const [component, area] = definition.split('/')
  return `${text(store, 'prefix')}${createHash('md5').update(`1 ${component} ${area}`).digest('hex')}`
}

/**
 * Talks to a store's server, or to its cluster.
 * @throws what the client says where it cannot be reached, or refuses
 */
export const withRedis = (store: CacheStore, use: (commands: StoreCommands) => Promise<void>): Promise<void> =>
  withClient(store, client =>
    use({
      remove: async ({ definition, hasTtl }, names) => {
        const hash = hashOf(store, definition)
        for (const some of slices(names, NAMES_A_COMMAND)) {
          await client.hDel(hash, some)
          // Beside values with a lifetime Moodle keeps their names, which PHP's client serializes.
          if (hasTtl) await client.zRem(`${hash}_ttl`, [...some, ...some.map(name => phpSerialize(name))])
        }
      },
      ...(isWritable(store) && {
        write: async ({ definition }, name, value) => {
          await client.hSet(hashOf(store, definition), name, value)
        },
      }),
    }),
  )

/** Makes sure that a store's server answers, and to us. */
export const reachRedis = (store: CacheStore): Promise<void> =>
  withClient(store, async client => {
    await client.hExists(hashOf(store, 'core/config'), '')
  })

async function withClient(store: CacheStore, use: (client: Client) => Promise<void>): Promise<void> {
  const client = await connected(store)
  try {
    await use(client)
  } finally {
    client.destroy()
  }
}

type Client = Awaited<ReturnType<typeof connected>>

async function connected(store: CacheStore) {
  // Loading it takes as long as a small file's whole run, and few sites have such a store.
  const { createClient, createCluster } = await import('redis')
  const defaults: Options = {
    // Servers before 6.0, which Moodle 3.9 may have, know no other protocol.
    RESP: 2,
    socket: { connectTimeout: TIMEOUT, socketTimeout: TIMEOUT, reconnectStrategy: false, ...(await encryption(store)) },
    // The server is asked for nothing but the work.
    disableClientInfo: true,
    ...(text(store, 'password') === '' ? {} : { password: text(store, 'password') }),
  }
  const [first, ...others] = addressesOf(store).map(
    ({ socket }): Options => ({ ...defaults, socket: { ...defaults.socket, ...socket } as SocketOptions }),
  )
  if (first === undefined) throw new Error('no server is named')
  const client = isOn(store, 'clustermode')
    ? createCluster({ rootNodes: [first, ...others], defaults })
    : createClient(first)
  // What goes wrong is told by the command that it happens to.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    client.destroy()
    throw error
  }
  return client
}

/** As Moodle has it: without a certificate authority of its own, it does not ask whose certificate it is. */
async function encryption(store: CacheStore): Promise<object> {
  if (!isOn(store, 'encryption')) return {}
  const ca = text(store, 'cafile')
  return { tls: true, ...(ca === '' ? { rejectUnauthorized: false } : { ca: await readFile(ca) }) }
}
