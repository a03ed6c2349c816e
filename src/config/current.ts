/**
 * The configuration as it holds now: what the daemon reads at each use. The page may have changed the file since the start;
 * the sections that a run reads are then replaced without a restart, and it is known which other keys wait for one.
 */
import type { Config } from './config.ts'
import { loadConfig } from './load.ts'
import { optionsIn } from './options.ts'

/** The sections of which every run asks anew. What else there is has been opened with its values, and stays as it was. */
const REPLACED = ['enrol', 'csv', 'guard'] as const

export interface CurrentConfig {
  /** Of the file, absolute. */
  readonly path: string
  readonly value: Config
  /**
   * Reads the file again.
   * @throws ConfigurationInvalid, or Problem 78 where it cannot be read; then everything stays as it was
   */
  readonly reload: () => Promise<void>
  /** The keys that the file had other values for, when it was last read, and that a restart would take over. */
  readonly waitingForRestart: () => readonly string[]
}

/** @param started what the program was started with */
export function holdConfig(path: string, started: Config): CurrentConfig {
  let value = started
  let waiting: readonly string[] = []
  return {
    path,
    get value() {
      return value
    },
    reload: async () => {
      const read = await loadConfig(path)
      value = { ...started, ...Object.fromEntries(REPLACED.map(section => [section, read[section]])) }
      waiting = [...optionsIn()].map(([key]) => key).filter(key => !isEqual(at(read, key), at(value, key)))
    },
    waitingForRestart: () => waiting,
  }
}

const at = (config: Config, key: string): unknown =>
  key.split('.').reduce<unknown>((section, part) => (section as Record<string, unknown>)[part], config)

const isEqual = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)
