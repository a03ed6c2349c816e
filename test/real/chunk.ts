/** Chunks of rows applied to a school, without a file about them: what `run.ts` does with each. */
import { loadConfig } from '../../src/config/load.ts'
import type { Row } from '../../src/file/types.ts'
import { createLog, warnOnce } from '../../src/log.ts'
import { cacheSite } from '../../src/moodle/caches/configuration.ts'
import { openCaches } from '../../src/moodle/caches/drop.ts'
import { staleCaches } from '../../src/moodle/caches/notes.ts'
import { withMoodle } from '../../src/moodle/connect.ts'
import { consequences } from '../../src/moodle/consequences/index.ts'
import { loadSettings, loadSite } from '../../src/moodle/site.ts'
import { applyChunk, type ChunkGround } from '../../src/moodle/transaction.ts'
import type { RowResult } from '../../src/plan/outcome.ts'
import type { Overrides, TestSchool } from '../database.ts'

/** What is recorded of chunks, in the order in which it happened. */
export interface Recorded {
  readonly results: RowResult[]
  commits: number
}

/** Connects to the school's database as a run does. */
export async function withGround<T>(
  school: TestSchool,
  { config: overrides = {}, simulate = false }: { readonly config?: Overrides; readonly simulate?: boolean },
  use: (ground: ChunkGround, recorded: Recorded) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(await school.writeConfig(overrides))
  const log = createLog({ level: 'silent' })
  return withMoodle(config, async moodle => {
    const settings = await loadSettings(moodle, config)
    const site = await loadSite(moodle, settings, config)
    const recorded: Recorded = { results: [], commits: 0 }
    const ground: ChunkGround = {
      moodle,
      config,
      settings,
      site,
      consequences,
      observers: [],
      remembered: { coursesById: new Map(), participants: new Map() },
      rules: config.enrol,
      simulate,
      recording: {
        begin: () => null,
        add: async results => {
          recorded.results.push(...results)
        },
        checkpoint: async () => {},
        committed: () => {
          recorded.commits += 1
        },
      },
      staleCaches: staleCaches({ drop: openCaches(config), folder: school.folder, log }, cacheSite(settings)),
      warn: warnOnce(log),
    }
    return use(ground, recorded)
  })
}

/** Applies rows chunk by chunk. @param now Unix time in seconds */
export async function applyInChunks(
  ground: ChunkGround,
  rows: readonly Row[],
  chunkRows: number,
  now: number,
): Promise<RowResult[]> {
  const results: RowResult[] = []
  for (let from = 0; from < rows.length; from += chunkRows) {
    results.push(...(await applyChunk(ground, rows.slice(from, from + chunkRows), () => now * 1000)))
  }
  return results
}
