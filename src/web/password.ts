/**
 * Checks a password against Moodle's hash. That takes tens of milliseconds by design, so it is done in a thread of its own, one
 * after the other, and no more than a few may wait: however many logins are tried, the daemon goes on with its work.
 */
import { timingSafeEqual } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import bcrypt from 'bcryptjs'
import { encrypt } from 'unixcrypt'

/** Moodle takes no longer ones (`MAX_PASSWORD_CHARACTERS`), and neither do we: the time of SHA-512 crypt grows with them. */
const MAX_CHARACTERS = 128

/** Of nobody: checked where there is nobody to check, so that the time tells nothing. */
const NOBODYS_SALT = '$6$rounds=10000$nobodynobody'

/**
 * Whether a password is the one that Moodle has kept as this hash (`validate_internal_user_password`): bcrypt, as until
 * Moodle 4.2, without a pepper; SHA-512 crypt, without and with each of the site's peppers.
 * @param hash null: of nobody; then it never is
 */
export function isPassword(password: string, hash: string | null, peppers: readonly string[]): boolean {
  if (password.length > MAX_CHARACTERS) return false
  if (hash?.startsWith('$2y$')) return bcrypt.compareSync(password, hash)
  const salt = /^(\$6\$(?:rounds=\d+\$)?[./\w]{1,16})\$[./\w]{86}$/.exec(hash ?? '')?.[1]
  if (salt !== undefined) return ['', ...peppers].some(pepper => isSameSecret(encrypt(password + pepper, salt), hash!))
  for (const pepper of ['', ...peppers]) encrypt(password + pepper, NOBODYS_SALT)
  return false
}

/** Whether two texts are the same, in a time that does not tell where they differ. */
export function isSameSecret(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

interface Question {
  readonly password: string
  readonly hash: string | null
  readonly peppers: readonly string[]
}

/** Too many wait already. */
export class TooManyLogins extends Error {
  override readonly name = 'TooManyLogins'
}

export interface PasswordChecker {
  /** As `isPassword`. @throws TooManyLogins at once, where too many wait */
  readonly check: (password: string, hash: string | null, peppers: readonly string[]) => Promise<boolean>
  readonly close: () => Promise<void>
}

const MOST_WAITING = 20
const IN_THREAD = 'moodle-syncd passwords'

/** The thread is started when it is first needed. */
export function openPasswordChecker(): PasswordChecker {
  let worker: Worker | undefined
  const waiting: { readonly resolve: (answer: boolean) => void; readonly reject: (error: unknown) => void }[] = []
  const start = (): Worker => {
    const started = new Worker(fileURLToPath(import.meta.url), { workerData: IN_THREAD })
    started.on('message', answer => waiting.shift()?.resolve(answer === true))
    const fail = (error: unknown): void => {
      if (worker === started) worker = undefined
      for (const { reject } of waiting.splice(0)) reject(error)
    }
    started.on('error', fail).on('exit', () => fail(new Error('the thread that checks passwords has ended')))
    return started
  }
  return {
    check: (password, hash, peppers) => {
      if (waiting.length >= MOST_WAITING) return Promise.reject(new TooManyLogins())
      worker ??= start()
      return new Promise((resolve, reject) => {
        // Answers come in the order of the questions.
        waiting.push({ resolve, reject })
        worker!.postMessage({ password, hash, peppers } satisfies Question)
      })
    },
    close: async () => {
      await worker?.terminate()
    },
  }
}

if (!isMainThread && workerData === IN_THREAD) {
  parentPort!.on('message', ({ password, hash, peppers }: Question) => {
    parentPort!.postMessage(isPassword(password, hash, peppers))
  })
}
