/** A real mail server, with TLS and login if asked for, that takes, refuses, delays or hangs up as a test says. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'

export interface ReceivedMail {
  /** Of the envelope. */
  readonly from: string
  readonly to: readonly string[]
  /** As it came. */
  readonly raw: string
  readonly parsed: ParsedMail
  /** Whether it came encrypted, and who was logged in. */
  readonly isEncrypted: boolean
  readonly user: string | null
}

/** What it answers: a code such as 450, with its text; or `hang up`, before a mail is taken or after; null: it takes it. */
export type Answer = { readonly code: number; readonly text: string } | 'hang up' | null

export interface MailServer {
  readonly port: number
  /** What it has taken, in order. */
  readonly mails: ReceivedMail[]
  /** Asked for each recipient, and, at the end of a mail, for all of it. */
  onRecipient: (address: string) => Answer | Promise<Answer>
  onMail: (mail: ReceivedMail) => Answer | Promise<Answer>
  readonly connections: () => number
  /** Nobody is there any more, at this port. */
  readonly stop: () => Promise<void>
}

export interface MailServerOptions {
  /** `smtps`: from the first byte. */
  readonly tls?: 'starttls' | 'smtps'
  readonly certificate?: Certificate
  readonly login?: { readonly user: string; readonly password: string }
  /** 0: any that is free. */
  readonly port?: number
}

/** Starts one; it ends with the test. */
export async function startMailServer({
  tls,
  certificate,
  login,
  port = 0,
}: MailServerOptions = {}): Promise<MailServer> {
  let connections = 0
  const errorFor = ({ code, text }: { readonly code: number; readonly text: string }) =>
    Object.assign(new Error(text), { responseCode: code })
  const options: SMTPServerOptions = {
    secure: tls === 'smtps',
    ...(tls === undefined ? { disabledCommands: ['STARTTLS'] } : certificate),
    ...(login === undefined ? { authOptional: true } : {}),
    authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    logger: false,
    closeTimeout: 100,
    onConnect: (_session, done) => {
      connections += 1
      done()
    },
    onAuth: (auth, _session, done) => {
      const isRight =
        auth.username === login?.user &&
        (auth.method === 'CRAM-MD5' ? auth.validatePassword(login?.password ?? '') : auth.password === login?.password)
      if (isRight) done(null, { user: auth.username })
      else done(errorFor({ code: 535, text: 'authentication failed' }))
    },
    onRcptTo: (address, session, done) => {
      void (async () => {
        const answer = await server.onRecipient(address.address)
        if (answer === 'hang up') hangUp(smtp, session.id)
        else if (answer === null) done()
        else done(errorFor(answer))
      })()
    },
    onData: (stream, session, done) => {
      void (async () => {
        const raw = await buffer(stream)
        const { mailFrom, rcptTo } = session.envelope
        const mail: ReceivedMail = {
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: raw.toString('latin1'),
          parsed: await simpleParser(raw),
          isEncrypted: session.secure,
          user: (session.user as string | undefined) ?? null,
        }
        const answer = await server.onMail(mail)
        if (answer === null) {
          server.mails.push(mail)
          done()
        } else if (answer === 'hang up') hangUp(smtp, session.id)
        else done(errorFor(answer))
      })()
    },
  }
  const smtp = new SMTPServer(options)
  // Who hangs up on us is part of the tests.
  smtp.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    smtp.once('error', reject)
    smtp.listen(port, '127.0.0.1', resolve)
  })
  let isStopped = false
  const server: MailServer = {
    port: (smtp.server.address() as AddressInfo).port,
    mails: [],
    onRecipient: () => null,
    onMail: () => null,
    connections: () => connections,
    stop: () => {
      if (isStopped) return Promise.resolve()
      isStopped = true
      return new Promise(resolve => smtp.close(resolve))
    },
  }
  onTestFinished(server.stop)
  return server
}

/** Ends a connection without a word. The type of the server's connections does not tell of their sockets. */
function hangUp(smtp: SMTPServer, id: string): void {
  for (const connection of smtp.connections) {
    const { session, _socket } = connection as unknown as { session: { id: string }; _socket: { destroy: () => void } }
    if (session.id === id) _socket.destroy()
  }
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** A certificate for this machine that only those trust who are told to. @returns it, and where it lies for `NODE_EXTRA_CA_CERTS` */
export async function newCertificate(): Promise<Certificate & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'moodle-syncd-tls-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
  ])
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8'), path: cert }
}
