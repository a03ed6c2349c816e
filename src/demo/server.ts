/**
 * A private database server for the demo, the tests and the benchmark: MariaDB or MySQL, whichever is found, on a temporary
 * folder and a socket. It must never outlive the process that asked for it, nor touch a database that was there before.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdtemp, statfs } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { EXIT, Problem } from '../errors.ts'

export interface PrivateServer {
  readonly socketPath: string
  /** Has every right, and no password: the folder of the socket keeps other users of the machine away. */
  readonly user: 'root'
  readonly password: ''
  /** The server's temporary folder. What whoever started it puts there goes with it. */
  readonly folder: string
  /** Ends the server and removes its folder; a second call waits for the first. */
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Listen on this port of 127.0.0.1 too, where every user of the machine can come in. Without it there is no network. */
  readonly port?: number
  /** More options for the server's command line, such as `--innodb-buffer-pool-size=1G`; they win over ours. */
  readonly settings?: readonly string[]
  /** Bytes that the databases may need: decides whether the folder may lie in memory. Default 512 MiB. */
  readonly room?: number
  /** Told before packages are installed, for a sentence to whoever waits. */
  readonly onInstall?: () => void
}

type Program =
  | { readonly kind: 'mariadb'; readonly server: string; readonly installer: string }
  | { readonly kind: 'mysql'; readonly server: string }

const run = promisify(execFile)

const DEFAULT_ROOM = 512 * 1024 * 1024
/** A socket's path is cut at 107 bytes by the kernel: a long TMPDIR is not for sockets. */
const LONGEST_TEMPORARY_FOLDER = 70
const LAST_LOG_LINES = 12

/**
 * Keeps the server's life in step with ours. It reads a pipe that only we hold: whatever ends us, SIGKILL included, closes it,
 * and then the server is killed and the folder removed. Signals are ignored here, so that Ctrl-C in the terminal, which every
 * process of the group gets, or a log that nobody reads any more, leaves the tidying to that one way.
 * `$1` is the folder, `$2` the command line that initialises it, `$3` the one that serves.
 */
const WATCHER = `
trap '' HUP INT PIPE TERM
trap 'rm -rf -- "$1"' EXIT
exec 3<&0 </dev/null
eval "$2" >"$1/install.log" 2>&1 || { cat "$1/install.log" >&2; exit 1; }
eval "exec $3" 3<&- & server=$!
{ read -r _ <&3; kill -KILL $server; } 2>/dev/null & reader=$!
wait $server
kill -KILL $reader 2>/dev/null
exit 1
`

/**
 * Starts a server and waits until it takes connections; two seconds as a rule.
 *
 * Where no server is installed, and we are root on a system with apt, it is installed first.
 * @throws Problem 69 where there is no server, where installing it fails, and where it does not start
 */
export async function startServer(options: ServerOptions = {}): Promise<PrivateServer> {
  const program = (await findProgram()) ?? (await install(options.onInstall))
  const folder = await mkdtemp(join(await parentFolder(options.room ?? DEFAULT_ROOM), 'moodle-syncd-'))
  const socketPath = join(folder, 'server.sock')
  const { initialise, serve } = commandLines(program, folder, socketPath, options)
  const watcher = spawn('/bin/sh', ['-c', WATCHER, 'sh', folder, shellQuoted(initialise), shellQuoted(serve)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const ended = once(watcher, 'exit')
  const stop = async (): Promise<void> => {
    watcher.ref()
    watcher.stdin.destroy()
    await ended
  }

  const lastLines: string[] = []
  const log = createInterface({ input: watcher.stderr })
  const ready = new Promise<boolean>(resolve => {
    log.on('line', line => {
      if (lastLines.push(line) > LAST_LOG_LINES) lastLines.shift()
      if (/: ready for connections/.test(line)) resolve(true)
    })
    log.once('close', () => resolve(false))
  })
  if (!(await ready)) {
    await stop()
    throw new Problem(
      'database-server-failed',
      { program: program.server, log: lastLines.join('\n') },
      EXIT.unavailable,
    )
  }

  // A server alone keeps nobody's process alive: whoever is done may leave without a word, and the watcher tidies up.
  watcher.unref()
  unreference(watcher.stdin)
  unreference(watcher.stderr)
  return { socketPath, user: 'root', password: '', folder, stop }
}

/** For tables that are thrown away: small, quick to start, careless of power failures. `loose-` passes by what one of the two lacks. */
const SETTINGS = [
  '--character-set-server=utf8mb4',
  '--collation-server=utf8mb4_unicode_ci',
  '--skip-log-bin',
  '--skip-name-resolve',
  '--performance-schema=OFF',
  '--max-allowed-packet=64M',
  '--max-connections=100',
  '--innodb-buffer-pool-size=64M',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  // Containers often forbid io_uring, and the servers complain at length before doing without it.
  '--innodb-use-native-aio=0',
  '--loose-mysqlx=OFF',
  '--loose-innodb-buffer-pool-dump-at-shutdown=OFF',
]

interface CommandLines {
  readonly initialise: readonly string[]
  readonly serve: readonly string[]
}

function commandLines(program: Program, folder: string, socketPath: string, options: ServerOptions): CommandLines {
  // Both servers refuse to run as root unless told to.
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  const place = ['--no-defaults', `--datadir=${join(folder, 'data')}`, ...user]
  const network =
    options.port === undefined ? ['--skip-networking'] : ['--bind-address=127.0.0.1', `--port=${options.port}`]
  const serve = [
    program.server,
    ...place,
    // What LOAD DATA may read. MySQL's default is a folder that only its full package makes, and it refuses to start without.
    `--secure-file-priv=${folder}`,
    `--socket=${socketPath}`,
    `--pid-file=${join(folder, 'server.pid')}`,
    `--tmpdir=${folder}`,
    ...network,
    ...SETTINGS,
    ...(options.settings ?? []),
  ]
  const initialise =
    program.kind === 'mariadb'
      ? [
          program.installer,
          ...place,
          '--auth-root-authentication-method=normal',
          '--skip-test-db',
          '--skip-name-resolve',
          // Also where the machine does not know its own name, as in some containers.
          '--force',
        ]
      : [program.server, ...place, '--initialize-insecure']
  return { initialise, serve }
}

/** In memory where there is plenty; else on disk. */
async function parentFolder(room: number): Promise<string> {
  const memory = await statfs('/dev/shm').catch(() => undefined)
  if (
    memory !== undefined &&
    memory.bavail * memory.bsize >= 4 * room &&
    (await isUsable('/dev/shm', constants.W_OK))
  ) {
    return '/dev/shm'
  }
  return tmpdir().length <= LONGEST_TEMPORARY_FOLDER ? tmpdir() : '/tmp'
}

async function findProgram(): Promise<Program | undefined> {
  const server = (await findExecutable('mariadbd')) ?? (await findExecutable('mysqld'))
  if (server === undefined) return undefined
  // Until MariaDB 10.4, and by a link since, `mysqld` may be MariaDB.
  const { stdout } = await run(server, ['--no-defaults', '--version'])
  if (!/mariadb/i.test(stdout)) return { kind: 'mysql', server }
  const installer = (await findExecutable('mariadb-install-db')) ?? (await findExecutable('mysql_install_db'))
  return installer === undefined ? undefined : { kind: 'mariadb', server, installer }
}

/** Servers lie in folders that are in nobody's PATH but root's. */
async function findExecutable(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/usr/libexec', '/usr/bin']
  for (const folder of folders) {
    if (folder !== '' && (await isUsable(join(folder, name), constants.X_OK))) return join(folder, name)
  }
  return undefined
}

function isUsable(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}

/** Debian's and Ubuntu's packages of the bare server: they make no user, start no service, and keep no data. */
const PACKAGES = ['mariadb-server-core', 'mariadb-client-core']

async function install(onInstall: (() => void) | undefined): Promise<Program> {
  if (process.getuid?.() !== 0 || (await findExecutable('apt-get')) === undefined) throw noServer()
  onInstall?.()
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  let packages = PACKAGES
  try {
    await run('apt-get', ['update', '-qq'], { env })
    const { stdout } = await run('apt-cache', ['search', '--names-only', '^mariadb-(server|client)-core'], { env })
    packages = choosePackages(stdout)
    await run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...packages], { env })
  } catch (cause) {
    const reason = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause)
    throw new Problem(
      'database-server-not-installed',
      { packages: packages.join(' '), reason },
      EXIT.unavailable,
      cause,
    )
  }
  const program = await findProgram()
  if (program === undefined) throw noServer()
  return program
}

/**
 * The packages by the names that they have here: until Debian 11 and Ubuntu 22.04 a version was part of them.
 * @param found what `apt-cache search` prints: a name, a dash and a description in each line
 */
export function choosePackages(found: string): string[] {
  const names = found.split('\n').map(line => line.split(' ')[0]!)
  return PACKAGES.map(name => {
    if (names.includes(name)) return name
    const ofVersions = names.filter(one => one.startsWith(`${name}-`) && /^[\d.]+$/.test(one.slice(name.length + 1)))
    return ofVersions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? name
  })
}

function noServer(): Problem {
  return new Problem('no-database-server', { packages: PACKAGES.join(' ') }, EXIT.unavailable)
}

function shellQuoted(words: readonly string[]): string {
  return words.map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
}

/** A pipe of a child keeps our event loop running, though its type does not say that it is a socket. */
function unreference(stream: unknown): void {
  if (stream instanceof Socket) stream.unref()
}
