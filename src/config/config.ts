/** What the program is told to do: the configuration as it works with it, all defaults and Moodle's config.php taken in. */
import { optionsIn, type Values } from './options.ts'

export interface DatabaseConfig {
  readonly host: string
  readonly port: number
  /** Not null: instead of host and port. */
  readonly socketPath: string | null
  readonly name: string
  readonly user: string
  readonly password: string
  /** May be empty. */
  readonly prefix: string
  readonly tls: boolean
}

export interface MoodleConfig {
  readonly configPhp: string | null
  readonly dataroot: string
  /** Without a slash at its end. */
  readonly wwwroot: string | null
  /** Where Moodle's code is: where the config.php finds its `lib/setup.php`. */
  readonly codeDirectory: string | null
  /** `$CFG->cachedir` */
  readonly cacheDirectory: string | null
  /** `$CFG->altcacheconfigpath` */
  readonly alternativeCacheConfig: string | null
  /** `$CFG->noreplyuserid` */
  readonly noReplyUserId: number | null
  /**
   * `$CFG->passwordpeppers`, in the order in which Moodle tries them: by falling number, each put behind the password.
   * null: only PHP could tell.
   */
  readonly passwordPeppers: readonly string[] | null
  readonly database: DatabaseConfig
  /** Settings that the config.php imposes on those of the database. Values as PHP has them as text: true is `1`, false is empty. */
  readonly forced: {
    readonly config: Readonly<Record<string, string>>
    readonly plugins: Readonly<Record<string, Readonly<Record<string, string>>>>
  }
}

/**
 * Keys and units are those of the configuration file; but durations are milliseconds, percentages shares (0.3),
 * and `intake.directory` and `store.directory` absolute.
 */
export interface Config extends Omit<Values, 'moodle'> {
  readonly moodle: MoodleConfig
}

const HIDDEN = '***'

/** The configuration for a log: a copy without secrets. Of the settings forced in config.php, only the names. */
export function redact(config: Config): Record<string, unknown> {
  const copy = structuredClone(config) as unknown as Record<string, Record<string, unknown>>
  for (const [path, option] of optionsIn()) {
    if (!option.secret) continue
    const keys = path.split('.')
    const last = keys.pop()!
    let section: Record<string, unknown> = copy
    for (const key of keys) section = section[key] as Record<string, unknown>
    if (section[last] !== null) section[last] = HIDDEN
  }
  const { config: core, plugins } = config.moodle.forced
  copy.moodle!.passwordPeppers = HIDDEN
  copy.moodle!.forced = {
    config: Object.keys(core),
    plugins: Object.entries(plugins).flatMap(([plugin, settings]) =>
      Object.keys(settings).map(name => `${plugin}/${name}`),
    ),
  }
  return copy
}
