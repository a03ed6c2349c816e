/** Debian's Chromium for the tests of the page. */
import { type Browser, chromium } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { programMissing } from './installed.ts'

const PROGRAM = '/usr/bin/chromium'

/** Why tests with a browser cannot be run on this machine; undefined: they can. */
export const chromiumMissing = (): Promise<string | undefined> => programMissing(PROGRAM, '--version', 'chromium')

/** A browser for one test, which is ended with it. Its profile is a temporary one. */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  onTestFinished(() => browser.close())
  return browser
}
