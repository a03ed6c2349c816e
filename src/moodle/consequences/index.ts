/** Every consequence, in the order in which Moodle's listeners hear of an event: the log first. */
import type { Consequence } from './consequence.ts'
import { log } from './log.ts'

export const consequences: readonly Consequence[] = [log]
