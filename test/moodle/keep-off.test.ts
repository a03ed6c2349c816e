/** When Moodle is left alone, by its settings, its files and its code. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EXIT } from '../../src/errors.ts'
import { reasonToKeepOff } from '../../src/moodle/keep-off.ts'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const SECONDS = Math.floor(NOW.getTime() / 1000)
const OPEN = { version: '2024100706.00', release: '4.5.6', rolesactive: '1', maintenance_enabled: '0' }

/** @param files below dataroot, and below the folder of the code, by path */
async function reason(settings: Record<string, string>, files: Record<string, string> = {}, withCode = true) {
  const folder = await mkdtemp(join(tmpdir(), 'moodle-syncd-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  const all: Record<string, string> = { ...OPEN, ...settings }
  const moodle = { dataroot: join(folder, 'data'), codeDirectory: withCode ? join(folder, 'code') : null }
  return reasonToKeepOff((plugin, name) => (plugin === '' ? all[name] : undefined), { moodle } as never, NOW)
}

const code = (version: string) => `<?php
// This file is part of Moodle - http://moodle.org/
defined('MOODLE_INTERNAL') || die();
$version  = ${version};              // 20241007      = branching date YYYYMMDD - do not modify!
$release  = '4.5.6 (Build: 20250811)'; // Human-friendly version name
$branch   = '405';
$maturity = MATURITY_STABLE;
`

test.each<[string, Record<string, string>, Record<string, string>]>([
  ['cli-maintenance', {}, { 'data/climaintenance.html': '' }],
  ['cli-maintenance', { maintenance_later: String(SECONDS) }, {}],
  ['upgrade-running', { upgraderunning: String(SECONDS + 1) }, {}],
  ['upgrade-running', { outagelessupgrade: '1' }, {}],
  ['not-installed', { rolesactive: '' }, {}],
  ['not-installed', { rolesactive: '0' }, {}],
  ['not-installed', { adminsetuppending: '1' }, {}],
  ['too-new', { version: '2025102400.00' }, {}],
  ['too-new', { version: '2026042000.00' }, {}],
  ['upgrade-due', {}, { 'code/version.php': code('2024100706.01') }],
  ['upgrade-due', { version: '2025041400.00' }, { 'code/public/version.php': code('2025100600.00') }],
  ['maintenance', { maintenance_enabled: '1' }, {}],
  // What nobody can work with comes before what keeps people out.
  ['upgrade-due', { maintenance_enabled: '1' }, { 'code/version.php': code('2025041400.00') }],
])('%s: %o %o', async (expected, settings, files) => {
  expect(await reason(settings, files)).toMatchObject({ code: expected, exit: EXIT.tryLater })
})

test.each<[string, Record<string, string>, Record<string, string>]>([
  ['nothing in the way', {}, {}],
  ['the version of the code', {}, { 'code/version.php': code('2024100706.00') }],
  ['an older code', {}, { 'code/version.php': code('2024100700.00') }],
  ['a code whose version only PHP could tell', {}, { 'code/version.php': code('date("Ymd") * 100') }],
  ['a code that is no PHP', {}, { 'code/version.php': '<?php $version = ;' }],
  ['maintenance to come', { maintenance_later: String(SECONDS + 1) }, {}],
  ['an upgrade that was broken off', { upgraderunning: String(SECONDS) }, {}],
  ['settings that are there and empty', { upgraderunning: '', outagelessupgrade: '0', adminsetuppending: '' }, {}],
  ['the newest that is known, in its last release', { version: '2025100699.09' }, {}],
  ['an old one', { version: '2020061524.00' }, {}],
])('none: %s', async (_, settings, files) => {
  expect(await reason(settings, files)).toBeNull()
})

test('the code is not looked at where nobody knows where it is', async () => {
  expect(await reason({}, { 'code/version.php': code('2030010100.00') }, false)).toBeNull()
})
