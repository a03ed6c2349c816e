/**
 * One daemon has the store, and others stand by: on other hosts that share it, or on this one. It goes to the next one when the
 * first is gone, and when the first is not the active daemon any more and the next one is (`moodle/active.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './log.ts'
import type { Election } from './moodle/active.ts'
import { abortedBy } from './signals.ts'
import type { Holder, Lock } from './store/lock.ts'
import { isStoreAskedFor, lockStore, type Store } from './store/store.ts'

export interface StandbyGround {
  readonly store: Store
  readonly election: Election
  readonly log: Logger
  /** Aborted: the daemon stops. */
  readonly signal: AbortSignal
  /** Told, again and again, that another one has the store. */
  readonly onWait: () => void
}

/** Milliseconds: how often is looked whether the store is asked for, and how long it then is left to whoever has asked. */
const LOOK_WHETHER_ASKED = 1_000
const LEAVE_TO_OTHERS = 3_000

/**
 * Waits for the store and serves while it is ours, again and again until the daemon stops.
 * @param serve ends soon after its signal, and touches nothing in the store from then on
 * @throws what `serve` throws; Problem 78 where the store cannot be written, 69 where it is full
 */
export async function whileStoreIsOurs(
  ground: StandbyGround,
  serve: (until: AbortSignal) => Promise<void>,
): Promise<void> {
  const { store, election, log, signal } = ground
  const isActive = (): boolean => election.standing() === 'active'
  while (!signal.aborted) {
    const lock = await lockStore(store, isActive, tellingOnce(ground), signal)
    if (lock === null) return
    const ours = watchLock(lock, ground, isActive)
    try {
      await serve(ours.until)
    } finally {
      ours.close()
      await lock.release()
    }
    if (signal.aborted) return
    log.warn({ event: 'store-left', store: store.directory }, 'the store is left to another daemon')
    await sleep(LEAVE_TO_OTHERS, undefined, { signal }).catch(() => {})
  }
}

function tellingOnce({ store, log, onWait }: StandbyGround): (holder: Holder | null) => void {
  let isTold = false
  return holder => {
    onWait()
    if (isTold) return
    isTold = true
    log.info(
      { event: 'store-in-use', store: store.directory, pid: holder?.pid ?? null, host: holder?.host ?? null },
      'standing by: another daemon has the store; it is taken over when that one is gone, or cut off from the database',
    )
  }
}

/** Ends when the daemon stops, when somebody has taken us for gone, or when the active daemon asks for what we have. */
function watchLock(
  { lost }: Lock,
  { store, signal: stop }: StandbyGround,
  isActive: () => boolean,
): { readonly until: AbortSignal; readonly close: () => void } {
  const over = abortedBy(lost, stop)
  const look = async (): Promise<void> => {
    if (!isActive() && (await isStoreAskedFor(store).catch(() => false))) over.abort()
  }
  const looks = setInterval(look, LOOK_WHETHER_ASKED)
  return {
    until: over.signal,
    close: () => {
      clearInterval(looks)
      over.close()
    },
  }
}
