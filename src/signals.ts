/**
 * What follows from a signal that something is to stop. Not by AbortSignal.any: Node 20 may forget a signal that it has made, and
 * whoever listens to it hears nothing.
 */

/** A controller whose signal comes with the first of others, too, until it is closed. */
export function abortedBy(...signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal
  readonly abort: () => void
  readonly close: () => void
} {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  for (const signal of signals) {
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
  }
  return {
    signal: controller.signal,
    abort,
    close: () => {
      for (const signal of signals) signal.removeEventListener('abort', abort)
    },
  }
}

/** Does something so many milliseconds after a signal. @returns what has it not be done, if it has not been yet */
export function afterAbort(signal: AbortSignal | undefined, milliseconds: number, work: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const start = (): void => {
    timer = setTimeout(work, milliseconds)
  }
  if (signal?.aborted) start()
  signal?.addEventListener('abort', start)
  return () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', start)
  }
}
