/** Waiting for a thing to happen, instead of for time to pass. */

const LONGEST_WAIT = 10_000

/** The value of `look` as soon as there is one; after some seconds, fails with what was waited for. */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + LONGEST_WAIT
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`Waited ${LONGEST_WAIT / 1000} s in vain for ${what}.`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
