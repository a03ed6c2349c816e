/** The files in the store, to download, and to delete once that has been confirmed. */
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { remove } from '../store/durable.ts'
import { failedWith } from '../store/errno.ts'
import type { Store } from '../store/store.ts'
import { download, isName } from './download.ts'
import { fieldOf, goTo, logAction, type Page, pageOf, queryOf } from './page.ts'
import { Refusal } from './refusal.ts'

/** The folders that people know. What is held is thrown away where it can be seen why; the others are the program's own. */
const SHOWN = ['commands', 'archives', 'reports', 'retry', 'refused', 'held'] as const
type Shown = (typeof SHOWN)[number]

const FILES_A_PAGE = 100

export function fileRoutes(page: Page): void {
  const { app, ground, show } = page
  const { store } = ground

  app.get('/files', async (request, reply) => {
    const folder = SHOWN.find(each => each === queryOf(request, 'folder')) ?? 'archives'
    const wanted = queryOf(request, 'q').trim()
    const names = (await namesIn(store, folder)).filter(name => name.includes(wanted))
    const { shown, ...paging } = pageOf(request, names, FILES_A_PAGE)
    const counts = await Promise.all(
      SHOWN.map(async each => ({ folder: each, count: (await namesIn(store, each)).length })),
    )
    return show(request, reply, 'files', {
      title: 'web.files',
      part: 'files',
      folder,
      wanted,
      counts,
      ...paging,
      files: await describe(store, folder, shown),
      path: store.folder[folder],
    })
  })

  app.get('/files/download', (request, reply) =>
    download(reply, store.folder[needFolder(queryOf(request, 'folder'))], queryOf(request, 'name')),
  )

  app.get('/files/delete', async (request, reply) => {
    const folder = needFolder(queryOf(request, 'folder'))
    const name = queryOf(request, 'name')
    await needFile(store, folder, name)
    return show(request, reply, 'confirm', {
      title: 'web.delete-title',
      part: 'files',
      question: 'web.delete-question',
      folder,
      name,
      action: '/files/delete',
      back: `/files?folder=${folder}`,
      verb: 'web.delete',
    })
  })

  app.post('/files/delete', async (request, reply) => {
    const folder = needFolder(fieldOf(request, 'folder'))
    const name = fieldOf(request, 'name')
    if (folder === 'held') throw nothingThere()
    const path = await needFile(store, folder, name)
    // What runs is read to its end, and cannot be taken away under it.
    if (
      folder === 'commands' &&
      ground.queue.turns(1_000).first.some(turn => turn.kind === 'run' && turn.name === name)
    )
      throw new Refusal('file-in-use', { file: name })
    await remove(path)
    logAction(page, request, 'delete', { file: join(folder, name) })
    return goTo(page, reply, `/files?folder=${folder}`, 'web.deleted', { name })
  })
}

const nothingThere = (): Refusal => new Refusal('nothing-there')

function needFolder(given: string): Shown {
  const folder = SHOWN.find(each => each === given)
  if (folder === undefined) throw nothingThere()
  return folder
}

/** @returns the path of a file that people know. @throws Refusal where there is none of this name */
export async function needFile(store: Store, folder: Shown, name: string): Promise<string> {
  if (!isName(name)) throw nothingThere()
  const path = join(store.folder[folder], name)
  const stats = await lstat(path).catch(error => {
    throw failedWith(error, 'ENOENT', 'ENAMETOOLONG') ? nothingThere() : error
  })
  if (!stats.isFile()) throw nothingThere()
  return path
}

/** The newest first, where names begin with when they were put there. */
async function namesIn({ folder }: Store, name: Shown): Promise<string[]> {
  const names = (await readdir(folder[name])).filter(isName).sort()
  return ['commands', 'held'].includes(name) ? names : names.reverse()
}

interface ShownFile {
  readonly name: string
  readonly size: number
  readonly time: Date
}

async function describe({ folder }: Store, name: Shown, names: readonly string[]): Promise<ShownFile[]> {
  const files: ShownFile[] = []
  for (const each of names) {
    try {
      const stats = await lstat(join(folder[name], each))
      if (stats.isFile()) files.push({ name: each, size: stats.size, time: stats.mtime })
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error
    }
  }
  return files
}
