/** The cells `starttime` and `endtime`. Reads no clock: a time zone and the cell are all that counts. */
import { Temporal } from 'temporal-polyfill'

/** Unix time, or a day that may have a time of day, that may have an offset. */
const UNIX_TIME = /^\d{1,10}$/
const CALENDAR_TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?(?:Z|([+-])([01]\d|2[0-3]):?([0-5]\d))?$/

const HOUR = 3600
/** A year of hours, and then some. */
const HOURS_KEPT = 10_000

/** An hour of a calendar's day, in one time zone. */
interface Hour {
  /** In Unix time. */
  readonly begin: number
  /** The clock is not put forward or back within it. */
  readonly isRegular: boolean
}

/** Null is an hour that no day has. Asking for a time zone's offset takes 15 µs, which a million rows would feel. */
const hoursOf = new Map<string, Map<number, Hour | null>>()

/**
 * The Unix time in seconds that a cell means, or null where it means none (an impossible day or time of day, too). A time
 * without `Z` or an offset is read in `timeZone`, an IANA name. One that the clock skips in spring is an hour later, one
 * that it repeats in autumn is the later one, as PHP has it.
 */
export function parseTime(cell: string, timeZone: string): number | null {
  if (UNIX_TIME.test(cell)) return Number(cell)
  const match = CALENDAR_TIME.exec(cell)
  if (match === null) return null
  const [, year, month, day, hour = '0', minute = '0', second = '0', sign, offsetHours, offsetMinutes] = match
  const isUtc = sign !== undefined || cell.endsWith('Z')
  const time = timeAt(+year!, +month!, +day!, +hour, +minute, +second, isUtc ? 'UTC' : timeZone)
  if (time === null || sign === undefined) return time
  const offset = +offsetHours! * HOUR + +offsetMinutes! * 60
  return sign === '+' ? time - offset : time + offset
}

function timeAt(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  timeZone: string,
): number | null {
  if (minute > 59 || second > 59) return null
  const whole = hourAt(year, month, day, hour, timeZone)
  if (whole === null) return null
  if (whole.isRegular) return whole.begin + minute * 60 + second
  return secondsAt(new Temporal.PlainDateTime(year, month, day, hour, minute, second), timeZone)
}

function hourAt(year: number, month: number, day: number, hour: number, timeZone: string): Hour | null {
  let hours = hoursOf.get(timeZone)
  if (hours === undefined) {
    hours = new Map()
    hoursOf.set(timeZone, hours)
  }
  const key = ((year * 100 + month) * 100 + day) * 100 + hour
  let found = hours.get(key)
  if (found === undefined) {
    if (hours.size >= HOURS_KEPT) hours.clear()
    found = readHour(year, month, day, hour, timeZone)
    hours.set(key, found)
  }
  return found
}

function readHour(year: number, month: number, day: number, hour: number, timeZone: string): Hour | null {
  let begin: Temporal.PlainDateTime
  try {
    begin = new Temporal.PlainDateTime(year, month, day, hour)
  } catch {
    return null
  }
  const seconds = secondsAt(begin, timeZone)
  return { begin: seconds, isRegular: secondsAt(begin.add({ hours: 1 }), timeZone) - seconds === HOUR }
}

function secondsAt(time: Temporal.PlainDateTime, timeZone: string): number {
  // For a time that is skipped, `later` takes the offset from before the change: an hour later.
  return time.toZonedDateTime(timeZone, { disambiguation: 'later' }).epochMilliseconds / 1000
}
