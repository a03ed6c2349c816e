/** Files that the guard holds: approving of one, or throwing it away, with the report of what it would do. */

import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, Problem } from '../errors.ts'
import { withMoodle } from '../moodle/connect.ts'
import { isHeld } from '../moodle/ledger.ts'
import { type PastRun, pastRuns, readReportHead } from '../report/past.ts'
import { arrive } from '../store/arrivals.ts'
import { syncDirectory } from '../store/durable.ts'
import { failedWith } from '../store/errno.ts'
import { note } from '../store/running.ts'
import { sumOfFile } from '../store/uploads.ts'
import { isName } from './download.ts'
import { fieldOf, goTo, logAction, type Page, queryOf, requestOf } from './page.ts'
import { Refusal } from './refusal.ts'
import { changesOf } from './report.ts'

export function heldRoutes(page: Page): void {
  const { app, ground, show } = page
  const { store } = ground.ground

  app.get('/held', async (request, reply) =>
    show(request, reply, 'held', { title: 'web.held', part: 'held', files: await heldFiles(page) }),
  )

  app.get('/held/discard', async (request, reply) => {
    const name = queryOf(request, 'name')
    await needHeld(page, name)
    return show(request, reply, 'confirm', {
      title: 'web.discard-title',
      part: 'held',
      question: 'web.discard-question',
      folder: null,
      name,
      action: '/held/discard',
      back: '/held',
      verb: 'web.discard',
    })
  })

  app.get('/held/approve', async (request, reply) => {
    const name = queryOf(request, 'name')
    await needHeld(page, name)
    const held = (await heldFiles(page)).find(file => file.name === name)
    const head = held?.run ? await readReportHead(held.run.json) : null
    return show(request, reply, 'confirm', {
      title: 'web.approve-title',
      part: 'held',
      question: 'web.approve-question',
      folder: null,
      name,
      reasons: held?.reasons,
      changes: head === null ? [] : changesOf(head, request.lang),
      action: '/held/approve',
      back: '/held',
      verb: 'web.approve',
    })
  })

  app.post('/held/discard', async (request, reply) => {
    const name = fieldOf(request, 'name')
    const path = await needHeld(page, name)
    await rm(path)
    await syncDirectory(store.folder.held)
    logAction(page, request, 'discard', { file: name })
    return goTo(page, reply, '/held', 'web.discarded', { name })
  })

  app.post('/held/approve', async (request, reply) => {
    const name = fieldOf(request, 'name')
    const path = await needHeld(page, name)
    const sha256 = await sumOfFile(path)
    // What is approved of is what was reported: somebody may have written to the file since.
    const isSame = sha256 !== null && (await withMoodle(ground.current.value, moodle => isHeld(moodle, sha256)))
    if (!isSame) throw new Problem('held-file-changed', { file: join('held', name) }, EXIT.fileRefused)
    const arrival = await arrive(store, Buffer.from(path), name, ground.now())
    const id = ground.newId()
    const job = { id, file: arrival.name, arrival: arrival.folder, request: requestOf(request, true) }
    await note(store, job)
    ground.queue.add(job)
    logAction(page, request, 'approve', { run: id, file: name, sha256 })
    return goTo(page, reply, `/runs/${id}`)
  })
}

interface HeldFile {
  readonly name: string
  readonly size: number
  readonly run: PastRun | null
  /** Why it is held, in the language of the run. */
  readonly reasons: readonly string[]
}

async function heldFiles({ ground }: Page): Promise<HeldFile[]> {
  const { store } = ground.ground
  const names = (await readdir(store.folder.held)).filter(isName).sort()
  if (names.length === 0) return []
  const runs: PastRun[] = []
  for await (const run of pastRuns(store)) if (run.file.outcome === 'held') runs.push(run)
  const files: HeldFile[] = []
  for (const name of names) {
    const path = join(store.folder.held, name)
    const sha256 = await sumOfFile(path)
    if (sha256 === null) continue
    const run = runs.find(({ file }) => file.sha256 === sha256) ?? null
    const head = run === null ? null : await readReportHead(run.json)
    const reasons = (head?.file.held ?? []).map(({ message }) => message)
    files.push({ name, size: (await lstat(path)).size, run, reasons })
  }
  return files
}

/** @returns the path of a file that is held */
async function needHeld({ ground }: Page, name: string): Promise<string> {
  const path = join(ground.ground.store.folder.held, isName(name) ? name : '.')
  const nothing = new Refusal('nothing-there')
  const stats = await lstat(path).catch(error => {
    throw failedWith(error, 'ENOENT', 'ENAMETOOLONG') ? nothing : error
  })
  if (!stats.isFile()) throw nothing
  return path
}
