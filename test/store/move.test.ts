import { appendFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { link, mkdir, readdir, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { copyInto, FileChanged, moveInto } from '../../src/store/move.ts'
import { numbered } from '../../src/store/names.ts'
import { filesIn, folderElsewhere, temporaryFolder } from './folder.ts'

const YEARS_AGO = new Date('2020-02-02T02:02:02.250Z')

describe.each([
  ['on one file system', temporaryFolder],
  ['from another file system', folderElsewhere],
])('moving %s', (_, makeSource) => {
  test('takes the file from where it was, with its time', async ({ skip }) => {
    const from = (await makeSource()) ?? skip('there is no other file system to write to')
    const to = await temporaryFolder()
    await writeFile(join(from, 'a.csv'), 'text')
    await utimes(join(from, 'a.csv'), YEARS_AGO, YEARS_AGO)
    expect(await moveInto(join(from, 'a.csv'), to, numbered('b.csv'))).toBe(join(to, 'b.csv'))
    expect(await filesIn(from)).toEqual({})
    expect(await filesIn(to)).toEqual({ 'b.csv': 'text' })
    expect((await stat(join(to, 'b.csv'))).mtimeMs).toBe(YEARS_AGO.getTime())
  })

  test('overwrites nothing', async ({ skip }) => {
    const from = (await makeSource()) ?? skip('there is no other file system to write to')
    const to = await temporaryFolder()
    await writeFile(join(to, 'a.csv'), 'first')
    await symlink('/nowhere', join(to, 'a-2.csv'))
    await mkdir(join(to, 'a-3.csv'))
    await writeFile(join(from, 'a.csv'), 'second')
    expect(await moveInto(join(from, 'a.csv'), to, numbered('a.csv'))).toBe(join(to, 'a-4.csv'))
    expect(await filesIn(to)).toEqual({ 'a.csv': 'first', 'a-4.csv': 'second' })
    expect(await readlink(join(to, 'a-2.csv'))).toBe('/nowhere')
  })

  test('that fails leaves nothing behind', async ({ skip }) => {
    const from = (await makeSource()) ?? skip('there is no other file system to write to')
    const to = await temporaryFolder()
    await expect(moveInto(join(from, 'a.csv'), to, numbered('a.csv'))).rejects.toThrow('ENOENT')
    expect(await readdir(to)).toEqual([])
  })
})

test('from another file system, no link is followed, and it stays', async ({ skip }) => {
  const from = (await folderElsewhere()) ?? skip('there is no other file system to write to')
  const to = await temporaryFolder()
  await writeFile(join(from, 'secret'), 'secret')
  await symlink(join(from, 'secret'), join(from, 'link'))
  await mkdir(join(from, 'directory'))
  await expect(moveInto(join(from, 'link'), to, numbered('a'))).rejects.toThrow('ELOOP')
  await expect(moveInto(join(from, 'directory'), to, numbered('a'))).rejects.toThrow(FileChanged)
  expect(await readdir(to)).toEqual([])
  expect((await readdir(from)).sort()).toEqual(['directory', 'link', 'secret'])
})

test.for<[string, (path: string) => void]>([
  ['written to', path => appendFileSync(path, 'more')],
  [
    'replaced',
    path => {
      writeFileSync(`${path}.new`, 'another')
      renameSync(`${path}.new`, path)
    },
  ],
])(
  'a file that is %s while it is copied from another file system stays, and nothing else is left',
  async ([, disturb], { skip }) => {
    const from = (await folderElsewhere()) ?? skip('there is no other file system to write to')
    const to = await temporaryFolder()
    const path = join(from, 'a.csv')
    await writeFile(path, Buffer.alloc(64 * 1024 * 1024, 'x'))
    const moved = moveInto(path, to, numbered('a.csv'))
    const isCopying = () => readdirSync(to).some(name => name.endsWith('.tmp') && statSync(join(to, name)).size > 0)
    while (!isCopying()) await new Promise(setImmediate)
    disturb(path)
    await expect(moved).rejects.toThrow(FileChanged)
    expect(await readdir(to)).toEqual([])
    expect(await readdir(from)).toEqual(['a.csv'])
  },
)

test('a copy leaves the file where it is, and is another one', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.csv'), 'text')
  expect(await copyInto(join(folder, 'a.csv'), folder, numbered('a.csv'))).toBe(join(folder, 'a-2.csv'))
  expect(await filesIn(folder)).toEqual({ 'a.csv': 'text', 'a-2.csv': 'text' })
  expect((await stat(join(folder, 'a.csv'))).nlink).toBe(1)
})

test('a file that others have a name for as well is moved like any other', async () => {
  const [from, to] = [await temporaryFolder(), await temporaryFolder()]
  await writeFile(join(from, 'a'), 'text')
  await link(join(from, 'a'), join(to, 'a'))
  // rename(2) does nothing where both names are of the same file: the number makes it another name.
  await moveInto(join(from, 'a'), to, numbered('a'))
  expect(await filesIn(from)).toEqual({})
  expect(await filesIn(to)).toEqual({ a: 'text', 'a-2': 'text' })
})
