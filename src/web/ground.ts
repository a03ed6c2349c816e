/** What the page is given by the daemon that serves it. */
import type { CurrentConfig } from '../config/current.ts'
import type { Logger } from '../log.ts'
import type { Election } from '../moodle/active.ts'
import type { Queue } from '../queue.ts'
import type { TaskGround } from '../tasks.ts'

export interface PageGround extends TaskGround {
  readonly current: CurrentConfig
  readonly log: Logger
  readonly queue: Queue
  /** When the schedule runs next; null: there is none. */
  readonly nextScheduled: () => Date | null
  /** Whether this daemon is the one of its Moodle that takes files. */
  readonly standing: Election['standing']
  readonly newId: () => string
  readonly now: () => Date
}
