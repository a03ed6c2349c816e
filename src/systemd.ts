/** What systemd is told of this process. Silent where nobody listens: without $NOTIFY_SOCKET nothing here does anything. */
import { execFile } from 'node:child_process'

type Environment = Readonly<NodeJS.ProcessEnv>

/** The service is up: units that were ordered after it may start. */
export const notifyReady = (env?: Environment): void => notify('READY=1', env)

/** The service has been told to stop, and is finishing what it has begun. */
export const notifyStopping = (env?: Environment): void => notify('STOPPING=1', env)

/**
 * Tells systemd that the service is alive, twice in each `WatchdogSec=`, as long as `healthy` says so; one that is not, or
 * does not answer, is not spoken for, and systemd starts the service anew.
 * @param healthy may throw: that is no health either
 * @returns what stops it
 */
export function startWatchdog(healthy: () => Promise<boolean>, env: Environment = process.env): () => void {
  const microseconds = Number(env.WATCHDOG_USEC)
  const isForUs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid
  if (!isForUs || !(microseconds > 0)) return () => {}
  let asking = false
  const feed = async (): Promise<void> => {
    // A question that hangs is the answer: no second one is asked meanwhile.
    if (asking) return
    asking = true
    const alive = await healthy().catch(() => false)
    asking = false
    if (alive) notify('WATCHDOG=1', env)
  }
  const timer = setInterval(feed, microseconds / 2000)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Node has no datagram sockets of this kind, so systemd's own program speaks for us. It is a child, hence the unit's
 * `NotifyAccess=all`.
 */
function notify(message: string, env: Environment = process.env): void {
  if (!env.NOTIFY_SOCKET) return
  execFile('systemd-notify', [message], { env: { ...env }, timeout: 10_000 }, error => {
    if (error) process.emitWarning(`systemd was not told ${message}: ${error.message}`)
  })
}
