/** Once for a whole run of vitest: the program as it is published, for the tests that start it. Types are checked elsewhere. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const inProject = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

export const PROGRAM = inProject('dist/cli.js')

export default function build(): void {
  execFileSync(inProject('node_modules/.bin/tsc'), ['-p', inProject('tsconfig.build.json'), '--noCheck'], {
    stdio: 'inherit',
  })
}
