/** Programs of the system that tests need. One that is missing is installed, where we are root on a system with apt. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/**
 * Why a program cannot be had on this machine; undefined: it is there.
 * @param ask what has it tell its version
 * @param packageName Debian's, if it is not called as the program is
 */
export async function programMissing(
  program: string,
  ask = '--version',
  packageName = program,
): Promise<string | undefined> {
  const isThere = () =>
    execute(program, [ask]).then(
      () => true,
      () => false,
    )
  if (await isThere()) return undefined
  if (process.getuid?.() === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    process.stderr.write(`There is no ${program} on this machine: installing ${packageName} for the tests.\n`)
    await execute('apt-get', ['update', '-qq'], { env }).catch(() => {})
    await execute('apt-get', ['install', '-qq', '-y', '--no-install-recommends', packageName], { env }).catch(() => {})
  }
  return (await isThere()) ? undefined : `${packageName} is not installed, and cannot be installed here`
}
