/** What files in the store are called. Pure: no name is looked up here, none is made up by anything but its arguments. */
import { extname } from 'node:path'

/** What Linux file systems allow a name to have, in bytes. */
const MAX_NAME_BYTES = 255

/** Past this, what follows the last dot is no extension, but a part of the name that happens to have a dot before it. */
const MAX_EXTENSION_BYTES = 32

/** The n-th name to try for a file: the first is the one wanted, the next ones get `-2`, `-3` before the extension. */
export type Candidate = (n: number) => string

/**
 * @returns `now` as `YYYYMMDD-HHmmss`, in the server's local time
 */
export function stamp(now: Date): string {
  const two = (part: number) => String(part).padStart(2, '0')
  const day = `${String(now.getFullYear()).padStart(4, '0')}${two(now.getMonth() + 1)}${two(now.getDate())}`
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`
}

/**
 * @returns when a file of the store was put there, by its name; undefined where the name has no stamp
 */
export function stampedAt(name: string): Date | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)_/.exec(name)
  if (found === null) return undefined
  const [year, month, day, hours, minutes, seconds] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return new Date(year, month - 1, day, hours, minutes, seconds)
}

/**
 * The names `NAME`, `NAME-2`, … of which the first that is free is to be taken.
 *
 * @param suffix is put behind the extension: `enrols.csv` with `.txt` is `enrols.csv.txt`, then `enrols-2.csv.txt`
 */
export function numbered(name: string, suffix = ''): Candidate {
  return n => compose('', name, n, suffix)
}

/** As `numbered`, with the stamp of `now` before: `YYYYMMDD-HHmmss_NAME`. */
export function stamped(name: string, now: Date, suffix = ''): Candidate {
  return n => compose(`${stamp(now)}_`, name, n, suffix)
}

/** Puts a name together; one that would be too long for the file system loses the end of its stem, not its extension. */
function compose(prefix: string, name: string, n: number, suffix: string): string {
  const { stem, extension } = parted(name)
  const tail = `${n === 1 ? '' : `-${n}`}${extension}${suffix}`
  return firstBytes(prefix + stem, MAX_NAME_BYTES - Buffer.byteLength(tail)) + tail
}

function parted(name: string): { readonly stem: string; readonly extension: string } {
  const found = extname(name)
  const extension = Buffer.byteLength(found) > MAX_EXTENSION_BYTES ? '' : found
  return { stem: name.slice(0, name.length - extension.length), extension }
}

/** As much of a text as fits into so many bytes, cut between two characters. */
function firstBytes(text: string, max: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= max) return text
  let end = max
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/**
 * Checks that a name names a file in a folder, and nothing outside of it.
 *
 * @throws where it does not: names come from directory listings and are checked configuration, so this is a bug
 */
export function checkName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new Error(`not the name of a file: ${JSON.stringify(name)}`)
  }
  return name
}

/** What a terminal or a browser would obey in a name, and what no name of a file can have. */
const UNFIT = /[\p{Cc}\p{Cf}\u2028\u2029\\/\ufffd]+/gu

/** What a feeder's lock, or an unfinished file of ours, begins with; and blanks. */
const UNFIT_BEGINNING = /^[._\s]+/u

/** Enough for a stamp, a number and an ending beside it. */
const MAX_GIVEN_BYTES = 200

/**
 * The name of a file that somebody has sent, as one that names a file in a folder, and nothing else: of a path its last part.
 * @param otherwise where nothing is left of it
 */
export function safeName(given: string, otherwise: string): string {
  const last = given.split(/[\\/]/).at(-1) ?? ''
  // The beginning last: what is taken out before it would uncover another one.
  const name = last.replace(UNFIT, '').normalize('NFC').replace(UNFIT_BEGINNING, '').trimEnd()
  if (name === '') return otherwise
  if (Buffer.byteLength(name) <= MAX_GIVEN_BYTES) return name
  const { stem, extension } = parted(name)
  return firstBytes(stem, MAX_GIVEN_BYTES - Buffer.byteLength(extension)).trimEnd() + extension
}

/**
 * Whether a file's name is one that `enrol.file` names: `*` is any run of characters, `?` is one, all else is itself.
 * No library does this: those for globs give a meaning to `[`, `{`, `!` and `(` too, which stand in names as they are.
 * Letters that can be written in two ways (é as one character or as e and an accent, as macOS does) are the same.
 */
export function matches(pattern: string, name: string): boolean {
  const source = pattern
    .normalize('NFC')
    .replace(/[\\^$.*+?()[\]{}|/]/g, character =>
      character === '*' ? '.*' : character === '?' ? '.' : `\\${character}`,
    )
  return new RegExp(`^${source}$`, 'su').test(name.normalize('NFC'))
}
