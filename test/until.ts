/** Waiting for a thing to happen, instead of for time to pass. */

const LONGEST_WAIT = 10_000

/** The value of `look` as soon as there is one; after some seconds, fails with what was waited for. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  longest = LONGEST_WAIT,
): Promise<T> {
  const deadline = Date.now() + longest
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`Waited ${longest / 1000} s in vain for ${what}.`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
