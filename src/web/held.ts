/** Files that the guard holds: approving of one, or throwing it away, with the report of what it would do. */
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, Problem } from '../errors.ts'
import { withMoodle } from '../moodle/connect.ts'
import { isHeld } from '../moodle/ledger.ts'
import { allPastRuns, type PastRun, readReportHead } from '../report/past.ts'
import { arrive } from '../store/arrivals.ts'
import { remove } from '../store/durable.ts'
import { note } from '../store/running.ts'
import { sumOfFile } from '../store/uploads.ts'
import { isName } from './download.ts'
import { needFile } from './files.ts'
import { fieldOf, goTo, logAction, type Page, queryOf, requestOf } from './page.ts'
import { changesOf } from './report.ts'

export function heldRoutes(page: Page): void {
  const { app, ground, show } = page
  const { store } = ground

  app.get('/held', async (request, reply) =>
    show(request, reply, 'held', { title: 'web.held', part: 'held', files: await heldFiles(page) }),
  )

  app.get('/held/discard', async (request, reply) => {
    const name = queryOf(request, 'name')
    await needFile(store, 'held', name)
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
    await needFile(store, 'held', name)
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
    const path = await needFile(store, 'held', name)
    await remove(path)
    logAction(page, request, 'discard', { file: name })
    return goTo(page, reply, '/held', 'web.discarded', { name })
  })

  app.post('/held/approve', async (request, reply) => {
    const name = fieldOf(request, 'name')
    const path = await needFile(store, 'held', name)
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
  const { store } = ground
  const names = (await readdir(store.folder.held)).filter(isName).sort()
  if (names.length === 0) return []
  const runs = (await allPastRuns(store)).filter(({ file }) => file.outcome === 'held')
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
