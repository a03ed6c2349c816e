/** Durations as people write them, in the configuration and on the command line. Pure. */

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `500ms`, `2s`, `5m`, `3h`, `90d`. @returns milliseconds; undefined where it is no duration */
export function readDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS]
}
