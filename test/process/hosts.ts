/**
 * Hosts of their own on this machine: network namespaces, each with a cable to the database's, which can be pulled out. Each has
 * its host name; what it does not have is its own file system, so that it can share folders with the others.
 */
import { execFileSync } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { programMissing } from '../installed.ts'

export interface TestHost {
  /** Becomes, on this host, the command that follows. */
  readonly on: readonly string[]
  /** Where the machine of the test, and its database, is found from there. */
  readonly database: string
  /** Nothing goes through any more, and nobody is told. */
  readonly pull: () => void
  readonly plug: () => void
}

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })

/** Why there can be no hosts on this machine; undefined: there can. */
export async function hostsMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'network namespaces are for root'
  const missing = await programMissing('ip', '-Version', 'iproute2')
  if (missing !== undefined) return missing
  const name = `syncd-${process.pid}`
  try {
    ip('netns', 'add', name)
    try {
      ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'cable', 'netns', name)
      // In a chroot that is no mount point, they can be made and not entered.
      ip('-n', name, 'link', 'set', 'cable', 'up')
    } finally {
      ip('netns', 'delete', name)
    }
    return undefined
  } catch (error) {
    return `no network namespaces can be made here: ${(error as Error).message}`
  }
}

let count = 0

/** Makes a host; it is gone after the test. */
export function newHost(): TestHost {
  const at = (process.pid % 64) * 4 + (count++ % 4)
  const name = `syncd${at}`
  // A range that is for measurements, and in nobody's network. Each cable has the network of four addresses that it needs.
  const network = (last: number): string => `198.18.${at}.${last}`
  ip('netns', 'add', name)
  onTestFinished(() => ip('netns', 'delete', name))
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'cable', 'netns', name)
  ip('address', 'add', `${network(1)}/30`, 'dev', name)
  ip('link', 'set', name, 'up')
  ip('-n', name, 'address', 'add', `${network(2)}/30`, 'dev', 'cable')
  ip('-n', name, 'link', 'set', 'cable', 'up')
  return {
    on: ['ip', 'netns', 'exec', name, 'unshare', '--uts', 'sh', '-c', `hostname ${name}; exec "$@"`, 'sh'],
    database: network(1),
    pull: () => ip('link', 'set', name, 'down'),
    plug: () => ip('link', 'set', name, 'up'),
  }
}
