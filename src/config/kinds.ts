/**
 * What a value of the configuration may be. A kind turns what was written into what the program works with, or refuses it;
 * the reason is the sentence `configuration.<fault>`. Nothing here looks at a file or a clock.
 */
import { isIP } from 'node:net'
import { isAbsolute, resolve } from 'node:path'
import { CronPattern } from 'croner'
import type { MessageArguments } from '../errors.ts'
import { isKnownEncoding } from '../file/encoding.ts'
import type { CsvOptions } from '../file/types.ts'
import { readDuration } from './duration.ts'

/** A value as YAML has it. */
export type Written = string | number | boolean | null | readonly Written[]

export interface Kind<Value> {
  /** The sentence for a value that is none of this kind: `configuration.<fault>`. */
  readonly fault: string
  readonly args?: MessageArguments
  /** undefined: refused. */
  readonly read: (written: Written) => Value | undefined
}

const ofText = <Value>(
  fault: string,
  read: (text: string) => Value | undefined,
  args?: MessageArguments,
): Kind<Value> => ({
  fault,
  ...(args && { args }),
  read: written => (typeof written === 'string' && !written.includes('\0') ? read(written) : undefined),
})

/** Any text, an empty one too: a password. */
export const anyText = ofText('no-text', text => text)

export const text = ofText('no-text', text => text || undefined)

export const absolutePath = ofText('no-absolute-path', text => (isAbsolute(text) ? resolve(text) : undefined))

/** No step up, and never the folder itself that the path is relative to. */
const staysBelow = (path: string): boolean =>
  path.split('/').every(part => part !== '' && part !== '.' && part !== '..')

export const pathBelow = ofText('no-path-below', text => (staysBelow(text) ? text : undefined))

export const pathBelowOrAbsolute = ofText('no-path-below-or-absolute', text =>
  isAbsolute(text) || staysBelow(text) ? text : undefined,
)

export const boolean: Kind<boolean> = {
  fault: 'no-boolean',
  read: written => (typeof written === 'boolean' ? written : undefined),
}

export const integer = (least: number, most: number): Kind<number> => ({
  fault: 'no-integer',
  args: { least, most },
  read: written =>
    Number.isInteger(written) && Number(written) >= least && Number(written) <= most ? Number(written) : undefined,
})

export const oneOf = <const Choice extends string>(choices: readonly Choice[]): Kind<Choice> =>
  ofText('no-choice', text => choices.find(choice => choice === text), { choices: choices.join(', ') })

export const nullable = <Value>(kind: Kind<Value>): Kind<Value | null> => ({
  ...kind,
  read: written => (written === null ? null : kind.read(written)),
})

export const listOf = <Value>(kind: Kind<Value>): Kind<readonly Value[]> => ({
  fault: 'no-list',
  read: written => {
    if (!Array.isArray(written)) return undefined
    const values = written.map(kind.read)
    return values.every(value => value !== undefined) ? values : undefined
  },
})

/** In milliseconds. */
export const duration = (most: number): Kind<number> =>
  ofText(
    'no-duration',
    text => {
      const milliseconds = readDuration(text)
      return milliseconds !== undefined && milliseconds <= most ? milliseconds : undefined
    },
    { days: most / DAY },
  )

const DAY = 86_400_000

/** `30%`, as the share 0.3. */
export const percentage = ofText('no-percentage', text => {
  const share = /^\d{1,3}(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number.NaN
  return share <= 1 ? share : undefined
})

/** A label of the WHATWG encoding list. */
export const encoding = ofText('no-encoding', text => (isKnownEncoding(text) ? text : undefined))

const SEPARATORS = { ';': ';', ',': ',', ':': ':', tab: '\t', '\t': '\t', auto: 'auto' } as const

export const separator: Kind<CsvOptions['separator']> = ofText('no-separator', text =>
  Object.hasOwn(SEPARATORS, text) ? SEPARATORS[text as keyof typeof SEPARATORS] : undefined,
)

/** Five fields as of cron; croner would take a date as well, and fields for seconds and years. */
export const cronExpression = ofText('no-cron-expression', text => {
  try {
    new CronPattern(text, undefined, { mode: '5-part' })
    return text
  } catch {
    return undefined
  }
})

/** The name that tells that a file is whole: it is made from the file's name, and lies beside it. */
export const doneFile = ofText('no-done-file', text =>
  text.includes('{name}') && text !== '{name}' && !text.includes('/') ? text : undefined,
)

/** What Moodle allows before its tables' names. */
export const tablePrefix = ofText('no-table-prefix', text => (/^\w{0,32}$/.test(text) ? text : undefined))

const isUrl = (text: string, schemes: readonly string[]): boolean => {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && url.hostname !== '' && schemes.includes(url.protocol)
}

/** Without a slash at its end, as Moodle has it. */
export const siteAddress = ofText('no-site-address', text =>
  isUrl(text, ['http:', 'https:']) ? text.replace(/\/+$/, '') : undefined,
)

export const smtpAddress = ofText('no-smtp-address', text => (isUrl(text, ['smtp:', 'smtps:']) ? text : undefined))

export const mailAddress = ofText('no-mail-address', text => (/^[^\s@]+@[^\s@]+$/.test(text) ? text : undefined))

/** An address, or a net of them: `10.0.0.0/8`. */
export const address = ofText('no-address', text => {
  const [host = '', bits, more] = text.split('/')
  const version = isIP(host)
  const isNet = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  return version !== 0 && isNet && more === undefined ? text : undefined
})

/** The name of a header of HTTP, in small letters as Node has it. */
export const headerName = ofText('no-header-name', text => (/^[\w-]+$/.test(text) ? text.toLowerCase() : undefined))

/** Whether a host is this machine: what is sent there goes through no wire. */
export const isThisMachine = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host)

export interface Listen {
  readonly host: string
  readonly port: number
}

/** `host:port`, an IPv6 address in brackets. Port 0 is any that is free. */
export const listen: Kind<Listen> = ofText('no-listen-address', text => {
  const match = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  return match && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined
})
