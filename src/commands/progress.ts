/** A progress bar for people at a terminal; nothing for a pipe. */
import { Presets, SingleBar } from 'cli-progress'
import { say } from '../messages/say.ts'
import type { CommandContext } from './context.ts'

export interface Progress {
  readonly update: (done: number, of: number) => void
  /** Takes the bar away; calling it again does nothing. */
  readonly end: () => void
}

/** Runs that take no longer than a moment need no bar. */
const SHOWN_FROM_ROWS = 2_000

/** @param sentence how far it is: `{value}` of `{total}` */
export function showProgress({ stderr, lang, colour }: CommandContext, sentence = 'run.progress'): Progress {
  if (!stderr.isTTY) return { update: () => {}, end: () => {} }
  let bar: SingleBar | null = null
  return {
    update: (done, of) => {
      if (of < SHOWN_FROM_ROWS) return
      if (bar === null) {
        const format = `{bar} {percentage} % | ${say(lang, sentence, { value: '{value}', total: '{total}' })} | {eta_formatted}`
        bar = new SingleBar(
          { format, stream: stderr as NodeJS.WriteStream, clearOnComplete: true, hideCursor: colour },
          Presets.shades_classic,
        )
        bar.start(of, 0)
      }
      bar.update(done)
    },
    end: () => {
      bar?.stop()
      bar = null
    },
  }
}
