/** What the log looks like, and what never gets into it. Lines are read back from a real file descriptor. */
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT, Problem } from '../src/errors.ts'
import { createLog, type Logger, warnOnce } from '../src/log.ts'

let folder: string
let descriptor: number
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncd-'))
  descriptor = openSync(join(folder, 'log'), 'w')
})
afterEach(() => {
  closeSync(descriptor)
  rmSync(folder, { recursive: true })
})

function linesOf(
  write: (log: Logger) => void,
  level: 'info' | 'debug' = 'info',
  env: NodeJS.ProcessEnv = {},
): string[] {
  write(createLog({ level }, env, descriptor))
  return readFileSync(join(folder, 'log'), 'utf8').split('\n').slice(0, -1)
}
const journal = () => {
  const { dev, ino } = fstatSync(descriptor)
  return `${dev}:${ino}`
}

test('one JSON object a line, with the time in ISO 8601 and the names of the run', () => {
  const [line, ...rest] = linesOf(log =>
    log.child({ run: 'r1', file: 'a.csv' }).info({ event: 'run-started' }, 'started'),
  )
  expect(rest).toEqual([])
  expect(JSON.parse(line!)).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    run: 'r1',
    file: 'a.csv',
    event: 'run-started',
    msg: 'started',
  })
})

test('what is less important than the level is left out', () => {
  const write = (log: Logger) => log.debug({ event: 'x' }, 'x')
  expect(linesOf(write)).toHaveLength(0)
  expect(linesOf(write, 'debug')).toHaveLength(1)
})

describe('the journal', () => {
  test('finds the priority before each line', () => {
    const write = (log: Logger) => {
      log.error('a')
      log.child({ run: 'r' }).warn('b')
      log.info('c')
      log.debug('d')
      log.fatal('e')
    }
    const lines = linesOf(write, 'debug', { JOURNAL_STREAM: journal() })
    expect(lines.map(line => line.slice(0, 4))).toEqual(['<3>{', '<4>{', '<6>{', '<7>{', '<2>{'])
  })

  test('is not assumed where standard error goes elsewhere', () => {
    expect(linesOf(log => log.info('a'), 'info', { JOURNAL_STREAM: '1:2' })[0]).toMatch(/^\{/)
  })
})

describe('errors', () => {
  test('carry their code, their arguments and their cause', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const problem = new Problem('database-unreachable', { where: 'db:3306' }, EXIT.unavailable, cause)
    const [line] = linesOf(log => log.error({ event: 'x', err: problem }, 'x'))
    expect(JSON.parse(line!).err).toMatchObject({
      type: 'Problem',
      code: 'database-unreachable',
      args: { where: 'db:3306' },
      cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
    })
  })

  test('of the database are logged without what they say of people', () => {
    const error = Object.assign(new Error("Duplicate entry 'jane.doe' for key 'x'"), {
      code: 'ER_DUP_ENTRY',
      sqlMessage: "Duplicate entry 'jane.doe' for key 'x'",
      sql: "INSERT INTO mdl_user VALUES ('jane.doe')",
    })
    const [line] = linesOf(log => log.error({ event: 'x', err: new Error('outer', { cause: error }) }, 'x'))
    expect(line).not.toContain('jane.doe')
    expect(JSON.parse(line!).err.cause).toMatchObject({
      code: 'ER_DUP_ENTRY',
      stack: expect.stringMatching(/^ {4}at /),
    })
  })
})

test('no password is written, however deep', () => {
  const [line] = linesOf(log =>
    log.info({
      password: 'hunter1',
      database: { password: 'hunter2' },
      moodle: { database: { password: 'hunter3' } },
      mail: { smtp: 'hunter4' },
    }),
  )
  expect(line).not.toContain('hunter')
})

test('what is said once is not said again, unless of something else', () => {
  const lines = linesOf(log => {
    const warn = warnOnce(log)
    for (const course of [4, 4, 5]) warn('rooms-unchanged', 'rooms stay as they are', { course })
    warn('rooms-unchanged', 'rooms stay as they are')
  })
  expect(lines.map(line => JSON.parse(line))).toEqual(
    [{ course: 4 }, { course: 5 }, {}].map(fields => ({
      level: 'warn',
      time: expect.any(String),
      event: 'rooms-unchanged',
      msg: 'rooms stay as they are',
      ...fields,
    })),
  )
})
