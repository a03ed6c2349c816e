/** The example configuration in the package is what the table of options makes of itself, and can be loaded. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleConfiguration } from '../../src/config/example.ts'
import { loadConfig } from '../../src/config/load.ts'
import { optionsIn } from '../../src/config/options.ts'
import { LANGUAGES, say } from '../../src/messages/say.ts'

const PUBLISHED = new URL('../../config/moodle-syncd.example.yaml', import.meta.url).pathname

/** After a change of the table: `npx vitest run test/config/example.test.ts --update`. */
test('the published example is made from the table', async () => {
  await expect(exampleConfiguration()).toMatchFileSnapshot(PUBLISHED)
})

test('the published example loads, with a config.php that is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'syncd-'))
  try {
    const php = join(folder, 'config.php')
    await writeFile(
      php,
      "<?php $CFG->dbtype = 'mariadb'; $CFG->dbname = 'm'; $CFG->dbuser = 'u'; $CFG->dataroot = '/d';",
    )
    const path = join(folder, 'config.yaml')
    await writeFile(path, (await readFile(PUBLISHED, 'utf8')).replace('/var/www/moodle/config.php', php))
    const config = await loadConfig(path, {})
    expect(config.moodle.dataroot).toBe('/d')
    expect(config.enrol).toMatchObject({ courseIdentifier: 'shortname', file: 'enrols.csv', notifyTeachers: true })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test.each([...optionsIn()])('it is said of %s what it does, and its kind takes its default', (path, option) => {
  for (const lang of LANGUAGES) expect(say(lang, `option.${path}`)).toMatch(/^\p{Lu}.*\.$/u)
  const shown = option.example === undefined ? option.default : option.example
  expect(shown).toBeDefined()
  expect(option.kind.read(shown!)).toBeDefined()
  if (option.default !== undefined) expect(option.kind.read(option.default)).toBeDefined()
})
