/** Is it a command file, and is it whole? Pure: what was seen before, what is seen now, and the time are handed in. */
import { type FileIdentity, isSame } from '../store/move.ts'

/** When a file is whole. */
export interface Wholeness {
  /** Milliseconds that its size and time must not have moved for. Where there is a done file, that alone counts. */
  readonly stableFor: number
  /** What the file is called whose being there says that `{name}` is whole; null: none says so. */
  readonly doneFile: string | null
}

/** A file as it was seen, and since when it has looked so, in milliseconds of a clock that is never set. */
export interface Seen extends FileIdentity {
  readonly since: number
}

/** `until`: the earliest time at which it can be whole; null where that is for a done file to say. */
export type Settled =
  | { readonly whole: true }
  | { readonly whole: false; readonly seen: Seen; readonly until: number | null }

/**
 * @param previous what was seen of the path the last time; undefined the first time
 * @param isDone whether its done file is there
 */
export function settle(
  previous: Seen | undefined,
  present: FileIdentity,
  now: number,
  wholeness: Wholeness,
  isDone: boolean,
): Settled {
  const since = previous !== undefined && isSame(previous, present) ? previous.since : now
  const seen = { ino: present.ino, size: present.size, mtimeNs: present.mtimeNs, since }
  if (wholeness.doneFile !== null) return isDone ? { whole: true } : { whole: false, seen, until: null }
  const until = since + wholeness.stableFor
  return now >= until ? { whole: true } : { whole: false, seen, until }
}

/** What a feeder puts there while it writes: nothing is taken meanwhile. */
export const FEEDER_LOCK = 'alock.txt'

/** What we put there while we take files, for feeders that look for it. */
export const OUR_LOCK = 'lock.txt'

/** Whether it is that, or what it is made of. */
export const isOurLock = (name: string): boolean => name === OUR_LOCK || name.startsWith(`.${OUR_LOCK}.`)

/** What a manifest has at its end, after the name of the file whose sum it says. */
export const MANIFEST_ENDING = '.sha256'

/** What unfinished transfers are called: by FTP and SFTP clients, wget and curl, browsers, editors. */
const UNFINISHED = /(\.(part|tmp|filepart|crdownload)|~)$/i

/** Whether something of this name is no command file, whatever it is. */
export function isPassedOver(name: string, doneFile: string | null): boolean {
  return (
    /^[._]/.test(name) ||
    UNFINISHED.test(name) ||
    name === FEEDER_LOCK ||
    name === OUR_LOCK ||
    name.endsWith(MANIFEST_ENDING) ||
    (doneFile !== null && isDoneFile(name, doneFile))
  )
}

/** What the done file of a file is called, in bytes, as both are. */
export function doneFileOf(name: Buffer, doneFile: string): Buffer {
  const [before = '', ...after] = doneFile.split('{name}')
  return Buffer.concat([Buffer.from(before), ...after.flatMap(part => [name, Buffer.from(part)])])
}

function isDoneFile(name: string, doneFile: string): boolean {
  const [before = '', ...after] = doneFile.split('{name}')
  const tail = after.at(-1) ?? ''
  return name.length > before.length + tail.length && name.startsWith(before) && name.endsWith(tail)
}
