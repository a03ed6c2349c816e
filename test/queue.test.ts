import { mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXIT, Problem } from '../src/errors.ts'
import { addStandardFiles, openQueue, type Queue, type QueueGround } from '../src/queue.ts'
import { emptySummary } from '../src/report/report.ts'
import type { RunResult } from '../src/run.ts'
import { type Arrival, arrivalsOf, arrive } from '../src/store/arrivals.ts'
import { begunJobs } from '../src/store/running.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { keptLog, tellingAdministrators } from './intake/intake.ts'
import { filesIn, temporaryFolder } from './store/folder.ts'
import { until } from './until.ts'

const NOW = new Date(2025, 8, 1, 7, 5, 9)

const ended = (outcome: RunResult['outcome']): RunResult => ({
  outcome,
  startedAt: NOW,
  summary: emptySummary(0),
  reason: outcome === 'refused' ? 'Because.' : null,
  heldAs: null,
})

interface TestQueue {
  readonly store: Store
  readonly queue: Queue
  readonly ground: QueueGround
  readonly stop: AbortController
  /** What was run: `id name content`. */
  readonly ran: string[]
  readonly lines: Record<string, unknown>[]
  readonly arriveAndAdd: (name: string, content?: string) => Promise<Arrival>
}

const CONFIG = { enrol: { file: 'a*.csv' }, store: { archive: true, delete: true } }

/** A queue whose files are run by `runFile`, after they were noted. */
async function freshQueue(
  runFile: (name: string, signal: AbortSignal) => Promise<RunResult> = async () => ended('processed'),
): Promise<TestQueue> {
  const folder = await temporaryFolder()
  const store = await openStore(join(folder, 'syncd'))
  await mkdir(join(folder, 'sync'))
  const { log, lines } = keptLog()
  const stop = new AbortController()
  const ran: string[] = []
  let ids = 0
  const ground: QueueGround = {
    current: { value: CONFIG },
    store,
    log,
    runFile: async ({ id, name, path }) => {
      ran.push(`${id} ${name} ${await readFile(path, 'utf8')}`)
      return runFile(name, stop.signal)
    },
    tell: (notice, log) => tellingAdministrators(store, log)(notice),
    newId: () => `run-${++ids}`,
    now: () => NOW,
    signal: stop.signal,
  }
  const queue = openQueue(ground)
  return {
    store,
    queue,
    ground,
    stop,
    ran,
    lines,
    arriveAndAdd: async (name, content = 'text') => {
      await writeFile(join(folder, 'sync', name), content)
      const arrival = await arrive(store, Buffer.from(join(folder, 'sync', name)), name, NOW)
      queue.add({ file: name, arrival: arrival.folder })
      return arrival
    },
  }
}

/** A promise, and what settles it. */
function newGate(): { passed: Promise<void>; open: () => void } {
  let open = () => {}
  const passed = new Promise<void>(resolve => {
    open = resolve
  })
  return { passed, open }
}

test('files are run one at a time, in their order, and put away', async () => {
  let running = 0
  const { store, queue, ran, arriveAndAdd } = await freshQueue(async () => {
    expect(++running).toBe(1)
    await new Promise(setImmediate)
    running--
    return ended('processed')
  })
  for (const [name, content] of [
    ['a.csv', '1'],
    ['a2.csv', '2'],
    ['a.csv', '3'],
  ] as const) {
    await arriveAndAdd(name, content)
  }
  await queue.idle()
  expect(ran).toEqual(['run-1 a.csv 1', 'run-2 a2.csv 2', 'run-3 a.csv 3'])
  expect(await filesIn(store.directory)).toEqual({
    'archives/20250901-070509_a.csv': '1',
    'archives/20250901-070509_a2.csv': '2',
    'archives/20250901-070509_a-2.csv': '3',
  })
})

test('a file that enrol.file does not name is kept, not run, said once; a second one puts it into the archives', async () => {
  const { store, queue, ran, lines, arriveAndAdd } = await freshQueue()
  await arriveAndAdd('b.csv', '1')
  await arriveAndAdd('b.csv', '2')
  await queue.idle()
  expect(ran).toEqual([])
  expect(await filesIn(store.directory)).toEqual({ 'commands/b.csv': '2', 'archives/20250901-070509_b.csv': '1' })
  expect(lines.filter(({ event }) => event === 'file-not-named').map(({ file }) => file)).toEqual(['b.csv', 'b.csv'])
})

test('a folder of its name, put among the command files by somebody, makes room for a file, with all that is in it', async () => {
  const { store, queue, ran, arriveAndAdd } = await freshQueue()
  await mkdir(join(store.folder.commands, 'a.csv'))
  await writeFile(join(store.folder.commands, 'a.csv', 'notes'), 'kept')
  await arriveAndAdd('a.csv', '1')
  await queue.idle()
  expect(ran).toEqual(['run-1 a.csv 1'])
  expect(await readFile(join(store.folder.archives, '20250901-070509_a.csv', 'notes'), 'utf8')).toBe('kept')
  expect(await readFile(join(store.folder.archives, '20250901-070509_a-2.csv'), 'utf8')).toBe('1')
  expect(await readdir(store.folder.commands)).toEqual([])
})

test('a refused file is put beside its reason, and the next one has its turn', async () => {
  const { store, queue, ran, arriveAndAdd } = await freshQueue(async name =>
    ended(name === 'a.csv' ? 'refused' : 'processed'),
  )
  await arriveAndAdd('a.csv')
  await arriveAndAdd('a2.csv')
  await queue.idle()
  expect(ran).toHaveLength(2)
  expect(Object.keys(await filesIn(store.directory)).sort()).toEqual([
    'archives/20250901-070509_a2.csv',
    'refused/20250901-070509_a.csv',
    'refused/20250901-070509_a.csv.txt',
  ])
})

describe('the schedule', () => {
  test('puts every standard file in the store to the queue, none twice', async () => {
    const gate = newGate()
    const { store, queue, ran, ground, lines, arriveAndAdd } = await freshQueue(async () => {
      await gate.passed
      return ended('processed')
    })
    const run = () => addStandardFiles(queue, store, 'a*.csv', ground.log)
    await run()
    expect(lines.map(({ event, level }) => [event, level])).toEqual([['nothing-scheduled', 20]])
    for (const name of ['a1.csv', 'a2.csv', 'b.csv']) await writeFile(join(store.folder.commands, name), '')
    await arriveAndAdd('a2.csv')
    await run()
    await run()
    gate.open()
    await queue.idle()
    expect(ran).toEqual(['run-1 a2.csv text', 'run-2 a1.csv '])
    expect(await readdir(store.folder.commands)).toEqual(['b.csv'])
  })

  test('runs a file that is kept again each time', async () => {
    const { store, ran, ground } = await freshQueue()
    const queue = openQueue({
      ...ground,
      current: { value: { ...CONFIG, store: { archive: false, delete: false } } },
    })
    await writeFile(join(store.folder.commands, 'a.csv'), 'text')
    for (let times = 0; times < 2; times++) {
      await addStandardFiles(queue, store, 'a*.csv', ground.log)
      await queue.idle()
    }
    expect(ran).toEqual(['run-1 a.csv text', 'run-2 a.csv text'])
    expect(await filesIn(store.directory)).toEqual({ 'commands/a.csv': 'text' })
  })
})

test('what is taken away before its turn is passed over', async () => {
  const gate = newGate()
  const { store, queue, ran, arriveAndAdd } = await freshQueue(async () => {
    await gate.passed
    return ended('processed')
  })
  await arriveAndAdd('a.csv')
  const { folder } = await arriveAndAdd('a2.csv')
  await writeFile(join(store.folder.commands, 'a3.csv'), '')
  queue.add({ file: 'a3.csv', arrival: null })
  await unlink(join(store.folder.arrivals, folder, 'a2.csv'))
  await unlink(join(store.folder.commands, 'a3.csv'))
  gate.open()
  await queue.idle()
  expect(ran).toEqual(['run-1 a.csv text'])
})

test('what cannot be done now is tried again, under the same id, and those behind it wait', async () => {
  const problems = [
    new Problem('database-unreachable', {}, EXIT.unavailable),
    new Problem('maintenance', {}, EXIT.tryLater),
  ]
  const { store, queue, ran, lines, arriveAndAdd } = await freshQueue(async () => {
    const problem = problems.shift()
    if (problem !== undefined) throw problem
    return ended('processed')
  })
  await arriveAndAdd('a.csv')
  await arriveAndAdd('a2.csv')
  await queue.idle()
  expect(ran).toEqual(['run-1 a.csv text', 'run-1 a.csv text', 'run-1 a.csv text', 'run-2 a2.csv text'])
  expect(lines.filter(({ event }) => event === 'run-postponed').map(({ problem }) => problem)).toEqual([
    'database-unreachable',
    'maintenance',
  ])
  expect(await readdir(store.folder.running)).toEqual([])
})

test('a fault of the program keeps the file where it is, and the next one has its turn', async () => {
  const { store, queue, lines, arriveAndAdd } = await freshQueue(async name => {
    if (name === 'a.csv') throw new TypeError('a bug')
    return ended('processed')
  })
  await arriveAndAdd('a.csv')
  await arriveAndAdd('a2.csv')
  await queue.idle()
  expect(await filesIn(store.directory)).toEqual({
    'commands/a.csv': 'text',
    'archives/20250901-070509_a2.csv': 'text',
  })
  expect(lines.filter(({ level }) => level === 50).map(({ event, file }) => [event, file])).toEqual([
    ['run-failed', 'a.csv'],
  ])
})

describe('when the daemon stops', () => {
  test('a run that is interrupted is noted, and what waits stays', async () => {
    const { store, queue, stop, ran, arriveAndAdd } = await freshQueue(async (_, signal) => {
      stop.abort()
      return ended(signal.aborted ? 'interrupted' : 'processed')
    })
    await arriveAndAdd('a.csv')
    await arriveAndAdd('a2.csv')
    await queue.idle()
    expect(ran).toEqual(['run-1 a.csv text'])
    expect(await begunJobs(store)).toEqual([{ id: 'run-1', file: 'a.csv', arrival: null }])
    expect((await arrivalsOf(store)).map(({ name }) => name)).toEqual(['a2.csv'])
  })

  test('a run that is done all the same is put away', async () => {
    const { store, queue, stop, arriveAndAdd } = await freshQueue(async () => {
      stop.abort()
      return ended('processed')
    })
    await arriveAndAdd('a.csv')
    await queue.idle()
    expect(await filesIn(store.directory)).toEqual({ 'archives/20250901-070509_a.csv': 'text' })
  })

  test('a run that fails then, as where another daemon has the store by now, stays noted for whoever goes on with it', async () => {
    const { store, queue, stop, lines, arriveAndAdd } = await freshQueue(async () => {
      stop.abort()
      throw Object.assign(new Error('gone'), { code: 'ENOENT' })
    })
    await arriveAndAdd('a.csv')
    await queue.idle()
    expect(await begunJobs(store)).toEqual([{ id: 'run-1', file: 'a.csv', arrival: null }])
    expect(lines.filter(({ level }) => Number(level) > 30).map(({ event }) => event)).toEqual(['run-broken-off'])
  })

  test('one that waits for the database is noted, without waiting on', async () => {
    const { store, queue, stop, ran, lines, arriveAndAdd } = await freshQueue(async () => {
      throw new Problem('database-unreachable', {}, EXIT.unavailable)
    })
    await arriveAndAdd('a.csv')
    await until('the first try', () => lines.find(({ event }) => event === 'run-postponed'))
    stop.abort()
    await queue.idle()
    expect(ran).toEqual(['run-1 a.csv text'])
    expect(await begunJobs(store)).toEqual([{ id: 'run-1', file: 'a.csv', arrival: null }])
    expect(lines.filter(({ event }) => event === 'run-failed')).toEqual([])
  })
})
