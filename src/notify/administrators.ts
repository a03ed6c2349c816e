/**
 * What administrators are told, whether or not they look into the log: every such thing is told here, and nowhere else, in the
 * log and by mail. Its sentence is `notice.<event>`, what stands in the list of mails `notice-subject.<event>`.
 */
import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import type { MessageArguments } from '../errors.ts'
import type { Logger } from '../log.ts'
import { eachOnOneLine } from '../messages/one-line.ts'
import { type Lang, localTime, say } from '../messages/say.ts'
import { type Mail, putMail } from '../store/outbox.ts'
import type { Store } from '../store/store.ts'
import { type Letter, letterAsHtml, letterAsText } from './letter.ts'
import { hostOf } from './mail-settings.ts'

export interface Notice {
  readonly event:
    | 'database-away'
    | 'database-back'
    | 'feed-back'
    | 'feed-silent'
    | 'feeder-lock-stale'
    | 'file-held'
    | 'file-refused'
    | 'mail-undeliverable'
    | 'run-failed'
  readonly level: 'info' | 'warn' | 'error'
  /** Fill the sentence, and are fields of the line in the log. */
  readonly args: MessageArguments
  /** More fields for the log. */
  readonly fields?: object
  /** What the mail quotes: lines of a report, a command; in the language of the administrators. */
  readonly quoted?: readonly string[]
  /** Where on the page it is seen, or done something about: a path. */
  readonly page?: '/' | '/held' | '/runs'
  /** What it is about: told again of the same, as after a crash, it is the same mail. Without: each is another. */
  readonly about?: string
}

export interface AdministratorsGround {
  readonly config: {
    readonly mail: Config['mail']
    readonly moodle: Pick<Config['moodle'], 'wwwroot'>
    /** `url`: of the page, as people reach it. */
    readonly web: Pick<Config['web'], 'url'>
  }
  readonly store: Store
  readonly log: Logger
  /** Of the mails. */
  readonly lang: Lang
}

/**
 * Tells administrators. The log is in English, as all of it. Never throws: a mail that cannot be put to the others is told in
 * the log, as it would be without an address.
 */
export async function tellAdministrators(ground: AdministratorsGround, notice: Notice): Promise<void> {
  const { config, store, log, lang } = ground
  const { event, level, args, fields, about = randomUUID() } = notice
  log[level]({ event, ...args, ...fields }, say('en', `notice.${event}`, args))
  const { admins } = config.mail
  if (admins.length === 0) return
  const letter = letterOf(notice, config.web.url, lang)
  const subject = say(lang, `notice-subject.${event}`, eachOnOneLine(args))
  const date = new Date().toISOString()
  try {
    for (const [at, address] of admins.entries()) {
      const name = `${event}-${about}-${at + 1}`
      const mail: Mail = {
        messageId: `<${name}@${hostOf(config.moodle.wwwroot)}>`,
        date,
        to: { name: '', address },
        fromName: 'moodle-syncd',
        subject,
        text: letterAsText(letter),
        html: letterAsHtml(letter),
        isNotice: true,
      }
      await putMail(store, name, mail)
    }
  } catch (error) {
    log.error({ event: 'store-failed', err: error }, 'a mail to administrators cannot be written')
  }
}

function letterOf({ event, args, quoted = [], page }: Notice, pageUrl: string | null, lang: Lang): Letter {
  const told = eachOnOneLine(args)
  return {
    lang,
    heading: say(lang, `notice-subject.${event}`, told),
    lead: asSentence(say(lang, `notice.${event}`, { ...told, ...sinceIn(args, lang) }), args),
    link: pageUrl === null || page === undefined ? null : { url: pageUrl + page, label: say(lang, 'notice-mail.page') },
    sections: [],
    quoted,
    foot: [say(lang, 'notice-mail.why')],
  }
}

/** A time as people say it; the log has it in ISO 8601. */
const sinceIn = ({ since }: MessageArguments, lang: Lang): MessageArguments =>
  typeof since === 'string' ? { since: localTime(new Date(since), lang) } : {}

/** What the log says is no sentence yet. One that ends with a command stays so: the command must be copied without a full stop. */
const asSentence = (said: string, { command }: MessageArguments): string =>
  said.charAt(0).toUpperCase() + said.slice(1) + (command === undefined ? '.' : '')
