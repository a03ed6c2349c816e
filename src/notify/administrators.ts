/**
 * What administrators are told, whether or not they look into the log: every such thing is told here, and nowhere else.
 * Its sentence is `notice.<event>`.
 */
import type { MessageArguments } from '../errors.ts'
import type { Logger } from '../log.ts'
import { say } from '../messages/say.ts'

export interface Notice {
  readonly event: 'file-held' | 'feed-silent' | 'feed-back' | 'feeder-lock-stale'
  readonly level: 'info' | 'warn' | 'error'
  /** Fill the sentence, and are fields of the line in the log. */
  readonly args: MessageArguments
  /** More fields for the log. */
  readonly fields?: object
}

/** Tells administrators. The log is in English, as all of it. */
export function tellAdministrators(log: Logger, { event, level, args, fields }: Notice): void {
  log[level]({ event, ...args, ...fields }, say('en', `notice.${event}`, args))
}
