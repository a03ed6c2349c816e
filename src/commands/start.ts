/** `moodle-syncd start`: the daemon, until it is told to stop. */
import { loadConfig } from '../config/load.ts'
import { daemon } from '../daemon.ts'
import { EXIT, type ExitStatus } from '../errors.ts'
import { createLog } from '../log.ts'
import type { CommandContext } from './context.ts'

/**
 * Runs until SIGTERM or SIGINT, then stops in good order. A second signal ends the process at once: nothing is lost by
 * that either, but the file that is being run is run again at the next start.
 */
export async function start(context: CommandContext): Promise<ExitStatus> {
  const config = await loadConfig(context.configPath)
  const log = createLog(config.log)
  const stop = new AbortController()
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  try {
    await daemon({ configPath: context.configPath, config, log, lang: context.lang, signal: stop.signal })
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
  }
  return EXIT.done
}
