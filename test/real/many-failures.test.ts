/** A file in which no row is good, and very many are bad: what is said of it must stay something that a person can open. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { run } from '../../src/commands/run.ts'
import { freshSchool } from '../database.ts'

const ROWS = 10_500

test('the text report tells the first rows one by one, and of the others how many there are', async () => {
  const school = await freshSchool()
  const configPath = await school.writeConfig({ log: { level: 'silent' } })
  const file = join(school.folder, 'yes.csv')
  await writeFile(file, `cid;uid;rolename\n${'y\n'.repeat(ROWS)}`)
  const stdout = new PassThrough()
  const said = text(stdout)
  const context = { configPath, format: 'text', lang: 'en', stdout, stderr: stdout, colour: false, env: {} } as const
  expect(await run(context, file, { simulate: true })).toBe(1)
  stdout.end()
  const lines = (await said).trimEnd().split('\n')
  expect(lines.filter(line => /^Line \d+: failed/.test(line)).length).toBe(10_000)
  expect(lines.at(-1)).toBe(
    '… and 500 more rows. Their lines stand above, by cause; all of them are in the JSON report.',
  )
})
