/** The rules of the source tree, and that the documentation is about the tree that is there. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8')

interface Source {
  /** Below the project, such as `src/file/rows.ts`. */
  readonly path: string
  /** Without comments. */
  readonly code: string
  /** What it imports: names of packages, and paths below the project. */
  readonly imports: readonly string[]
}

const sources: readonly Source[] = readdirSync(join(PROJECT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => {
    const path = `src/${name}`
    const code = withoutComments(read(path))
    const named = [...code.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(match => match[1]!)
    return { path, code, imports: named.map(one => (one.startsWith('.') ? join(dirname(path), one) : one)) }
  })

function withoutComments(source: string): string {
  // A string, a template without a nested one, or a regular expression is passed over: what looks like a comment in it is none.
  return source.replace(
    /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    '$1',
  )
}

const isIn = (path: string, folders: readonly string[]): boolean => folders.some(folder => path.startsWith(folder))

describe('the tree', () => {
  test.each([
    { folder: 'src/file/', may: ['src/file/', 'src/errors.ts'] },
    { folder: 'src/plan/', may: ['src/plan/', 'src/file/types.ts', 'src/errors.ts'] },
  ])('$folder depends on nothing but itself and plain data', ({ folder, may }) => {
    const pure = ['node:buffer', 'node:crypto', '@exodus/bytes/encoding.js', 'temporal-polyfill']
    const own = sources.filter(({ path }) => path.startsWith(folder))
    expect(own.length).toBeGreaterThan(5)
    const wrong = own.flatMap(({ path, imports }) =>
      imports.filter(one => !isIn(one, may) && !pure.includes(one)).map(one => `${path} imports ${one}`),
    )
    expect(wrong).toEqual([])
  })

  test.each(['src/file/', 'src/plan/'])(
    '%s reads no clock and no environment, and leaves nothing to chance',
    folder => {
      const impure =
        /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\b|\bTemporal\.Now\b|\brandom(UUID|Bytes)\b|\bprocess\.|\bset(Timeout|Interval)\b|\bconsole\b|\bawait import\b/
      const wrong = sources.filter(({ path, code }) => path.startsWith(folder) && impure.test(code))
      expect(wrong.map(({ path }) => path)).toEqual([])
    },
  )

  test.each([
    ['mysql2', ['src/moodle/', 'src/demo/']],
    ['redis', ['src/moodle/caches/']],
    ['chokidar', ['src/intake/']],
    ['fastify', ['src/web/']],
    ['eta', ['src/web/']],
    ['nodemailer', ['src/notify/']],
    ['pino', ['src/log.ts']],
    ['php-parser', ['src/config/']],
    ['commander', ['src/cli.ts']],
    ['p-queue', ['src/queue.ts']],
  ])('%s is imported in %j alone', (name, folders) => {
    const users = sources.filter(({ imports }) => imports.some(one => one === name || one.startsWith(`${name}/`)))
    expect(users.length).toBeGreaterThan(0)
    expect(users.filter(({ path }) => !isIn(path, folders)).map(({ path }) => path)).toEqual([])
  })

  test('SQL stands in src/moodle and src/demo alone', () => {
    const sql =
      /\b(SELECT\s[\s\S]*?\sFROM|INSERT\s+(IGNORE\s+)?INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|START\s+TRANSACTION)\b/
    const users = sources.filter(({ code }) => sql.test(code)).map(({ path }) => path)
    expect(users).toContain('src/moodle/write.ts')
    expect(users.filter(path => !isIn(path, ['src/moodle/', 'src/demo/']))).toEqual([])
  })

  test('nobody imports the daemon but its command, and nobody a command but the command line', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter(
          one =>
            (one === 'src/daemon.ts' && path !== 'src/commands/start.ts') ||
            (one.startsWith('src/commands/') && !isIn(path, ['src/cli.ts', 'src/commands/'])),
        )
        .map(one => `${path} imports ${one}`),
    )
    expect(wrong).toEqual([])
  })

  test('every file opens with what it is for', () => {
    const silent = sources.filter(({ path }) => !/^(#!.*\n)?\/\*\*/.test(read(path)))
    expect(silent.map(({ path }) => path)).toEqual([])
  })
})

describe('the documentation', () => {
  test('is what npm run docs makes of it', () => {
    const said = ((): string => {
      try {
        return execFileSync(process.execPath, [join(PROJECT, 'scripts/docs.mjs'), '--check'], { encoding: 'utf8' })
      } catch (error) {
        return String((error as { stdout: unknown }).stdout)
      }
    })()
    expect(said).toBe('')
  })

  test('has a reason for every package, and speaks of no other', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
    const tables = read('docs/map.md').split('## What we depend on')[1]!.split('Written here')[0]!
    const rows = [...tables.matchAll(/^\| (`.+`) \| (.+) \|$/gm)]
    for (const [, , reason] of rows) expect(reason!.length).toBeGreaterThan(10)
    const explained = rows.flatMap(([, names]) => [...names!.matchAll(/`([^`]+)`/g)].map(match => match[1]))
    expect(explained).toEqual([...Object.keys(dependencies!), ...Object.keys(devDependencies!)])
  })

  test('says of each code why it happens and what to do', () => {
    const sections = read('docs/messages.md').split(/^(?=#)/m)
    const explained = sections.filter(section => section.startsWith('### `'))
    expect(explained.length).toBeGreaterThan(50)
    const wanting = explained.filter(section => !/\n> .+\n\n\*\*Cause\.\*\* .+\n\*\*Remedy\.\*\* .+\n/.test(section))
    expect(wanting.map(section => section.split('\n')[0])).toEqual([])
  })

  test('tells the exit status of each problem as the program does', () => {
    const statuses: Record<string, number> = {
      usage: 64,
      fileRefused: 65,
      unavailable: 69,
      bug: 70,
      tryLater: 75,
      configuration: 78,
    }
    const page = read('docs/messages.md')
    const wrong = sources.flatMap(({ path, code }) =>
      [...code.matchAll(/new Problem\(\s*'([\w-]+)',(?:(?!new Problem)[\s\S])*?EXIT\.(\w+)/g)]
        .filter(([, name, status]) => !page.includes(`\n### \`${name}\` (exit status ${statuses[status!]})\n`))
        .map(([, name, status]) => `${path}: ${name} ends with ${status}`),
    )
    expect(wrong).toEqual([])
  })

  const inDocs = readdirSync(join(PROJECT, 'docs')).filter(name => name.endsWith('.md'))
  const pages = ['README.md', 'README.fr.md', 'CHANGELOG.md', ...inDocs.map(name => `docs/${name}`)]

  test.each(pages)('%s names no file that is not there', page => {
    const text = read(page)
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(match =>
      join(dirname(page), match[1]!),
    )
    const paths = [...text.matchAll(/`((?:src|test|docs|bench|demo|config|systemd|scripts)\/[\w./-]*)`/g)]
    const named = [...links, ...paths.map(match => match[1]!)]
    expect(named.filter(path => !existsSync(join(PROJECT, path)))).toEqual([])
  })

  const inFrench = pages.filter(page => page.endsWith('.fr.md'))

  test.each(inFrench)('%s says what the English page says, part by part', page => {
    expect(shapeOf(read(page))).toEqual(shapeOf(read(page.replace('.fr.md', '.md'))))
  })
})

/** What a page has in every language: headings, tables and lists, commands and settings, files that it names, keys and words. */
function shapeOf(page: string): object {
  const blocks = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) =>
    // What is shown of the program's output is in the page's language.
    kind === '' ? [kind, text!.split('\n').length] : [kind, text!.replaceAll(/ *#.*$/gm, '')],
  )
  const prose = page.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const sections = prose.split(/^(?=#)/m).map(section => ({
    level: /^#+/.exec(section)?.[0].length,
    rows: [...section.matchAll(/^\|.*\|$/gm)].map(([row]) => row.split('|').length),
    items: section.match(/^(-|\d\.) /gm)?.length ?? 0,
    words: [...section.matchAll(/`([^`\n]+)`/g)].map(([, word]) => word!).sort(),
  }))
  return {
    blocks,
    sections,
    links: [...prose.matchAll(/\]\(([^)#]+)/g)]
      .map(([, to]) => to!.replace('.fr.md', '.md').replace(/-fr\.png$/, '-en.png'))
      .sort(),
  }
}
