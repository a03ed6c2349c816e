/** The daemon holds what would do too much harm; a person releases it, or throws it away; and says when files do not come. */
import { appendFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { concluded, HEADER, newSite, type Site, startDaemon } from './daemon.ts'
import { moodleSyncd } from './program.ts'

const GUARD = { maxUnenrolments: 500, maxShare: '30%', maxUnmatched: '20%' }
const PEOPLE = Array.from({ length: 25 }, (_, i) => `E${1001 + i}`)
const removing = (uids: readonly string[]): string =>
  `${HEADER}${uids.map(uid => `del;BIO-2;${uid};student;manual\n`).join('')}`

/** A site of which all people are in BIO-2. */
async function fullSite(): Promise<Site> {
  const site = await newSite({ guard: GUARD })
  await site.school.query(
    `INSERT IGNORE INTO {user_enrolments} (enrolid, userid, status, timestart, timeend, modifierid, timecreated, timemodified)
     SELECT 2, id, 0, 1756706400, 0, 2, 1756706400, 1756706400 FROM {user} WHERE id BETWEEN 9 AND 33`,
  )
  return site
}

const studentsOf = async (site: Site): Promise<string[]> =>
  (await site.enrolled('BIO-2')).filter(uid => uid.startsWith('E'))

test('a file that empties a course is held, told of, and run once a person approves of it', async () => {
  const site = await fullSite()
  const daemon = await startDaemon(site.config)
  await site.drop('enrols.csv', removing(PEOPLE))
  const told = await daemon.tells('file-held', { file: 'enrols.csv' })
  expect(told).toMatchObject({
    level: 'warn',
    command: 'moodle-syncd run held/enrols.csv --approve',
    held: [
      { code: 'share', count: 25, of: 27 },
      { code: 'course-share', course: 'BIO-2', count: 25, of: 27, limit: 0.3 },
    ],
  })
  await concluded(daemon)
  expect(await studentsOf(site)).toEqual(PEOPLE)
  const { 'daemon.lock': _, ...held } = await site.stored()
  expect(Object.keys(held).sort()).toEqual([
    'held/enrols.csv',
    'reports/enrols.csv.html',
    'reports/enrols.csv.json',
    'reports/enrols.csv.txt',
  ])
  expect(held['held/enrols.csv']).toBe(removing(PEOPLE))
  expect(held['reports/enrols.csv.txt']).toContain('moodle-syncd run held/enrols.csv --approve')
  expect(JSON.parse(held['reports/enrols.csv.json']!)).toMatchObject({ simulated: true, file: { outcome: 'held' } })

  // The daemon is at work all the while, and runs what is not held.
  await site.drop('enrols.csv', removing(PEOPLE.slice(0, 2)))
  await daemon.tells('run-finished')
  expect(await studentsOf(site)).toEqual(PEOPLE.slice(2))

  const approved = await moodleSyncd(['run', 'held/enrols.csv', '--approve', '--config', site.config])
  expect(approved.stdout).toContain('23 people unenrolled')
  expect(approved.status).toBe(0)
  expect(await studentsOf(site)).toEqual([])
  expect(await daemon.end()).toBe(0)
  expect(await readdir(join(site.store, 'held'))).toEqual([])
  expect(Object.values(await site.stored()).filter(text => text === removing(PEOPLE))).toHaveLength(1)
})

test('a file that was changed since it was held is not approved; one that is thrown away is forgotten', async () => {
  const site = await fullSite()
  const daemon = await startDaemon(site.config)
  await site.drop('enrols.csv', removing(PEOPLE.slice(0, 10)))
  await concluded(daemon)
  const path = join(site.store, 'held', 'enrols.csv')
  await appendFile(path, 'del;BIO-2;E1025;student;manual\n')
  const refused = await moodleSyncd(['run', 'held/enrols.csv', '--approve', '--config', site.config])
  expect(refused.status).toBe(65)
  expect(refused.stderr).toContain('held/enrols.csv is not what was held')
  expect(await studentsOf(site)).toEqual(PEOPLE)

  await rm(path)
  expect((await moodleSyncd(['run', 'held/enrols.csv', '--approve', '--config', site.config])).status).toBe(64)
  expect(await daemon.end()).toBe(0)
  const again = await startDaemon(site.config)
  expect(await again.end()).toBe(0)
  expect(again.lines.filter(({ level }) => level !== 'debug' && level !== 'info')).toEqual([])
  expect(await studentsOf(site)).toEqual(PEOPLE)
})

test('that no file comes is told once, and that files come again, also by another process', async () => {
  const site = await newSite({ intake: { stableFor: '100ms', expect: '300ms' } })
  const first = await startDaemon(site.config)
  await first.tells('feed-silent')
  expect(await first.end()).toBe(0)
  expect(first.told('feed-silent')).toMatchObject([{ level: 'error', expect: '300ms' }])

  const second = await startDaemon(site.config)
  await site.drop('enrols.csv', HEADER)
  await second.tells('feed-back')
  expect(second.told('feed-silent')).toEqual([])
  await second.tells('feed-silent')
  expect(await second.end()).toBe(0)
})
