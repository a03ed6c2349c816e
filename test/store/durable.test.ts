import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, watch } from 'node:fs'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { giveName, removeLeftOvers, replaceDurably, reserve, writeDurably } from '../../src/store/durable.ts'
import { numbered } from '../../src/store/names.ts'
import { until } from '../until.ts'
import { filesIn, temporaryFolder } from './folder.ts'

const writing = (text: string) => (stream: NodeJS.WritableStream) => pipeline([text], stream)

test('a file is written whole, with the mode of the store, whatever the umask', async () => {
  const folder = await temporaryFolder()
  const umask = process.umask(0o077)
  try {
    const path = await writeDurably(folder, numbered('a.txt'), writing('text'))
    expect(path).toBe(join(folder, 'a.txt'))
    expect((await stat(path)).mode & 0o777).toBe(0o640)
  } finally {
    process.umask(umask)
  }
  expect(await filesIn(folder)).toEqual({ 'a.txt': 'text' })
})

test('a writer need not end the stream, and may write more than is buffered', async () => {
  const folder = await temporaryFolder()
  const pieces = Array.from({ length: 100 }, (_, n) => String(n).padEnd(10_000, '.'))
  await writeDurably(folder, numbered('a'), async stream => {
    await pipeline(Readable.from(pieces), stream, { end: false })
  })
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe(pieces.join(''))
})

test('a name that is in use gets a number, and what has it stays', async () => {
  const folder = await temporaryFolder()
  const paths = []
  for (const text of ['one', 'two', 'three']) {
    paths.push(await writeDurably(folder, numbered('a.txt'), writing(text)))
  }
  expect(paths.map(path => path.slice(folder.length))).toEqual(['/a.txt', '/a-2.txt', '/a-3.txt'])
  expect(await filesIn(folder)).toEqual({ 'a.txt': 'one', 'a-2.txt': 'two', 'a-3.txt': 'three' })
})

test('of many that want the same name at once, each gets its own', async () => {
  const folder = await temporaryFolder()
  const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`)
  await Promise.all(texts.map(text => writeDurably(folder, numbered('a'), writing(text))))
  expect(Object.values(await filesIn(folder)).sort()).toEqual(texts.sort())
})

test('where the writer fails, nothing is left', async () => {
  const folder = await temporaryFolder()
  const failure = new Error('no more')
  const written = writeDurably(folder, numbered('a'), async stream => {
    stream.write('half of it')
    throw failure
  })
  await expect(written).rejects.toBe(failure)
  expect(await readdir(folder)).toEqual([])
})

test('where no name can be had, nothing is left', async () => {
  const folder = await temporaryFolder()
  await expect(writeDurably(folder, () => 'not/here', writing('text'))).rejects.toThrow('not the name of a file')
  expect(await readdir(folder)).toEqual([])
})

test('own state is replaced, and stays where its successor cannot be written', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'state')
  await replaceDurably(path, writing('one'))
  await replaceDurably(path, writing('two'))
  expect(await filesIn(folder)).toEqual({ state: 'two' })
  await mkdir(join(folder, 'directory'))
  await expect(replaceDurably(join(folder, 'directory'), writing('three'))).rejects.toThrow('EISDIR')
  expect(await filesIn(folder)).toEqual({ state: 'two' })
})

test('a name is reserved once', async () => {
  const folder = await temporaryFolder()
  expect(await reserve(join(folder, 'a'))).toBe(true)
  expect(await reserve(join(folder, 'a'))).toBe(false)
})

test('what is written is never seen in part under its name', async () => {
  const folder = await temporaryFolder()
  const seen: string[] = []
  const watcher = watch(folder, (_, name) => {
    if (name === 'a') seen.push(existsSync(join(folder, 'a')) ? readFileSync(join(folder, 'a'), 'utf8') : 'gone')
  })
  try {
    await writeDurably(folder, numbered('a'), writing('text'))
    await until('the file to be seen', () => (seen.length > 0 ? true : undefined))
  } finally {
    watcher.close()
  }
  expect(new Set(seen)).toEqual(new Set(['text']))
})

test.runIf(process.getuid?.() === 0)(
  'where there can be no links, it is renamed, and overwrites nothing either',
  async () => {
    const folder = await temporaryFolder()
    await chmod(folder, 0o777)
    const others = join(folder, 'not-mine')
    await writeFile(others, 'text', { mode: 0o600 })
    await writeFile(join(folder, 'a'), 'first')
    process.seteuid!(65534)
    try {
      // By fs.protected_hardlinks, as Debian has it, one may only link to what one could write to.
      expect(await giveName(others, join(folder, 'a'))).toBe(false)
      expect(await giveName(others, join(folder, 'b'))).toBe(true)
    } finally {
      process.seteuid!(0)
    }
    expect(await filesIn(folder)).toEqual({ a: 'first', b: 'text' })
  },
)

test('what a crash left is removed, and nothing else', async () => {
  const folder = await temporaryFolder()
  const gone = spawnSync('true').pid
  const others = ['a.csv', '.hidden', `.${process.ppid}-0123456789ab.tmp`, '.12-not-ours.tmp', 'empty.csv']
  for (const name of others) await writeFile(join(folder, name), name === 'empty.csv' ? '' : 'text')
  await writeFile(join(folder, `.${gone}-0123456789ab.tmp`), 'half')
  await writeFile(join(folder, `.${process.pid}-0123456789ab.tmp`), 'half')
  await reserve(join(folder, 'reserved.csv'))
  await writeFile(join(folder, 'locked.csv'), 'text')
  await chmod(join(folder, 'locked.csv'), 0)
  await removeLeftOvers(folder)
  expect((await readdir(folder)).sort()).toEqual([...others, 'locked.csv'].sort())
})
