/**
 * The mails that go with Moodle's course welcome messages. A run has written the messages to `notifications` by then; here they
 * become mails, while the run is reported, and are there to be sent exactly when it has ended.
 */
import { warnOnce } from '../log.ts'
import type { Moodle } from '../moodle/connect.ts'
import type { Settings } from '../moodle/site.ts'
import { fullName, type PersonNames } from '../moodle/text.ts'
import { loadWelcomeMails, type WelcomeMail } from '../moodle/welcome-mails.ts'
import { loadActorsLanguage } from '../moodle/welcome-texts.ts'
import type { RowResult } from '../plan/outcome.ts'
import type { RunGround } from '../run.ts'
import { slices } from '../slices.ts'
import { type MailsOfRun, WELCOME_NAME } from '../store/outbox.ts'
import { hostOf, isAddress } from './mail-settings.ts'

/** People whose messages are loaded together. */
const PEOPLE = 500

/**
 * Composes the mails of a run for the people whom it has enrolled, not those who follow into linked courses: Moodle welcomes
 * nobody there. In the transaction in which the run ends; done again, it comes to the same. `email_to_user`
 * @param outcomes of the run
 */
export async function mailWelcomes(
  { config, log }: RunGround,
  moodle: Moodle,
  { settings, actorId }: { readonly settings: Settings; readonly actorId: number },
  run: { readonly id: string; readonly startedAt: Date },
  outcomes: AsyncIterable<Pick<RowResult, 'about' | 'changes'>>,
  mails: MailsOfRun,
): Promise<void> {
  const enrolled = await gatherEnrolled(outcomes)
  const language = await loadActorsLanguage({ moodle, config, settings, warn: warnOnce(log) }, actorId)
  const template = settings('', 'fullnamedisplay') ?? ''
  const nameOf = (names: PersonNames): string =>
    fullName(names, template, own => language.string('moodle', 'fullnamedisplay', own))
  const date = new Date().toISOString()
  const mailOf = ({ id, senderNames, recipientNames, email, preferredEmail, subject, text, html }: WelcomeMail) => ({
    name: WELCOME_NAME + id,
    mail: {
      messageId: `<${run.id}.welcome.${id}@${hostOf(config.moodle.wwwroot)}>`,
      date,
      to: { name: nameOf(recipientNames), address: isAddress(preferredEmail) ? preferredEmail : email },
      fromName: senderNames === null ? language.string('moodle', 'noreplyname') : nameOf(senderNames),
      subject,
      text: `${text}\n`,
      html,
      isNotice: false,
    },
  })
  const since = Math.floor(run.startedAt.getTime() / 1000)
  let composed = 0
  for (const some of slices([...enrolled], PEOPLE)) {
    const found = await loadWelcomeMails(moodle, settings, new Map(some), since)
    await mails.write(found.map(mailOf))
    composed += found.length
  }
  log.info({ event: 'welcomes-composed', mails: composed }, 'composed the mails of welcome messages')
}

/** By person, the courses that they were enrolled in, each as often as they were. */
async function gatherEnrolled(
  outcomes: AsyncIterable<Pick<RowResult, 'about' | 'changes'>>,
): Promise<Map<number, number[]>> {
  const enrolled = new Map<number, number[]>()
  for await (const { about, changes } of outcomes) {
    if (about === undefined) continue
    for (const word of changes) {
      if (word !== 'enrolled') continue
      const courses = enrolled.get(about.userId)
      if (courses === undefined) enrolled.set(about.userId, [about.courseId])
      else courses.push(about.courseId)
    }
  }
  return enrolled
}
