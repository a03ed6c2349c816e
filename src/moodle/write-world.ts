/**
 * Writing what planning has made of a chunk: the tables of the operations themselves, then what followed. Ids of new rows are known
 * once their table is written, so tables that refer to others come after them.
 */
import type { ResultSetHeader } from 'mysql2/promise'
import type { Context, DirtyFlag, Site, Table, World } from '../plan/world.ts'
import { type Moodle, table } from './connect.ts'
import type { Keep } from './journal.ts'
import { idOf, type TableRows, writable, writeTable } from './write.ts'

/**
 * Writes what a chunk has changed, and what followed from it. Contexts are made for good: others may have come to need them.
 * @param keep for what it takes to go back; null: nothing is kept
 */
export async function writeWorld(
  moodle: Moodle,
  world: World,
  following: readonly TableRows[],
  keep: Keep | null,
): Promise<void> {
  await writeContexts(moodle, world.contexts.touched)
  for (const rows of coreTables(moodle, world)) await writeTable(moodle, rows, keep)
  for (const rows of following) await writeTable(moodle, rows, keep)
}

/** The tables of the operations themselves, every column given: the schema's defaults are not Moodle's. */
function coreTables(moodle: Moodle, world: World): TableRows[] {
  const { now, site } = world
  const has = (name: string, column: string): boolean => moodle.columns.get(name)?.has(column) ?? false
  return [
    {
      name: 'groups',
      columns: [
        'courseid',
        'idnumber',
        'name',
        'description',
        'descriptionformat',
        'enrolmentkey',
        'picture',
        'timecreated',
        'timemodified',
        // In 3.9, and no longer in 4.1.
        ...(has('groups', 'hidepicture') ? ['hidepicture'] : []),
        // From 4.2 on.
        ...(has('groups', 'visibility') ? ['visibility', 'participation'] : []),
      ],
      mutable: ['timemodified'],
      rows: writable(world.groups, group => ({
        courseid: group.course.id,
        idnumber: '',
        name: group.name,
        description: null,
        descriptionformat: 0,
        enrolmentkey: null,
        picture: 0,
        hidepicture: 0,
        visibility: 0,
        participation: 1,
        timecreated: now,
        timemodified: group.timeModified,
      })),
    },
    {
      name: 'user_enrolments',
      columns: ['status', 'enrolid', 'userid', 'timestart', 'timeend', 'modifierid', 'timecreated', 'timemodified'],
      mutable: ['status', 'timestart', 'timeend', 'modifierid', 'timemodified'],
      idsAreTold: true,
      rows: writable(world.enrolments, row => ({
        status: row.status,
        enrolid: row.instance.id,
        userid: row.userId,
        timestart: row.timeStart,
        timeend: row.timeEnd,
        modifierid: row.modifierId,
        timecreated: row.timeCreated,
        timemodified: row.timeModified,
      })),
    },
    {
      name: 'role_assignments',
      columns: ['roleid', 'contextid', 'userid', 'timemodified', 'modifierid', 'component', 'itemid', 'sortorder'],
      idsAreTold: true,
      rows: writable(world.roleAssignments, row => ({
        roleid: row.roleId,
        contextid: idOf(row.course.context!),
        userid: row.userId,
        timemodified: now,
        modifierid: site.actorId,
        component: row.component,
        itemid: row.itemId,
        sortorder: 0,
      })),
    },
    {
      name: 'groups_members',
      columns: ['groupid', 'userid', 'timeadded', 'component', 'itemid'],
      rows: writable(world.memberships, row => ({
        groupid: idOf(row.group),
        userid: row.userId,
        timeadded: now,
        component: row.component,
        itemid: row.itemId,
      })),
    },
    dirtyFlagRows(world.dirtyFlags, now, site),
  ]
}

/** That people's rights have changed: who is logged in reads them again. `mark_user_dirty` */
export function dirtyFlagRows(flags: Table<DirtyFlag>, now: number, site: Site): TableRows {
  return {
    name: 'cache_flags',
    columns: ['flagtype', 'name', 'timemodified', 'value', 'expiry'],
    mutable: ['timemodified', 'value', 'expiry'],
    rows: writable(flags, flag => ({
      flagtype: 'accesslib/dirtyusers',
      name: String(flag.userId),
      timemodified: now,
      value: '1',
      expiry: now + site.sessionTimeout,
    })),
  }
}

/** Contexts are made one by one, as Moodle does: the path ends with the row's own id. `context::insert_context_record` */
async function writeContexts(moodle: Moodle, contexts: ReadonlySet<Context>): Promise<void> {
  for (const context of contexts) {
    const [{ insertId }] = await moodle.connection.query<ResultSetHeader>(
      `INSERT INTO ${table(moodle, 'context')} (contextlevel, instanceid, path, depth, locked) VALUES (?, ?, NULL, 0, 0)`,
      [context.level, context.instanceId],
    )
    context.id = insertId
    context.path = `${context.parent?.path ?? ''}/${insertId}`
    await moodle.connection.query(`UPDATE ${table(moodle, 'context')} SET path = ?, depth = ? WHERE id = ?`, [
      context.path,
      context.path.split('/').length - 1,
      insertId,
    ])
  }
}
