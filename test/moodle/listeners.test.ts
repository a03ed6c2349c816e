/** Which plugins in Moodle's code would have heard of what we do. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { unheardListeners } from '../../src/moodle/listeners.ts'

async function codeWith(files: Record<string, string>): Promise<string> {
  const code = await mkdtemp(join(tmpdir(), 'moodle-syncd-test-'))
  onTestFinished(() => rm(code, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(code, path)), { recursive: true })
    await writeFile(join(code, path), content)
  }
  return code
}

const COMPONENTS =
  '{"plugintypes": {"local": "local", "mod": "mod", "tool": "admin\\/tool"}, "subsystems": {"access": null}}'

const events = (...names: string[]) => `<?php
defined('MOODLE_INTERNAL') || die();
$observers = array(
${names.map(name => `  array('eventname' => ${name}, 'callback' => 'some\\observer::heard', 'internal' => false),`).join('\n')}
);`

const hooks = (...names: string[]) => `<?php
$callbacks = [
${names.map(name => `  ['hook' => ${name}, 'callback' => \\local_mentor\\hooks::class . '::called', 'priority' => 100],`).join('\n')}
];`

const CODE = {
  'lib/components.json': COMPONENTS,
  'local/mentor/db/events.php': events(
    "'\\core\\event\\role_assigned'",
    '\\core\\event\\user_enrolment_created::class',
  ),
  'local/mentor/db/hooks.php': hooks(
    '\\core_enrol\\hook\\after_user_enrolled::class',
    'core\\hook\\output\\before_footer::class',
  ),
  'local/audit/db/events.php': events("'*'"),
  'local/dashboard/db/events.php': events("'\\core\\event\\course_viewed'"),
  'local/broken/db/events.php': '<?php $observers = array(',
  'local/readme.txt': '',
  'mod/forum/db/events.php': events("'core\\event\\role_assigned'"),
  'mod/game/db/subplugins.json':
    '{"plugintypes": {"gamelevel": "mod/game/level"}, "subplugintypes": {"gamelevel": "level"}}',
  'mod/game/level/boss/db/events.php': events("'\\core\\event\\group_member_added'"),
  'admin/tool/old/db/subplugins.json': '{"plugintypes": {"oldpart": "admin/tool/old/part"}}',
  'admin/tool/old/part/one/db/events.php': events("'\\core\\event\\base'"),
}

const UNHEARD = [
  { component: 'gamelevel_boss', to: ['group_member_added'] },
  { component: 'local_audit', to: ['*'] },
  { component: 'local_mentor', to: ['after_user_enrolled', 'role_assigned', 'user_enrolment_created'] },
  { component: 'oldpart_one', to: ['base'] },
]

test('plugins that listen are found by their events and hooks, and those that are followed are not among them', async () => {
  expect(await unheardListeners(await codeWith(CODE))).toEqual(UNHEARD)
})

test('from Moodle 5.1 on, under public/', async () => {
  const moved = Object.fromEntries(Object.entries(CODE).map(([path, content]) => [`public/${path}`, content]))
  expect(await unheardListeners(await codeWith(moved))).toEqual(UNHEARD)
})

test('a folder without Moodle’s code has nothing to say', async () => {
  expect(await unheardListeners(await codeWith({ 'config.php': '<?php' }))).toBeNull()
  expect(await unheardListeners(await codeWith({ 'lib/components.json': 'no JSON' }))).toBeNull()
  expect(await unheardListeners('/nowhere')).toBeNull()
})
