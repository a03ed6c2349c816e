/** Notifications in Moodle, which people find behind the bell: rows of `notifications`, and of what shows them. */
import { emptyTable, insert, type Stored } from '../plan/world.ts'
import type { Moodle } from './connect.ts'
import { PROVIDER } from './teachers.ts'
import { idOf, writable, writeTable } from './write.ts'

export interface Bell {
  readonly userId: number
  readonly subject: string
  readonly text: string
  readonly html: string
  /** Where it leads, and what that is called; null: nowhere. */
  readonly link: { readonly url: string; readonly name: string } | null
}

/** `FORMAT_HTML` */
const HTML = 1

/** `core_user::NOREPLY_USER` */
export const NO_REPLY_USER = -10

interface Written extends Stored {
  readonly bell: Bell
}

/**
 * Writes notifications, in the transaction of the caller. `message_send` with its output `popup`
 * @param from the id of whom they come from
 * @param now Unix time in seconds
 */
export async function ringBells(moodle: Moodle, bells: readonly Bell[], from: number, now: number): Promise<void> {
  const notifications = emptyTable<Written>()
  for (const bell of bells) insert(notifications, { id: null, fate: 'new', bell })
  await writeTable(
    moodle,
    {
      name: 'notifications',
      columns: NOTIFICATION_COLUMNS,
      rows: writable(notifications, ({ bell }) => ({
        useridfrom: from,
        useridto: bell.userId,
        subject: bell.subject,
        fullmessage: bell.text,
        fullmessageformat: HTML,
        fullmessagehtml: bell.html,
        smallmessage: bell.subject,
        component: PROVIDER.component,
        eventtype: PROVIDER.name,
        contexturl: bell.link?.url ?? null,
        contexturlname: bell.link?.name ?? null,
        timeread: null,
        timecreated: now,
        customdata: null,
      })),
    },
    null,
  )
  const shown = emptyTable<Stored & { readonly of: Written }>()
  for (const of of notifications.touched) insert(shown, { id: null, fate: 'new', of })
  const rows = writable(shown, ({ of }) => ({ notificationid: idOf(of) }))
  await writeTable(moodle, { name: 'message_popup_notifications', columns: ['notificationid'], rows }, null)
}

/** Those of a new row of `notifications`. */
export const NOTIFICATION_COLUMNS = [
  'useridfrom',
  'useridto',
  'subject',
  'fullmessage',
  'fullmessageformat',
  'fullmessagehtml',
  'smallmessage',
  'component',
  'eventtype',
  'contexturl',
  'contexturlname',
  'timeread',
  'timecreated',
  'customdata',
] as const
