/** Whoever does what the report says has mended the file: the values that it names are put in, and the rows go through. */
import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { addWhatGoesWrong, FAULTY, newSite } from './school.ts'

interface Json {
  readonly causes: readonly {
    readonly values: readonly {
      readonly found?: string | number
      readonly lines: { readonly ranges: readonly (readonly [number, number])[] }
      readonly hint?: {
        readonly code: string
        readonly near?: string
        readonly meant?: string
        readonly found?: string
      }
    }[]
  }[]
  readonly rows: readonly { readonly line: number; readonly outcome: string; readonly warnings: readonly string[] }[]
}

test('the values that a report suggests are those that were meant', async () => {
  const site = await newSite('en')
  await addWhatGoesWrong(site.school)
  const { id } = await site.run(FAULTY)
  const first = await reportOf(site.store.folder.reports, id)
  const lines = FAULTY.split('\n')
  const mended = new Map<number, string>()
  for (const { found, lines: where, hint } of first.causes.flatMap(({ values }) => values)) {
    const meant = hint?.meant ?? hint?.near
    if (meant === undefined || hint?.code === 'near-two') continue
    for (const [from, to] of where.ranges) {
      for (let line = from; line <= to; line++) {
        mended.set(line, lines[line - 1]!.replace(hint?.found ?? String(found), meant))
      }
    }
  }
  expect(mended.size).toBeGreaterThan(25)
  const again = await site.run([lines[0], ...mended.values(), ''].join('\n'))
  const { rows } = await reportOf(site.store.folder.reports, again.id)
  const left = rows.filter(({ outcome, warnings }) => outcome === 'failed' || warnings.length > 0)
  expect(left.map(({ line }) => [...mended.values()][line - 2])).toEqual([])
})

async function reportOf(folder: string, run: string): Promise<Json> {
  for (const name of await readdir(folder)) {
    const text = name.endsWith('.json') ? await readFile(`${folder}/${name}`, 'utf8') : ''
    if (text.includes(run)) return JSON.parse(text) as Json
  }
  throw new Error(`no report of ${run}`)
}
