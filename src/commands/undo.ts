/** `moodle-syncd undo ID`: takes a run back; `--simulate` shows what that would do. */
import { randomUUID } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { loadConfig } from '../config/load.ts'
import { EXIT, type ExitStatus } from '../errors.ts'
import { createLog } from '../log.ts'
import { sendForAWhile } from '../notify/sender.ts'
import { undoAsHtml, undoAsJson, undoAsText } from '../report/undo.ts'
import { openStore } from '../store/store.ts'
import { undo as takeBack } from '../undo.ts'
import { type CommandContext, whoTypes } from './context.ts'
import { showProgress } from './progress.ts'
import { SEND_FOR } from './run.ts'

export interface UndoOptions {
  readonly simulate: boolean
}

/**
 * Takes back the run whose id begins so, and reports on standard output. Interrupted, it goes on when it is asked for again.
 * @returns 1 where something stays as it is, because somebody has changed it since
 */
export async function undo(context: CommandContext, id: string, { simulate }: UndoOptions): Promise<ExitStatus> {
  const { stdout, stderr, format, lang } = context
  const config = await loadConfig(context.configPath)
  const store = await openStore(config.store.directory)
  // At a terminal the report tells all that a person wants to know, but for what is wrong.
  const log = createLog(stderr.isTTY ? { level: 'warn' } : config.log)
  const ground = { config, store, log, lang }
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  process.once('SIGINT', abort).once('SIGTERM', abort)
  const progress = showProgress(context, 'undo.progress')
  try {
    const result = await takeBack(
      {
        id: randomUUID(),
        undoes: id.toLowerCase(),
        simulate,
        startedBy: whoTypes(context),
        signal: stop.signal,
        onProgress: (done, of) => progress.update(Math.floor(done / 1024), Math.ceil(of / 1024)),
        onReport: (report, lots) => {
          progress.end()
          const pieces =
            format === 'json'
              ? undoAsJson(report, lots(), lang)
              : format === 'html'
                ? undoAsHtml(report, lots, lang)
                : undoAsText(report, lots(), lang)
          return pipeline(pieces, stdout, { end: false })
        },
      },
      ground,
    )
    if (!simulate) await sendForAWhile(ground, SEND_FOR)
    if (result.outcome === 'interrupted') return EXIT.tryLater
    return result.summary.failed > 0 ? EXIT.someRowsFailed : EXIT.done
  } finally {
    progress.end()
    process.off('SIGINT', abort).off('SIGTERM', abort)
  }
}
