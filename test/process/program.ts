/** Starts the program as a user does, and tells how it ended. */
import { spawn } from 'node:child_process'
import { PROGRAM } from '../build.ts'

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `moodle-syncd` with these arguments to its end, in an environment that has no language and no terminal. */
export function moodleSyncd(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...words], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    child.on('error', reject).on('close', status => resolve({ status, stdout, stderr }))
  })
}
