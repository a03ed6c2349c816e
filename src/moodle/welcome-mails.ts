/** Whom a course welcome message goes to by mail as well: the messages that a run has written, found again in Moodle. Reads only. */
import { type Moodle, select, table } from './connect.ts'
import { loadPersonNames } from './course-people.ts'
import { isTrue, loadOutputs } from './message-outputs.ts'
import type { Settings } from './site.ts'
import { type NameValues, nameColumns, namesIn, type PersonNames } from './text.ts'

/** The kind of message, as `notifications` has it. */
export const WELCOME = { component: 'moodle', name: 'enrolcoursewelcomemessage' } as const

export const WELCOME_PROVIDER = `${WELCOME.component}_${WELCOME.name}`

/** A message that is to be mailed. */
export interface WelcomeMail {
  /** That of its row in `notifications`. */
  readonly id: number
  /** null: whoever takes no replies. */
  readonly senderNames: PersonNames | null
  readonly recipientNames: PersonNames
  readonly email: string
  /** The address that they want notifications at; empty: none, or the site permits none. */
  readonly preferredEmail: string
  readonly subject: string
  readonly text: string
  /** null: to somebody who has chosen plain text. */
  readonly html: string | null
}

/** `user.mailformat` of who takes HTML. */
const MAIL_AS_HTML = 1

/** What `contexturl` ends with. */
const ABOUT_WHICH_COURSE = /&amp;course=(\d+)$/

/**
 * Loads the welcome messages of people, for those of them whom the output `email` applies to.
 * `message_send`, `message_output_email::send_message`
 * @param courseIds by person: the courses that they were enrolled in, each as often as they were; some hundred people at most
 * @param since Unix time in seconds: when the run began. Of one course, the last messages are the run's.
 */
export async function loadWelcomeMails(
  moodle: Moodle,
  settings: Settings,
  courseIds: ReadonlyMap<number, readonly number[]>,
  since: number,
): Promise<WelcomeMail[]> {
  type Text = string | null
  const userIds = [...courseIds.keys()]
  const rows = await select<[number, number, number, Text, Text, Text, Text, string, number, number, ...NameValues]>(
    moodle,
    `SELECT n.id, n.useridfrom, n.useridto, n.contexturl, n.subject, n.fullmessage, n.fullmessagehtml,
            u.email, u.emailstop, u.mailformat, ${nameColumns('u')}
       FROM ${table(moodle, 'notifications')} n
       JOIN ${table(moodle, 'user')} u ON u.id = n.useridto
      WHERE n.useridto IN (?) AND n.timecreated >= ? AND n.component = ? AND n.eventtype = ?
        AND u.deleted = 0 AND u.suspended = 0 AND u.auth <> 'nologin'
      ORDER BY n.id DESC`,
    [userIds, since, WELCOME.component, WELCOME.name],
  )
  if (rows.length === 0) return []
  const outputsOf = await loadOutputs(moodle, settings, WELCOME_PROVIDER, userIds)
  const preferredEmails = await loadPreferredEmails(moodle, settings, userIds)
  const senders = await loadPersonNames(moodle, [...new Set(rows.map(([, from]) => from))])
  const missing = new Map([...courseIds].map(([userId, courses]) => [userId, [...courses]]))
  const mails: WelcomeMail[] = []
  for (const row of rows) {
    const [id, from, to, url, subject, text, html, email, emailStop, format, ...names] = row
    const courses = missing.get(to)!
    const at = courses.indexOf(Number(ABOUT_WHICH_COURSE.exec(url ?? '')?.[1]))
    if (at === -1) continue
    courses.splice(at, 1)
    if (!outputsOf(to, emailStop === 1).includes('email')) continue
    mails.push({
      id,
      senderNames: senders.get(from) ?? null,
      recipientNames: namesIn(names),
      email,
      preferredEmail: preferredEmails.get(to) ?? '',
      subject: subject ?? '',
      text: text ?? '',
      html: format === MAIL_AS_HTML && html !== null && html !== '' ? html : null,
    })
  }
  return mails.reverse()
}

/** Makes sure that they could be found: a right that is missing must be missed before a run's first change, not after its last. */
export async function probeWelcomeMails(moodle: Moodle, settings: Settings): Promise<void> {
  await loadWelcomeMails(moodle, settings, new Map([[0, []]]), 0)
}

/** The addresses that people want notifications at, where the site lets them choose one. */
async function loadPreferredEmails(
  moodle: Moodle,
  settings: Settings,
  userIds: readonly number[],
): Promise<Map<number, string>> {
  if (!isTrue(settings('', 'messagingallowemailoverride'))) return new Map()
  return new Map(
    await select<[number, string]>(
      moodle,
      `SELECT userid, value FROM ${table(moodle, 'user_preferences')}
        WHERE name = 'message_processor_email_email' AND userid IN (?)`,
      [userIds],
    ),
  )
}
