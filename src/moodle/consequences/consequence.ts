/** The one shape of a consequence: what Moodle itself does because of a change, which a writer of SQL must do as well. */
import type { Config } from '../../config/config.ts'
import type { CommandRow } from '../../file/types.ts'
import type { WarnOnce } from '../../log.ts'
import type { Observer, World } from '../../plan/world.ts'
import type { StaleKeys } from '../caches/definitions.ts'
import type { Moodle } from '../connect.ts'
import type { Settings } from '../site.ts'
import type { TableRows } from '../write.ts'

/** What a consequence may ask when it loads its facts for a chunk. */
export interface Needs {
  readonly moodle: Moodle
  readonly config: Config
  readonly settings: Settings
  /** The chunk's rows that can be understood. */
  readonly rows: readonly CommandRow[]
  /** The users and courses of the chunk, those of linked courses included. */
  readonly userIds: readonly number[]
  readonly courseIds: readonly number[]
  /** Whether the chunk may unenrol somebody: by a row, or in a linked course. */
  readonly mayUnenrol: boolean
  /** For what Moodle does and we cannot. */
  readonly warn: WarnOnce
}

/** A consequence with its facts: it listens while rows are planned, then says which rows are to be written. */
export interface Prepared {
  readonly observer: Observer
  /** Rows to be inserted, changed and deleted, by table, in the order in which they are to be written. */
  readonly tables?: readonly TableRows[]
  /** What is stale in Moodle's caches once this is committed. */
  readonly stale?: () => readonly StaleKeys[]
}

export interface Consequence {
  /** As its file is named. */
  readonly name: string
  /** The function of Moodle that it follows. */
  readonly follows: string
  /** One sentence for administrators: what is done. */
  readonly does: string
  /** Loads the facts for a chunk. null: there is nothing to follow here. */
  readonly prepare: (needs: Needs, world: World) => Promise<Prepared | null>
}
