/**
 * A large file in a school with many people, the way to whose database can be cut; and what all of it looks like after a run
 * that nobody has interrupted: every table and every file, so that another end can be held against it.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import type { TestSchool } from '../database.ts'
import { type Delta, deltaOf } from '../real/delta.ts'
import { differing, restore, type Snapshot, snapshot } from '../real/snapshot.ts'
import { until } from '../until.ts'
import { newSite, type Site, spawnDaemon } from './daemon.ts'
import { newWire, type Wire } from './wire.ts'

/** Milliseconds. */
export const LONGEST_RUN = 60_000

const PEOPLE = 410
const person = (at: number): string => `K${String(at).padStart(4, '0')}`

/** Rows that undo each other, within a chunk and across chunks, so that one which takes effect twice, or not, is seen. */
export const FILE = [
  'cmd;cid;uid;rolename;enrol;endtime;gcmd;g1',
  ...rounds(at => `add;BIO-2;${person(at)};student;manual;;gaddcreate;Promo ${at % 9}`),
  ...rounds(at => (at % 3 === 0 ? `del;BIO-2;${person(at)};;manual;;;` : `suspend;BIO-2;${person(at)};;manual;;;`)),
  ...rounds(at =>
    at % 50 === 0
      ? `add;BIO-2;nobody-${at};student;manual;;;`
      : `add;BIO-2;${person(at)};student;manual;2030-06-30;gadd;Promo ${at % 9}`,
  ),
  ...rounds(at => `shift;BIO-2;${person(at)};teacher;manual;;gdel;Promo ${at % 9}`),
  ...rounds(at => `add;MATHS-1;${person(at)};student;manual;;gaddcreate;Neu ${at % 4}`),
  ...rounds(at =>
    at % 2 === 0 ? `del;MATHS-1;${person(at)};;manual;;;` : `enable;BIO-2;${person(at)};;manual;2031-06-30;;`,
  ),
  ...rounds(at =>
    at % 2 === 0 ? `add;MATHS-1;${person(at)};student;manual;;greplace;Neu 1` : `del;BIO-2;${person(at)};;manual;;;`,
  ),
  ...rounds(at => `add;BIO-2;${person(at)};student;manual;;gaddcreate;Promo ${at % 11}`),
  ...rounds(at =>
    at % 7 === 0 ? `add;NOWHERE;${person(at)};student;manual;;;` : `add;HIST-GEO;${person(at)};student;manual;;;`,
  ),
  ...rounds(at => `del;HIST-GEO;${person(at)};;manual;;;`),
  '',
].join('\n')

function rounds(row: (at: number) => string): string[] {
  return Array.from({ length: PEOPLE }, (_, at) => row(at))
}

export interface Stage {
  readonly site: Site
  readonly wire: Wire
  readonly config: string
  readonly before: Snapshot
  /** What all of it looks like after a run that nobody has interrupted, and what it said to the database. */
  readonly uninterrupted: End
  readonly statements: readonly string[]
  /** How long it took. */
  readonly milliseconds: number
}

/** A site with many people in its school. */
export async function newSiteWithPeople(on?: TestSchool): Promise<Site> {
  const site = await newSite({}, on)
  const people = rounds(
    at => `('manual', 1, 1, '${person(at)}', '${person(at)}', 'K', '${person(at)}', 'k${at}@school.example')`,
  )
  await site.school.query(
    `INSERT INTO {user} (auth, confirmed, mnethostid, username, idnumber, firstname, lastname, email) VALUES ${people.join(', ')}`,
  )
  return site
}

/** A configuration by which the program comes to the database through a wire. */
export const configThrough = ({ school }: Site, { database }: Wire): Promise<string> =>
  school.writeConfig({ moodle: { database }, intake: { stableFor: '100ms' }, log: { level: 'debug' } })

export async function newStage(): Promise<Stage> {
  const site = await newSiteWithPeople()
  const wire = await newWire(site.school)
  const config = await configThrough(site, wire)
  const before = await snapshot(site.school)
  const statements: string[] = []
  wire.onStatement = statement => {
    statements.push(statement)
    return true
  }
  const from = Date.now()
  await setUp(site)
  const daemon = spawnDaemon(config)
  const start = performance.now()
  await until('all to be done', () => daemon.told('file-concluded')[0], LONGEST_RUN)
  const milliseconds = performance.now() - start
  expect(await daemon.end()).toBe(0)
  wire.onStatement = () => true
  const uninterrupted = await endOf(site, before, from)
  return { site, wire, config, before, uninterrupted, statements, milliseconds }
}

/** The school as it was, an empty store, and the file dropped. */
export async function setUp({ school, store, sync, drop }: Site, before?: Snapshot, drops = true): Promise<void> {
  if (before !== undefined) await restore(school, differing(before, await snapshot(school)))
  await school.query('DROP TABLE IF EXISTS syncd_run, syncd_migration')
  await rm(store, { recursive: true, force: true })
  for (const folder of ['arrivals', 'commands', 'running', 'reports', 'retry', 'archives', 'undo']) {
    await mkdir(join(store, folder), { recursive: true })
  }
  expect(await readdir(sync)).toEqual([])
  if (drops) await drop('enrols.csv', FILE)
}

/** What is there when all is done. Times, ids and stamps are left out. */
export interface End {
  readonly moodle: Delta
  readonly ledger: readonly unknown[]
  readonly files: Readonly<Record<string, unknown>>
}

export async function endOf(site: Site, before: Snapshot, from: number): Promise<End> {
  const { school, store } = site
  const moment = { from: Math.floor(from / 1000), to: Math.ceil(Date.now() / 1000) }
  const files: Record<string, unknown> = {}
  for (const folder of await readdir(store)) {
    if (folder.endsWith('.lock')) continue
    for (const name of await readdir(join(store, folder))) {
      // Notes of what is stale in caches stay for ten seconds.
      if (name.endsWith('.stale')) continue
      const bytes = await readFile(join(store, folder, name))
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      files[`${folder}/${timeless(name)}`] =
        folder === 'undo' ? shapeOf(text) : timeless(text).replaceAll(store, 'STORE')
    }
  }
  return {
    moodle: deltaOf(before, await snapshot(school), moment),
    ledger: await school.query(
      'SELECT moodle, file_name, sha256, state, rows_done, last_offset, last_line, outcomes_bytes FROM syncd_run',
    ),
    files,
  }
}

export const timeless = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\d{8}-\d{6}_/g, 'STAMP_')
    .replace(/, begun on .*?, took .*? s\.(?=$|[ <])/m, '')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, 'TIME')

/** What a journal keeps of how many rows; the rows themselves have ids and times in them. */
const shapeOf = (journal: string): unknown =>
  journal
    .trimEnd()
    .split('\n')
    .map(line => {
      const { table, did, rows } = JSON.parse(line)
      return `${table} ${did} ${rows.length}`
    })

/** Lets a daemon do what is left to be done. @returns what it looks like then */
export async function finish({ site, config, before }: Stage, from: number): Promise<End> {
  const daemon = spawnDaemon(config)
  await daemon.tells('daemon-started')
  await until('all to be done', async () => (await isDone(site)) || undefined, LONGEST_RUN).catch(async error => {
    throw new Error(`${error.message} ${await leftOf(site)} ${JSON.stringify(daemon.lines.slice(-4))}`)
  })
  expect(await daemon.end()).toBe(0)
  expect(daemon.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
  return endOf(site, before, from)
}

export const isDone = async (site: Site): Promise<boolean> => (await leftOf(site)).length === 0

/** What lies where it should not when all is done. */
async function leftOf({ sync, store, noted }: Site): Promise<string[]> {
  const places = [sync, join(store, 'arrivals'), join(store, 'commands')]
  const left = await Promise.all(places.map(path => readdir(path)))
  return [...left.flat(), ...(await noted())]
}

/** What a statement does, and to what; null: it changes nothing, and tells nobody anything. */
export function kindOf(statement: string): string | null {
  const found =
    /^(?:START TRANSACTION|COMMIT|(?:CREATE|ALTER) TABLE (?:IF NOT EXISTS )?\w+|INSERT (?:IGNORE )?INTO [`\w]+|DELETE FROM [`\w]+|UPDATE (?:syncd_run SET [\w ='+]{12}|[`\w]+)|SELECT (?:GET|RELEASE)_LOCK)/.exec(
      statement,
    )
  return found === null ? null : found[0]
}
