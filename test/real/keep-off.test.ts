/** A Moodle that is not to be written to is left alone: files wait, and go through when it is open again. */
import { randomUUID } from 'node:crypto'
import { access, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/log.ts'
import { run } from '../../src/run.ts'
import { openStore } from '../../src/store/store.ts'
import { freshSchool, type TestSchool } from '../database.ts'
import { spawnDaemon } from '../process/daemon.ts'
import { moodleSyncd } from '../process/program.ts'

const FILE = 'cmd;rolename;uid;cid;enrol\nadd;student;E1025;BIO-2;manual\n'
const enrolments = (school: TestSchool) => school.query('SELECT id FROM {user_enrolments} WHERE userid = 33')

describe('run', () => {
  const maintenance = "UPDATE {config} SET value = '1' WHERE name = 'maintenance_enabled'"

  test.each([
    ['run', maintenance, 'Moodle is in maintenance'],
    ['a simulated run, as a real one', maintenance, 'Moodle is in maintenance'],
    ['a Moodle too new', "UPDATE {config} SET value = '2026042000' WHERE name = 'version'", 'newer'],
  ])('exits with 75, and says why: %s', async (name, sql, said) => {
    const school = await freshSchool()
    await school.query(sql)
    const file = join(school.folder, 'file.csv')
    await writeFile(file, FILE)
    const words = [
      'run',
      file,
      '--config',
      await school.writeConfig(),
      ...(name.includes('simulated') ? ['--simulate'] : []),
    ]
    const { status, stdout, stderr } = await moodleSyncd(words)
    expect([status, stdout]).toEqual([75, ''])
    expect(stderr).toContain(said)
    expect(await enrolments(school)).toEqual([])
    await access(file)
    // Nothing of ours is in Moodle's database either.
    expect(await school.query("SHOW TABLES LIKE 'syncd%'")).toEqual([])
  })

  test('goes on where config.php says that it is open, whatever the database does', async () => {
    const school = await freshSchool()
    await school.query(maintenance)
    const configPhp = join(school.folder, 'config.php')
    await writeFile(
      configPhp,
      `<?php $CFG = new stdClass(); $CFG->dbtype = 'mariadb'; $CFG->maintenance_enabled = 0; require_once(__DIR__ . '/lib/setup.php');`,
    )
    const file = join(school.folder, 'file.csv')
    await writeFile(file, FILE)
    const config = await school.writeConfig({ moodle: { configPhp } })
    expect(await moodleSyncd(['run', file, '--config', config])).toMatchObject({ status: 0 })
    expect(await enrolments(school)).toHaveLength(1)
  })

  test('stops between two chunks when maintenance begins, and keeps what was done', async () => {
    const school = await freshSchool()
    const config = await loadConfig(await school.writeConfig({ log: { level: 'silent' } }), {})
    const path = join(school.folder, 'file.csv')
    const unchanged = 'add;student;E1001;BIO-2;manual\n'.repeat(10_000)
    await writeFile(path, `${FILE}${unchanged}add;student;E1010;BIO-2;manual\n`)
    const running = run(
      {
        id: randomUUID(),
        name: 'file.csv',
        path,
        namedAs: path,
        simulate: false,
        approval: 'none',
        // Once some rows are done.
        onProgress: done => void (done > 0 && school.query(maintenance)),
      },
      { config, store: await openStore(config.store.directory), log: createLog(config.log), lang: 'en' },
    )
    await expect(running).rejects.toMatchObject({ code: 'maintenance', exit: 75 })
    expect(await enrolments(school)).toHaveLength(1)
    expect(await school.query('SELECT id FROM {user_enrolments} WHERE userid = 18 AND enrolid = 2')).toEqual([])
  })
})

test('the daemon keeps the file, and runs it when maintenance is over', async () => {
  const school = await freshSchool()
  const maintenance = join(school.dataroot, 'climaintenance.html')
  await writeFile(maintenance, '')
  const daemon = spawnDaemon(await school.writeConfig())
  await daemon.tells('daemon-started')
  await writeFile(join(school.dataroot, 'sync', 'enrols.csv'), FILE)
  await daemon.tells('run-postponed', { problem: 'cli-maintenance' })
  expect(await enrolments(school)).toEqual([])
  expect(await readdir(join(school.dataroot, 'syncd', 'commands'))).toEqual(['enrols.csv'])
  await rm(maintenance)
  await daemon.tells('run-finished')
  expect(await enrolments(school)).toHaveLength(1)
  expect(await daemon.end()).toBe(0)
})
