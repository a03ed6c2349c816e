/** What the README shows is so: its command files run, its configuration loads, its tables are complete. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { run } from '../../src/commands/run.ts'
import { loadConfig } from '../../src/config/load.ts'
import { EXIT } from '../../src/errors.ts'
import { COLUMNS } from '../../src/file/types.ts'
import { FOLDERS } from '../../src/store/store.ts'
import { freshSchool, type TestSchool } from '../database.ts'

let readme: string
let school: TestSchool

beforeAll(async () => {
  readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  school = await freshSchool()
})

/** What stands between two lines of three backticks. */
const blocks = (): string[] => [...readme.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(match => match[1]!)

test('every command file in it can be run as it stands', async () => {
  const files = blocks().filter(block => block.startsWith('cmd;'))
  expect(files.length).toBe(3)
  const configPath = await school.writeConfig({ log: { level: 'silent' } })
  for (const [i, content] of files.entries()) {
    const file = join(school.folder, `${i}.csv`)
    await writeFile(file, content)
    const stdout = new PassThrough()
    const said = text(stdout)
    const context = { configPath, format: 'text', lang: 'en', stdout, stderr: stdout, colour: false, env: {} } as const
    const status = await run(context, file, { simulate: true })
    stdout.end()
    expect(await said).not.toMatch(/^Line/m)
    expect(status).toBe(0)
  }
})

test('its smallest configuration is enough, with a config.php', async () => {
  const config = /```yaml\n(moodle: \{ configPhp[\s\S]*?)```\n/.exec(readme)![1]!
  const php = join(school.folder, 'config.php')
  await writeFile(
    php,
    `<?php $CFG->dbtype = 'mariadb'; $CFG->dbname = 'm'; $CFG->dbuser = 'u'; $CFG->dataroot = '${school.dataroot}';`,
  )
  const path = join(school.folder, 'smallest.yaml')
  await writeFile(path, config.replace('/var/www/moodle/config.php', php))
  expect((await loadConfig(path)).moodle.database.name).toBe('m')
})

test('its tables name every column, exit status and folder of the store', async () => {
  const rows = [...readme.matchAll(/^\| (.+?) \|/gm)].map(match => match[1]!).join(' ')
  for (const status of Object.values(EXIT)) expect(readme).toMatch(new RegExp(`^\\| ${status} \\| `, 'm'))
  for (const column of COLUMNS.filter(name => !/^(g[2-8]|hidden)$/.test(name))) expect(rows).toContain(`\`${column}\``)
  for (const name of FOLDERS) expect(rows).toContain(`\`${name}/\``)
})
