/**
 * Completes what a configuration file says: by Moodle's config.php, where it is named, and by defaults that depend on it.
 * What is written in the file wins.
 */
import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Config, MoodleConfig } from './config.ts'
import { databaseTypeFault, forcedBy, type Inherited, inheritedFrom, peppersOf, settingOf } from './inherit.ts'
import type { Written } from './kinds.ts'
import type { Position, Reading } from './load.ts'
import { type Option, optionsIn, type Values } from './options.ts'
import { type ConfigPhp, isComputed, textOf } from './php-value.ts'
import { readWhole } from './read-whole.ts'

/** A config.php is written by hand. */
const MAX_CONFIG_PHP_BYTES = 1_048_576

/** Where MySQL and MariaDB put their socket, by distribution: what PHP is built to use for the host `localhost`. */
const USUAL_SOCKETS = ['/run/mysqld/mysqld.sock', '/var/lib/mysql/mysql.sock', '/tmp/mysql.sock']

/** Takes in the config.php and what keys have to do with each other. The result counts only if no fault was noted. */
export async function complete(reading: Reading, values: Values): Promise<Config> {
  const php = await readConfigPhp(reading, values.moodle.configPhp)
  const moodle = completeMoodle(reading, values.moodle, php)
  for (const [path, option] of optionsIn()) if (option.required) requirePresent(reading, path, option)
  const intake = { ...values.intake, directory: resolve(moodle.dataroot, values.intake.directory ?? '') }
  const store = { ...values.store, directory: resolve(moodle.dataroot, values.store.directory ?? '') }
  if (intake.directory === store.directory) {
    const at = reading.positions.get('store.directory') ?? reading.positions.get('intake.directory') ?? 0
    reading.fault(at, 'same-directory', { directory: store.directory })
  }
  return { ...values, moodle, intake, store }
}

function requirePresent(reading: Reading, path: string, option: Option<unknown>): void {
  if (reading.positions.has(path)) return
  const choices = String(option.kind.args?.choices ?? '')
  reading.fault(parentOf(reading, path), 'missing-choice', { key: path, choices })
}

/** Where a key that is missing would belong. */
function parentOf(reading: Reading, path: string): Position {
  const parent = path.slice(0, path.lastIndexOf('.'))
  return reading.positions.get(parent) ?? 0
}

async function readConfigPhp(reading: Reading, path: string | null | undefined): Promise<ConfigPhp | null> {
  if (path === null || path === undefined) return null
  const at = reading.positions.get('moodle.configPhp') ?? 0
  let source: string
  let realPath: string
  try {
    realPath = await realpath(path)
    source = (await readWhole(realPath, MAX_CONFIG_PHP_BYTES)).toString('utf8')
  } catch (error) {
    reading.fault(at, 'config-php-unreadable', { path, reason: error instanceof Error ? error.message : String(error) })
    return null
  }
  // The parser of PHP is loaded only where there is a config.php: it takes as long as all the rest.
  const { evaluateConfigPhp, PhpSyntaxError } = await import('./config-php.ts')
  try {
    const php = evaluateConfigPhp(source, realPath, reading.env)
    const wrong = databaseTypeFault(php)
    if (wrong) reading.fault(at, wrong.code, { path, ...wrong.args })
    return php
  } catch (error) {
    if (!(error instanceof PhpSyntaxError)) throw error
    reading.fault(at, 'config-php-syntax', { path, line: error.line, reason: error.message })
    return null
  }
}

/** What is written here, else what config.php says, else the default, for every key that both have. */
function completeMoodle(reading: Reading, written: Values['moodle'], php: ConfigPhp | null): MoodleConfig {
  const { database } = written
  const inherited = php ? inheritedFrom(php, USUAL_SOCKETS.find(existsSync) ?? null) : {}
  const take = <Value>(path: string, own: Value | undefined): Value | undefined =>
    own ?? (inheritedValue(reading, path, inherited) as Value | undefined)
  const need = <Value>(path: string, own: Value | undefined, otherwise: Value): Value => {
    const value = take(path, own)
    const lookedAt = php !== null || written.configPhp === null
    if (value === undefined && lookedAt && !reading.positions.has(path) && !(path in inherited)) {
      reading.fault(parentOf(reading, path), 'missing-key', { key: path })
    }
    return value ?? otherwise
  }

  // A host or a port that is written here asks for the network, whatever config.php says of sockets.
  const networked = database.host !== undefined || database.port !== undefined
  const socketPath =
    database.socketPath !== undefined || networked
      ? (database.socketPath ?? null)
      : (take<string>('moodle.database.socketPath', undefined) ?? null)
  const wwwroot = inherited['moodle.wwwroot']
  const noReplyUser = Number(settingOf(php, 'noreplyuserid'))
  return {
    configPhp: written.configPhp,
    dataroot: need('moodle.dataroot', written.dataroot, '/'),
    // Nothing depends on it but links: one that only PHP could tell is as good as none.
    wwwroot: isComputed(wwwroot?.value) ? (written.wwwroot ?? null) : (take('moodle.wwwroot', written.wwwroot) ?? null),
    codeDirectory: php?.codeDirectory ?? null,
    cacheDirectory: settingOf(php, 'cachedir'),
    alternativeCacheConfig: settingOf(php, 'altcacheconfigpath'),
    noReplyUserId: Number.isSafeInteger(noReplyUser) && noReplyUser > 0 ? noReplyUser : null,
    passwordPeppers: peppersOf(php),
    database: {
      host: take('moodle.database.host', database.host) ?? '127.0.0.1',
      port: take('moodle.database.port', database.port) ?? 3306,
      socketPath,
      name: need('moodle.database.name', database.name, ''),
      user: need('moodle.database.user', database.user, ''),
      password: take('moodle.database.password', database.password) ?? '',
      // A config.php without a prefix means none.
      prefix: take('moodle.database.prefix', database.prefix) ?? (php ? '' : 'mdl_'),
      tls: take('moodle.database.tls', database.tls) ?? false,
    },
    forced: php ? forcedBy(php) : { config: {}, plugins: {} },
  }
}

/** What config.php says of a key that is not written here; undefined where it says nothing, or nothing of use: a fault. */
function inheritedValue(reading: Reading, path: string, inherited: Inherited): unknown {
  const found = inherited[path]
  if (found === undefined || reading.positions.has(path)) return undefined
  const at = reading.positions.get('moodle.configPhp') ?? 0
  if (isComputed(found.value)) {
    reading.fault(at, 'config-php-computed', { line: found.value.computedOnLine, name: found.name, key: path })
    return undefined
  }
  const option = [...optionsIn()].find(([known]) => known === path)![1]
  const text = textOf(found.value)
  const value = option.kind.read(found.value as Written) ?? (text === undefined ? undefined : option.kind.read(text))
  if (value === undefined) {
    reading.fault(at, 'config-php-unsuitable', {
      name: found.name,
      found: option.secret ? '***' : (text ?? '[]'),
      key: path,
    })
  }
  return value
}
