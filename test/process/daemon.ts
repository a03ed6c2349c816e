/** The daemon as a process of its own, and what it says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { PROGRAM } from '../build.ts'
import { freshSchool, type Overrides, type TestSchool } from '../database.ts'
import { filesIn } from '../store/folder.ts'
import { until } from '../until.ts'

export interface TestDaemon {
  readonly pid: number
  /** What it has logged so far. */
  readonly lines: readonly Record<string, unknown>[]
  /** What it has logged of an event. */
  readonly told: (event: string) => Record<string, unknown>[]
  /** The first line of an event, as soon as there is one that `matches`. */
  readonly tells: (event: string, matches?: Record<string, unknown>) => Promise<Record<string, unknown>>
  /** Ends it. @returns its exit status; null where the signal killed it */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>
  /** Its exit status, once it has ended by itself. */
  readonly ended: Promise<number | null>
}

/**
 * Starts `moodle-syncd start`; it is killed after the test, if it is still there then.
 * @param by a command that becomes the one that it is given, such as `ip netns exec`
 */
export function spawnDaemon(config: string, by: readonly string[] = []): TestDaemon {
  const [command = '', ...words] = [...by, process.execPath, PROGRAM, 'start', '--config', config]
  const child: ChildProcess = spawn(command, words, {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines: Record<string, unknown>[] = []
  createInterface({ input: child.stderr! }).on('line', line => {
    lines.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { text: line })
  })
  let hasEnded = false
  const ended = once(child, 'close').then(([status]) => {
    hasEnded = true
    return status as number | null
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const told = (event: string) => lines.filter(line => line.event === event)
  return {
    pid: child.pid!,
    lines,
    told,
    tells: (event, matches = {}) =>
      until(`the daemon to tell of ${event} ${JSON.stringify(matches)}`, () => {
        const found = told(event).find(line => Object.entries(matches).every(([key, value]) => line[key] === value))
        const end = hasEnded ? 'the daemon has ended' : told('run-failed').length > 0 ? 'a run has failed' : undefined
        if (found !== undefined || end === undefined) return found
        throw new Error(`${end}, and did not tell of ${event}: ${JSON.stringify(lines.slice(-5))}`)
      }).catch(error => {
        throw new Error(`${error.message} The last that it told is ${JSON.stringify(lines.slice(-5))}`, {
          cause: error,
        })
      }),
    ended,
    end: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}

/** Starts it, and waits until it waits for files. */
export async function startDaemon(config: string): Promise<TestDaemon> {
  const daemon = spawnDaemon(config)
  await daemon.tells('daemon-started')
  return daemon
}

const STAMP = /\d{8}-\d{6}_/

/** A school, and where its daemon takes and keeps files. */
export interface Site {
  readonly school: TestSchool
  readonly config: string
  readonly sync: string
  readonly store: string
  /** Drops a file as a careful feeder does: under a name that is passed over, then renamed. */
  readonly drop: (name: string, content: string) => Promise<void>
  /** The files in the store, without their stamps, and without what is noted of runs for the program itself. */
  readonly stored: () => Promise<Record<string, string>>
  /** What has begun and is not concluded. Notes on Moodle's caches stay for some seconds, and are not meant. */
  readonly noted: () => Promise<string[]>
  /** Whoever is enrolled in a course by hand, by idnumber. */
  readonly enrolled: (course: string) => Promise<string[]>
}

export async function newSite(overrides: Overrides = {}, on?: TestSchool): Promise<Site> {
  const school = on ?? (await freshSchool())
  const sync = join(school.dataroot, 'sync')
  const store = join(school.dataroot, 'syncd')
  return {
    school,
    sync,
    store,
    config: await school.writeConfig({ intake: { stableFor: '100ms' }, log: { level: 'debug' }, ...overrides }),
    drop: async (name, content) => {
      await writeFile(join(sync, `${name}.part`), content)
      await rename(join(sync, `${name}.part`), join(sync, name))
    },
    stored: async () => {
      const files = Object.entries(await filesIn(store)).filter(([name]) => !/^(running|undo)\//.test(name))
      return Object.fromEntries(files.map(([name, text]) => [name.replace(STAMP, ''), text]))
    },
    noted: async () => (await readdir(join(store, 'running'))).filter(name => !name.endsWith('.stale')),
    enrolled: async course => {
      const rows = await school.query<{ idnumber: string }>(
        `SELECT u.idnumber FROM {user_enrolments} ue JOIN {enrol} e ON e.id = ue.enrolid AND e.enrol = 'manual'
           JOIN {course} c ON c.id = e.courseid JOIN {user} u ON u.id = ue.userid WHERE c.shortname = ? ORDER BY 1`,
        [course],
      )
      return rows.map(({ idnumber }) => idnumber)
    },
  }
}

export const HEADER = 'cmd;cid;uid;rolename;enrol\n'
/** A command file that puts these people into a course. */
export const adding = (...people: string[]) =>
  `${HEADER}${people.map(uid => `add;BIO-2;${uid};student;manual\n`).join('')}`

/** The file is run, and where it belongs. */
export const concluded = (daemon: TestDaemon, file = 'enrols.csv') => daemon.tells('file-concluded', { file })
