/** Keys of a configuration file that are changed, and all the rest of it that stays. */
import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { changeConfiguration, readConfigText } from '../../src/config/change.ts'
import { holdConfig } from '../../src/config/current.ts'
import { ConfigurationInvalid } from '../../src/config/faults.ts'
import type { Written } from '../../src/config/kinds.ts'
import { loadConfig } from '../../src/config/load.ts'
import { temporaryFolder } from '../store/folder.ts'

const WRITTEN = `# Our school. Ask Claire before you change anything.
csv: { encoding: 'utf-8', separator: ";" }   # as HR exports it

enrol:   # what the columns hold
  # HR has short names
  courseIdentifier: shortname # since 2019
  userIdentifier: { env: UID_KIND }
  allowedRoles: [student, teacher]

moodle:
  dataroot: /d
  database: {name: m, user: u, password: "s3: cret"}
`

async function written(text = WRITTEN): Promise<string> {
  const path = join(await temporaryFolder(), 'config.yaml')
  await writeFile(path, text)
  process.env.UID_KIND = 'idnumber'
  return path
}

async function change(path: string, changes: Record<string, Written>): Promise<string> {
  const { source } = await readConfigText(path)
  await changeConfiguration(path, source, new Map(Object.entries(changes)))
  return readFile(path, 'utf8')
}

describe('a change', () => {
  test('leaves comments, order and all other values as they are', async () => {
    const path = await written()
    const after = await change(path, {
      'enrol.courseIdentifier': 'idnumber',
      'csv.encoding': 'windows-1252',
      'enrol.allowedRoles': null,
      'enrol.writeLog': false,
      'guard.maxShare': '10%',
    })
    const comments = (text: string) => [...text.matchAll(/#.*$/gm)].map(([comment]) => comment)
    expect(comments(after)).toEqual(comments(WRITTEN))
    expect([...after.matchAll(/^\w+/gm)].map(([key]) => key)).toEqual(['csv', 'enrol', 'moodle', 'guard'])
    expect(after).toContain('  courseIdentifier: idnumber # since 2019\n  userIdentifier: { env: UID_KIND }\n')
    expect(after).toContain("encoding: 'windows-1252'")
    const config = await loadConfig(path)
    expect(config.enrol).toMatchObject({
      courseIdentifier: 'idnumber',
      userIdentifier: 'idnumber',
      allowedRoles: null,
      writeLog: false,
    })
    expect(config.guard.maxShare).toBe(0.1)
    expect(config.moodle.database.password).toBe('s3: cret')
  })

  test('that would make it faulty changes nothing', async () => {
    const path = await written()
    await expect(change(path, { 'csv.encoding': 'klingon' })).rejects.toThrow(ConfigurationInvalid)
    expect(await readFile(path, 'utf8')).toBe(WRITTEN)
    expect(await readdir(join(path, '..'))).toEqual(['config.yaml'])
  })

  test('keeps the permissions, and the link by which the file is known', async () => {
    const real = await written()
    await chmod(real, 0o600)
    const link = join(await temporaryFolder(), 'config.yaml')
    await symlink(real, link)
    await change(link, { 'enrol.courseIdentifier': 'id' })
    expect((await stat(real)).mode & 0o777).toBe(0o600)
    expect(await readFile(real, 'utf8')).toContain('courseIdentifier: id #')
  })

  test('into a section that is empty, or not there, is written all the same', async () => {
    const text = WRITTEN.replace(/^csv:.*$/m, 'csv:')
    const after = await change(await written(text), { 'csv.encoding': 'iso-8859-15', 'guard.maxUnenrolments': 10 })
    expect(after).toMatch(/^csv:\s+(\{ )?encoding: iso-8859-15/m)
    expect(after).toMatch(/guard:\s+maxUnenrolments: 10/)
  })
})

test('what is held is replaced as far as runs read it; of the rest it is known that it waits', async () => {
  const path = await written()
  const current = holdConfig(path, await loadConfig(path))
  const before = current.value
  await change(path, { 'enrol.courseIdentifier': 'idnumber', 'intake.stableFor': '9s', 'log.level': 'debug' })
  expect(current.value).toBe(before)
  await current.reload()
  expect(current.value.enrol.courseIdentifier).toBe('idnumber')
  expect(current.value.intake).toEqual(before.intake)
  expect(current.waitingForRestart()).toEqual(['intake.stableFor', 'log.level'])
  await writeFile(path, 'nonsense')
  await expect(current.reload()).rejects.toThrow(ConfigurationInvalid)
  expect(current.value.enrol.courseIdentifier).toBe('idnumber')
})
