/** Tasks that Moodle's cron is to run once: rows of `task_adhoc`, as each version has them. */
import type { Stored, Table } from '../plan/world.ts'
import type { Moodle } from './connect.ts'
import { type PhpValue, phpJson } from './php.ts'
import { type TableRows, writable } from './write.ts'

export interface AdhocTask extends Stored {
  readonly component: string
  /** With a backslash at its beginning. */
  readonly className: string
  /** Told when written, since it may name the ids of new rows. */
  readonly customData: () => PhpValue
}

/** How often Moodle tries a task that fails. `adhoc_task::$attemptsavailable` */
const ATTEMPTS = 12

/** `\core\task\manager::queue_adhoc_task`, to be run as soon as possible. */
export function adhocTaskRows(moodle: Moodle, tasks: Table<AdhocTask>, now: number): TableRows {
  const has = (column: string): boolean => moodle.columns.get('task_adhoc')?.has(column) ?? false
  return {
    name: 'task_adhoc',
    columns: [
      'component',
      'classname',
      'nextruntime',
      'faildelay',
      'customdata',
      'userid',
      // In 3.9 and 4.1, and no longer in 4.5.
      ...(has('blocking') ? ['blocking'] : []),
      // Not in 3.9.
      ...(has('timecreated') ? ['timecreated', 'timestarted', 'hostname', 'pid'] : []),
      // Not in 4.1.
      ...(has('attemptsavailable') ? ['attemptsavailable', 'firststartingtime'] : []),
    ],
    rows: writable(tasks, ({ component, className, customData }) => ({
      component,
      classname: className,
      nextruntime: now - 1,
      faildelay: 0,
      customdata: phpJson(customData()),
      userid: null,
      blocking: 0,
      timecreated: now,
      timestarted: null,
      hostname: null,
      pid: null,
      attemptsavailable: ATTEMPTS,
      firststartingtime: null,
    })),
  }
}
