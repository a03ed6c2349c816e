/** How mails are sent: by which servers, in whose name, to whom at all; as our configuration says, else Moodle's own. Pure. */
import type { Config } from '../config/config.ts'
import { isThisMachine } from '../config/kinds.ts'
import { isTrue } from '../moodle/message-outputs.ts'
import type { Settings } from '../moodle/site.ts'

export interface MailServer {
  readonly host: string
  readonly port: number
  /** `always`: from the first byte. `required`: by STARTTLS, or not at all. `offered`: by STARTTLS where the server has it. */
  readonly tls: 'always' | 'required' | 'offered'
  readonly login: { readonly user: string; readonly password: string; readonly method: string | null } | null
}

export interface MailSettings {
  /** `sendmail`: the program of this machine, at a path; null: it has none. `oauth`: by a way of logging in that only Moodle itself has the keys for. */
  readonly route:
    | { readonly by: 'smtp'; readonly servers: readonly MailServer[] }
    | { readonly by: 'sendmail'; readonly path: string | null }
    | { readonly by: 'oauth' }
  /** The sender's address. */
  readonly from: string
  /** What the name of the sender ends with; null: with nothing. */
  readonly via: string | null
  readonly subjectPrefix: string
  /** `noemailever`: a copy of the site, from which nobody is to hear anything. */
  readonly isOff: boolean
  /** `divertallemailsto`: all mails go there; null: to whom they are for. */
  readonly divertTo: string | null
  /** `divertallemailsexcept`: whose address one of these patterns matches is written to all the same. */
  readonly divertExcept: readonly string[]
}

/** `EMAIL_VIA_NEVER` */
const VIA_NEVER = '0'

/**
 * @param siteName the short name of the site; null: not known
 * @param sendmail where that program is; null: nowhere
 * After `get_mailer`, `email_to_user`, `email_should_be_diverted`.
 */
export function mailSettings(
  { mail, moodle }: { readonly mail: Config['mail']; readonly moodle: Pick<Config['moodle'], 'wwwroot'> },
  settings: Settings,
  siteName: string | null,
  sendmail: string | null,
): MailSettings {
  const text = (name: string): string => (settings('', name) ?? '').trim()
  return {
    route: mail.smtp === null ? moodlesRoute(text, sendmail) : { by: 'smtp', servers: [serverOf(mail.smtp)] },
    from: mail.from ?? noReplyAddress(text('noreplyaddress'), moodle.wwwroot),
    via: text('emailfromvia') === VIA_NEVER ? null : siteName,
    subjectPrefix: text('emailsubjectprefix'),
    isOff: isTrue(text('noemailever')),
    divertTo: text('divertallemailsto') || null,
    divertExcept: text('divertallemailsexcept')
      .split(/[\s,]+/)
      .filter(pattern => pattern !== ''),
  }
}

export const isAddress = (text: string): boolean => /^[^\s@<>]+@[^\s@<>]+$/.test(text)

/** The domain of the site stands in for an address that Moodle does not have either. */
function noReplyAddress(configured: string, wwwroot: string | null): string {
  return isAddress(configured) ? configured : `noreply@${hostOf(wwwroot)}`
}

/** What stands behind the @ of what is made up here: addresses, ids of mails. */
export const hostOf = (wwwroot: string | null): string =>
  wwwroot === null ? 'moodle-syncd.invalid' : new URL(wwwroot).hostname

/** `mail.smtp`. A password is never sent in the clear, but to this machine. */
function serverOf(address: string): MailServer {
  const { protocol, hostname, port, username, password } = new URL(address)
  const isEncrypted = protocol === 'smtps:'
  const user = decodeURIComponent(username)
  const host = hostname.replace(/^\[|\]$/g, '')
  const tls = isEncrypted ? 'always' : user !== '' && !isThisMachine(host) ? 'required' : 'offered'
  return {
    host,
    port: port === '' ? (isEncrypted ? 465 : user === '' ? 25 : 587) : Number(port),
    tls,
    login: user === '' ? null : { user, password: decodeURIComponent(password), method: null },
  }
}

/** `smtphosts` and what belongs to it. */
function moodlesRoute(text: (name: string) => string, sendmail: string | null): MailSettings['route'] {
  const hosts = text('smtphosts')
    .split(';')
    .map(host => host.trim())
    .filter(host => host !== '')
  // `qmail` is no host, but PHP's way of saying that qmail has a sendmail of its own.
  if (hosts.length === 0 || hosts[0] === 'qmail') return { by: 'sendmail', path: sendmail }
  const user = text('smtpuser')
  const method = text('smtpauthtype').toUpperCase() || null
  if (user !== '' && method === 'XOAUTH2') return { by: 'oauth' }
  const login = user === '' ? null : { user, password: text('smtppass'), method }
  return { by: 'smtp', servers: hosts.map(host => ({ ...moodlesHost(host, text('smtpsecure')), login })) }
}

/** `host`, `host:port`, `tls://host:port`. The port is 25 where none is given, however it is encrypted: so does PHPMailer. */
function moodlesHost(written: string, secure: string): Omit<MailServer, 'login'> {
  const [, scheme, ipv6, name, port] = /^(?:(ssl|tls):\/\/)?(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(written) ?? []
  const encryption = scheme ?? secure
  return {
    host: ipv6 ?? name ?? written,
    port: Number(port ?? 25),
    tls: encryption === 'ssl' ? 'always' : encryption === 'tls' ? 'required' : 'offered',
  }
}

/** Whom a mail goes to: an address, with what stands before the subject then; null: to nobody. */
export function destinationOf(
  address: string,
  { isOff, divertTo, divertExcept }: MailSettings,
): { readonly address: string; readonly mark: string } | null {
  // The domain is reserved for addresses that are none (RFC 2606); Moodle itself gives it to whom it makes up.
  if (isOff || !isAddress(address) || address.toLowerCase().endsWith('.invalid')) return null
  if (divertTo === null || divertExcept.some(pattern => matches(pattern, address))) return { address, mark: '' }
  return { address: divertTo, mark: `[DIVERTED ${address}] ` }
}

/** A pattern is one of PHP's. One that JavaScript does not take is an address. */
function matches(pattern: string, address: string): boolean {
  try {
    return new RegExp(pattern, 'i').test(address)
  } catch {
    return pattern.toLowerCase() === address.toLowerCase()
  }
}
