/** Uploads that are slow, paused, cut and renamed, all at once, into the drop directory of a daemon: no part of a file is ever run. */
import { createHash } from 'node:crypto'
import { appendFile, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../until.ts'
import { adding, HEADER, newSite, startDaemon } from './daemon.ts'

const STABLE_MS = 2_000
/** Never as long as a file must be still. */
const SLOW_MS = 300
/** Always longer. */
const PAUSED_MS = 2 * STABLE_MS

const manifestOf = (content: string): string => `${createHash('sha256').update(content).digest('hex')}  file\n`
const halves = (content: string): [string, string] => {
  const middle = Math.floor(content.length / 2)
  return [content.slice(0, middle), content.slice(middle)]
}

test('no part of a file is ever run', async () => {
  const site = await newSite({
    enrol: { courseIdentifier: 'shortname', userIdentifier: 'idnumber', notifyTeachers: false, file: '*.csv' },
    intake: { stableFor: `${STABLE_MS}ms` },
  })
  const daemon = await startDaemon(site.config)
  const inside = (name: string): string => join(site.sync, name)

  const slow = adding('E1010', 'E1011', 'E1012')
  const paused = adding('E1013', 'E1014')
  const renamed = adding('E1015', 'E1016')
  const replacing = adding('E1017')
  const cut = adding('E1018', 'E1019')
  const counted = `# rows=2\n${adding('E1020', 'E1021')}`
  const quoted = `${HEADER}add;BIO-2;E1022;student;"manual"\n`

  await Promise.all([
    (async () => {
      await writeFile(inside('slow.csv'), '')
      for (let at = 0; at < slow.length; at += 20) {
        await appendFile(inside('slow.csv'), slow.slice(at, at + 20))
        await pause(SLOW_MS)
      }
    })(),
    (async () => {
      const [first, second] = halves(paused)
      await writeFile(inside('paused.csv.sha256'), manifestOf(paused))
      await writeFile(inside('paused.csv'), first)
      await pause(PAUSED_MS)
      await appendFile(inside('paused.csv'), second)
    })(),
    (async () => {
      const [first, second] = halves(renamed)
      await writeFile(inside('renamed.csv.part'), first)
      await pause(PAUSED_MS)
      await appendFile(inside('renamed.csv.part'), second)
      await rename(inside('renamed.csv.part'), inside('renamed.csv'))
    })(),
    (async () => {
      // A second upload takes the place of one that has not come to its end.
      await writeFile(inside('replaced.csv'), halves(adding('E1023', 'E1024'))[0])
      await pause(SLOW_MS)
      await writeFile(inside('.upload'), replacing)
      await rename(inside('.upload'), inside('replaced.csv'))
    })(),
    (async () => {
      await writeFile(inside('cut.csv.sha256'), manifestOf(cut))
      await writeFile(inside('cut.csv'), halves(cut)[0])
    })(),
    writeFile(inside('counted.csv'), counted.slice(0, counted.lastIndexOf('add'))),
    writeFile(inside('quoted.csv'), quoted.slice(0, -3)),
  ])
  await until('all but one to be put away', () => (daemon.told('file-concluded').length === 6 ? true : undefined))
  expect(await daemon.end()).toBe(0)

  const stored = await site.stored()
  const kept = Object.entries(stored).filter(([name]) => /^(archives|refused)\/.*\.csv$/.test(name))
  expect(Object.fromEntries(kept)).toEqual({
    'archives/slow.csv': slow,
    'archives/paused.csv': paused,
    'archives/renamed.csv': renamed,
    'archives/replaced.csv': replacing,
    'refused/counted.csv': `# rows=2\n${adding('E1020')}`,
    'refused/quoted.csv': quoted.slice(0, -3),
  })
  expect((await readdir(site.sync)).sort()).toEqual(['cut.csv', 'cut.csv.sha256'])
  const enrolled = await site.enrolled('BIO-2')
  expect(enrolled.filter(uid => uid >= 'E1010' && uid <= 'E1024')).toEqual([
    'E1010',
    'E1011',
    'E1012',
    'E1013',
    'E1014',
    'E1015',
    'E1016',
    'E1017',
  ])
})
