/**
 * `moodle-syncd init [CONFIG_PHP]`: writes a configuration with a comment to every key, from Moodle's config.php and, if
 * `tool_sync` was ever installed there, its settings. What nobody can tell is left to be chosen, with what helps to choose.
 * It writes that one file and changes nothing else; one that is there already stays as it is.
 */
import { chown, mkdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { configurationText, type Shown } from '../config/example.ts'
import { ConfigurationInvalid } from '../config/faults.ts'
import type { Written } from '../config/kinds.ts'
import { configOf } from '../config/load.ts'
import type { Option } from '../config/options.ts'
import { fromToolSync, type Left, type Taken } from '../config/tool-sync.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { explain, withReason } from '../messages/explain.ts'
import { onOneLine, plainJson } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import { withMoodle } from '../moodle/connect.ts'
import { countIdentifiers, type IdentifierCounts, type IdentifierTable } from '../moodle/identifiers.ts'
import { loadSettings } from '../moodle/site.ts'
import { giveName, writeTemporary } from '../store/durable.ts'
import { failedWith } from '../store/errno.ts'
import type { CommandContext } from './context.ts'

/** Where packages, images and instructions put Moodle. */
const USUAL_PLACES = [
  '/var/www/html/moodle/config.php',
  '/var/www/html/config.php',
  '/var/www/moodle/config.php',
  '/var/www/moodle/html/config.php',
  '/srv/moodle/config.php',
  '/srv/www/moodle/config.php',
  '/srv/http/moodle/config.php',
  '/usr/share/moodle/config.php',
  '/usr/share/nginx/html/moodle/config.php',
  '/usr/local/www/moodle/config.php',
  '/opt/moodle/config.php',
  '/opt/bitnami/moodle/config.php',
  '/bitnami/moodle/config.php',
]

/** The two keys that have no default, and whose identifiers they choose. */
const IDENTIFIER_OF = { 'enrol.courseIdentifier': 'course', 'enrol.userIdentifier': 'user' } as const
type IdentifierKey = keyof typeof IDENTIFIER_OF
const IDENTIFIER_KEYS = Object.keys(IDENTIFIER_OF) as readonly IdentifierKey[]

/** What was found out. */
interface Found {
  readonly configPhp: string
  /** What Moodle's config.php says; null where PHP computes something of it that we need. */
  readonly config: Config | null
  /** Keys that config.php does not tell, so that they must be written. */
  readonly untold: readonly string[]
  readonly taken: readonly Taken[]
  readonly left: readonly Left[]
  /** How well identifiers tell apart; null where the database was not asked. */
  readonly identifiers: IdentifierTable | null
  /** Why it was not asked; null: it was. */
  readonly unasked: string | null
}

/**
 * Writes the configuration that `--config` names.
 * @param configPhp Moodle's; undefined: it is looked for
 * @param places where it is looked for
 * @throws Problem 78 where there is a configuration already, where config.php is of no use, or the file cannot be written; 64
 *   where no config.php is found, or several are
 */
export async function init(
  context: CommandContext,
  configPhp: string | undefined,
  places: readonly string[] = USUAL_PLACES,
): Promise<ExitStatus> {
  const { configPath, lang, format, stdout, env } = context
  await ensureFree(configPath)
  const path = configPhp === undefined ? await findConfigPhp(places) : resolve(configPhp)
  const found = await findOut(path, configPath, lang, env)
  const { owner } = await write(configPath, textOf(found, lang), found.config)
  stdout.write(format === 'json' ? asJson(found, configPath, lang) : asText(found, configPath, owner, lang))
  return EXIT.done
}

async function ensureFree(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  if (isThere) throw exists(path)
}

const exists = (path: string): Problem => new Problem('init-exists', { path }, EXIT.configuration)

async function findConfigPhp(places: readonly string[]): Promise<string> {
  const found: string[] = []
  for (const place of places) {
    // Other programs have a config.php, too.
    const source = await readFile(place, 'utf8').catch(() => '')
    if (source.includes('$CFG->dbtype')) found.push(place)
  }
  const [only, another] = found
  if (only === undefined) throw new Problem('init-no-config-php', { places: places.join(', ') }, EXIT.usage)
  if (another !== undefined) throw new Problem('init-which-config-php', { found: found.join(', ') }, EXIT.usage)
  return only
}

async function findOut(
  configPhp: string,
  configPath: string,
  lang: Lang,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<Found> {
  // The identifiers are none yet; nothing that is read here looks at them.
  const draft = JSON.stringify({
    moodle: { configPhp },
    enrol: { courseIdentifier: 'id', userIdentifier: 'id' },
  })
  const nothing = { configPhp, taken: [], left: [], identifiers: null }
  let config: Config
  try {
    config = await configOf(configPath, draft, env)
  } catch (error) {
    const untold = untoldKeys(error)
    if (untold === null) throw asProblem(error, configPhp, lang)
    return { ...nothing, config: null, untold, unasked: say(lang, 'init.untold', { keys: untold.join(', ') }) }
  }
  try {
    return await withMoodle(config, async moodle => {
      const settings = await loadSettings(moodle, config)
      const { taken, left } = fromToolSync(name => settings('tool_sync', name))
      const identifiers = await countIdentifiers(moodle)
      return { configPhp, config, untold: [], taken, left, identifiers, unasked: null }
    })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { ...nothing, config, untold: [], unasked: explain(lang, error) }
  }
}

/** What must be known of a Moodle, and how its config.php calls it. */
const NAMES_IN_PHP: Readonly<Record<string, string>> = {
  'moodle.database.name': '$CFG->dbname',
  'moodle.database.user': '$CFG->dbuser',
  'moodle.dataroot': '$CFG->dataroot',
}

/** Faults that leave a key to be written: only PHP could tell it, a file that is included has it, or it does not suit. */
const LEFT_TO_WRITE: ReadonlySet<string> = new Set(['config-php-computed', 'config-php-unsuitable', 'missing-key'])

/** The keys that config.php does not tell, where that is all that is wrong; null: it is of no use. */
function untoldKeys(error: unknown): string[] | null {
  if (!(error instanceof ConfigurationInvalid) || isNothingSet(error)) return null
  return error.faults.every(({ code }) => LEFT_TO_WRITE.has(code))
    ? error.faults.map(({ args }) => String(args.key))
    : null
}

const isNothingSet = ({ faults }: ConfigurationInvalid): boolean =>
  faults.filter(({ code }) => code === 'missing-key').length === Object.keys(NAMES_IN_PHP).length

/** The faults of the draft are those of the config.php: it has no line that anybody could look at. */
function asProblem(error: unknown, configPhp: string, lang: Lang): unknown {
  if (!(error instanceof ConfigurationInvalid)) return error
  const names = Object.values(NAMES_IN_PHP).join(', ')
  const reasons = isNothingSet(error)
    ? [say(lang, 'init.nothing-set', { names })]
    : error.faults
        .filter(({ code }) => !LEFT_TO_WRITE.has(code))
        .map(({ code, args }) =>
          code === 'config-php-unreadable' ? withReason(lang, args).reason : say(lang, `configuration.${code}`, args),
        )
  return new Problem('init-config-php', { path: configPhp, reason: reasons.join(' ') }, EXIT.configuration, error)
}

/** The text of the configuration. */
function textOf(found: Found, lang: Lang): string {
  const { configPhp, config, untold, taken, identifiers } = found
  const head = say(lang, 'init.head', { configPhp: onOneLine(configPhp) }).replaceAll(/^/gm, '# ')
  const show = (key: string, option: Option<unknown>): Shown => {
    const comments = [say(lang, `option.${key}`)]
    if (key === 'moodle.configPhp') return { value: configPhp, isSet: true, comments }
    const own = taken.find(one => one.key === key)
    if (own !== undefined) comments.push(say(lang, 'init.remark-taken', { setting: own.setting }))
    if (untold.includes(key)) comments.push(say(lang, 'init.remark-untold'))
    if (isIdentifierKey(key)) {
      if (own === undefined) comments.push(say(lang, 'init.remark-choose'))
      comments.push(...countsOf(identifiers, key, lang))
    }
    const value = own?.value ?? inherited(key, option, config) ?? option.example ?? option.default
    return { value: value ?? null, isSet: own !== undefined, comments }
  }
  return configurationText(`${head}\n`, show)
}

const isIdentifierKey = (key: string): key is IdentifierKey => (IDENTIFIER_KEYS as readonly string[]).includes(key)

/** What config.php says of a key, for the comment that shows it; never a secret. */
function inherited(key: string, option: Option<unknown>, config: Config | null): Written | undefined {
  if (config === null || option.secret || !key.startsWith('moodle.')) return undefined
  const parts = key.split('.')
  const value = parts.reduce<unknown>((of, part) => (of as Record<string, unknown>)[part], config)
  return value as Written | undefined
}

/** A sentence on each identifier that a key may choose. Ids need none: everybody has one. */
function countsOf(identifiers: IdentifierTable | null, key: IdentifierKey, lang: Lang): string[] {
  if (identifiers === null) return []
  const of = IDENTIFIER_OF[key]
  const counts: [string, IdentifierCounts][] = Object.entries(identifiers[of])
  return counts
    .filter(([identifier]) => identifier !== 'id')
    .map(([identifier, { all, lacking, sharing }]) => {
      const own = all - lacking - sharing
      return say(lang, `init.counts-of-${of}s`, { identifier, all, own, lacking, sharing })
    })
}

/**
 * Writes the file: for its owner, who may change it, and for the group of Moodle's data folder, which is the daemon's.
 * @returns the id of the user whom the data folder belongs to; null where that cannot be told, or is who runs this
 */
async function write(path: string, text: string, config: Config | null): Promise<{ readonly owner: number | null }> {
  const uid = process.getuid?.() ?? 0
  const dataroot = config === null ? undefined : await stat(config.moodle.dataroot).catch(() => undefined)
  const folder = dirname(path)
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o750 })
    const temporary = await writeTemporary(folder, async stream => {
      stream.end(text)
    })
    // Only root can give a file to a group that is not its own.
    if (uid === 0 && dataroot !== undefined) {
      // Where only the owner of the data folder was set (chown -R www-data, as Moodle's documentation has it), its group is
      // root's, which the daemon is not in: the folder of the configuration may name a better one, as our tmpfiles.d does.
      const gid = dataroot.gid === 0 ? (await stat(folder)).gid : dataroot.gid
      const owner = gid === 0 ? dataroot.uid : uid
      await chown(temporary, owner, gid)
      if (made !== undefined) await chown(folder, owner, gid)
    }
    if (!(await giveName(temporary, path))) {
      await rm(temporary)
      throw exists(path)
    }
  } catch (error) {
    if (!failedWith(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'EDQUOT')) throw error
    throw new Problem('init-unwritable', { path, reason: (error as Error).message }, EXIT.configuration, error)
  }
  return { owner: dataroot === undefined || dataroot.uid === uid ? null : dataroot.uid }
}

/** What is still to be written by a person. */
const toWrite = ({ untold, taken }: Found): string[] => [
  ...untold,
  ...IDENTIFIER_KEYS.filter(key => !taken.some(one => one.key === key)),
]

function asText(found: Found, path: string, owner: number | null, lang: Lang): string {
  const { configPhp, config, taken, left, identifiers, unasked } = found
  const lines = [say(lang, 'init.written', { path, configPhp })]
  if (config !== null) {
    const { dataroot, database } = config.moodle
    lines.push(say(lang, 'init.moodle', { database: database.name, dataroot }))
  }
  if (unasked !== null) lines.push('', say(lang, 'init.unasked', { reason: unasked }))
  else if (taken.length === 0 && left.length === 0) lines.push(say(lang, 'init.no-tool-sync'))
  if (taken.length > 0) {
    lines.push('', say(lang, 'init.taken'))
    for (const { key, value, setting } of taken) lines.push(`  ${key}: ${JSON.stringify(value)}  (${setting})`)
  }
  if (left.length > 0) lines.push('', say(lang, 'init.left'), ...left.map(one => `  ${leftOf(one, lang)}`))
  if (config !== null && taken.length + left.length > 0) {
    lines.push('', say(lang, 'init.both-take', { directory: config.intake.directory }))
  }
  for (const key of IDENTIFIER_KEYS) {
    const counts = countsOf(identifiers, key, lang)
    if (counts.length > 0) lines.push('', `${key}:`, ...counts.map(sentence => `  ${sentence}`))
  }
  const missing = toWrite(found)
  lines.push('', say(lang, missing.length > 0 ? 'init.to-write' : 'init.complete', { keys: missing.join(', '), path }))
  lines.push(`  ${checkCommand(path, owner)}`)
  return `${lines.map(onOneLine).join('\n')}\n`
}

const leftOf = ({ code, setting, value }: Left, lang: Lang): string =>
  say(lang, `init.left.${code}`, { setting, value })

/** How to have it checked, as the user as whom the daemon will run. */
const checkCommand = (path: string, owner: number | null): string =>
  `${owner === null ? '' : `sudo -u '#${owner}' `}moodle-syncd check --config ${path}`

function asJson(found: Found, path: string, lang: Lang): string {
  const { configPhp, taken, left, identifiers, unasked } = found
  const written = {
    configuration: path,
    configPhp,
    taken,
    left: left.map(one => ({ ...one, message: leftOf(one, lang) })),
    toWrite: toWrite(found),
    ...(unasked === null ? { identifiers } : { unasked }),
  }
  return `${plainJson(JSON.stringify(written, null, 2))}\n`
}
