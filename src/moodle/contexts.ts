/** Contexts that belong to no course. */
import type { Context } from '../plan/world.ts'
import { type Moodle, select, table } from './connect.ts'

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
