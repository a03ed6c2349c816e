/**
 * Whether command files keep coming. That none has come for longer than `intake.expect` is told to administrators once, and
 * once more when they come again. When the last one came stands in the store, so that a restart forgets neither.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Logger } from '../log.ts'
import type { Notice } from '../notify/administrators.ts'
import { replaceDurably } from '../store/durable.ts'
import { failedWith } from '../store/errno.ts'
import type { Store } from '../store/store.ts'

/** What is known of what sends the files. Times in milliseconds. */
export interface Feed {
  /** When the last file was taken; where none ever was, when it was first waited for. */
  readonly lastArrival: number
  /** Administrators know that none has come for too long. */
  readonly isSilent: boolean
}

/** What there is to say now, and what is known then. @param expect milliseconds */
export function judge(
  feed: Feed,
  now: number,
  expect: number,
): { readonly feed: Feed; readonly notice: Notice | null } {
  if (feed.isSilent || now - feed.lastArrival <= expect) return { feed, notice: null }
  const args = { since: isoTime(feed.lastArrival), expect: durationOf(expect) }
  return { feed: { ...feed, isSilent: true }, notice: { event: 'feed-silent', level: 'error', args } }
}

/** As `judge`, when a file has been taken. */
export function hear(feed: Feed, now: number): { readonly feed: Feed; readonly notice: Notice | null } {
  const heard: Feed = { lastArrival: now, isSilent: false }
  if (!feed.isSilent) return { feed: heard, notice: null }
  return { feed: heard, notice: { event: 'feed-back', level: 'info', args: { since: isoTime(feed.lastArrival) } } }
}

const isoTime = (time: number): string => new Date(time).toISOString()

/** As it is written in the configuration: in the largest unit that it is a whole number of. */
function durationOf(milliseconds: number): string {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }
  const [unit, size] = Object.entries(units).find(([, size]) => milliseconds % size === 0)!
  return `${milliseconds / size}${unit}`
}

/** A look at least so often; the first of them gives files that have waited for the start time to be taken. */
const LOOK_EVERY_MS = 60_000

/** And no more often than this, however short the time is. */
const SHORTEST_MS = 10

export interface SilenceWatch {
  /** A file has been taken. */
  readonly arrived: () => void
  /** Ends it, once what is known has been written. */
  readonly close: () => Promise<void>
}

/**
 * @param expect milliseconds
 * @param isElsewhere whether files are taken by another host's daemon now; then nothing is known of them, and the time begins anew
 * @param tell tells administrators; never throws
 */
export async function watchForSilence(
  store: Store,
  expect: number,
  isElsewhere: () => boolean,
  log: Logger,
  tell: (notice: Notice) => Promise<void>,
  now: () => number = Date.now,
): Promise<SilenceWatch> {
  const path = join(store.directory, 'feed.json')
  let feed: Feed = (await readFeed(path)) ?? { lastArrival: now(), isSilent: false }
  let writing = Promise.resolve()
  let isWaiting = false
  const write = async (): Promise<void> => {
    isWaiting = false
    await replaceDurably(path, stream => pipeline([`${JSON.stringify(feed)}\n`], stream)).catch(error =>
      log.error({ event: 'store-failed', err: error }, 'the store cannot be written'),
    )
  }
  // Files come in numbers: what waits to be written is written once, as it then is.
  const note = (): void => {
    if (isWaiting) return
    isWaiting = true
    writing = writing.then(write)
  }
  const become = (next: ReturnType<typeof judge>): void => {
    if (next.feed === feed) return
    feed = next.feed
    const { notice } = next
    if (notice !== null) writing = writing.then(() => tell(notice))
    note()
  }
  note()
  // A crash may have come between a file and the note of it; then the file still waits in the store.
  if (store.lastArrival > feed.lastArrival) become(hear(feed, store.lastArrival))
  const every = Math.min(LOOK_EVERY_MS, Math.max(SHORTEST_MS, expect / 4))
  const looks = setInterval(() => {
    if (isElsewhere()) feed = { lastArrival: now(), isSilent: false }
    else become(judge(feed, now(), expect))
  }, every)
  return {
    arrived: () => become(hear(feed, now())),
    close: async () => {
      clearInterval(looks)
      await writing
    },
  }
}

async function readFeed(path: string): Promise<Feed | null> {
  try {
    const { lastArrival, isSilent } = (JSON.parse(await readFile(path, 'utf8')) ?? {}) as Partial<Feed>
    return typeof lastArrival === 'number' && typeof isSilent === 'boolean' ? { lastArrival, isSilent } : null
  } catch (error) {
    if (error instanceof SyntaxError || failedWith(error, 'ENOENT')) return null
    throw error
  }
}
