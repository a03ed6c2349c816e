/** The program as a whole: how it understands its arguments, and how it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { PROGRAM } from '../build.ts'
import { moodleSyncd } from './program.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'syncd-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('help', () => {
  test.each([['--help'], ['-h'], ['run', '--help'], ['--version'], ['-V']])(
    '%s %s is on standard output, and no error',
    async (...words) => {
      const { status, stdout, stderr } = await moodleSyncd(words)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout.trim()).not.toBe('')
    },
  )

  test('names every command, and is in the language asked for', async () => {
    const english = (await moodleSyncd(['--help'])).stdout
    const french = (await moodleSyncd(['--help', '--lang', 'fr'])).stdout
    for (const command of [
      'start',
      'run [FILE]',
      'lint FILE',
      'check',
      'init [CONFIG_PHP]',
      'runs [ID]',
      'undo ID',
      'why USER COURSE',
      'demo',
    ]) {
      expect(english).toContain(`\n  ${command} `)
      expect(french).toContain(`\n  ${command} `)
    }
    expect(english).toMatch(/^Usage: moodle-syncd \[OPTIONS\] COMMAND$/m)
    expect(french).toMatch(/^Usage\u00a0: moodle-syncd \[OPTIONS\] COMMANDE$/m)
    // Titles and remarks of commander itself would be English.
    expect(french).not.toMatch(/Options:|Commands:|Arguments:|default:|choices:|\[options\]/)
  })

  test('the language is that of the environment where none is asked for', async () => {
    const { stdout } = await moodleSyncd(['run', '--help'], { LANG: 'fr_FR.UTF-8' })
    expect(stdout).toContain('Options\u00a0:')
  })

  test('the version is that of the package', async () => {
    expect((await moodleSyncd(['--version'])).stdout).toBe(`${packageJson.version}\n`)
  })
})

describe('what cannot be understood ends with 64 and a hint', () => {
  test.each([
    [['rnu'], 'There is no command “rnu”.\nIs run meant?'],
    [['run', '--simulat'], 'There is no option --simulat.\nIs --simulate meant?'],
    [['run', 'a', 'b'], 'There are too many arguments for run.'],
    [['check', 'a'], 'There are too many arguments for check.'],
    [['lint'], 'FILE is missing.'],
    [['init', 'a', 'b'], 'There are too many arguments for init.'],
    [['check', '--simulate'], 'There is no option --simulate.'],
    [['check', '-c'], 'The option -c, --config <FILE> needs a value.'],
    [['check', '--format', 'xml'], '“xml” is no value of the option --format <text|json|html>.'],
    [['check', '--format', 'html'], '“html” is no value of the option --format.'],
    [['--lang=de', 'check'], '“de” is no value of the option --lang <en|fr>.'],
  ])('%o', async (words, expected) => {
    expect(await moodleSyncd(words)).toEqual({
      status: 64,
      stdout: '',
      stderr: `${expected}\nTry: moodle-syncd --help\n`,
    })
  })

  test('no command at all shows the help as an error', async () => {
    const { status, stdout, stderr } = await moodleSyncd([])
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
    expect(stderr).toContain('moodle-syncd [OPTIONS] COMMAND')
  })

  test('in French, too', async () => {
    const { stderr } = await moodleSyncd(['run', '--simulat', '--lang', 'fr'])
    expect(stderr).toContain('L’option --simulat n’existe pas.')
  })
})

describe('the configuration', () => {
  test('that is not there ends with 78 and its path, however it was named', async () => {
    const none = join(folder, 'none.yaml')
    for (const { status, stderr } of [
      await moodleSyncd(['run', '-c', none]),
      await moodleSyncd(['--config', none, 'run']),
      await moodleSyncd(['start'], { MOODLE_SYNCD_CONFIG: none }),
    ]) {
      expect(status).toBe(78)
      expect(stderr).toContain(none)
    }
    expect((await moodleSyncd(['run'])).stderr).toContain('/etc/moodle-syncd/config.yaml')
  })

  test('that is faulty ends with 78 and a line for each fault', async () => {
    const path = join(folder, 'faulty.yaml')
    await writeFile(path, 'moodle: {}\nenroll: {}\n')
    const { status, stdout, stderr } = await moodleSyncd(['run', '-c', path])
    expect({ status, stdout }).toEqual({ status: 78, stdout: '' })
    const lines = stderr.trimEnd().split('\n')
    expect(lines[0]).toContain(path)
    expect(lines.slice(1).every(line => /^ {2}line \d+, column \d+: /.test(line))).toBe(true)
    expect(stderr).toContain('line 2, column 1: there is no key “enroll”. Is enrol meant?')
  })
})

test('who stops reading the output is no error', async () => {
  const child = spawn(process.execPath, [PROGRAM, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  expect(await once(child, 'close')).toEqual([0, null])
  expect(stderr).toBe('')
})

test('an output that cannot be written is said so, and is no bug', async () => {
  const full = await open('/dev/full', 'w')
  try {
    const child = spawn(process.execPath, [PROGRAM, '--help'], { stdio: ['ignore', full.fd, 'pipe'] })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    expect(await once(child, 'close')).toEqual([69, null])
    expect(stderr).toContain('ENOSPC')
    expect(stderr).not.toContain('bug')
  } finally {
    await full.close()
  }
})

test('half an installation ends with 70 and the reason, not never', async () => {
  const installation = join(folder, 'half')
  await cp(dirname(PROGRAM), join(installation, 'dist'), { recursive: true })
  await symlink(join(dirname(PROGRAM), '../node_modules'), join(installation, 'node_modules'))
  await writeFile(join(installation, 'package.json'), '{ "type": "module" }')
  await writeFile(join(installation, 'dist/messages/en.json'), '{ "half":')
  const child = spawn(process.execPath, [join(installation, 'dist/cli.js'), 'check'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  expect(await once(child, 'close')).toEqual([70, null])
  expect(stderr).toContain('en.json')
})
