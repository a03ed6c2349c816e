/** Command files applied to a school as the program does it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { beforeAll, beforeEach } from 'vitest'
import { run } from '../../../src/commands/run.ts'
import { freshSchool, type Overrides, type TestSchool } from '../../database.ts'
import { differing, restore, type Snapshot, snapshot } from '../snapshot.ts'

export interface School extends TestSchool {
  /** Runs SQL, `{table}` being the table of that name, and then applies a file. @returns the tables that it changed */
  apply(csv: string, options?: { readonly setup?: string; readonly config?: Overrides }): Promise<string[]>
  /** Unix time in seconds of what was applied last, as the log has it. */
  now: number
}

/** The school of `demo/school.sql`, the same at the beginning of each test. */
export function schoolForEachTest(): { readonly current: School } {
  const holder: { current: School } = { current: undefined as unknown as School }
  let pristine: Snapshot
  beforeAll(async () => {
    const school = await freshSchool()
    holder.current = applicable(school)
    pristine = await snapshot(school)
  })
  beforeEach(async () => {
    await restore(holder.current, differing(pristine, await snapshot(holder.current)))
  })
  return holder
}

/** A school that files can be applied to. */
export function applicable(school: TestSchool): School {
  let count = 0
  return Object.assign(school, {
    now: 0,
    async apply(this: School, csv: string, { setup = '', config = {} }: { setup?: string; config?: Overrides } = {}) {
      if (setup !== '') await school.query(setup)
      const before = await snapshot(school)
      const path = join(school.folder, `file-${++count}.csv`)
      await writeFile(path, csv)
      const configPath = await school.writeConfig({ log: { level: 'silent' }, ...config })
      const stdout = new PassThrough().resume()
      await run({ configPath, format: 'json', lang: 'en', stdout, stderr: stdout, colour: false, env: {} }, path, {
        simulate: false,
      })
      const after = await snapshot(school)
      const logged = [...(after.get('logstore_standard_log')?.values() ?? [])]
      this.now = Math.max(...logged.map(({ timecreated }) => Number(timecreated)))
      return differing(before, after)
    },
  })
}
