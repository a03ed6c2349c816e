/** What the page does not do, and says so: a sentence for people, `web.refusal.<code>`, and a status for browsers. */
import type { MessageArguments } from '../errors.ts'

/** What each is in the terms of HTTP (RFC 9110). */
const STATUSES = {
  'bad-request': 400,
  'no-file': 400,
  'file-gone': 400,
  'nothing-there': 404,
  'foreign-form': 403,
  'not-administrator': 403,
  'file-changed': 409,
  'file-in-use': 409,
  'too-large': 413,
  'foreign-host': 421,
  'too-many-uploads': 503,
  'no-room': 507,
} as const

export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: keyof typeof STATUSES
  readonly args: MessageArguments

  constructor(code: keyof typeof STATUSES, args: MessageArguments = {}, cause?: unknown) {
    super(code, cause === undefined ? undefined : { cause })
    this.code = code
    this.args = args
  }

  get status(): number {
    return STATUSES[this.code]
  }
}
