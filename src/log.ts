/**
 * The log: one JSON object a line on standard error. No password goes into it, and no statement of SQL, whose values are
 * people's data. What a person is to read in their language is a report or a mail, not the log.
 */
import { fstatSync } from 'node:fs'
import pino from 'pino'
import type { Config } from './config/config.ts'
import { Problem } from './errors.ts'
import { plainJson } from './messages/one-line.ts'

/** Messages carry an `event` in kebab-case, and `run`, `file` and `line` where they apply: by a child logger per run. */
export type Logger = pino.Logger

/** Says a thing once: what it said before, with the same fields, it passes over. */
export type WarnOnce = (event: string, sentence: string, fields?: Readonly<Record<string, unknown>>) => void

/** Makes a voice that warns in this log, and does not repeat itself. */
export function warnOnce(log: Logger): WarnOnce {
  const said = new Set<string>()
  return (event, sentence, fields = {}) => {
    const key = JSON.stringify([event, fields])
    if (said.has(key)) return
    said.add(key)
    log.warn({ event, ...fields }, sentence)
  }
}

/** The priorities of syslog, which the journal takes from the beginning of a line. */
const PRIORITIES: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 }

/**
 * Makes the log of a process.
 * @param stderr the file descriptor to write to
 */
export function createLog(
  { level }: Config['log'],
  env: Readonly<NodeJS.ProcessEnv> = process.env,
  stderr: number = process.stderr.fd,
): Logger {
  // Written at once: a line that tells why the process ended must not be lost by its end.
  const stream = pino.destination({ fd: stderr, sync: true })
  const destination: pino.DestinationStream = { write: line => stream.write(plainJson(line)) }
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: serializeError },
      redact: { paths: ['password', '*.password', '*.*.password', 'smtp', '*.smtp'], censor: '***' },
    },
    isJournal(env.JOURNAL_STREAM, stderr) ? withPriorities(destination) : destination,
  )
}

/** Whether a descriptor is the one that systemd connected to the journal: a child's may have been redirected since. */
export function isJournal(journalStream: string | undefined, descriptor: number): boolean {
  if (!journalStream) return false
  const { dev, ino } = fstatSync(descriptor)
  return journalStream === `${dev}:${ino}`
}

function withPriorities(destination: pino.DestinationStream): pino.DestinationStream {
  return {
    // Asks pino to leave the level of each line in `lastLevel`, before it is written.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 30,
    write(line: string) {
      destination.write(`<${PRIORITIES[this.lastLevel] ?? 6}>${line}`)
    },
  } as pino.DestinationStream & { lastLevel: number }
}

/** What of an error goes into the log: not the `sql` and the `sqlMessage` of the database driver. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? error.code : undefined
  return {
    type: error.name,
    ...(isFromDatabase(error) ? {} : { message: error.message }),
    ...(code === undefined ? {} : { code }),
    ...(error instanceof Problem ? { args: error.args } : {}),
    stack: isFromDatabase(error) ? framesOf(error) : error.stack,
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  }
}

/** The database quotes values in its messages: “Duplicate entry 'jane.doe' for key …”. */
const isFromDatabase = (error: Error): boolean => 'sqlMessage' in error

const framesOf = (error: Error): string | undefined => error.stack?.slice(error.stack.indexOf('\n    at ') + 1)
