/** The demo as a person starts it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PROGRAM } from '../build.ts'
import { until } from '../until.ts'
import { moodleSyncd } from './program.ts'

const folderIn = (stdout: string): string => dirname(/--config (\S+)/.exec(stdout)![1]!)

describe('moodle-syncd demo', () => {
  test.each([
    ['en', ['Why rows failed', 'README', 'Enrolment', 'suspended', 'Your course has changed: 2 arrivals']],
    ['fr', ['Causes des échecs', 'README', 'Inscription', 'suspendue', 'Votre cours a changé : 2 arrivées']],
  ])('shows in %s what a file does, and leaves nothing behind', async (lang, words) => {
    const { stdout, stderr, status } = await moodleSyncd(['demo', '--lang', lang])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    for (const word of words) expect(stdout).toContain(word)
    const [, before, after] = stdout.split(/BIO-2 (?:before|after|avant|après)/)
    const line = (table: string | undefined, name: string) => table?.split('\n').find(one => one.includes(name))
    expect(line(before, 'Rose Mitchell')).toBeUndefined()
    expect(line(after, 'Rose Mitchell')).toMatch(/^ {2}\+ .* student .* Groupe C$/)
    expect(line(after, 'Thomas Wright')).toMatch(/^ {2}~ .* editingteacher /)
    expect(line(after, 'Benjamin Moreau')).toMatch(/^ {2}- /)
    expect(existsSync(folderIn(stdout))).toBe(false)
  })

  test('interrupted, it tidies up before it ends', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.on('data', data => {
      stdout += data
    })
    await until('the daemon to run', () => (/--config \S+\n/.test(stdout) ? true : undefined))
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([null, 'SIGINT'])
    expect(existsSync(folderIn(stdout))).toBe(false)
  })
})
