/** A configuration, and a config.php, of whatever bytes: either a Config or what is wrong with it, and never more than that. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evaluateConfigPhp, PhpSyntaxError } from '../../src/config/config-php.ts'
import { forcedBy, inheritedFrom } from '../../src/config/inherit.ts'
import { loadConfig, secretsWrittenIn } from '../../src/config/load.ts'
import { Problem } from '../../src/errors.ts'
import { explain } from '../../src/messages/explain.ts'
import { mutationsOf } from './mutations.ts'
import { runs } from './runs.ts'

let folder: string
let example: Buffer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'syncd-'))
  const published = await readFile(new URL('../../config/moodle-syncd.example.yaml', import.meta.url), 'utf8')
  await writeFile(join(folder, 'config.php'), CONFIG_PHP)
  example = Buffer.from(published.replace('/var/www/moodle/config.php', join(folder, 'config.php')))
})
afterAll(() => rm(folder, { recursive: true }))

const CONFIG_PHP = `<?php  // Moodle configuration file
unset($CFG);
global $CFG;
$CFG = new stdClass();
$CFG->dbtype    = 'mariadb';
$CFG->dbhost    = 'localhost';
$CFG->dbname    = 'moodle';
$CFG->dbuser    = 'moodle' . '_' . 'user';
$CFG->title     = "a {$a['x']} $b " . getenv('U');
$CFG->dbpass    = <<<'END'
  p"'\\n\\u{e9}
  END;
$CFG->prefix    = 'mdl_';
$CFG->dboptions = array ('dbpersist' => 0, 'dbport' => 3306, 'dbsocket' => '', 'more' => [1, [2, 'a' => 3]]);
$CFG->forced_plugin_settings = ['enrol_manual' => ['x' => (int) '5', 'y' => !true ? 1 : -2]];
$CFG->forced_plugin_settings['local_a']['b'] .= 'text';
if (isset($_SERVER['HTTP_HOST']) && $x === 3) { $CFG->wwwroot = 'https://a'; } elseif (empty($y)) { $CFG->wwwroot ??= "b"; } else { $CFG->wwwroot = 'c'; }
$CFG->dataroot  = dirname(__DIR__, 2) . '/moodledata';
$CFG->directorypermissions = 02777;
foreach ([1] as $i) { $CFG->x[$i] = $i; }
function f() { return 1; }
require_once(__DIR__ . '/lib/setup.php');
`

/** What loading ends with: `config`, or the sentences for people. Anything but a Problem is thrown on. */
async function outcomeOf(content: string | Uint8Array): Promise<string> {
  const path = join(folder, 'config.yaml')
  await writeFile(path, content)
  try {
    await loadConfig(path, {})
    await secretsWrittenIn(path)
    return 'config'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    expect(error.exit).toBe(78)
    explain('fr', error)
    return explain('en', error)
  }
}

describe('a configuration', () => {
  test('that is ours, changed anywhere, is a Config or a Problem', async () => {
    let loaded = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(mutationsOf(example), async bytes => {
        if ((await outcomeOf(bytes)) === 'config') loaded++
        else refused++
      }),
      { numRuns: runs(400) },
    )
    expect(loaded).toBeGreaterThan(10)
    expect(refused).toBeGreaterThan(10)
  })

  test('of arbitrary YAML is a Config or a Problem', async () => {
    const sign = fc.constantFrom(
      ...'[]{},:?-&*!|>%@`"\'#~<=',
      '\n',
      '\n  ',
      '\t',
      '\r',
      ' ',
      '\0',
      '\u2028',
      '---\n',
      '...\n',
    )
    const word = fc.constantFrom(
      'moodle',
      'enrol',
      'mail',
      'file',
      'env',
      'a',
      '&a',
      '*a',
      '<<',
      '!!binary',
      '!!js/function',
      '1e999',
      'null',
      '__proto__',
      'constructor',
    )
    const text = fc
      .array(fc.oneof(sign, word, fc.string({ unit: 'binary', maxLength: 3 })))
      .map(parts => parts.join(''))
    await fc.assert(
      fc.asyncProperty(text, async yaml => void (await outcomeOf(yaml))),
      { numRuns: runs(500) },
    )
  })

  test('that unfolds to billions of values is refused as it stands, not unfolded', async () => {
    const letters = [...'abcdefghij']
    const bomb = letters
      .map((letter, at) => `${letter}: &${letter} [${Array(9).fill(at === 0 ? 'x' : `*${letters[at - 1]}`)}]`)
      .join('\n')
    const before = process.memoryUsage().rss
    expect(await outcomeOf(bomb)).toContain('there is no key “a”')
    expect(await outcomeOf(`${bomb}\nmail: { admins: *j }`)).toContain('line 11, column 17')
    expect(await outcomeOf('mail: &a { admins: [*a], <<: *a }')).toContain('line 1')
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })

  test.each([
    ['lists', '['.repeat(30_000)],
    ['closed lists', '['.repeat(20_000) + ']'.repeat(20_000)],
    ['maps', '{a: '.repeat(10_000)],
    ['list items', '- '.repeat(30_000)],
    ['keys', '? '.repeat(30_000)],
    ['sections', Array.from({ length: 300 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
  ])('that is nested without end is refused: %s', async (_, yaml) => {
    expect(await outcomeOf(yaml)).toContain('more than 50 levels')
  })

  test.each(['/dev/zero', '/dev/urandom'])('that has no end is refused: %s', async device => {
    await expect(loadConfig(device, {})).rejects.toMatchObject({ code: 'configuration-unreadable' })
    const config = `moodle: { configPhp: ${device}, database: { password: { file: ${device} } } }`
    expect((await outcomeOf(config)).match(/it has more than \d+ bytes/g)).toHaveLength(2)
  })

  test('of as many bytes as it may have is refused in some seconds', async () => {
    const begun = performance.now()
    expect(
      await outcomeOf(
        Array.from({ length: 8_000 }, (_, at) => `k${at}: `)
          .join('\n')
          .slice(0, 65_000),
      ),
    ).toContain('k7999')
    expect(performance.now() - begun).toBeLessThan(10_000)
    expect(await outcomeOf(`# ${'x'.repeat(65_536)}`)).toContain('more than 65536 bytes')
  })
})

describe('a config.php', () => {
  /** Whether it can be read; all that is read of one is asked for. Anything but a syntax error is thrown on. */
  function isRead(source: string): boolean {
    try {
      const php = evaluateConfigPhp(source, '/srv/moodle/config.php', {})
      JSON.stringify([inheritedFrom(php, null), forcedBy(php)])
      return true
    } catch (error) {
      if (!(error instanceof PhpSyntaxError)) throw error
      return false
    }
  }

  test('that is changed anywhere is read, or is no PHP', () => {
    expect(isRead(CONFIG_PHP)).toBe(true)
    const counts = { read: 0, refused: 0 }
    fc.assert(
      fc.property(mutationsOf(Buffer.from(CONFIG_PHP)), bytes => {
        counts[isRead(bytes.toString('utf8')) ? 'read' : 'refused']++
      }),
      { numRuns: runs(1000) },
    )
    expect(counts.read).toBeGreaterThan(50)
    expect(counts.refused).toBeGreaterThan(50)
  })

  test.each([
    ['lists', `$CFG->x = ${'['.repeat(5_000)}${']'.repeat(5_000)};`],
    ['joined texts', `$CFG->x = 'a'${".'a'".repeat(4_000)};`],
    ['longer joined texts', `$CFG->x = 'a'${".'a'".repeat(20_000)};`],
    ['blocks', 'if (1) {'.repeat(3_000) + '}'.repeat(3_000)],
    ['branches', `if (0) {}${' elseif (0) {}'.repeat(5_000)}`],
    ['offsets', `$a${'[1]'.repeat(5_000)} = 1;`],
    ['negations', `$CFG->x = ${'!'.repeat(20_000)}1;`],
  ])('that is nested without end is no crash: %s', (_, php) => {
    expect(() => isRead(`<?php\n${php}`)).not.toThrow()
  })

  test('whose texts double without end takes no memory for them', () => {
    const { settings } = evaluateConfigPhp(`<?php $CFG->a = 'aaaa'; ${'$CFG->a .= $CFG->a; '.repeat(60)}`, '/x', {})
    expect(settings.get('a')).toEqual({ computedOnLine: 1 })
  })

  test('that puts an array into itself is read', () => {
    expect(
      isRead(
        "<?php $CFG->forced_plugin_settings = ['a' => []]; $CFG->forced_plugin_settings['a'] = $CFG->forced_plugin_settings;",
      ),
    ).toBe(true)
  })

  test('with a long list is read at once', () => {
    const begun = performance.now()
    expect(isRead(`<?php $CFG->x = [${'1,'.repeat(20_000)}];`)).toBe(true)
    expect(performance.now() - begun).toBeLessThan(5_000)
  })
})
