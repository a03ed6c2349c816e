/**
 * Handing mails to a mail server, or to the sendmail of this machine, and what their answers mean. The only file that knows
 * nodemailer, which is loaded when there is something to send.
 */
import { isThisMachine } from '../config/kinds.ts'
import { EXIT, Problem } from '../errors.ts'
import type { Mail } from '../store/outbox.ts'
import { destinationOf, type MailServer, type MailSettings } from './mail-settings.ts'

export interface Transport {
  /** Host and port, or the path of sendmail; empty: no mail is sent at all. */
  readonly where: string
  /**
   * Sends a mail. Done: the server has taken it over, or it goes to nobody.
   * @param signal aborted: it is given up, whoever has it
   * @throws MailRefused where another try would be refused too; Problem where the server is the trouble; any other error where
   *   this mail may be taken later
   */
  readonly send: (mail: Mail, signal: AbortSignal) => Promise<'sent' | 'nobody'>
  readonly close: () => void
}

/** A server does not take this mail, now or ever. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused'
}

/** How long a server is waited for, in milliseconds: until it is there, and for each of its answers. */
export interface Patience {
  readonly connect: number
  readonly answer: number
}

export const PATIENT: Patience = { connect: 15_000, answer: 60_000 }

/** While a person waits, and the daemon can do it later. */
export const IN_A_HURRY: Patience = { connect: 2_000, answer: 4_000 }

/**
 * Opens a way for mails: the first of the servers that lets us in.
 * @throws Problem 69 where none does, 78 where there is none, or its way of logging in is not ours
 */
export async function openTransport(settings: MailSettings, patience: Patience = PATIENT): Promise<Transport> {
  const { route } = settings
  if (settings.isOff) return { where: '', send: async () => 'nobody', close: () => {} }
  const { createTransport } = await import('nodemailer')
  const compose = { disableFileAccess: true, disableUrlAccess: true } as const
  if (route.by === 'oauth') throw new Problem('mail-oauth', {}, EXIT.configuration)
  if (route.by === 'sendmail') {
    const { path } = route
    if (path === null) throw new Problem('mail-server-missing', {}, EXIT.configuration)
    return transportOf(createTransport({ sendmail: true, newline: 'unix', path, ...compose }), settings, path)
  }
  let failure: Problem | undefined
  for (const server of route.servers) {
    const transport = createTransport({
      ...smtpOptions(server, patience),
      pool: true,
      maxConnections: 1,
      maxRequeues: 0,
      ...compose,
    })
    try {
      await transport.verify()
      return transportOf(transport, settings, whereOf(server))
    } catch (error) {
      transport.close()
      // That one is not there says less than that another does not let us in.
      if (failure === undefined || failure.code === UNREACHABLE) failure = serverTrouble(error, whereOf(server))
    }
  }
  throw failure
}

const whereOf = ({ host, port }: MailServer): string => `${host}:${port}`

function smtpOptions({ host, port, tls, login }: MailServer, { connect, answer }: Patience) {
  return {
    host,
    port,
    secure: tls === 'always',
    requireTLS: tls === 'required',
    // The certificate of a server on this machine is seldom one that anybody has signed, and nobody is in between.
    tls: { rejectUnauthorized: tls !== 'offered' || !isThisMachine(host) },
    connectionTimeout: connect,
    greetingTimeout: connect,
    socketTimeout: answer,
    ...(login === null
      ? {}
      : {
          auth: { user: login.user, pass: login.password },
          ...(login.method === null ? {} : { authMethod: login.method }),
        }),
  }
}

/** What there is of a transport of nodemailer's, whatever its kind. */
interface Mailer {
  readonly sendMail: (message: object) => Promise<unknown>
  readonly close: (options?: { force?: boolean }) => void
}

function transportOf(mailer: Mailer, settings: MailSettings, where: string): Transport {
  return {
    where,
    send: async (mail, signal) => {
      const destination = destinationOf(mail.to.address, settings)
      if (destination === null) return 'nobody'
      try {
        await mailer.sendMail({ ...messageOf(mail, destination, settings), signal })
        return 'sent'
      } catch (error) {
        throw meaningOf(error, where)
      }
    },
    close: () => mailer.close({ force: true }),
  }
}

/** What is sent. Line ends in names and subjects are gone: a header has one line, whoever has written what is in it. */
function messageOf(
  mail: Mail,
  { address, mark }: { readonly address: string; readonly mark: string },
  settings: MailSettings,
) {
  const { from, via, subjectPrefix } = settings
  const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
  const fromName = oneLine(via === null ? mail.fromName : `${mail.fromName} (via ${via})`)
  return {
    envelope: { from, to: [address] },
    messageId: mail.messageId,
    date: new Date(mail.date),
    from: { name: fromName, address: from },
    to: { name: oneLine(mail.to.name), address },
    subject: oneLine(`${subjectPrefix} ${mark}${mail.subject}`),
    text: mail.text,
    ...(mail.html === null ? {} : { html: mail.html }),
    headers: {
      // RFC 3834; the other is Exchange's. Nobody's absence is to be told to an address that nobody reads.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      Precedence: 'bulk',
    },
  }
}

interface SmtpError extends Error {
  readonly code?: string
  readonly responseCode?: number
  readonly command?: string
}

/** Steps of a conversation (RFC 5321) in which a server judges this one mail. */
const ABOUT_THE_MAIL: ReadonlySet<string> = new Set(['RCPT TO', 'DATA'])

/**
 * An address that would be an option of sendmail; and the exit statuses for one mail (sysexits.h: EX_DATAERR, EX_NOUSER,
 * EX_NOHOST). All others are about the program, or pass.
 */
const SENDMAIL_REFUSES = /invalid envelope addresses|exited with code (65|67|68)$/i

/** Errors of a mail that nobody could send. */
const UNSENDABLE: ReadonlySet<string> = new Set(['EMESSAGE', 'EENVELOPE'])

function meaningOf(error: unknown, where: string): unknown {
  const { code = '', responseCode = 0, command = '', message } = error as SmtpError
  // 421: the server ends the conversation, whatever it was about. 503: it has lost the thread.
  const isAnswer = responseCode >= 400 && responseCode !== 421 && responseCode !== 503
  if (isAnswer && ABOUT_THE_MAIL.has(command)) return responseCode >= 500 ? new MailRefused(message) : error
  if (responseCode === 0 && UNSENDABLE.has(code)) return new MailRefused(message)
  if (code === 'ESENDMAIL' && SENDMAIL_REFUSES.test(message)) return new MailRefused(message)
  return serverTrouble(error, where)
}

const UNREACHABLE = 'mail-server-unreachable'

function serverTrouble(error: unknown, where: string): Problem {
  const { code, message } = error as SmtpError
  const sentence = code === 'EAUTH' ? 'mail-login-refused' : code === 'ETLS' ? 'mail-tls-failed' : UNREACHABLE
  return new Problem(sentence, { where, reason: message }, EXIT.unavailable, error)
}
