/** What is done at the times of a cron expression, in the server's local time. */
import { Cron } from 'croner'
import type { Logger } from './log.ts'

export interface Schedule {
  /** null: never again. */
  readonly next: () => Date | null
  /** Does it now, too. */
  readonly now: () => Promise<void>
  readonly stop: () => void
}

/** Does something again and again, never twice at a time. A failure is logged, and no reason to end. */
export function repeat(expression: string, log: Logger, work: () => Promise<void>): Schedule {
  const logFailure = (error: unknown) => log.error({ event: 'schedule-failed', err: error }, 'a scheduled task failed')
  const cron = new Cron(expression, { mode: '5-part', protect: true, catch: logFailure }, work)
  return { next: () => cron.nextRun(), now: () => cron.trigger(), stop: () => cron.stop() }
}
