/** Contexts that belong to no course. */
import { type Context, insert, type World } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'

/** `CONTEXT_USER` */
const USER = 30

/** The one above all others. `context_system::instance` */
export async function loadSystemContext(moodle: Moodle): Promise<Context & { readonly id: number }> {
  const [row] = await select<[number, string]>(
    moodle,
    `SELECT id, path FROM ${table(moodle, 'context')} WHERE contextlevel = 10`,
  )
  if (row === undefined) throw new Error('this Moodle has no system context')
  const [id, path] = row
  return { id, fate: 'stored', level: 10, instanceId: 0, path, parent: null }
}

/**
 * Makes the context of a living person who has lost it, once, whoever asks for it. `context_user::instance`
 * @param system the context above it
 */
export function makeUserContext(world: World, userId: number, system: Context): Context {
  for (const made of world.contexts.touched) if (made.level === USER && made.instanceId === userId) return made
  return insert(world.contexts, { id: null, fate: 'new', level: USER, instanceId: userId, path: null, parent: system })
}
