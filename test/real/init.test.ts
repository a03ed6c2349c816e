/** `init` on a real database: what it takes over from config.php and tool_sync, what it leaves to be chosen, and what it writes. */
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import type { OutputFormat } from '../../src/commands/context.ts'
import { init } from '../../src/commands/init.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Problem } from '../../src/errors.ts'
import { explain } from '../../src/messages/explain.ts'
import { LANGUAGES, type Lang, say } from '../../src/messages/say.ts'
import { freshSchool, type TestSchool } from '../database.ts'

interface Ended {
  readonly status: number
  readonly said: string
}

async function run(
  configPath: string,
  php: string | undefined,
  { format = 'text', lang = 'en', places = [] }: { format?: OutputFormat; lang?: Lang; places?: string[] } = {},
): Promise<Ended> {
  const stdout = new PassThrough()
  const said = text(stdout)
  try {
    const status = await init({ configPath, format, lang, stdout, stderr: stdout, colour: false, env: {} }, php, places)
    stdout.end()
    return { status, said: await said }
  } catch (error) {
    stdout.end()
    if (!(error instanceof Problem)) throw error
    return { status: error.exit, said: explain(lang, error) }
  }
}

/** A config.php as Moodle's installer writes it, for a school; `changed` replaces or adds settings. */
async function configPhpOf(
  school: TestSchool,
  changed: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
  const { socketPath, host, port, user, password, name, prefix } = school.database
  const settings: Record<string, string | undefined> = {
    dbtype: "'mariadb'",
    dbhost: socketPath === null ? `'${host}'` : "'localhost'",
    dbname: `'${name}'`,
    dbuser: `'${user}'`,
    dbpass: `'${password}'`,
    prefix: `'${prefix}'`,
    dboptions: `['dbport' => '${socketPath === null ? port : ''}', 'dbsocket' => '${socketPath ?? ''}']`,
    wwwroot: "'https://moodle.school.example'",
    dataroot: `'${school.dataroot}'`,
    ...changed,
  }
  const path = join(school.folder, 'config.php')
  const lines = Object.entries(settings).flatMap(([key, value]) =>
    value === undefined ? [] : [`$CFG->${key} = ${value};`],
  )
  await writeFile(path, ['<?php', ...lines, "require_once(__DIR__ . '/lib/setup.php');", ''].join('\n'))
  return path
}

const setToolSync = (school: TestSchool, settings: Readonly<Record<string, string>>) =>
  school.query('INSERT INTO {config_plugins} (plugin, name, value) VALUES ?', [
    Object.entries(settings).map(([name, value]) => ['tool_sync', name, value]),
  ])

describe('with the settings of tool_sync', () => {
  test('the configuration can be used as it is, and says what it was', async () => {
    const school = await freshSchool()
    await setToolSync(school, {
      version: '2018100100',
      enrols_filelocation: '/enrolments_*.csv',
      enrols_courseidentifier: 'idnumber',
      enrols_useridentifier: 'username',
      enrols_protectgroups: '0',
      enrols_enableenrolondisabled: '1',
      csvseparator: ',',
      encoding: 'ISO-8859-1',
      filearchive: '1',
      filecleanup: '0',
    })
    const php = await configPhpOf(school)
    const path = join(school.folder, 'etc', 'config.yaml')
    const { status, said } = await run(path, php)
    expect(status).toBe(0)
    expect(said).toContain(`Written: ${path}, from ${php}.`)
    expect(said).toContain('  enrol.courseIdentifier: "idnumber"  (enrols_courseidentifier)')
    expect(said).toContain('Nothing is missing.')
    expect(said).toContain(`takes files from ${join(school.dataroot, 'sync')}, too`)
    expect(said).toContain(`moodle-syncd check --config ${path}`)
    const config = await loadConfig(path, {})
    expect(config).toMatchObject({
      moodle: { dataroot: school.dataroot, database: { name: school.database.name } },
      enrol: {
        file: 'enrolments_*.csv',
        courseIdentifier: 'idnumber',
        userIdentifier: 'username',
        protectManualGroups: false,
        allowDisabledInstances: true,
      },
      csv: { separator: ',', encoding: 'iso-8859-1' },
      store: { archive: true, delete: false },
    })
    const written = await readFile(path, 'utf8')
    expect(written).toContain('# As tool_sync had it (enrols_useridentifier).')
    // Every other key is there to be set, and no secret is.
    expect(written).toContain('# maxUnenrolments: 500')
    expect(written).not.toContain('moodledata/sync')
    expect((await stat(path)).mode & 0o777).toBe(0o640)
    expect(await readdir(join(school.folder, 'etc'))).toEqual(['config.yaml'])
  })

  test.each([
    ['0', '0', 'idnumber', 'idnumber'],
    ['1', '1', 'shortname', 'username'],
    ['2', '2', 'id', 'email'],
    ['2', '3', 'id', 'id'],
  ])('of an older version, courses by %s are %s', async (course, user, courseIdentifier, userIdentifier) => {
    const school = await freshSchool()
    await setToolSync(school, { enrol_courseidentifier: course, enrol_useridentifier: user })
    const path = join(school.folder, 'config.yaml')
    expect((await run(path, await configPhpOf(school))).status).toBe(0)
    expect((await loadConfig(path, {})).enrol).toMatchObject({ courseIdentifier, userIdentifier })
  })

  test('what has no equal is told, in both languages, and the rest is taken', async () => {
    const school = await freshSchool()
    await setToolSync(school, {
      enrols_filelocation: 'https://si.school.example/enrols.csv',
      enrols_courseidentifier: 'shortname',
      enrols_useridentifier: '7',
      enrols_defaultcmd: 'sudo',
      simulate: '1',
    })
    const php = await configPhpOf(school)
    for (const lang of LANGUAGES) {
      const path = join(school.folder, `${lang}.yaml`)
      const { status, said } = await run(path, php, { lang })
      expect(status).toBe(0)
      expect(await readFile(path, 'utf8')).toContain(say(lang, 'option.csv.maxRecordBytes'))
      expect(said).toContain('enrols_filelocation')
      expect(said).toContain('enrols_useridentifier')
    }
    const json = JSON.parse((await run(join(school.folder, 'json.yaml'), php, { format: 'json' })).said)
    expect(json.taken).toEqual([
      { key: 'enrol.courseIdentifier', value: 'shortname', setting: 'enrols_courseidentifier' },
    ])
    expect(json.left.map(({ code, setting }: Record<string, string>) => `${code} ${setting}`)).toEqual([
      'remote-file enrols_filelocation',
      'unsuitable enrols_useridentifier',
      'unsuitable enrols_defaultcmd',
      'simulate simulate',
    ])
    expect(json.toWrite).toEqual(['enrol.userIdentifier'])
  })
})

describe('without tool_sync', () => {
  test('the identifiers are left to be chosen, with what helps to choose', async () => {
    const school = await freshSchool()
    await school.query("UPDATE {user} SET idnumber = '' WHERE id IN (10, 11, 12)")
    await school.query("UPDATE {user} SET email = 'Info@school.example' WHERE id = 13")
    await school.query("UPDATE {user} SET email = 'info@school.example' WHERE id = 14")
    await school.query('UPDATE {user} SET deleted = 1 WHERE id = 15')
    const php = await configPhpOf(school)
    const path = join(school.folder, 'config.yaml')
    const { status, said } = await run(path, php, { format: 'json' })
    expect(status).toBe(0)
    const { identifiers, toWrite } = JSON.parse(said)
    expect(toWrite).toEqual(['enrol.courseIdentifier', 'enrol.userIdentifier'])
    const [{ all }] = (await school.query<{ all: number }>(
      'SELECT COUNT(*) AS `all` FROM {user} WHERE deleted = 0 AND id <> 1',
    )) as [{ all: number }]
    expect(identifiers.user).toEqual({
      id: { all, lacking: 0, sharing: 0 },
      // The administrator has none either.
      idnumber: { all, lacking: 4, sharing: 0 },
      username: { all, lacking: 0, sharing: 0 },
      email: { all, lacking: 0, sharing: 2 },
    })
    const written = await readFile(path, 'utf8')
    expect(written).toMatch(/# email: of \d+ users, \d+ have one of their own, 2 share it with others\.\n/)
    // Nothing but the choice is missing.
    const problem = await loadConfig(path, {}).catch(error => error)
    expect(problem.faults.map(({ code }: { code: string }) => code)).toEqual(['missing-choice', 'missing-choice'])
    // Taking the # away is all there is to do.
    await writeFile(
      path,
      written.replace('# courseIdentifier:', 'courseIdentifier:').replace('# userIdentifier:', 'userIdentifier:'),
    )
    expect((await loadConfig(path, {})).enrol.userIdentifier).toBe('idnumber')
  })

  test('a database that cannot be asked is no reason to write nothing', async () => {
    const school = await freshSchool()
    const php = await configPhpOf(school, { dboptions: "['dbsocket' => '/nowhere/mysqld.sock']" })
    const path = join(school.folder, 'config.yaml')
    const { status, said } = await run(path, php)
    expect(status).toBe(0)
    expect(said).toContain('Moodle’s database was not asked')
    expect(said).toContain('/nowhere/mysqld.sock')
    expect(await readFile(path, 'utf8')).toContain(`configPhp: ${php}`)
  })

  test.each([
    ['does not suit', { dataroot: "'../moodledata'" }, 'moodle.dataroot'],
    ['is set elsewhere', { dbuser: undefined }, 'moodle.database.user'],
  ])('what %s is left to be written', async (_, changed, key) => {
    const school = await freshSchool()
    const path = join(school.folder, 'config.yaml')
    const { status, said } = await run(path, await configPhpOf(school, changed))
    expect(status).toBe(0)
    expect(said).toContain(`write into ${path}: ${key}, enrol.courseIdentifier`)
  })

  test('what PHP computes is left to be written', async () => {
    const school = await freshSchool()
    const php = await configPhpOf(school, { dbpass: "file_get_contents('/run/secrets/db')" })
    const path = join(school.folder, 'config.yaml')
    const { status, said } = await run(path, php)
    expect(status).toBe(0)
    expect(said).toContain('moodle.database.password, enrol.courseIdentifier, enrol.userIdentifier')
    expect(await readFile(path, 'utf8')).toContain(
      '# To be written: config.php does not tell it in a way that can be used.',
    )
  })
})

describe('what is not as needed', () => {
  test('a configuration that is there stays as it is', async () => {
    const school = await freshSchool()
    const php = await configPhpOf(school)
    const path = join(school.folder, 'config.yaml')
    await writeFile(path, 'mine')
    expect(await run(path, php)).toMatchObject({
      status: 78,
      said: expect.stringContaining(`configuration ${path} already`),
    })
    expect(await readFile(path, 'utf8')).toBe('mine')
    // Nor is a link followed that leads nowhere.
    const link = join(school.folder, 'link.yaml')
    await symlink(join(school.folder, 'elsewhere.yaml'), link)
    expect((await run(link, php)).status).toBe(78)
    expect(await readdir(school.folder)).not.toContain('elsewhere.yaml')
  })

  test.each([
    ['no file', undefined, 'ENOENT'],
    ['no PHP', '<?php $CFG->dbtype = ;', 'line 1'],
    [
      'another database',
      "<?php $CFG->dbtype = 'pgsql'; $CFG->dataroot = '/d'; $CFG->dbname = 'm'; $CFG->dbuser = 'u';",
      'pgsql',
    ],
    ['nothing of Moodle', '<?php phpinfo();', 'it sets none of $CFG->dbname'],
  ])('a config.php that is %s is said what it is', async (_, source, expected) => {
    const school = await freshSchool()
    const php = join(school.folder, 'other.php')
    if (source !== undefined) await writeFile(php, source)
    const path = join(school.folder, 'config.yaml')
    const { status, said } = await run(path, php)
    expect(status).toBe(78)
    expect(said).toContain(expected)
    expect(said).toContain(php)
    expect(said).not.toContain('line 1, column')
    expect(await readdir(school.folder)).not.toContain('config.yaml')
  })

  test('a place that cannot be written is said so', async () => {
    const school = await freshSchool()
    const php = await configPhpOf(school)
    const { status, said } = await run(join(php, 'config.yaml'), php)
    expect({ status, said }).toMatchObject({ status: 78, said: expect.stringContaining('(EEXIST)') })
  })
})

describe('where no config.php is named', () => {
  test('the one Moodle of the machine is found, whatever other programs have', async () => {
    const school = await freshSchool()
    const php = await configPhpOf(school)
    const other = join(school.folder, 'other.php')
    await writeFile(other, '<?php $config = [];')
    const places = [join(school.folder, 'none.php'), other, php]
    const { status, said } = await run(join(school.folder, 'config.yaml'), undefined, { places })
    expect({ status, said }).toMatchObject({ status: 0, said: expect.stringContaining(php) })
  })

  test('of several none is chosen, and of none the places are told', async () => {
    const school = await freshSchool()
    const php = await configPhpOf(school)
    const second = join(school.folder, 'second.php')
    await writeFile(second, await readFile(php))
    const path = join(school.folder, 'config.yaml')
    const several = await run(path, undefined, { places: [php, second] })
    expect(several).toMatchObject({ status: 64, said: expect.stringContaining(`${php}, ${second}`) })
    expect(await run(path, undefined, { places: ['/none.php'] })).toMatchObject({
      status: 64,
      said: expect.stringContaining('/none.php'),
    })
  })
})

test.runIf(process.getuid?.() === 0)('written by root, it can be read by the group of the data folder', async () => {
  const school = await freshSchool()
  await chown(school.dataroot, 12_345, 12_346)
  await chmod(school.folder, 0o755)
  await mkdir(join(school.folder, 'etc'))
  const path = join(school.folder, 'etc', 'moodle-syncd', 'config.yaml')
  const { said } = await run(path, await configPhpOf(school))
  expect(said).toContain(`sudo -u '#12345' moodle-syncd check --config ${path}`)
  expect(await stat(path)).toMatchObject({ uid: 0, gid: 12_346 })
  expect(await stat(join(school.folder, 'etc', 'moodle-syncd'))).toMatchObject({ uid: 0, gid: 12_346 })
  expect((await stat(join(school.folder, 'etc'))).gid).toBe(0)
})

test.runIf(process.getuid?.() === 0)(
  'written by root, it can be read where the data folder is of the group root',
  async () => {
    const school = await freshSchool()
    await chown(school.dataroot, 12_345, 0)
    await chmod(school.folder, 0o755)
    const php = await configPhpOf(school)
    // The folder is there already, as systemd-tmpfiles makes it; or it is not.
    await mkdir(join(school.folder, 'etc'))
    await chown(join(school.folder, 'etc'), 0, 12_346)
    await run(join(school.folder, 'etc', 'config.yaml'), php)
    expect(await stat(join(school.folder, 'etc', 'config.yaml'))).toMatchObject({ uid: 0, gid: 12_346 })
    await run(join(school.folder, 'made', 'config.yaml'), php)
    expect(await stat(join(school.folder, 'made', 'config.yaml'))).toMatchObject({ uid: 12_345, gid: 0 })
    expect(await stat(join(school.folder, 'made'))).toMatchObject({ uid: 12_345, gid: 0 })
  },
)
