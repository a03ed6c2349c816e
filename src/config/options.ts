/**
 * The one table of the configuration: every key with its kind, its default, and whether it is a secret. What it does is said
 * by the sentence `option.<path>`.
 * From it come the checks, the types, the example file and what logs may show. It decides nothing else.
 */
import { COMMAND_WORDS } from '../file/rows.ts'
import {
  absolutePath,
  address,
  anyText,
  boolean,
  cronExpression,
  doneFile,
  duration,
  encoding,
  headerName,
  integer,
  type Kind,
  listen,
  listOf,
  mailAddress,
  nullable,
  oneOf,
  pathBelow,
  pathBelowOrAbsolute,
  percentage,
  separator,
  siteAddress,
  smtpAddress,
  tablePrefix,
  text,
  type Written,
} from './kinds.ts'

export interface Option<Value> {
  readonly kind: Kind<Value>
  /** As it would be written; read by the kind like anything written. undefined: there is none. */
  readonly default: Written | undefined
  /** Has no default, and must be written. */
  readonly required: boolean
  /** What the example shows, where that is not the default. */
  readonly example: Written | undefined
  readonly secret: boolean
}

export type Section = { readonly [key: string]: Option<unknown> | Section }

/** What a table of options yields: the values, key by key. */
export type ValuesOf<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer Value> ? Value : ValuesOf<Table[Key]>
}

const option = <Value>(kind: Kind<Value>, initial: Written): Option<Value> => ({
  kind,
  default: initial,
  required: false,
  example: undefined,
  secret: false,
})

const required = <Value>(kind: Kind<Value>, example: Written): Option<Value> => ({
  ...option(kind, null),
  default: undefined,
  required: true,
  example,
})

/** A key that stands in Moodle's config.php too, and overrides what is there. undefined: it is not written here. */
const overriding = <Value>(kind: Kind<Value>, example: Written): Option<Value | undefined> => ({
  ...option<Value | undefined>(kind, null),
  default: undefined,
  example,
})

const secret = <Value>(of: Option<Value>): Option<Value> => ({ ...of, secret: true })

const DAY = 86_400_000

export const OPTIONS = {
  moodle: {
    configPhp: {
      ...option(nullable(absolutePath), null),
      example: '/var/www/moodle/config.php',
    },
    dataroot: overriding(absolutePath, '/var/moodledata'),
    wwwroot: overriding(nullable(siteAddress), 'https://moodle.example.org'),
    database: {
      host: overriding(text, '127.0.0.1'),
      port: overriding(integer(1, 65_535), 3306),
      socketPath: overriding(nullable(absolutePath), null),
      name: overriding(text, 'moodle'),
      user: overriding(text, 'moodle'),
      password: secret(overriding(anyText, 'secret')),
      prefix: overriding(tablePrefix, 'mdl_'),
      tls: overriding(boolean, false),
    },
  },
  enrol: {
    file: option(pathBelow, 'enrols.csv'),
    courseIdentifier: required(oneOf(['id', 'idnumber', 'shortname']), 'shortname'),
    userIdentifier: required(oneOf(['id', 'idnumber', 'username', 'email']), 'idnumber'),
    protectManualGroups: option(boolean, true),
    notifyTeachers: option(boolean, true),
    defaultCommand: option(oneOf(COMMAND_WORDS), 'add'),
    allowDisabledInstances: option(boolean, false),
    allowedRoles: option(nullable(listOf(text)), null),
    welcomeMessages: option(boolean, false),
    writeLog: option(boolean, true),
  },
  csv: {
    separator: option(separator, ';'),
    encoding: option(encoding, 'utf-8'),
    maxRecordBytes: option(integer(1, 268_435_456), 1_048_576),
  },
  intake: {
    directory: option(pathBelow, 'sync'),
    stableFor: option(duration(DAY), '2s'),
    doneFile: option(nullable(doneFile), null),
    expect: option(nullable(duration(365 * DAY)), null),
    polling: option(boolean, false),
  },
  store: {
    directory: option(pathBelowOrAbsolute, 'syncd'),
    archive: option(boolean, true),
    delete: option(boolean, true),
    keepDays: option(integer(0, 36_500), 90),
  },
  schedule: option(nullable(cronExpression), null),
  guard: {
    maxUnenrolments: option(nullable(integer(0, 1_000_000_000)), 500),
    maxShare: option(nullable(percentage), '30%'),
    maxUnmatched: option(nullable(percentage), '20%'),
  },
  mail: {
    smtp: secret(option(nullable(smtpAddress), null)),
    from: option(nullable(mailAddress), null),
    admins: option(listOf(mailAddress), []),
  },
  web: {
    listen: option(nullable(listen), '127.0.0.1:8085'),
    url: option(nullable(siteAddress), null),
    trustedProxies: option(listOf(address), []),
    proxyHeader: option(nullable(headerName), null),
    maxUploadBytes: option(integer(1, 1_099_511_627_776), 64_000_000),
  },
  log: {
    level: option(oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info'),
  },
} satisfies Section

export type Values = ValuesOf<typeof OPTIONS>

/** Whether an entry of the table is a key with a value, and not a section of such. */
export const isOption = (entry: Option<unknown> | Section): entry is Option<unknown> =>
  'kind' in entry && 'required' in entry

/** Every key of the table with its path (`moodle.database.name`), in its order. */
export function* optionsIn(section: Section = OPTIONS, path = ''): Generator<readonly [string, Option<unknown>]> {
  for (const [key, entry] of Object.entries(section)) {
    if (isOption(entry)) yield [path + key, entry]
    else yield* optionsIn(entry, `${path}${key}.`)
  }
}
