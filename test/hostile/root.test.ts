/** Somebody runs a command as root, once: the daemon, which is another user, must be able to go on with what that has left. */
import { chmod, chown, lchown, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshSchool } from '../database.ts'
import { moodleSyncd } from '../process/program.ts'

const [UID, GID] = [65_534, 65_534]

test.runIf(process.getuid?.() === 0)(
  'what root makes in the store belongs to whom the data folder belongs',
  async () => {
    const school = await freshSchool()
    await chmod(school.folder, 0o755)
    for (const path of [school.dataroot, join(school.dataroot, 'sync')]) await chown(path, UID, GID)
    const config = await school.writeConfig({ log: { level: 'silent' } })
    const file = join(school.folder, 'enrols.csv')
    await writeFile(file, 'cid;uid;rolename;enrol\nBIO-2;E1018;student;manual\nBIO-2;nobody;student;manual\n')

    expect((await moodleSyncd(['run', file, '--simulate', '-c', config])).status).toBe(1)
    expect((await moodleSyncd(['run', file, '-c', config])).status).toBe(1)
    const made = await readdir(join(school.dataroot, 'syncd'), { recursive: true, withFileTypes: true })
    const names = made.filter(entry => entry.isFile()).map(({ parentPath }) => parentPath.split('/').at(-1))
    expect(names).toEqual(expect.arrayContaining(['reports', 'retry', 'undo']))
    for (const { parentPath, name } of made) {
      expect(await stat(join(parentPath, name)), name).toMatchObject({ uid: UID, gid: GID })
    }
  },
)

test.runIf(process.getuid?.() === 0)(
  'root writes through no link that another user has put into the store: reports would be files of root’s anywhere',
  async () => {
    const school = await freshSchool()
    await chmod(school.folder, 0o755)
    for (const path of [school.dataroot, join(school.dataroot, 'sync')]) await chown(path, UID, GID)
    const config = await school.writeConfig({ log: { level: 'silent' } })
    const store = join(school.dataroot, 'syncd')
    const elsewhere = join(school.folder, 'profile.d')
    await mkdir(elsewhere)
    await mkdir(store)
    await chown(store, UID, GID)
    await symlink(elsewhere, join(store, 'retry'))
    await lchown(join(store, 'retry'), UID, GID)
    const file = join(school.folder, 'enrols.sh')
    await writeFile(file, 'cid;uid;rolename;enrol\nBIO-2;$(touch /tmp/x);student;manual\n')
    const refused = await moodleSyncd(['run', file, '-c', config])
    expect([refused.status, await readdir(elsewhere)]).toEqual([78, []])
    expect(refused.stderr).toContain(join(store, 'retry'))
    // Root's own link is root's affair.
    await lchown(join(store, 'retry'), 0, 0)
    expect((await moodleSyncd(['run', file, '-c', config])).status).toBe(1)
    expect(await readdir(elsewhere)).toHaveLength(1)
  },
)
