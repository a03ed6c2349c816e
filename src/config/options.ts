/**
 * The one table of the configuration: every key with its kind, its default, a sentence, and whether it is a secret.
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
  /** What the key does. */
  readonly says: string
  /** What the example shows, where that is not the default. */
  readonly example: Written | undefined
  readonly secret: boolean
}

export type Section = { readonly [key: string]: Option<unknown> | Section }

/** What a table of options yields: the values, key by key. */
export type ValuesOf<Table> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer Value> ? Value : ValuesOf<Table[Key]>
}

const option = <Value>(kind: Kind<Value>, initial: Written, says: string): Option<Value> => ({
  kind,
  default: initial,
  required: false,
  says,
  example: undefined,
  secret: false,
})

const required = <Value>(kind: Kind<Value>, example: Written, says: string): Option<Value> => ({
  ...option(kind, null, says),
  default: undefined,
  required: true,
  example,
})

/** A key that stands in Moodle's config.php too, and overrides what is there. undefined: it is not written here. */
const overriding = <Value>(kind: Kind<Value>, example: Written, says: string): Option<Value | undefined> => ({
  ...option<Value | undefined>(kind, null, says),
  default: undefined,
  example,
})

const secret = <Value>(of: Option<Value>): Option<Value> => ({ ...of, secret: true })

const DAY = 86_400_000

export const OPTIONS = {
  moodle: {
    configPhp: {
      ...option(
        nullable(absolutePath),
        null,
        "Moodle's config.php: database, dataroot and forced settings are read from it, without running it. What is written below overrides it. null: everything is written below.",
      ),
      example: '/var/www/moodle/config.php',
    },
    dataroot: overriding(absolutePath, '/var/moodledata', "Moodle's data folder ($CFG->dataroot)."),
    wwwroot: overriding(
      nullable(siteAddress),
      'https://moodle.example.org',
      "The site's address ($CFG->wwwroot), for links and Moodle's own messages.",
    ),
    database: {
      host: overriding(text, '127.0.0.1', 'The host of the MySQL or MariaDB server.'),
      port: overriding(integer(1, 65_535), 3306, 'Its port.'),
      socketPath: overriding(nullable(absolutePath), null, 'A socket on this machine, instead of host and port.'),
      name: overriding(text, 'moodle', "The name of Moodle's database."),
      user: overriding(text, 'moodle', 'Who to log in as.'),
      password: secret(
        overriding(
          anyText,
          'secret',
          'Better not here: { file: PATH } takes the content of a file, { env: NAME } an environment variable.',
        ),
      ),
      prefix: overriding(tablePrefix, 'mdl_', "What stands before the names of Moodle's tables."),
      tls: overriding(boolean, false, 'Encrypt the connection, and check the certificate of the server.'),
    },
  },
  enrol: {
    file: option(
      pathBelow,
      'enrols.csv',
      'The standard file, relative to the folder commands/ of the store; it may hold * and ?.',
    ),
    courseIdentifier: required(
      oneOf(['id', 'idnumber', 'shortname']),
      'shortname',
      'What the column cid holds: id, idnumber or shortname. There is no default: choose.',
    ),
    userIdentifier: required(
      oneOf(['id', 'idnumber', 'username', 'email']),
      'idnumber',
      'What the column uid holds: id, idnumber, username or email. There is no default: choose.',
    ),
    protectManualGroups: option(
      boolean,
      true,
      'Mark the group memberships that a file makes, and never take anybody out of a group who was put into it by hand.',
    ),
    notifyTeachers: option(
      boolean,
      true,
      'Tell the teachers of a course what a file changed in it: who came, who went; by mail, and by a notification in Moodle.',
    ),
    defaultCommand: option(
      oneOf(COMMAND_WORDS),
      'add',
      'What a line without a command means: add, shift, del, disable or enable.',
    ),
    allowDisabledInstances: option(boolean, false, 'Use an enrolment method that is disabled in the course, too.'),
    allowedRoles: option(
      nullable(listOf(text)),
      null,
      'The short names of the roles that a file may give and take, as a list. null: every role that can be assigned in courses.',
    ),
    welcomeMessages: option(boolean, false, "Send Moodle's own course welcome message to who is newly enrolled."),
    writeLog: option(boolean, true, "Write what is done into Moodle's standard log."),
  },
  csv: {
    separator: option(separator, ';', 'What stands between two cells: ; , : tab, or auto.'),
    encoding: option(
      encoding,
      'utf-8',
      'The encoding of the files, by its name on the web, such as utf-8 or windows-1252.',
    ),
    maxRecordBytes: option(integer(1, 268_435_456), 1_048_576, 'A file with a longer line than this is refused.'),
  },
  intake: {
    directory: option(pathBelow, 'sync', 'Where files are dropped, relative to dataroot.'),
    stableFor: option(duration(DAY), '2s', 'A file is whole when its size and time have not moved for so long.'),
    doneFile: option(
      nullable(doneFile),
      null,
      'A file is whole when another is there, named after it, such as "{name}.done". null: by stableFor alone.',
    ),
    expect: option(
      nullable(duration(365 * DAY)),
      null,
      'Administrators are told when no file has come for longer than this, such as 26h, and when files come again. null: they are not.',
    ),
    polling: option(boolean, false, 'Look for files again and again, instead of being told: for network file systems.'),
  },
  store: {
    directory: option(
      pathBelowOrAbsolute,
      'syncd',
      'Where files, reports and archives are kept, relative to dataroot, or absolute.',
    ),
    archive: option(boolean, true, 'Keep a command file once run, under archives/.'),
    delete: option(boolean, true, 'Take a command file out of the store once run.'),
    keepDays: option(integer(0, 36_500), 90, 'How many days archives, reports and retry files are kept. 0: for ever.'),
  },
  schedule: option(
    nullable(cronExpression),
    null,
    'A cron expression of five fields, such as "30 2 * * *": the standard file is run then, if it is found in the store. null: no schedule.',
  ),
  guard: {
    maxUnenrolments: option(
      nullable(integer(0, 1_000_000_000)),
      500,
      'A file that would take more people out of courses, or suspend more, than this is held until somebody approves. null: no limit.',
    ),
    maxShare: option(
      nullable(percentage),
      '30%',
      'The same for a share of those enrolled: in the courses that a file names, and in each. Shares count from 20 people or rows on.',
    ),
    maxUnmatched: option(
      nullable(percentage),
      '20%',
      'A file is held if more of its rows than this name a user, or a course, that is not there.',
    ),
  },
  mail: {
    smtp: secret(
      option(
        nullable(smtpAddress),
        null,
        "A mail server, as smtp://user:password@host:587. null: what Moodle's own configuration says.",
      ),
    ),
    from: option(nullable(mailAddress), null, "The sender. null: Moodle's no-reply address."),
    admins: option(
      listOf(mailAddress),
      [],
      'Who hears of refused and held files, and of failures: a list of addresses.',
    ),
  },
  web: {
    listen: option(nullable(listen), '127.0.0.1:8085', 'The address and port of the web page. null: none.'),
    url: option(
      nullable(siteAddress),
      null,
      'The address under which people open the page, where a web server stands before it, such as https://moodle.example.org/syncd. null: the one that it listens on.',
    ),
    trustedProxies: option(
      listOf(address),
      [],
      'The addresses of the web servers before it, such as 127.0.0.1: what they say of who asks, and how, is believed.',
    ),
    proxyHeader: option(
      nullable(headerName),
      null,
      'The header in which a trusted web server names who it has logged in, by their user name in Moodle. null: people log in on the page.',
    ),
    maxUploadBytes: option(
      integer(1, 1_099_511_627_776),
      67_108_864,
      'A larger file than this cannot be sent by the page.',
    ),
  },
  log: {
    level: option(
      oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
      'info',
      'The least important messages to log: fatal, error, warn, info, debug, trace; silent for none.',
    ),
  },
} satisfies Section

export type Values = ValuesOf<typeof OPTIONS>

/** Whether an entry of the table is a key with a value, and not a section of such. */
export const isOption = (entry: Option<unknown> | Section): entry is Option<unknown> =>
  'kind' in entry && 'says' in entry

/** Every key of the table with its path (`moodle.database.name`), in its order. */
export function* optionsIn(section: Section = OPTIONS, path = ''): Generator<readonly [string, Option<unknown>]> {
  for (const [key, entry] of Object.entries(section)) {
    if (isOption(entry)) yield [path + key, entry]
    else yield* optionsIn(entry, `${path}${key}.`)
  }
}
