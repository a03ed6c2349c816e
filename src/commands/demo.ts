/**
 * `moodle-syncd demo`: the main thing, with nothing set up. A private database server, a small school in it, the daemon as a
 * process of its own, a file dropped, its report. It must never touch a Moodle that is there, and leaves nothing behind.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { stringify } from 'yaml'
import { createDatabase, loadSchool, type Participant, participants } from '../demo/school.ts'
import { type PrivateServer, startServer } from '../demo/server.ts'
import { EXIT, type ExitStatus, type MessageArguments, Problem } from '../errors.ts'
import { type Lang, say } from '../messages/say.ts'
import type { Mail } from '../store/outbox.ts'
import type { CommandContext } from './context.ts'

const PREFIX = 'mdl_'
const COURSE = 'BIO-2'
const FILE = 'enrols.csv'
/** That of the school, in its `config.timezone`. */
const TIME_ZONE = 'Europe/Paris'
/** Where nothing listens. */
const NO_MAIL_SERVER = 'smtp://127.0.0.1:1'
/** Milliseconds; as a rule the report is there after one second. */
const LONGEST_WAIT = 20_000
const LONGEST_STOP = 5_000
const LAST_LOG_LINES = 10

/**
 * Shows what the daemon does, from the dropped file to the changed course, and removes everything again, interrupted or not.
 * @throws Problem 69 where there is no database server, 70 where the daemon does not do its work
 */
export async function demo(context: CommandContext): Promise<ExitStatus> {
  const tell = (key: string, args?: MessageArguments): void => {
    context.stdout.write(`${say(context.lang, key, args)}\n`)
  }
  const interrupted = new AbortController()
  const interrupt = (signal: NodeJS.Signals): void => interrupted.abort(signal)
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    tell('demo.server')
    const server = await startServer({ onInstall: () => tell('demo.installing') })
    try {
      await show(context, tell, server, interrupted.signal)
    } finally {
      await server.stop()
    }
    tell('demo.done')
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
  // Now that all is tidy, the signal does what it does.
  if (interrupted.signal.aborted) process.kill(process.pid, interrupted.signal.reason)
  return EXIT.done
}

type Tell = (key: string, args?: MessageArguments) => void

async function show(context: CommandContext, tell: Tell, server: PrivateServer, signal: AbortSignal): Promise<void> {
  const { lang, stdout } = context
  const dataroot = join(server.folder, 'moodledata')
  const store = join(dataroot, 'syncd')
  const sync = join(dataroot, 'sync')
  const connection = await createDatabase(server, 'moodle')
  try {
    await loadSchool(connection, PREFIX)
    await mkdir(sync, { recursive: true })
    const config = join(server.folder, 'config.yaml')
    await writeFile(config, configuration(server, dataroot))

    const before = await participants(connection, PREFIX, COURSE)
    tell('demo.before', { course: COURSE, number: before.length })
    stdout.write(table(context, before, before))

    await withDaemon(config, lang, signal, async stop => {
      tell('demo.daemon', { config })
      const content = commandFile(lang)
      // As a careful feeder does: written under a name that is passed over, then renamed.
      await writeFile(join(sync, `${FILE}.part`), content)
      await rename(join(sync, `${FILE}.part`), join(sync, FILE))
      tell('demo.dropped', { path: join(sync, FILE) })
      stdout.write(indented(content))

      // The file is put away last.
      const archived = await whenFileIn(join(store, 'archives'), '', stop)
      const report = await whenFileIn(join(store, 'reports'), '.txt', stop)
      tell('demo.report', { path: report })
      stdout.write(indented(await readFile(report, 'utf8')))

      const after = await participants(connection, PREFIX, COURSE)
      tell('demo.after', { course: COURSE, number: after.length })
      stdout.write(table(context, before, after))
      const { to, subject, text } = await mailIn(join(store, 'outbox'), lang, stop)
      tell('demo.mail', { name: to.name, subject })
      // Without its foot.
      stdout.write(indented(text.split('\n-- \n', 1)[0]!))
      tell('demo.archived', { path: archived })
    })
  } finally {
    await connection.end()
  }
}

/**
 * Starts `moodle-syncd start`, does something once it waits for files, and stops it.
 * `stop` is aborted when the daemon has failed or ended, when it takes too long, and by `signal`.
 */
async function withDaemon(
  config: string,
  lang: Lang,
  signal: AbortSignal,
  use: (stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const program = fileURLToPath(new URL('../cli.js', import.meta.url))
  const daemon = spawn(process.execPath, [program, 'start', '--config', config, '--lang', lang], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // Not AbortSignal.any with AbortSignal.timeout: Node 20 may collect the latter as garbage, and then it never fires.
  const stop = new AbortController()
  const giveUp = (): void => stop.abort()
  const exit = once(daemon, 'exit').finally(giveUp)
  const timer = setTimeout(giveUp, LONGEST_WAIT)
  signal.addEventListener('abort', giveUp)
  const log = createInterface({ input: daemon.stderr })
  const lastLines: string[] = []
  log.on('line', line => {
    if (lastLines.push(line) > LAST_LOG_LINES) lastLines.shift()
    if (line.includes('"daemon-started"')) log.emit('started')
    if (line.includes('"run-failed"')) giveUp()
  })
  try {
    signal.throwIfAborted()
    await once(log, 'started', { signal: stop.signal })
    await use(stop.signal)
  } catch (error) {
    if (signal.aborted || !stop.signal.aborted) throw error
    throw new Problem('demo-daemon-failed', { log: lastLines.join('\n') }, EXIT.bug, error)
  } finally {
    clearTimeout(timer)
    daemon.kill('SIGTERM')
    const impatience = setTimeout(() => daemon.kill('SIGKILL'), LONGEST_STOP)
    await exit
    clearTimeout(impatience)
  }
}

/** The path of the first file in a folder whose name ends so, as soon as there is one. */
async function whenFileIn(folder: string, ending: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const name = (await readdir(folder)).find(name => name.endsWith(ending) && !name.startsWith('.'))
    if (name !== undefined) return join(folder, name)
    await pause(20, undefined, { signal })
  }
}

/** The mail to a teacher who reads this language. It waits there, since no mail server can be reached. */
async function mailIn(outbox: string, lang: Lang, signal: AbortSignal): Promise<Mail> {
  const ofRun = await whenFileIn(outbox, '', signal)
  const paths = (await readdir(ofRun)).map(name => join(ofRun, name))
  const mails = await Promise.all(paths.map(async path => JSON.parse(await readFile(path, 'utf8')) as Mail))
  return mails.find(({ fromName }) => fromName === say(lang, 'mail.sender')) ?? mails[0]!
}

function configuration(server: PrivateServer, dataroot: string): string {
  const { socketPath, user, password } = server
  return stringify({
    moodle: { dataroot, database: { socketPath, name: 'moodle', user, password, prefix: PREFIX } },
    enrol: { courseIdentifier: 'shortname', userIdentifier: 'idnumber' },
    intake: { stableFor: '300ms' },
    // Nobody is written to: what is due stays in the outbox.
    mail: { smtp: NO_MAIL_SERVER },
    web: { listen: null },
  })
}

/** What a school's information system might send one evening, with a mistake in it. */
function commandFile(lang: Lang): string {
  const inTenMonths = new Date(Date.now() + 300 * 86_400_000).toISOString().slice(0, 10)
  return [
    'cmd;cid;uid;rolename;enrol;endtime;gcmd;g1',
    `# ${say(lang, 'demo.comment')}`,
    `add;${COURSE};E1018;student;manual;${inTenMonths};gaddcreate;Groupe C`,
    `add;${COURSE};E1019;student;manual;${inTenMonths};gadd;Groupe B`,
    `shift;${COURSE};T002;editingteacher;manual;;;`,
    `suspend;${COURSE};E1003;;manual;;;`,
    `del;${COURSE};E1002;student;manual;;;`,
    `add;${COURSE};E9999;student;manual;;;`,
    '',
  ].join('\n')
}

const COLOURS: Readonly<Record<string, 'green' | 'red' | 'yellow'>> = { '+': 'green', '-': 'red', '~': 'yellow' }

/**
 * The people of the course before and after, one a line. What came is marked with +, what went with -, what changed with ~.
 */
function table(context: CommandContext, before: readonly Participant[], after: readonly Participant[]): string {
  const { lang } = context
  const cells = (person: Participant): string[] => [person.name, person.roles, standing(person, lang), person.groups]
  const titles = ['name', 'roles', 'enrolment', 'groups'].map(column => say(lang, `demo.column.${column}`))
  const was = new Map(before.map(person => [person.id, cells(person)]))
  const is = new Map(after.map(person => [person.id, cells(person)]))
  const lines = [[' ', ...titles]]
  for (const person of before) if (!is.has(person.id)) lines.push(['-', ...cells(person)])
  for (const person of after) {
    const old = was.get(person.id)?.join()
    const mark = old === undefined ? '+' : old === cells(person).join() ? ' ' : '~'
    lines.push([mark, ...cells(person)])
  }
  const widths = titles.map((_, at) => Math.max(...lines.map(line => line[at + 1]!.length)))
  return lines
    .map(([mark, ...line]) => {
      const text = `  ${mark} ${line.map((cell, at) => cell.padEnd(widths[at]!)).join('  ')}`.trimEnd()
      const colour = COLOURS[mark!]
      return `${context.colour && colour !== undefined ? styleText(colour, text) : text}\n`
    })
    .join('')
}

function standing({ suspended, end }: Participant, lang: Lang): string {
  if (suspended) return say(lang, 'demo.suspended')
  if (end === 0) return say(lang, 'demo.active')
  const date = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeZone: TIME_ZONE }).format(end * 1000)
  return say(lang, 'demo.active-until', { date })
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, '    ')
