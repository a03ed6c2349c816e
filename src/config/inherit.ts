/** What Moodle's config.php means for our own keys: the same settings under their other names. Pure. */
import type { MessageArguments } from '../errors.ts'
import { type ConfigPhp, isComputed, type PhpValue, textOf, truthOf } from './php-value.ts'

/** What our configuration can take over: under our paths, with the name that it has in PHP, for who has to look there. */
export type Inherited = Readonly<Record<string, { readonly name: string; readonly value: PhpValue }>>

/** A config.php that cannot be worked with: a sentence `configuration.<code>`. */
export interface ConfigPhpFault {
  readonly code: string
  readonly args: MessageArguments
}

/** The database drivers of Moodle that speak to MySQL and MariaDB. */
const DATABASE_TYPES = ['mysqli', 'mariadb', 'auroramysql']

/** Settings that have a place of their own in our configuration, or mean nothing to us. All others are forced settings. */
const NOT_FORCED = new Set([
  'dbtype',
  'dblibrary',
  'dbhost',
  'dbname',
  'dbuser',
  'dbpass',
  'prefix',
  'dboptions',
  'dataroot',
  'wwwroot',
  'cachedir',
  'altcacheconfigpath',
  'noreplyuserid',
  'forced_plugin_settings',
])

/** Why this Moodle is none for us: its database is of another kind. undefined: it is, or only PHP could tell. */
export function databaseTypeFault(php: ConfigPhp): ConfigPhpFault | undefined {
  const type = php.settings.get('dbtype')
  if (type === undefined || isComputed(type)) return undefined
  const found = textOf(type) ?? ''
  return DATABASE_TYPES.includes(found)
    ? undefined
    : { code: 'config-php-database-type', args: { found, expected: DATABASE_TYPES.join(', ') } }
}

/**
 * The settings of a config.php that have a key of ours.
 * @param socketOfLocalhost the socket that PHP would use for the host `localhost`, where nothing else is said; null: there is none
 */
export function inheritedFrom(php: ConfigPhp, socketOfLocalhost: string | null): Inherited {
  const inherited: Record<string, { name: string; value: PhpValue }> = {}
  const take = (path: string, name: string, value: PhpValue | undefined): void => {
    if (value !== undefined && value !== null) inherited[path] = { name, value }
  }
  const cfg = (name: string): PhpValue | undefined => php.settings.get(name)
  const options = cfg('dboptions')
  const option = (name: string): PhpValue | undefined =>
    options instanceof Map ? options.get(name) : isComputed(options) ? options : undefined

  take('moodle.dataroot', '$CFG->dataroot', cfg('dataroot'))
  take('moodle.wwwroot', '$CFG->wwwroot', cfg('wwwroot'))
  take('moodle.database.name', '$CFG->dbname', cfg('dbname'))
  take('moodle.database.user', '$CFG->dbuser', cfg('dbuser'))
  take('moodle.database.password', '$CFG->dbpass', cfg('dbpass'))
  take('moodle.database.prefix', '$CFG->prefix', cfg('prefix'))
  const encrypted = option('ssl') ?? null
  if (truthOf(encrypted) !== false) take('moodle.database.tls', "$CFG->dboptions['ssl']", true)

  // mysqli takes "host:port", an option dbport, and a socket for localhost whatever the port.
  const host = cfg('dbhost')
  const [hostName, hostPort] = typeof host === 'string' ? splitHost(host) : [host, undefined]
  take('moodle.database.host', '$CFG->dbhost', hostName)
  const port = option('dbport') ?? null
  take('moodle.database.port', "$CFG->dboptions['dbport']", truthOf(port) === false ? hostPort : numeric(port))
  if (hostName === 'localhost') {
    const socket = option('dbsocket')
    const told = isComputed(socket) || (typeof socket === 'string' && socket.includes('/')) ? socket : socketOfLocalhost
    take('moodle.database.socketPath', "$CFG->dboptions['dbsocket']", told)
  }
  return inherited
}

/** The settings that config.php imposes on those of the database; arrays and what only PHP could tell are left out. */
export function forcedBy(php: ConfigPhp): {
  config: Record<string, string>
  plugins: Record<string, Record<string, string>>
} {
  const plugins: Record<string, Record<string, string>> = {}
  const forced = php.settings.get('forced_plugin_settings')
  if (forced instanceof Map) {
    for (const [plugin, settings] of forced) if (settings instanceof Map) plugins[plugin] = scalarsOf(settings)
  }
  return { config: scalarsOf([...php.settings].filter(([name]) => !NOT_FORCED.has(name))), plugins }
}

/** Moodle's peppers for passwords (`get_password_peppers`), the newest first; null: only PHP could tell. */
export function peppersOf(php: ConfigPhp | null): readonly string[] | null {
  const peppers = php?.settings.get('passwordpeppers')
  if (isComputed(peppers)) return null
  if (!(peppers instanceof Map)) return []
  const sorted = [...peppers].sort(([a], [b]) => Number(b) - Number(a)).map(([, pepper]) => textOf(pepper))
  return sorted.every(pepper => pepper !== undefined) ? sorted : null
}

/** A setting as text, for what needs no key of ours; null where it is not there or only PHP could tell. */
export function settingOf(php: ConfigPhp | null, name: string): string | null {
  const value = php?.settings.get(name)
  return value === undefined || isComputed(value) ? null : (textOf(value) ?? null) || null
}

function scalarsOf(settings: Iterable<readonly [string, PhpValue]>): Record<string, string> {
  const scalars: Record<string, string> = {}
  for (const [name, value] of settings) {
    const text = isComputed(value) || value === null ? undefined : textOf(value)
    if (text !== undefined) scalars[name] = text
  }
  return scalars
}

const numeric = (value: PhpValue): PhpValue =>
  typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value

function splitHost(host: string): readonly [string, number | undefined] {
  const match = /^([^:]+):(\d+)$/.exec(host)
  return match ? [match[1]!, Number(match[2])] : [host, undefined]
}
