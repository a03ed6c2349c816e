/** Whether the database has been away for long: administrators are told once, and once more when it is back. */
import type { Notice } from './administrators.ts'

/** Milliseconds. */
const LOOK_EVERY = 60_000
const LONG = 15 * 60_000

/**
 * Looks at it as long as the daemon runs.
 * @param answers whether the database is there now; never throws
 * @param times milliseconds: between two looks, and from when on it is long
 * @returns what ends it
 */
export function watchForOutage(
  answers: () => Promise<boolean>,
  tell: (notice: Notice) => Promise<void>,
  { every, long }: { readonly every: number; readonly long: number } = { every: LOOK_EVERY, long: LONG },
): () => void {
  /** Since when it has not answered; null: it does. */
  let since: number | null = null
  let isTold = false
  let isLooking = false
  const look = async (): Promise<void> => {
    // A question that hangs is no answer, and no second one is asked meanwhile.
    if (isLooking) return
    isLooking = true
    const isThere = await answers()
    isLooking = false
    const now = Date.now()
    if (!isThere) {
      since ??= now
      if (isTold || now - since < long) return
      isTold = true
      await tell({ event: 'database-away', level: 'error', args: { since: new Date(since).toISOString() } })
      return
    }
    if (isTold) {
      await tell({ event: 'database-back', level: 'info', args: { since: new Date(since!).toISOString() } })
    }
    since = null
    isTold = false
  }
  const timer = setInterval(() => void look(), every)
  return () => clearInterval(timer)
}
