/** Running a file by hand: one that is sent, in one step, or the standard file; really, or simulated. */
import { join } from 'node:path'
import type { MultipartFile } from '@fastify/multipart'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { standardFiles } from '../store/commands.ts'
import { failedWith } from '../store/errno.ts'
import { safeName } from '../store/names.ts'
import { note } from '../store/running.ts'
import {
  describeUpload,
  forget,
  queueUpload,
  receive,
  removeOldUploads,
  TooLarge,
  uploadedFile,
} from '../store/uploads.ts'
import { simulation } from '../tasks.ts'
import { fieldOf, goTo, logAction, type Page, requestOf } from './page.ts'
import { Refusal } from './refusal.ts'

/** Files that are being received at a time. */
const MOST_UPLOADS = 4

export function runByHandRoutes(page: Page): void {
  const { app, ground, show } = page
  const { store } = ground
  let receiving = 0

  app.get('/run', async (request, reply) => {
    const { enrol, web } = ground.current.value
    const files = await standardFiles(store, enrol.file)
    return show(request, reply, 'run', {
      title: 'web.run',
      part: 'run',
      files,
      pattern: enrol.file,
      maxUploadBytes: web.maxUploadBytes,
    })
  })

  app.post('/run/upload', { config: { checksToken: true } }, async (request, reply) => {
    const { maxUploadBytes } = ground.current.value.web
    if (Number(request.headers['content-length'] ?? 0) > maxUploadBytes + 10_000) throw tooLarge(maxUploadBytes)
    if (receiving >= MOST_UPLOADS) throw new Refusal('too-many-uploads', { count: MOST_UPLOADS })
    receiving++
    try {
      return await receiveAndRun(page, request, reply, maxUploadBytes)
    } catch (error) {
      throw isOfParser(error) ? new Refusal('bad-request', { reason: error.message }, error) : error
    } finally {
      receiving--
    }
  })

  app.post('/run/standard', async (request, reply) => {
    const file = fieldOf(request, 'file')
    const files = await standardFiles(store, ground.current.value.enrol.file)
    // Only what is listed there: a name in a form is not to be trusted.
    if (!files.includes(file)) throw new Refusal('file-gone', { file })
    const id = ground.newId()
    if (fieldOf(request, 'simulate') !== '') {
      const path = join(store.folder.commands, file)
      const upload = { id, name: file, storedAs: join('commands', file) }
      ground.queue.perform(simulation(ground, upload, path, requestOf(request)))
      logAction(page, request, 'simulate', { run: id, file })
    } else {
      const isAdded = ground.queue.add({ id, file, arrival: null, request: requestOf(request) })
      if (!isAdded) throw new Refusal('file-in-use', { file })
      logAction(page, request, 'run', { run: id, file })
    }
    return goTo(page, reply, `/runs/${id}`)
  })
}

/** What the parser of forms says of one that is none, or breaks off; it has no code for it. */
const isOfParser = (error: unknown): error is Error =>
  error instanceof Error && !('code' in error) && /\b(multipart|needle)\b/i.test(error.message)

const tooLarge = (bytes: number): Refusal => new Refusal('too-large', { bytes })

async function receiveAndRun(
  page: Page,
  request: FastifyRequest,
  reply: FastifyReply,
  maxBytes: number,
): Promise<FastifyReply> {
  const { app } = page
  if (!request.isMultipart()) throw new Refusal('no-file')
  const parts = request.parts()
  const fields: Record<string, string> = {}
  for await (const part of parts) {
    if (part.type === 'field') {
      fields[part.fieldname] = String(part.value)
      continue
    }
    // Fields come in the order of the form: the token before the file, or nothing of it is read.
    request.body = fields
    let isOurs = false
    app.csrfProtection(request, reply, () => {
      isOurs = true
    })
    if (!isOurs) return reply
    if (part.fieldname !== 'file' || part.filename === '') {
      part.file.resume()
      continue
    }
    return runReceived(page, request, reply, part, fields.simulate !== undefined, maxBytes)
  }
  throw new Refusal('no-file')
}

async function runReceived(
  page: Page,
  request: FastifyRequest,
  reply: FastifyReply,
  part: MultipartFile,
  isSimulated: boolean,
  maxBytes: number,
): Promise<FastifyReply> {
  const { ground } = page
  const { store } = ground
  const id = ground.newId()
  const name = safeName(part.filename, 'upload.csv')
  await removeOldUploads(store, ground.now())
  let sha256: string
  try {
    sha256 = await receive(store, id, part.file, maxBytes)
  } catch (error) {
    if (error instanceof TooLarge) throw tooLarge(maxBytes)
    if (failedWith(error, 'ENOSPC', 'EDQUOT')) throw new Refusal('no-room', { directory: store.directory }, error)
    throw error
  }
  if (isSimulated) {
    const upload = { id, name, storedAs: null }
    await describeUpload(store, { ...upload, sha256 })
    ground.queue.perform(simulation(ground, upload, uploadedFile(store, id), requestOf(request)))
    logAction(page, request, 'simulate', { run: id, file: name, sha256 })
  } else {
    await runUpload(page, request, { id, from: id, name })
    logAction(page, request, 'run', { run: id, file: name, sha256 })
  }
  return goTo(page, reply, `/runs/${id}`)
}

/** Puts a file that was sent to the queue. It waits in the store, and is run after a crash, too. @returns whether it is still there */
export async function runUpload(
  { ground }: Page,
  request: FastifyRequest,
  { id, from, name }: { readonly id: string; readonly from: string; readonly name: string },
): Promise<boolean> {
  const { store } = ground
  const arrival = await queueUpload(store, from, name, ground.now())
  if (arrival === null) return false
  const job = { id, file: arrival.name, arrival: arrival.folder, request: requestOf(request) }
  await note(store, job)
  ground.queue.add(job)
  // The report of a simulated run stays.
  if (from === id) await forget(store, from)
  return true
}
