/** From a file to a Config, or to everything that is wrong with it, each fault where it stands. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redact } from '../../src/config/config.ts'
import { ConfigurationInvalid } from '../../src/config/faults.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Problem } from '../../src/errors.ts'
import { explain } from '../../src/messages/explain.ts'
import { LANGUAGES } from '../../src/messages/say.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'syncd-'))
})
afterAll(() => rm(folder, { recursive: true }))

const LEAST = `
moodle: { dataroot: /d, database: { name: m, user: u } }
enrol: { courseIdentifier: shortname, userIdentifier: idnumber }
`
let files = 0
async function written(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `${++files}.yaml`)
  await writeFile(path, content)
  return path
}
const load = async (yaml: string | Uint8Array, env: NodeJS.ProcessEnv = {}) => loadConfig(await written(yaml), env)

/** All faults of a configuration as `line:column code`, in order; and that each of them can be said. */
async function faultsOf(yaml: string, env: NodeJS.ProcessEnv = {}) {
  const error = await load(yaml, env).then(
    () => undefined,
    thrown => thrown,
  )
  if (!(error instanceof ConfigurationInvalid)) throw error ?? new Error('there are no faults')
  expect(error.exit).toBe(78)
  for (const lang of LANGUAGES) expect(explain(lang, error).split('\n').length).toBe(error.faults.length + 1)
  return error.faults
}
const shortly = async (yaml: string, env?: NodeJS.ProcessEnv) =>
  (await faultsOf(yaml, env)).map(({ line, column, code, args }) =>
    `${line}:${column} ${code} ${args.key ?? ''}`.trim(),
  )

describe('a configuration', () => {
  test('needs little; the rest are defaults', async () => {
    expect(await load(LEAST)).toEqual({
      moodle: {
        configPhp: null,
        dataroot: '/d',
        wwwroot: null,
        codeDirectory: null,
        cacheDirectory: null,
        alternativeCacheConfig: null,
        noReplyUserId: null,
        passwordPeppers: [],
        database: {
          host: '127.0.0.1',
          port: 3306,
          socketPath: null,
          name: 'm',
          user: 'u',
          password: '',
          prefix: 'mdl_',
          tls: false,
        },
        forced: { config: {}, plugins: {} },
      },
      enrol: {
        file: 'enrols.csv',
        courseIdentifier: 'shortname',
        userIdentifier: 'idnumber',
        protectManualGroups: true,
        notifyTeachers: true,
        defaultCommand: 'add',
        allowDisabledInstances: false,
        allowedRoles: null,
        welcomeMessages: false,
        writeLog: true,
      },
      csv: { separator: ';', encoding: 'utf-8', maxRecordBytes: 1_048_576 },
      intake: { directory: '/d/sync', stableFor: 2000, doneFile: null, expect: null, polling: false },
      store: { directory: '/d/syncd', archive: true, delete: true, keepDays: 90 },
      schedule: null,
      guard: { maxUnenrolments: 500, maxShare: 0.3, maxUnmatched: 0.2 },
      mail: { smtp: null, from: null, admins: [] },
      web: {
        listen: { host: '127.0.0.1', port: 8085 },
        url: null,
        trustedProxies: [],
        proxyHeader: null,
        maxUploadBytes: 64_000_000,
      },
      log: { level: 'info' },
    })
  })

  test('has values in the units that the program works with', async () => {
    const config = await load(`${LEAST}
csv: { separator: tab, encoding: Windows-1252 }
intake: { directory: in/drop, stableFor: 500ms, doneFile: "{name}.done" }
store: { directory: /srv/store, keepDays: 0 }
schedule: 30 2 * * 1-5
`)
    expect(config.csv).toMatchObject({ separator: '\t', encoding: 'Windows-1252' })
    expect(config.intake).toMatchObject({ directory: '/d/in/drop', stableFor: 500, doneFile: '{name}.done' })
    expect(config.store).toMatchObject({ directory: '/srv/store', keepDays: 0 })
    expect(config.schedule).toBe('30 2 * * 1-5')
  })

  test('may be JSON, with a byte-order mark, anchors aside', async () => {
    const json = JSON.stringify({
      moodle: { dataroot: '/d/', database: { name: 'm', user: 'u', password: '' } },
      enrol: { courseIdentifier: 'id', userIdentifier: 'email', allowedRoles: ['student'] },
    })
    const config = await load(`\uFEFF${json}\n`)
    expect(config.moodle.dataroot).toBe('/d')
    expect(config.enrol.allowedRoles).toEqual(['student'])
  })

  test('a section with nothing in it is a section of defaults', async () => {
    expect((await load(`${LEAST}log:\nmail: {}\n`)).log.level).toBe('info')
  })

  test('that is not there, or cannot be read, is said so', async () => {
    const problem = (code: string) => expect.objectContaining({ code, exit: 78 })
    await expect(loadConfig(join(folder, 'none.yaml'), {})).rejects.toEqual(problem('configuration-not-found'))
    await expect(loadConfig(folder, {})).rejects.toEqual(problem('configuration-unreadable'))
    await expect(load(Uint8Array.of(0x61, 0x3a, 0xe9))).rejects.toEqual(problem('configuration-not-utf8'))
  })
})

describe('texts from elsewhere', () => {
  test('a file, without its last line end, relative to the configuration; a variable', async () => {
    await writeFile(join(folder, 'password'), 'a b\n\n')
    const config = await load(
      LEAST.replace('user: u', 'user: { env: DB_USER }, password: { file: password }').replace(
        'enrol: {',
        'enrol: { allowedRoles: [student, { env: ROLE }],',
      ),
      { DB_USER: 'who', ROLE: 'tutor' },
    )
    expect(config.moodle.database).toMatchObject({ user: 'who', password: 'a b\n' })
    expect(config.enrol.allowedRoles).toEqual(['student', 'tutor'])
  })

  test('that are not there are faults', async () => {
    const yaml = LEAST.replace('user: u', 'user: { env: NONE }, password: { file: none }')
    expect(await shortly(yaml)).toEqual([
      '2:59 variable-missing moodle.database.user',
      '2:85 file-unreadable moodle.database.password',
    ])
  })
})

describe('faults', () => {
  test('are all told at once, each where it stands', async () => {
    const yaml = `moodle:
  datroot: /d
  database:
    port: "3306"
    name: 5
enrol:
  courseidentifier: id
  userIdentifier: name
store:
  keepDays: -1
  directory: ../out
dataroot: /d
zzzzzzzzzz: 1
`
    expect(await shortly(yaml)).toEqual([
      '1:1 missing-key moodle.dataroot',
      '2:3 unknown-key-near moodle.datroot',
      '3:3 missing-key moodle.database.user',
      '4:11 no-integer moodle.database.port',
      '5:11 no-text moodle.database.name',
      '6:1 missing-choice enrol.courseIdentifier',
      '7:3 unknown-key-near enrol.courseidentifier',
      '8:19 no-choice enrol.userIdentifier',
      '10:13 no-integer store.keepDays',
      '11:14 no-path-below-or-absolute store.directory',
      '12:1 unknown-key-near dataroot',
      '13:1 unknown-key zzzzzzzzzz',
    ])
    const near = (await faultsOf(yaml)).map(fault => fault.args.near).filter(Boolean)
    expect(near).toEqual(['moodle.dataroot', 'enrol.courseIdentifier', 'moodle.dataroot'])
  })

  test('an empty file lacks what has no default', async () => {
    expect(await shortly('')).toEqual([
      '1:1 missing-key moodle.dataroot',
      '1:1 missing-key moodle.database.name',
      '1:1 missing-key moodle.database.user',
      '1:1 missing-choice enrol.courseIdentifier',
      '1:1 missing-choice enrol.userIdentifier',
    ])
  })

  test.each([
    ['just text', '1:1 no-configuration'],
    ['a: 1\na: 2\n', '2:1 duplicate-key'],
    ['a:\n\tb: 1\n', '2:1 tab'],
    ['a: @b\n', '1:4 special-character'],
    ['a: !secret b\n', '1:4 special-character'],
    ['a: [1\n', '2:1 syntax'],
  ])('%j is no configuration', async (yaml, expected) => {
    expect((await shortly(yaml))[0]).toBe(expected)
  })

  test.each([
    ['intake: { stableFor: 2 }', 'no-duration'],
    ['intake: { stableFor: 2w }', 'no-duration'],
    ['intake: { stableFor: 2d }', 'no-duration'],
    ['intake: { directory: . }', 'no-path-below'],
    ['intake: { directory: /abs }', 'no-path-below'],
    ['intake: { directory: a//b }', 'no-path-below'],
    ['intake: { doneFile: done }', 'no-done-file'],
    ['intake: { doneFile: "../{name}" }', 'no-done-file'],
    ['intake: { polling: yes }', 'no-boolean'],
    ['store: { directory: sync }', 'same-directory'],
    ['store: { keepDays: 1.5 }', 'no-integer'],
    ['store: [1]', 'no-section'],
    ['csv: { separator: "|" }', 'no-separator'],
    ['csv: { encoding: utf-9 }', 'no-encoding'],
    ['csv: { encoding: hz-gb-2312 }', 'no-encoding'],
    ['csv: { maxRecordBytes: 0 }', 'no-integer'],
    ['schedule: "* * * *"', 'no-cron-expression'],
    ['schedule: "* * * * * *"', 'no-cron-expression'],
    ['schedule: "61 * * * *"', 'no-cron-expression'],
    ['schedule: 2030-01-01', 'no-cron-expression'],
    ['guard: { maxShare: 0.3 }', 'no-percentage'],
    ['guard: { maxShare: 101% }', 'no-percentage'],
    ['mail: { from: nobody }', 'no-mail-address'],
    ['mail: { admins: a@b.c }', 'no-list'],
    ['mail: { smtp: mail.example.org }', 'no-smtp-address'],
    ['web: { listen: 8085 }', 'no-listen-address'],
    ['web: { listen: "127.0.0.1:70000" }', 'no-listen-address'],
    ['log: { level: verbose }', 'no-choice'],
    ['log: { level: { env: A, file: b } }', 'no-value'],
    ['log: { level: [{ a: b }] }', 'no-value'],
  ])('%s', async (yaml, code) => {
    const faults = await faultsOf(`${LEAST}${yaml}\n`)
    expect(faults.map(fault => [fault.line, fault.code])).toEqual([[4, code]])
  })

  test('no secret is told', async () => {
    const yaml = LEAST.replace('user: u', 'user: u, password: 123456').replace(
      'dataroot: /d,',
      'dataroot: /d, pasword: hunter2,',
    )
    const said = JSON.stringify(await faultsOf(`${yaml}mail: { smtp: "hunter3" }\n`))
    expect(said).toContain('no-text')
    expect(said).not.toMatch(/123456|hunter/)
  })
})

describe("Moodle's config.php", () => {
  const PHP = `<?php
$CFG->dbtype = 'mariadb'; $CFG->dbhost = '127.0.0.1'; $CFG->dbname = 'moodle'; $CFG->dbuser = 'web';
$CFG->dbpass = 'from php';
$CFG->dataroot = '/srv/data/'; $CFG->wwwroot = 'https://m.example.org';
$CFG->cachedir = '/srv/cache'; $CFG->altcacheconfigpath = '/srv/muc'; $CFG->noreplyuserid = 7; $CFG->sessiontimeout = 3600;
require_once(__DIR__ . '/lib/setup.php');
`
  const IDENTIFIERS = 'enrol: { courseIdentifier: shortname, userIdentifier: idnumber }\n'
  async function withPhp(php: string, moodle = '') {
    const path = join(folder, `config-${++files}.php`)
    await writeFile(path, php)
    return `moodle:\n  configPhp: ${path}\n${moodle}${IDENTIFIERS}`
  }

  test('gives what is not written here', async () => {
    const { moodle } = await load(await withPhp(PHP))
    expect(moodle).toMatchObject({
      dataroot: '/srv/data',
      wwwroot: 'https://m.example.org',
      codeDirectory: folder,
      cacheDirectory: '/srv/cache',
      alternativeCacheConfig: '/srv/muc',
      noReplyUserId: 7,
      database: { host: '127.0.0.1', port: 3306, name: 'moodle', user: 'web', password: 'from php', prefix: '' },
      forced: { config: { sessiontimeout: '3600' }, plugins: {} },
    })
  })

  test('is overridden by what is written here', async () => {
    const own = '  dataroot: /other\n  wwwroot: null\n  database: { port: 3307, password: "", socketPath: null }\n'
    const { moodle } = await load(await withPhp(PHP.replace("'127.0.0.1'", "'localhost'"), own))
    expect(moodle).toMatchObject({
      dataroot: '/other',
      wwwroot: null,
      database: { host: 'localhost', port: 3307, socketPath: null, password: '', name: 'moodle' },
    })
  })

  test('a host that is written here asks for the network, whatever the socket there', async () => {
    const php = PHP.replace("'127.0.0.1'", "'localhost'").replace(
      '$CFG->dataroot',
      "$CFG->dboptions = ['dbsocket' => '/a.sock']; $CFG->dataroot",
    )
    expect((await load(await withPhp(php))).moodle.database.socketPath).toBe('/a.sock')
    expect((await load(await withPhp(php, '  database: { host: db }\n'))).moodle.database).toMatchObject({
      host: 'db',
      socketPath: null,
    })
  })

  test('what it leaves to PHP is a fault only if it is needed and not written here', async () => {
    const php = PHP.replace("'from php'", "file_get_contents('/run/x')").replace("'https://m.example.org'", '$never')
    const faults = await faultsOf(await withPhp(php))
    expect(faults).toEqual([
      {
        line: 2,
        column: 3,
        code: 'config-php-computed',
        args: { line: 3, name: '$CFG->dbpass', key: 'moodle.database.password' },
      },
    ])
    const { moodle } = await load(await withPhp(php, '  database: { password: here }\n'))
    expect(moodle).toMatchObject({ wwwroot: null, database: { password: 'here' } })
  })

  test.each([
    [PHP.replace('mariadb', 'pgsql'), 'config-php-database-type'],
    [PHP.replace("'mariadb'", ''), 'config-php-syntax'],
    [PHP.replace("'/srv/data/'", "'data'"), 'config-php-unsuitable'],
    [PHP.replace(/\$CFG->dataroot.*?;/, ''), 'missing-key'],
  ])('that cannot be used is one fault', async (php, code) => {
    expect((await faultsOf(await withPhp(php))).map(fault => fault.code)).toEqual([code])
  })

  test('that is not there is one fault', async () => {
    const yaml = `moodle: { configPhp: ${folder}/none.php }\n${IDENTIFIERS}`
    expect(await shortly(yaml)).toEqual(['1:11 config-php-unreadable'])
  })
})

test('for a log, a configuration has no secrets', async () => {
  const path = await written(
    "<?php $CFG->smtppass = 'hunter2'; $CFG->forced_plugin_settings = ['a' => ['key' => 'hunter3']];",
  )
  await chmod(path, 0o600)
  const yaml = LEAST.replace('dataroot: /d,', `dataroot: /d, configPhp: ${path},`).replace(
    'user: u',
    'user: u, password: hunter1',
  )
  const shown = redact(await load(yaml))
  expect(JSON.stringify(shown)).not.toContain('hunter')
  expect(shown).toMatchObject({
    moodle: { database: { password: '***', user: 'u' }, forced: { config: ['smtppass'], plugins: ['a/key'] } },
  })
})

test('problems that are no list of faults are explained as well', () => {
  expect(explain('en', new Problem('configuration-not-utf8', { path: '/x' }, 78))).toContain('/x')
})
