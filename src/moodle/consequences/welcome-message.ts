/**
 * The course welcome message: what Moodle tells who has been enrolled by `manual` or `self`, as a notification with its popup.
 * Only where `enrol.welcomeMessages` is on. The mail that goes with it is composed when the run ends (`notify/welcomes.ts`).
 */
import { raise } from '../../plan/operations.ts'
import {
  type Context,
  type Course,
  type Enrolment,
  emptyTable,
  insert,
  type Stored,
  type World,
} from '../../plan/world.ts'
import { NO_REPLY_USER, NOTIFICATION_COLUMNS } from '../bells.ts'
import { type Moodle, select, table } from '../connect.ts'
import { loadContacts } from '../contacts.ts'
import { loadSystemContext, makeUserContext } from '../contexts.ts'
import { hasProvider, isTrue, loadOutputs } from '../message-outputs.ts'
import { type NameValues, nameColumns, namesIn, phpTrim } from '../text.ts'
import { WELCOME, WELCOME_PROVIDER } from '../welcome-mails.ts'
import { loadWelcomeTexts, type Recipient } from '../welcome-texts.ts'
import { idOf, writable } from '../write.ts'
import type { Consequence, Needs } from './consequence.ts'

/** `ENROL_SEND_EMAIL_FROM_…`: the values of the instance's setting. */
const FROM_CONTACT = 1
const FROM_KEY_HOLDER = 2
const FROM_NO_REPLY = 3

/** `FORMAT_MARKDOWN` */
const MARKDOWN = 4

/** An instance that sends messages. */
interface Sending {
  readonly from: typeof FROM_CONTACT | typeof FROM_KEY_HOLDER | typeof FROM_NO_REPLY
  /** null: the text of the language. */
  readonly text: string | null
  /** The role of who is enrolled without one. */
  readonly roleId: number
}

interface Notification extends Stored {
  readonly from: number
  readonly to: Recipient
  readonly course: Course
  readonly roleId: number
  readonly text: string | null
  /** Nothing shows it to the person, so that Moodle takes it for read. */
  readonly isRead: boolean
}

interface Popup extends Stored {
  readonly notification: Notification
}

export const welcomeMessage: Consequence = {
  name: 'welcome-message',
  follows: 'enrol_plugin::send_course_welcome_message_to_user, message_send (Moodle 4.4 and later)',
  does: 'where enrol.welcomeMessages is true, writes the course welcome message to who is newly enrolled by manual or self, its popup, and its mail, as the method in the course and the person’s preferences have it; a text with HTML comes close to what Moodle makes of it; the mail is sent once the run has ended',
  prepare: async (needs, world) => {
    const { moodle, config, settings, rows, courseIds, userIds } = needs
    if (!config.enrol.welcomeMessages || userIds.length === 0) return null
    const enrols = rows.some(
      ({ command, method }) => (command === 'add' || command === 'shift') && (method === 'manual' || method === 'self'),
    )
    if (!enrols || isTrue(settings('message', `${WELCOME_PROVIDER}_disable`)) || !(await hasProvider(moodle, WELCOME)))
      return null
    const sending = await loadSending(needs)
    if (sending.size === 0) return null

    const courses = courseIds.map(id => world.coursesById.get(id)!)
    const sendingFrom = (option: Sending['from']): Course[] =>
      courses.filter(({ instances }) => instances.some(({ id }) => sending.get(id)?.from === option))
    const contacts = await loadContacts(
      moodle,
      settings,
      sendingFrom(FROM_CONTACT),
      sendingFrom(FROM_KEY_HOLDER),
      userIds,
    )
    const recipients = await loadRecipients(moodle, userIds)
    const outputsOf = await loadOutputs(moodle, settings, WELCOME_PROVIDER, userIds)
    const texts = [...sending.values()].flatMap(({ text }) => text ?? [])
    const textsOf = await loadWelcomeTexts(needs, world, courses, texts, [...recipients.values()])
    const system = await loadSystemContext(moodle)
    const unreached = [...recipients.values()].filter(
      ({ id, emailStopped }) => outputsOf(id, emailStopped).length === 0,
    )
    const userContexts = await loadUserContexts(moodle, unreached)

    const notifications = emptyTable<Notification>()
    const popups = emptyTable<Popup>()

    const senderFor = (option: Sending['from'], course: Course): number | null => {
      if (option === FROM_CONTACT) return contacts.courseContact(course)
      if (option === FROM_KEY_HOLDER) return contacts.keyHolder(course)
      return config.moodle.noReplyUserId ?? NO_REPLY_USER
    }
    const send = ({ instance, userId }: Enrolment, givenRoleId: number | null): void => {
      const option = sending.get(instance.id)
      const to = recipients.get(userId)
      if (option === undefined || to === undefined) return
      const { course } = instance
      const from = senderFor(option.from, course)
      if (from === null) return
      const outputs = outputsOf(to.id, to.emailStopped)
      const isRead = outputs.length === 0
      const notification: Notification = insert(notifications, {
        id: null,
        fate: 'new',
        from,
        to,
        course,
        roleId: givenRoleId ?? option.roleId,
        text: option.text,
        isRead,
      })
      if (outputs.includes('popup') && from !== to.id) insert(popups, { id: null, fate: 'new', notification })
      raiseSent(world, notification, system)
      if (isRead) {
        raiseViewed(world, notification, userContexts.get(to.id) ?? makeUserContext(world, to.id, system))
      }
    }
    return {
      observer: { onEvent: contacts.onEvent, afterEnrolling: send },
      tables: [
        {
          name: 'notifications',
          columns: NOTIFICATION_COLUMNS,
          rows: writable(notifications, notification => ({
            useridfrom: notification.from,
            useridto: notification.to.id,
            ...textsOf(notification),
            fullmessageformat: MARKDOWN,
            smallmessage: null,
            component: WELCOME.component,
            eventtype: WELCOME.name,
            timeread: notification.isRead ? world.now : null,
            timecreated: world.now,
            customdata: null,
          })),
        },
        {
          name: 'message_popup_notifications',
          columns: ['notificationid'],
          rows: writable(popups, ({ notification }) => ({ notificationid: idOf(notification) })),
        },
      ],
    }
  },
}

/** The instances in the chunk's courses that send messages, by id. A setting on which Moodle would fail sends none. */
async function loadSending({ moodle, courseIds }: Needs): Promise<Map<number, Sending>> {
  const rows = await select<[number, number | null, string | null, number | null]>(
    moodle,
    `SELECT id, CASE enrol WHEN 'manual' THEN customint1 ELSE customint4 END, customtext1, roleid
       FROM ${table(moodle, 'enrol')} WHERE courseid IN (?) AND enrol IN ('manual', 'self')`,
    [courseIds],
  )
  const sending = new Map<number, Sending>()
  for (const [id, from, text, roleId] of rows) {
    if (from !== FROM_CONTACT && from !== FROM_KEY_HOLDER && from !== FROM_NO_REPLY) continue
    // To PHP a text that is only a nought is none.
    const isBlank = text === null || text === '0' || phpTrim(text) === ''
    sending.set(id, { from, text: isBlank ? null : text, roleId: roleId ?? 0 })
  }
  return sending
}

async function loadRecipients(moodle: Moodle, userIds: readonly number[]): Promise<Map<number, Recipient>> {
  const rows = await select<[number, string, number, ...NameValues]>(
    moodle,
    `SELECT u.id, u.email, u.emailstop, ${nameColumns('u')} FROM ${table(moodle, 'user')} u WHERE u.id IN (?)`,
    [userIds],
  )
  const recipients = new Map<number, Recipient>()
  for (const [id, email, emailStop, ...names] of rows) {
    recipients.set(id, { id, names: namesIn(names), email, emailStopped: emailStop === 1 })
  }
  return recipients
}

async function loadUserContexts(moodle: Moodle, people: readonly Recipient[]): Promise<Map<number, Context>> {
  const contexts = new Map<number, Context>()
  if (people.length === 0) return contexts
  for (const [id, userId, path] of await select<[number, number, string | null]>(
    moodle,
    `SELECT id, instanceid, path FROM ${table(moodle, 'context')} WHERE contextlevel = 30 AND instanceid IN (?)`,
    [people.map(({ id }) => id)],
  )) {
    contexts.set(userId, { id, fate: 'stored', level: 30, instanceId: userId, path, parent: null })
  }
  return contexts
}

/** To an event, who is no real user (such as the one that takes no replies) is nobody. `core_user::is_real_user` */
const realUser = (userId: number): number => Math.max(userId, 0)

function raiseSent(world: World, notification: Notification, system: Context): void {
  raise(world, {
    name: 'other',
    entry: {
      component: 'core',
      action: 'sent',
      target: 'notification',
      objectTable: 'notifications',
      objectId: () => idOf(notification),
      crud: 'c',
      eduLevel: 0,
      context: system,
      courseId: 0,
      userId: realUser(notification.from),
      relatedUserId: notification.to.id,
      other: () => ({ courseid: String(notification.course.id) }),
    },
  })
}

function raiseViewed(world: World, notification: Notification, context: Context): void {
  raise(world, {
    name: 'other',
    entry: {
      component: 'core',
      action: 'viewed',
      target: 'notification',
      objectTable: 'notifications',
      objectId: () => idOf(notification),
      crud: 'u',
      eduLevel: 0,
      context,
      courseId: 0,
      userId: notification.to.id,
      relatedUserId: realUser(notification.from),
      other: () => null,
    },
  })
}
