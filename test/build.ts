/**
 * Once for a whole run of vitest: the program as it is published, for the tests that start it. Types are checked elsewhere.
 * A build that is newer than its sources is left alone: somebody may be running it.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const inProject = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

export const PROGRAM = inProject('dist/cli.js')

export default function build(): void {
  const built = statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = readdirSync(inProject('src'), { recursive: true, withFileTypes: true })
  if (sources.every(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs < built)) return
  execFileSync(inProject('node_modules/.bin/tsc'), ['-p', inProject('tsconfig.build.json'), '--noCheck'], {
    stdio: 'inherit',
  })
}
