import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore, type Store } from '../../src/store/store.ts'
import { removeOldUploads, removeUnfinishedUploads } from '../../src/store/uploads.ts'
import { until } from '../until.ts'
import { temporaryFolder } from './folder.ts'

const NOW = new Date('2026-09-01T10:00:00Z')

async function storeWith(uploads: readonly string[], hoursAgo: number): Promise<Store> {
  const store = await openStore(join(await temporaryFolder(), 'syncd'))
  const then = new Date(NOW.getTime() - hoursAgo * 3_600_000)
  for (const id of uploads) {
    await mkdir(join(store.folder.uploads, id))
    await writeFile(join(store.folder.uploads, id, 'command-file'), '')
    await utimes(join(store.folder.uploads, id), then, then)
  }
  return store
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `id-${i}`)

test('several who send at a time all tidy up, and none finds fault with what another has removed', async () => {
  const store = await storeWith(ids(300), 25)
  const tidying = []
  for (const left of [300, 250, 200, 150, 100, 50]) {
    await until('some to be removed', async () =>
      (await readdir(store.folder.uploads)).length <= left ? true : undefined,
    )
    tidying.push(removeOldUploads(store, NOW))
  }
  await Promise.all(tidying)
  expect(await readdir(store.folder.uploads)).toEqual([])
})

test('what is not a day old stays, but not more than fifty', async () => {
  const store = await storeWith(ids(60), 23)
  await removeOldUploads(store, NOW)
  expect(await readdir(store.folder.uploads)).toHaveLength(50)
})

test('at the start, what has a report stays', async () => {
  const store = await storeWith(['reported', 'unfinished'], 1)
  await writeFile(join(store.folder.uploads, 'reported', 'report.json'), '{}')
  await removeUnfinishedUploads(store)
  expect(await readdir(store.folder.uploads)).toEqual(['reported'])
})
