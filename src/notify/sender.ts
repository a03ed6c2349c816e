/**
 * Sending what is in the outbox: one mail after the other, in their order, not too many a minute. A mail is taken out once the
 * server has taken it over (its 250): after a crash in between it is sent again, under the same Message-ID, since RFC 5321
 * (4.5.4.1) has a mail come twice rather than not at all. While the server is away, all wait, and it is tried again and again.
 */
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { Problem } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Lang } from '../messages/say.ts'
import { withMoodle } from '../moodle/connect.ts'
import { finishedAmong } from '../moodle/ledger.ts'
import { afterAbort } from '../signals.ts'
import {
  abandonedMails,
  dropMails,
  giveUpMail,
  lockOutbox,
  mailsToSend,
  readMail,
  releaseMails,
  removeMail,
  waitingSince,
} from '../store/outbox.ts'
import type { Store } from '../store/store.ts'
import { tellAdministrators } from './administrators.ts'
import { loadMailSettings } from './load-settings.ts'
import type { MailSettings } from './mail-settings.ts'
import { IN_A_HURRY, MailRefused, openTransport, PATIENT, type Patience, type Transport } from './transport.ts'

export interface SenderGround {
  readonly config: Config
  readonly store: Store
  readonly log: Logger
  /** Of what administrators are told. */
  readonly lang: Lang
}

/** What most servers take from one client. */
const MAILS_A_MINUTE = 100
const MINUTE = 60_000

/** Milliseconds between two looks at the outbox: another process may have put something there. */
const LOOK_EVERY = 1_000

/** Milliseconds until what was not taken is tried again: twice as long after each try. */
const FIRST_PAUSE = 2_000
const LONGEST_PAUSE = 15 * MINUTE

/** Milliseconds that the mail which is being sent has to be taken over, when the program is to end. */
const FINISH_WITHIN = 5_000

const DAY = 86_400_000

/** What is known of tries that have failed. */
interface Memory {
  /** By path of a mail: it alone was not taken. */
  readonly mails: Map<string, Pause>
  /** Of the server; null: it was there the last time. */
  server: Pause | null
  /** When mails were sent, in the last minute. Milliseconds of `performance.now()`. */
  sent: number[]
  /** What the database said when it last was there. */
  settings: MailSettings | null
  /** Mails that were given up since administrators were last told. */
  undelivered: number
}

interface Pause {
  readonly until: number
  readonly length: number
}

const newMemory = (): Memory => ({ mails: new Map(), server: null, sent: [], settings: null, undelivered: 0 })

function longer(before: Pause | null | undefined): Pause {
  const length = Math.min(LONGEST_PAUSE, before == null ? FIRST_PAUSE : 2 * before.length)
  return { length, until: performance.now() + length }
}

/**
 * Sends mails as long as the daemon runs.
 * @returns what ends it; the mail that is being sent has some seconds to be taken over
 */
export function keepSending(ground: SenderGround): () => Promise<void> {
  const stop = new AbortController()
  const sending = (async () => {
    const memory = newMemory()
    while (!stop.signal.aborted) {
      await sendIfDue(ground, memory, stop.signal, PATIENT)
      await sleep(LOOK_EVERY, undefined, { signal: stop.signal }).catch(() => {})
    }
  })()
  return async () => {
    stop.abort()
    await sending
  }
}

/**
 * Sends for some time, and leaves the rest to the daemon: what a run by hand does at its end. While a daemon is sending, it
 * does all of it. Never throws.
 * @param longest milliseconds
 */
export async function sendForAWhile(ground: SenderGround, longest: number): Promise<void> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), longest)
  await sendIfDue(ground, newMemory(), stop.signal, IN_A_HURRY)
  clearTimeout(timer)
}

/** Sends, where there is something to send and nobody else who does. Never throws. */
async function sendIfDue(ground: SenderGround, memory: Memory, signal: AbortSignal, patience: Patience): Promise<void> {
  if (memory.server !== null && performance.now() < memory.server.until) return
  try {
    if ((await mailsToSend(ground.store)).length === 0) return
    const release = await lockOutbox(ground.store)
    if (release === null) return
    try {
      await sendAll(ground, memory, signal, patience)
    } finally {
      await release()
    }
  } catch (error) {
    if (!signal.aborted) ground.log.error({ event: 'outbox-failed', err: error }, 'mails cannot be sent; tried again')
  }
}

/** Sends what is due: all but what was to be tried again later. */
async function sendAll(ground: SenderGround, memory: Memory, signal: AbortSignal, patience: Patience): Promise<void> {
  const due: string[] = []
  for (const path of await mailsToSend(ground.store)) {
    if ((memory.mails.get(path)?.until ?? 0) > performance.now()) continue
    if (!(await isTooOld(ground, memory, path))) due.push(path)
  }
  let sent = 0
  try {
    if (due.length > 0) sent = await sendThese(ground, memory, due, signal, patience)
    memory.server = null
  } catch (error) {
    if (signal.aborted || !(error instanceof Problem)) throw error
    tellPostponed(ground, memory, error)
  }
  if (sent > 0) ground.log.info({ event: 'mails-sent', sent }, 'mails sent')
  await tellUndelivered(ground, memory)
}

async function sendThese(
  ground: SenderGround,
  memory: Memory,
  due: readonly string[],
  signal: AbortSignal,
  patience: Patience,
): Promise<number> {
  memory.settings = await currentSettings(ground.config, memory.settings, signal)
  const transport = await openTransport(memory.settings, patience)
  const cut = new AbortController()
  const cancelCut = afterAbort(signal, FINISH_WITHIN, () => cut.abort())
  let sent = 0
  try {
    for (const path of due) {
      await waitForTurn(memory, signal)
      if (signal.aborted) break
      if (await sendOne(ground, memory, transport, path, cut.signal)) sent += 1
    }
    return sent
  } finally {
    cancelCut()
    transport.close()
  }
}

/** @returns whether the server has taken it. @throws Problem where the server is the trouble */
async function sendOne(
  { store, log }: SenderGround,
  memory: Memory,
  transport: Transport,
  path: string,
  cut: AbortSignal,
): Promise<boolean> {
  const mail = await readMail(path)
  if (mail === null) return false
  const name = basename(path)
  try {
    const outcome = await transport.send(mail, cut)
    // Sent, and not taken out yet: nothing may come in between that could be done before or after.
    await removeMail(store, path)
    memory.mails.delete(path)
    log.debug(
      { event: outcome === 'sent' ? 'mail-sent' : 'mail-for-nobody', mail: name },
      'mail taken out of the outbox',
    )
    if (outcome === 'sent') memory.sent.push(performance.now())
    return outcome === 'sent'
  } catch (error) {
    if (error instanceof Problem || cut.aborted) throw error
    if (error instanceof MailRefused) {
      log.warn({ event: 'mail-refused', mail: name }, 'the mail server does not take this mail; see undelivered/')
      await giveUp(store, memory, path, error.message, mail.isNotice)
      return false
    }
    if (!isAnswer(error)) throw error
    const pause = longer(memory.mails.get(path))
    memory.mails.set(path, pause)
    log.debug(
      { event: 'mail-postponed', mail: name, seconds: pause.length / 1000 },
      'the mail server takes this mail later',
    )
    return false
  }
}

/** Whether an error is what a server has answered to a mail. */
const isAnswer = (error: unknown): boolean => error instanceof Error && 'responseCode' in error

async function giveUp(store: Store, memory: Memory, path: string, reason: string, isNotice: boolean): Promise<void> {
  await giveUpMail(store, path, reason, new Date())
  memory.mails.delete(path)
  if (!isNotice) memory.undelivered += 1
}

/** What has waited for longer than anything is kept is given up. */
async function isTooOld({ config, store, log }: SenderGround, memory: Memory, path: string): Promise<boolean> {
  const { keepDays } = config.store
  const since = keepDays === 0 ? null : await waitingSince(path)
  if (since === null || Date.now() - since <= keepDays * DAY) return false
  log.warn({ event: 'mail-too-old', mail: basename(path), keepDays }, 'a mail has waited too long; see undelivered/')
  await giveUp(
    store,
    memory,
    path,
    `not taken by the mail server within ${keepDays} days`,
    (await readMail(path))?.isNotice ?? true,
  )
  return true
}

/** Waits until one more mail is none too many a minute. */
async function waitForTurn(memory: Memory, signal: AbortSignal): Promise<void> {
  const now = performance.now()
  memory.sent = memory.sent.filter(time => now - time < MINUTE)
  if (memory.sent.length < MAILS_A_MINUTE) return
  await sleep(memory.sent[0]! + MINUTE - now, undefined, { signal }).catch(() => {})
}

/** Said once until mails go again, not at each try. */
function tellPostponed({ log }: SenderGround, memory: Memory, problem: Problem): void {
  const isSaid = memory.server !== null
  memory.server = longer(memory.server)
  // Not the answer itself, which may name people.
  const { where = '' } = problem.args
  const fields = { event: 'mails-postponed', problem: problem.code, where, seconds: memory.server.length / 1000 }
  if (isSaid) log.debug(fields, 'mails still wait')
  else log.warn(fields, 'mails wait, and are tried again and again; moodle-syncd check says more')
}

async function tellUndelivered(ground: SenderGround, memory: Memory): Promise<void> {
  if (memory.undelivered === 0) return
  const args = { number: memory.undelivered, folder: ground.store.folder.undelivered }
  memory.undelivered = 0
  await tellAdministrators(ground, { event: 'mail-undeliverable', level: 'warn', args })
}

/** How mails are to be sent now; while the database is away, as it was when that last was there. */
async function currentSettings(config: Config, known: MailSettings | null, signal: AbortSignal): Promise<MailSettings> {
  return loadMailSettings(config, signal).catch((error: unknown) => {
    if (known !== null && error instanceof Problem && !signal.aborted) return known
    throw error
  })
}

/** Nobody goes on with a run by hand that has been killed; after so long its mails are nobody's, unless it had ended. */
const ABANDONED_AFTER = 10 * MINUTE

/** Lets the mails of runs go that had ended when they were killed, and removes those of runs that had not. */
export async function settleAbandonedMails({ config, store }: SenderGround, now: Date): Promise<void> {
  const runs = await abandonedMails(store, now, ABANDONED_AFTER)
  if (runs.length === 0) return
  const finished = await withMoodle(config, moodle => finishedAmong(moodle, runs))
  for (const run of runs) await (finished.has(run) ? releaseMails(store, run) : dropMails(store, run))
}
