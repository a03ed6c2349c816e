/** A drop directory, a store beside it, a log that is kept, and a clock that stands still until it is set. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import pino from 'pino'
import type { Intake } from '../../src/intake/scan.ts'
import type { Logger } from '../../src/log.ts'
import { type Notice, tellAdministrators } from '../../src/notify/administrators.ts'
import type { Arrival } from '../../src/store/arrivals.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { temporaryFolder } from '../store/folder.ts'

export interface TestIntake extends Intake {
  readonly arrivals: Arrival[]
  /** The names of what has arrived, in order. */
  readonly taken: () => string[]
  /** What was logged, one object a line. */
  readonly lines: Record<string, unknown>[]
  /** How often something was logged. */
  readonly told: (event: string) => number
  readonly drop: (name: string, content?: string) => Promise<string>
  readonly stop: AbortController
  time: number
}

export async function freshIntake(wholeness: Partial<Intake['wholeness']> = {}, folder?: string): Promise<TestIntake> {
  const root = await temporaryFolder()
  const directory = folder ?? join(root, 'sync')
  await mkdir(directory, { recursive: true })
  const { log, lines } = keptLog()
  const arrivals: Arrival[] = []
  const stop = new AbortController()
  const store = await openStore(join(root, 'syncd'))
  const intake: TestIntake = {
    directory,
    wholeness: { stableFor: 2_000, doneFile: null, ...wholeness },
    store,
    log,
    tell: tellingAdministrators(store, log),
    onArrival: arrival => arrivals.push(arrival),
    takesFiles: () => true,
    signal: stop.signal,
    clock: { now: () => new Date(), elapsed: () => intake.time },
    arrivals,
    taken: () => arrivals.map(({ name }) => name),
    lines,
    told: event => lines.filter(line => line.event === event).length,
    drop: async (name, content = 'text') => {
      await writeFile(join(directory, name), content)
      return join(directory, name)
    },
    stop,
    time: 0,
  }
  return intake
}

/** Tells administrators, who have no address. */
export const tellingAdministrators =
  (store: Store, log: Logger) =>
  (notice: Notice): Promise<void> =>
    tellAdministrators(
      {
        config: { mail: { smtp: null, from: null, admins: [] }, moodle: { wwwroot: null }, web: { url: null } },
        store,
        log,
        lang: 'en',
      },
      notice,
    )

/** A log of every level, and its lines. */
export function keptLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const destination = new Writable({
    write: (line, _, done) => {
      lines.push(JSON.parse(String(line)))
      done()
    },
  })
  return { log: pino({ level: 'trace' }, destination), lines }
}
