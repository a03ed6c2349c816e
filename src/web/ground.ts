/** What the page is given by the daemon that serves it. */
import type { CurrentConfig } from '../config/current.ts'
import type { Logger } from '../log.ts'
import type { Queue } from '../queue.ts'
import type { TaskGround } from '../tasks.ts'

export interface PageGround {
  readonly current: CurrentConfig
  readonly ground: TaskGround
  readonly log: Logger
  readonly queue: Queue
  /** When the schedule runs next; null: there is none. */
  readonly nextScheduled: () => Date | null
  readonly newId: () => string
  readonly now: () => Date
}
