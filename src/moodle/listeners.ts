/**
 * Plugins that listen to what we do by Moodle's events and hooks, and will not hear of it, since no PHP is run. They are
 * looked for in Moodle's code, which is read and never run.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { evaluateConfigPhp, PhpSyntaxError } from '../config/config-php.ts'
import { type PhpValue, textOf } from '../config/php-value.ts'
import { failedWith } from '../store/errno.ts'

export interface Listener {
  /** Such as `local_example`. */
  readonly component: string
  /** The names of events and hooks, without namespace. */
  readonly to: readonly string[]
}

/** The events that Moodle raises where we write. `base` and `*` are all events. */
const EVENTS = [
  'base',
  '*',
  'course_module_completion_updated',
  'grade_deleted',
  'group_created',
  'group_member_added',
  'group_member_removed',
  'notification_sent',
  'role_assigned',
  'role_unassigned',
  'subscription_created',
  'user_enrolment_created',
  'user_enrolment_deleted',
  'user_enrolment_updated',
]

/** The hooks that Moodle calls there. */
const HOOKS = [
  'after_group_created',
  'after_group_membership_added',
  'after_group_membership_removed',
  'after_role_assigned',
  'after_role_unassigned',
  'after_user_enrolled',
  'before_user_enrolment_removed',
  'before_user_enrolment_updated',
]

/** What these do is done by us as well, in `consequences/`, or is nothing for what we do. */
const FOLLOWED = new Set(['enrol_category', 'enrol_meta', 'mod_forum', 'mod_quiz', 'tool_log', 'tool_monitor'])

/** Says which types of plugins there are, and where. */
const COMPONENTS = join('lib', 'components.json')

/**
 * The plugins in Moodle's code that would do something about what we do, and that we do not follow.
 * @param codeDirectory the folder of `config.php`; from Moodle 5.1 on, the code is in its folder `public`
 * @returns null: that is no Moodle's code
 */
export async function unheardListeners(codeDirectory: string): Promise<Listener[] | null> {
  const moved = join(codeDirectory, 'public')
  const code = (await readJson(join(moved, COMPONENTS))) === null ? codeDirectory : moved
  const components = await readJson(join(code, COMPONENTS))
  if (components === null) return null
  const listeners: Listener[] = []
  for (const [component, folder] of await pluginsIn(code, foldersOf(components.plugintypes))) {
    if (FOLLOWED.has(component)) continue
    const to = [
      ...(await named(join(folder, 'db', 'events.php'), 'observers', 'eventname', EVENTS)),
      ...(await named(join(folder, 'db', 'hooks.php'), 'callbacks', 'hook', HOOKS)),
    ]
    if (to.length > 0) listeners.push({ component, to: [...new Set(to)].sort() })
  }
  return listeners.sort((a, b) => (a.component < b.component ? -1 : 1))
}

/** Every plugin with its folder, the plugins of plugins included. */
async function pluginsIn(code: string, types: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const plugins = new Map<string, string>()
  for (const [type, folder] of types) {
    const entries = await readdir(join(code, folder), { withFileTypes: true }).catch(absent)
    for (const entry of entries ?? []) {
      if (!entry.isDirectory()) continue
      const plugin = join(folder, entry.name)
      plugins.set(`${type}_${entry.name}`, join(code, plugin))
      const own = await readJson(join(code, plugin, 'db', 'subplugins.json'))
      const below = foldersOf(own?.subplugintypes, plugin)
      const subtypes = below.size > 0 ? below : foldersOf(own?.plugintypes)
      for (const [component, path] of await pluginsIn(code, subtypes)) plugins.set(component, path)
    }
  }
  return plugins
}

/** Type → folder, below another one. */
function foldersOf(types: unknown, below = ''): Map<string, string> {
  const entries = typeof types === 'object' && types !== null ? Object.entries(types) : []
  return new Map(entries.map(([type, folder]) => [type, join(below, String(folder))]))
}

/** Those of some names that stand under a key in the arrays that a program assigns to a variable. */
async function named(path: string, variable: string, key: string, names: readonly string[]): Promise<string[]> {
  const source = await read(path)
  if (source === undefined) return []
  let list: PhpValue | undefined
  try {
    list = evaluateConfigPhp(source, path, {}).variables.get(variable)
  } catch (error) {
    if (error instanceof PhpSyntaxError) return []
    throw error
  }
  const found = [...(list instanceof Map ? list.values() : [])].map(item => {
    const name = item instanceof Map ? textOf(item.get(key) ?? null) : undefined
    return name?.split('\\').at(-1) ?? ''
  })
  return found.filter(name => names.includes(name))
}

async function readJson(path: string): Promise<Record<string, unknown> | null> {
  const text = await read(path)
  try {
    return text === undefined ? null : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return null
  }
}

const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(absent)

const absent = (error: unknown): undefined => {
  if (!failedWith(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error
}
