/** `check` on real databases and folders: what it finds, what it says of it, and that it leaves everything as it was. */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, inject, test } from 'vitest'
import { check } from '../../src/commands/check.ts'
import type { OutputFormat } from '../../src/commands/context.ts'
import { LANGUAGES, type Lang } from '../../src/messages/say.ts'
import { LEDGER_RIGHTS, RIGHTS, type Right, UNDO_RIGHTS } from '../../src/moodle/rights.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'
import { muc, mucSource, store } from '../moodle/caches/muc.ts'

async function run(configPath: string, format: OutputFormat = 'json', lang: Lang = 'en', colour = false) {
  const stdout = new PassThrough()
  const said = text(stdout)
  const status = await check({ configPath, format, lang, stdout, stderr: stdout, colour, env: {} })
  stdout.end()
  return { status, said: await said }
}

type Rights = Readonly<Record<string, readonly Right[]>>

interface Found {
  level: string
  code: string
  message: string
  args: Record<string, unknown>
}

/** What is not well, as `level code`, beside the exit status. */
async function wrong(school: TestSchool, overrides: Overrides = {}, changed?: (path: string) => Promise<void>) {
  const path = await school.writeConfig(overrides)
  await chmod(path, 0o640)
  await changed?.(path)
  const { status, said } = await run(path)
  const report = JSON.parse(said) as { status: number; findings: Found[] }
  expect(report.status).toBe(status)
  // Every finding can be said in every language.
  for (const lang of LANGUAGES) expect((await run(path, 'text', lang)).status).toBe(status)
  const found = report.findings.filter(({ level }) => level !== 'ok')
  return { status, wrong: found.map(({ level, code }) => `${level} ${code}`), found }
}

/** A school where nothing is wrong: its only fault, that root looks at it, is not there when the tests are run by others. */
const schoolWith = async (sql = ''): Promise<TestSchool> => {
  const school = await freshSchool()
  if (sql !== '') await school.query(sql)
  return school
}

describe('a school where all is well', () => {
  test('has no problem, no warning, and status 0', async () => {
    expect(await wrong(await schoolWith())).toMatchObject({ status: 0, wrong: [] })
  })

  test('is described in text, in both languages, with colours where they are wanted', async () => {
    const school = await schoolWith()
    const path = await school.writeConfig()
    await chmod(path, 0o640)
    const english = await run(path, 'text')
    expect(english.said).toMatch(/^ok {7}The configuration .* has no fault\.$/m)
    expect(english.said).toMatch(/\n\nA run would work \(no warning\)\.\n$/)
    expect((await run(path, 'text', 'fr')).said).toContain('Une exécution réussirait (aucun avertissement).')
    expect((await run(path, 'text', 'en', true)).said).toContain('\u001b[32mok')
    expect(english.said).not.toContain('\u001b')
  })

  test('is left as it was', async () => {
    const school = await schoolWith()
    const path = await school.writeConfig()
    const state = async () => {
      const tables = (await school.query<Record<string, string>>('SHOW TABLES')).map(row => Object.values(row)[0])
      return [
        await readdir(school.folder, { recursive: true }),
        await school.query(`CHECKSUM TABLE ${tables.join(', ')}`),
      ]
    }
    const before = await state()
    expect((await run(path)).status).toBe(0)
    expect(await state()).toEqual(before)
  })

  test.each(['3.9', '5.1'] as const)('may be a Moodle %s, with another prefix', async version => {
    const school = await freshSchool({ version, prefix: 'm_' })
    expect(await wrong(school)).toMatchObject({ status: 0, wrong: [] })
  })
})

describe('the configuration', () => {
  test('with faults is told fault by fault, and nothing else is looked at', async () => {
    const school = await schoolWith()
    const result = await wrong(school, { store: { keepDays: -1 }, logg: {} })
    expect(result).toMatchObject({ status: 78, wrong: ['problem fault', 'problem fault'] })
    expect(result.found.map(({ message }) => message).join()).toMatch(/keepDays is -1.*“logg”. Is log meant\?/)
  })

  test('that is not there', async () => {
    const school = await schoolWith()
    expect(await wrong(school, {}, rm)).toMatchObject({ status: 78, wrong: ['problem configuration-not-found'] })
  })

  test('with a password that everybody can read', async () => {
    const school = await schoolWith()
    const withPassword = async (path: string): Promise<void> => {
      await writeFile(path, (await readFile(path, 'utf8')).replace(/password: .*/, 'password: secret'))
      await chmod(path, 0o644)
    }
    const { wrong: found } = await wrong(school, {}, withPassword)
    expect(found[0]).toBe('warning configuration-readable')
    const fromFile = async (path: string): Promise<void> => {
      await writeFile(join(school.folder, 'password'), inject('server').password)
      await writeFile(path, (await readFile(path, 'utf8')).replace(/password: .*/, 'password: { file: password }'))
      await chmod(path, 0o644)
    }
    expect(await wrong(school, {}, fromFile)).toMatchObject({ status: 0, wrong: [] })
  })
})

describe('the folders', () => {
  test('a dataroot that is not there', async () => {
    const school = await schoolWith()
    expect(await wrong(school, { moodle: { dataroot: join(school.folder, 'none') } })).toMatchObject({
      status: 78,
      wrong: ['problem folder-missing'],
    })
  })

  test('a drop directory and a store that would be made are well; not so what they would lie in', async () => {
    const school = await schoolWith()
    await rm(join(school.dataroot, 'sync'), { recursive: true })
    expect(await wrong(school)).toMatchObject({ status: 0, wrong: [] })
    const deep = { intake: { directory: 'a/sync' }, store: { directory: join(school.folder, 'b/store') } }
    expect(await wrong(school, deep)).toMatchObject({
      status: 78,
      wrong: ['problem folder-not-makeable', 'problem folder-not-makeable'],
    })
  })

  test('a file in the place of a folder', async () => {
    const school = await schoolWith()
    await writeFile(join(school.dataroot, 'syncd'), '')
    expect(await wrong(school)).toMatchObject({ status: 78, wrong: ['problem folder-unusable'] })
  })

  test('a store on another file system', async () => {
    const school = await schoolWith()
    const elsewhere = `/dev/shm/moodle-syncd-test-${process.pid}`
    await mkdir(elsewhere)
    try {
      const { wrong: found } = await wrong(school, { store: { directory: elsewhere } })
      expect(found).toEqual(['warning other-file-system'])
    } finally {
      await rm(elsewhere, { recursive: true })
    }
  })
})

describe('the database', () => {
  test.each([
    [{ socketPath: '/nowhere/x.sock' }, 69, 'database-unreachable'],
    [{ socketPath: null, host: '127.0.0.1', port: 1 }, 69, 'database-unreachable'],
    [{ user: 'nobody-of-that-name', password: 'wrong' }, 69, 'database-access-denied'],
    [{ name: 'no_such_database' }, 69, 'database-unknown'],
    [{ prefix: 'other_' }, 78, 'other-prefix'],
  ])('%o', async (database, status, code) => {
    const school = await schoolWith()
    expect(await wrong(school, { moodle: { database } })).toMatchObject({ status, wrong: [`problem ${code}`] })
  })

  test('with another prefix, the one that is there is told', async () => {
    const { found } = await wrong(await schoolWith(), { moodle: { database: { prefix: 'other_' } } })
    expect(found[0]!.args).toMatchObject({ prefix: 'other_', found: 'mdl_' })
  })

  test('without any Moodle', async () => {
    const school = await schoolWith('DROP TABLE {user_enrolments}')
    expect(await wrong(school)).toMatchObject({ status: 78, wrong: ['problem no-moodle'] })
  })

  test('with a part of a Moodle', async () => {
    const school = await schoolWith('DROP TABLE {role}, {groups}')
    const { status, found } = await wrong(school)
    expect(status).toBe(78)
    expect(found.map(({ code, args }) => [code, args.missing])).toEqual([['tables-missing', 'mdl_groups, mdl_role']])
  })

  test('with a user who lacks rights: which they are', async () => {
    const school = await schoolWith()
    const { name } = school.database
    const user = `check_${process.pid}`
    await school.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'Secret-1', ${user}@localhost IDENTIFIED BY 'Secret-1'`)
    try {
      const grant = async (rights: string): Promise<void> => {
        for (const host of ['%', 'localhost']) await school.query(`GRANT ${rights} TO ${user}@'${host}'`)
      }
      const as = { moodle: { database: { user, password: 'Secret-1' } } }
      await grant(`SELECT ON ${name}.*`)
      const reader = await wrong(school, as)
      expect(reader).toMatchObject({ status: 78, wrong: ['problem rights-missing', 'warning undo-rights-missing'] })
      const lacking = (needed: Rights, prefix: string): string[] =>
        Object.entries(needed).flatMap(([table, rights]) =>
          rights.filter(right => !right.startsWith('SELECT')).map(right => `${right} ON ${prefix}${table}`),
        )
      expect(reader.found.map(({ args }) => args.missing)).toEqual([
        [...lacking(RIGHTS, 'mdl_'), ...lacking(LEDGER_RIGHTS, '')].join('; '),
        lacking(UNDO_RIGHTS, 'mdl_').join('; '),
      ])

      await grant(`INSERT, UPDATE, CREATE, ALTER ON ${name}.*`)
      for (const [table, rights] of Object.entries(RIGHTS)) {
        if (rights.includes('DELETE') && table !== 'user_lastaccess') await grant(`DELETE ON ${name}.mdl_${table}`)
      }
      await grant(`DELETE ON ${name}.mdl_groups`)
      const { found } = await wrong(school, as)
      expect(found.map(({ args }) => args.missing)).toEqual([
        'DELETE ON mdl_user_lastaccess',
        'DELETE ON mdl_communication_user; DELETE ON mdl_grade_grades_history',
      ])

      await grant(`DELETE ON ${name}.*`)
      expect(await wrong(school, as)).toMatchObject({ status: 0, wrong: [] })
    } finally {
      await school.query(`DROP USER ${user}@'%', ${user}@localhost`)
    }
  })
})

describe('the Moodle', () => {
  const setting = (name: string, value: string | number) =>
    `REPLACE INTO {config} (id, name, value) SELECT MAX(IF(name = '${name}', id, NULL)), '${name}', '${value}' FROM {config}`
  const seconds = Math.floor(Date.now() / 1000)

  test.each([
    [setting('maintenance_enabled', 1), 75, 'problem maintenance'],
    [setting('maintenance_later', seconds - 60), 75, 'problem cli-maintenance'],
    [setting('upgraderunning', seconds + 600), 75, 'problem upgrade-running'],
    [setting('upgraderunning', seconds - 600), 0, 'warning upgrade-broken-off'],
    [setting('outagelessupgrade', 1), 75, 'problem upgrade-running'],
    [setting('version', '2026042000.00'), 75, 'problem too-new'],
    [setting('siteadmins', ''), 78, 'problem no-admin'],
    ['UPDATE {user} SET deleted = 1 WHERE id = 2', 78, 'problem no-admin'],
    [setting('timezone', 'Europe/Atlantis'), 78, 'problem time-zone-unknown'],
    [setting('enrol_plugins_enabled', 'self'), 0, 'warning manual-disabled'],
    [setting('release', '3.5.2 (Build: 20180910)'), 0, 'warning release-untested'],
    [setting('release', '6.0 (Build: 20270101)'), 0, 'warning release-untested'],
  ])('%s', async (sql, status, expected) => {
    expect(await wrong(await schoolWith(sql))).toMatchObject({ status, wrong: [expected] })
  })

  test.each([
    setting('maintenance_later', seconds + 600),
    setting('timezone', '99'),
    setting('timezone', '5.5'),
    setting('release', '5.1.2+ (Build: 20260101)'),
  ])('%s is well', async sql => {
    expect(await wrong(await schoolWith(sql))).toMatchObject({ status: 0, wrong: [] })
  })

  test('closed by a file in dataroot', async () => {
    const school = await schoolWith()
    await writeFile(join(school.dataroot, 'climaintenance.html'), '')
    expect(await wrong(school)).toMatchObject({ status: 75, wrong: ['problem cli-maintenance'] })
  })

  test('welcome messages without the address of the site', async () => {
    const school = await schoolWith()
    const { wrong: found } = await wrong(school, { moodle: { wwwroot: null }, enrol: { welcomeMessages: true } })
    // They are mailed as well; what this machine has to send mail with is looked at elsewhere.
    expect(found.filter(one => !one.includes(' mail-'))).toEqual(['warning no-wwwroot'])
  })

  test('caches that cannot be dropped from, and plugins that will not hear', async () => {
    const school = await schoolWith()
    const code = join(school.folder, 'code')
    for (const folder of [join(school.dataroot, 'muc'), join(code, 'lib'), join(code, 'local/mentor/db')]) {
      await mkdir(folder, { recursive: true })
    }
    const configPhp = join(code, 'config.php')
    await writeFile(configPhp, '<?php $CFG = new stdClass();')
    await writeFile(join(code, 'lib/components.json'), '{"plugintypes": {"local": "local"}}')
    await writeFile(
      join(code, 'local/mentor/db/events.php'),
      "<?php $observers = [['eventname' => '\\core\\event\\role_assigned', 'callback' => 'x::y']];",
    )
    const redis = store('fast', 'redis', { configuration: { server: join(school.folder, 'nobody.sock') } })
    const stores = { fast: redis, memory: store('memory', 'apcu') }
    const both = Object.keys(stores).map(name => ({ mode: 1, store: name, sort: 1 }))
    await writeFile(join(school.dataroot, 'muc/config.php'), mucSource(muc({ stores, modemappings: both })))
    const { status, found } = await wrong(school, { moodle: { configPhp } })
    expect(status).toBe(0)
    expect(found).toMatchObject([
      { code: 'cache-redis-unreachable', args: { store: 'fast', reason: expect.stringContaining('nobody.sock') } },
      { code: 'cache-out-of-reach', args: { store: 'memory', plugin: 'apcu' } },
      { code: 'listeners', args: { plugins: 'local_mentor (role_assigned)' } },
    ])
    await writeFile(join(school.dataroot, 'muc/config.php'), '')
    expect((await wrong(school)).wrong).toEqual(['warning caches-unknown'])
  })

  test('several problems: the configuration is to be mended first', async () => {
    const school = await schoolWith(setting('maintenance_enabled', 1))
    await writeFile(join(school.dataroot, 'syncd'), '')
    expect((await wrong(school)).status).toBe(78)
  })
})

test('a column of names in another character set than Unicode is a problem, and no bug', async () => {
  const school = await schoolWith(
    "ALTER TABLE {user} MODIFY idnumber VARCHAR(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL DEFAULT ''",
  )
  expect(await wrong(school)).toMatchObject({ status: 78, wrong: ['problem database-not-unicode'] })
})
