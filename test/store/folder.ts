/** Temporary folders for tests of what is done with files, and a look at what lies in them. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

const folders: string[] = []

/** A folder that is removed after the test. */
export async function temporaryFolder(below = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(below, 'moodle-syncd-test-'))
  folders.push(folder)
  return folder
}

/** A folder on another file system; undefined where this machine has none that can be written to. */
export async function folderElsewhere(): Promise<string | undefined> {
  try {
    const [here, there] = await Promise.all([stat(tmpdir()), stat('/dev/shm')])
    return here.dev === there.dev ? undefined : await temporaryFolder('/dev/shm')
  } catch {
    return undefined
  }
}

/** Every file below a folder, hidden ones too, with its content. */
export async function filesIn(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) files[path.slice(folder.length + 1)] = await readFile(path, 'utf8')
  }
  return files
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})
