/** Past runs, and one of them: how far it is, its report, what can be done with it. */
import { createReadStream } from 'node:fs'
import { basename, join } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.ts'
import { withMoodle } from '../moodle/connect.ts'
import { type LedgerEntry, unfinishedRuns } from '../moodle/ledger.ts'
import { allPastRuns, type PastRun, pastRuns, type ReportHead, readReportHead, undoneBy } from '../report/past.ts'
import { stamp } from '../store/names.ts'
import { note } from '../store/running.ts'
import { findUpload, sumOfFile, type Upload, uploadReport } from '../store/uploads.ts'
import { simulatedUndo, undoing } from '../tasks.ts'
import { download } from './download.ts'
import { fieldOf, goTo, logAction, type Page, pageNumber, pageOf, queryOf, requestOf } from './page.ts'
import { Refusal } from './refusal.ts'
import { changesOf, coursesOf, type Filter, namedBy, rowsOf } from './report.ts'
import { runUpload } from './run-by-hand.ts'
import { reasonOf, shownTurn } from './status.ts'

const RUNS_A_PAGE = 50
const ROWS_A_PAGE = 100
/** A UUID. */
const RUN_ID = /^[0-9a-f-]{36}$/

type WithId = { readonly Params: { readonly id: string } }

export function runRoutes(page: Page): void {
  const { app, ground, show } = page
  const { store } = ground
  downloadRoutes(page)
  actionRoutes(page)

  app.get('/runs', async (request, reply) => {
    const wanted = queryOf(request, 'q').trim()
    const all = await allPastRuns(store)
    const undoOf = undoneBy(all)
    const found = wanted === '' ? all : all.filter(run => isWanted(run, wanted))
    const { shown, ...paging } = pageOf(request, found, RUNS_A_PAGE)
    return show(request, reply, 'runs', {
      title: 'web.runs',
      part: 'runs',
      wanted,
      ...paging,
      runs: shown.map(run => ({ ...run, isUndone: undoOf(run.run) !== undefined })),
      unfinished: await findUnfinished(page),
    })
  })

  app.get<WithId>('/runs/:id', async (request, reply) => {
    const { id } = request.params
    const turn = ground.queue.turnOf(id)
    if (turn !== undefined) {
      const shown = shownTurn(turn, request.lang, ground.now())
      return show(request, reply, 'progress', { title: 'web.progress', part: 'run', turn: shown })
    }
    const found = await findRun(page, id)
    if (found !== null) return showReport(page, request, reply, found)
    const failure = reasonOf(ground.queue.failureOf(id), request.lang)
    void reply.code(failure === null ? 404 : 200)
    return show(request, reply, 'problem', {
      title: failure === null ? 'web.run-unknown' : 'web.run-failed',
      part: 'run',
      sentence: failure,
    })
  })

  // For the little that the page does by itself.
  app.get<WithId>('/runs/:id/progress', (request, reply) => {
    const turn = ground.queue.turnOf(request.params.id)
    if (turn === undefined) return reply.code(204).send()
    return show(request, reply, 'progress-now', {
      title: 'web.progress',
      turn: shownTurn(turn, request.lang, ground.now()),
    })
  })
}

/** What is left of a run, as files. */
function downloadRoutes(page: Page): void {
  const { app, ground } = page
  const { store } = ground

  for (const kind of ['text', 'html'] as const) {
    app.get<WithId>(`/runs/:id/report.${kind === 'text' ? 'txt' : kind}`, async (request, reply) => {
      const { past } = await needRun(page, request.params.id)
      if (past === null) throw new Refusal('nothing-there')
      return download(reply, store.folder.reports, basename(past[kind]))
    })
  }

  app.get<WithId>('/runs/:id/report.json', async (request, reply) => {
    const { past, path, head } = await needRun(page, request.params.id)
    if (past !== null) return download(reply, store.folder.reports, basename(path))
    return reply
      .type('application/json; charset=utf-8')
      .header('content-disposition', `attachment; filename="${head.run}.json"`)
      .send(createReadStream(path))
  })

  app.get<WithId>('/runs/:id/retry', async (request, reply) => {
    const { past } = await needRun(page, request.params.id)
    if (past?.retryFile === null || past === null) throw new Refusal('nothing-there')
    return download(reply, store.folder.retry, basename(past.retryFile))
  })

  app.get<WithId>('/runs/:id/file', async (request, reply) => {
    const { past } = await needRun(page, request.params.id)
    if (past === null) throw new Refusal('nothing-there')
    // A file has the name of its report, wherever it went.
    const name = basename(past.json, '.json')
    const folder = past.file.outcome === 'refused' ? store.folder.refused : store.folder.archives
    return download(reply, folder, name)
  })
}

/** What can be done with a run that has a report. */
function actionRoutes(page: Page): void {
  const { app, ground } = page
  const { store } = ground

  app.post<WithId>('/runs/:id/really', async (request, reply) => {
    const { upload, head } = await needRun(page, request.params.id)
    if (upload === null || head.undoes !== undefined) throw new Refusal('nothing-there')
    return runForReal(page, request, reply, upload)
  })

  app.post<WithId>('/runs/:id/undo', async (request, reply) => {
    const { head } = await needRun(page, request.params.id)
    const undoes = head.undoes !== undefined && head.simulated ? head.undoes : head.run
    const asked = { id: ground.newId(), undoes, name: head.file.name, request: requestOf(request) }
    const isSimulated = fieldOf(request, 'simulate') !== ''
    logAction(page, request, isSimulated ? 'simulate-undo' : 'undo', { run: asked.id, undoes })
    if (isSimulated) ground.queue.perform(simulatedUndo(ground, asked))
    else {
      await note(store, asked)
      ground.queue.perform(undoing(ground, asked))
    }
    return goTo(page, reply, `/runs/${asked.id}`)
  })
}

/** A run that has a report: a past one, or a simulated one. */
interface FoundRun {
  readonly head: ReportHead
  /** Of its report, as JSON. */
  readonly path: string
  /** null: it was simulated. */
  readonly past: PastRun | null
  /** null: it was not simulated. */
  readonly upload: Upload | null
}

const DAY = /^\d{4}(-\d\d){0,2}$/

/** By a part of its file's name, the beginning of its id, or its day (2026-09-01), month or year, as the server counts them. */
const isWanted = ({ file, run, startedAt }: PastRun, wanted: string): boolean =>
  file.name.includes(wanted) ||
  run.startsWith(wanted) ||
  (DAY.test(wanted) && stamp(startedAt).startsWith(wanted.replaceAll('-', '')))

async function findRun({ ground }: Page, id: string): Promise<FoundRun | null> {
  if (!RUN_ID.test(id)) return null
  const { store } = ground
  const upload = await findUpload(store, id)
  const simulated = upload === null ? null : await readReportHead(uploadReport(store, id))
  if (simulated !== null) return { head: simulated, path: uploadReport(store, id), past: null, upload }
  for await (const past of pastRuns(store)) {
    if (past.run !== id) continue
    const head = await readReportHead(past.json)
    return head === null ? null : { head, path: past.json, past, upload: null }
  }
  return null
}

async function needRun(page: Page, id: string): Promise<FoundRun> {
  const found = await findRun(page, id)
  if (found === null) throw new Refusal('nothing-there')
  return found
}

async function showReport(
  page: Page,
  request: FastifyRequest,
  reply: FastifyReply,
  { head, path, past, upload }: FoundRun,
): Promise<string> {
  const { ground, show } = page
  const { store } = ground
  const isRefused = head.file.outcome === 'refused'
  const text = queryOf(request, 'text').trim()
  const filter: Filter = {
    outcome: queryOf(request, 'outcome') || (head.summary.failed! > 0 && !hasFilter(request) ? 'failed' : ''),
    code: queryOf(request, 'code'),
    text,
    named: await namedBy(page, text),
  }
  const number = pageNumber(request)
  const rows = isRefused ? { rows: [], hasMore: false } : await rowsOf(path, filter, number, ROWS_A_PAGE)
  const all = past === null ? [] : await allPastRuns(store)
  const isUndo = head.undoes !== undefined
  return show(request, reply, 'report', {
    title: isUndo ? 'web.undo-report' : 'web.report',
    part: 'runs',
    head,
    isUndo,
    isPast: past !== null,
    hasFile: past !== null && !isUndo && head.file.outcome !== 'held',
    undoneBy: past === null ? null : (undoneBy(all)(head.run)?.run ?? null),
    upload,
    filter,
    number,
    ...rows,
    ...(await coursesOf(page, path, head, rows.rows)),
    changes: changesOf(head, request.lang),
  })
}

/** Runs what was simulated: that very content. */
async function runForReal(
  page: Page,
  request: FastifyRequest,
  reply: FastifyReply,
  upload: Upload,
): Promise<FastifyReply> {
  const { ground } = page
  const { store } = ground
  const { name, sha256, storedAs } = upload
  const gone = new Refusal('file-changed', { file: name })
  const id = ground.newId()
  if (storedAs === null) {
    if (!(await runUpload(page, request, { id, from: upload.id, name }))) throw gone
  } else {
    if ((await sumOfFile(join(store.directory, storedAs))) !== sha256) throw gone
    const isAdded = ground.queue.add({ id, file: name, arrival: null, request: requestOf(request) })
    if (!isAdded) throw new Refusal('file-in-use', { file: name })
  }
  logAction(page, request, 'run', { run: id, file: name, sha256 })
  return goTo(page, reply, `/runs/${id}`)
}

const hasFilter = (request: FastifyRequest): boolean =>
  ['outcome', 'code', 'text', 'all'].some(name => queryOf(request, name) !== '')

/** Runs that have no report yet, as the ledger knows them; null: it is out of reach. Those that the queue has are shown by it. */
async function findUnfinished({ ground }: Page): Promise<LedgerEntry[] | null> {
  try {
    const unfinished = await withMoodle(ground.current.value, unfinishedRuns)
    return unfinished.filter(({ id }) => ground.queue.turnOf(id) === undefined)
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}
