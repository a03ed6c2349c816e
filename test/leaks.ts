/** Runs around every test file, and fails it where it leaves a child process, a server, a connection or a watcher open. */
import { afterAll } from 'vitest'
import { until } from './until.ts'

const KINDS = ['FSEventWrap', 'PipeWrap', 'ProcessWrap', 'StatWatcher', 'TCPServerWrap', 'TCPSocketWrap', 'Worker']

/** What vitest itself holds when a file begins is not of the file's making. */
const before = open()

afterAll(async () => {
  // A pipe or a process that has just been ended takes a turn or two of the event loop to be gone.
  await until(`this to be closed: ${left().join(', ')}`, () => (left().length === 0 ? true : undefined))
})

function open(): string[] {
  return process.getActiveResourcesInfo().filter(kind => KINDS.includes(kind))
}

function left(): string[] {
  const known = [...before]
  return open().filter(kind => {
    const at = known.indexOf(kind)
    if (at >= 0) known.splice(at, 1)
    return at < 0
  })
}
