/** Debian's Chromium for the tests of the page. Where there is none and we are root on a system with apt, it is installed. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { onTestFinished } from 'vitest'

const execute = promisify(execFile)
const PROGRAM = '/usr/bin/chromium'

/** Why tests with a browser cannot be run on this machine; undefined: they can. */
export async function chromiumMissing(): Promise<string | undefined> {
  const isThere = () =>
    execute(PROGRAM, ['--version']).then(
      () => true,
      () => false,
    )
  if (await isThere()) return undefined
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  if (process.getuid?.() === 0) {
    process.stderr.write('There is no chromium on this machine: installing it for the tests.\n')
    await execute('apt-get', ['update', '-qq'], { env }).catch(() => {})
    await execute('apt-get', ['install', '-qq', '-y', '--no-install-recommends', 'chromium'], { env }).catch(() => {})
  }
  return (await isThere()) ? undefined : 'chromium is not installed, and cannot be installed here'
}

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
