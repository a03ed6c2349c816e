/** What can be told of a config.php without running PHP, and that nothing is made up where it cannot be told. */
import { describe, expect, test } from 'vitest'
import { evaluateConfigPhp, PhpSyntaxError } from '../../src/config/config-php.ts'
import { databaseTypeFault, forcedBy, inheritedFrom } from '../../src/config/inherit.ts'

const evaluate = (body: string, env: NodeJS.ProcessEnv = {}) =>
  evaluateConfigPhp(`<?php\n${body}`, '/srv/moodle/config.php', env)
const setting = (body: string, env?: NodeJS.ProcessEnv) => evaluate(body, env).settings.get('x')
const computedOn = (line: number) => ({ computedOnLine: line })

describe('values', () => {
  test.each([
    ["'it\\'s \\n $5'", "it's \\n $5"],
    ['"a\\$b\\x41\\u{e9}"', 'a$bAé'],
    ["'a' . 'b' . 3", 'ab3'],
    ['02777', 0o2777],
    ['0x1F', 31],
    ['1_000', 1000],
    ['60 * 60 * 2 + 1 - 2', 7199],
    ['-5', -5],
    ['TRUE', true],
    ['!true', false],
    ['NULL', null],
    ["(int) '12abc'", 12],
    ['(string) 12', '12'],
    ['(bool) "0"', false],
    ['__DIR__ . "/x"', '/srv/moodle/x'],
    ['dirname(__FILE__)', '/srv/moodle'],
    ['\\dirname(__DIR__, 2)', '/'],
    ["trim(' a ')", 'a'],
    ["getenv('SET')", 'here'],
    ["$_ENV['SET']", 'here'],
    ["getenv('SET') ?: 'other'", 'here'],
    ["'' ?: 'other'", 'other'],
    ["$CFG->missing ?? 'other'", 'other'],
    ["empty('0') ? 'yes' : 'no'", 'yes'],
    ["isset($CFG->missing) ? 'yes' : 'no'", 'no'],
    ['\\some\\name::class', 'some\\name'],
    ["<<<'END'\n  text\n  END", 'text'],
  ])('%s', (php, expected) => {
    expect(setting(`$CFG->x = ${php};`, { SET: 'here' })).toEqual(expected)
  })

  test.each([
    'file_get_contents("/run/secret")',
    'SOME_CONSTANT',
    'SomeClass::SOME_CONSTANT',
    '`hostname`',
    "getenv('NOT_SET')",
    "getenv('NOT_SET') ?: 'a default that the web server may not take'",
    "$_SERVER['HTTP_HOST']",
    '$never',
    "'a' . time()",
    'new stdClass()',
    '[...$never]',
  ])('%s only PHP could tell', php => {
    expect(setting(`\n$CFG->x = ${php};`)).toEqual(computedOn(3))
  })

  test('variables and other settings are looked up, also in texts', () => {
    expect(setting('$p = "/data"; $CFG->dir = $p; $CFG->x = "{$CFG->dir}/$p";')).toBe('/data//data')
    expect(setting('$o = ["a" => ["b" => 1]]; $CFG->x = $o["a"]["b"];')).toBe(1)
  })

  test('arrays are set as a whole and by their parts', () => {
    const expected = new Map([
      [
        'a',
        new Map<string, number>([
          ['0', 1],
          ['7', 2],
          ['8', 3],
        ]),
      ],
    ]) // prettier-ignore
    expect(setting('$CFG->x = array("a" => [1, 7 => 2]); $CFG->x["a"][] = 3;')).toEqual(expected)
  })

  test('the last assignment counts, and so do .= and ??=', () => {
    expect(setting("$CFG->x = 'a'; $CFG->x = 'b'; $CFG->x .= 'c'; $CFG->x ??= 'd';")).toBe('bc')
    expect(setting("$CFG->y = $CFG->x = 'a';")).toBe('a')
  })
})

describe('what may or may not be run', () => {
  test('an if that can be told takes its branch', () => {
    const body = "if (getenv('SET')) { $CFG->x = 'then'; } elseif (true) { $CFG->x = 'else'; }"
    expect(setting(body, { SET: '1' })).toBe('then')
    expect(setting(body, { SET: '0' })).toBe('else')
  })

  test.each([
    "if (isset($_SERVER['X'])) {\n $CFG->x = 'b'; }",
    "if (PHP_SAPI === 'cli') {} else {\n $CFG->x = 'b'; }",
    'foreach ([1] as $i) {\n $CFG->x = $i; }',
    "try {\n $CFG->x = 'b'; } catch (Exception $e) {}",
    'switch (1) { case 1:\n $CFG->x = 2; }',
  ])('%s makes the setting computed', body => {
    expect(setting(`$CFG->x = 'a';\n${body}`)).toEqual(computedOn(4))
  })

  test('what a function would do if it were called is not done', () => {
    expect(setting("$CFG->x = 'a'; function f() { global $CFG; $CFG->x = 'b'; }")).toBe('a')
  })

  test('nothing counts after lib/setup.php, which tells where the code is', () => {
    const php = evaluate("$CFG->x = 'a'; require_once('/opt/moodle/lib/setup.php'); $CFG->x = 'b';")
    expect(php.settings.get('x')).toBe('a')
    expect(php.codeDirectory).toBe('/opt/moodle')
    expect(evaluate('').codeDirectory).toBe('/srv/moodle')
  })
})

test('what is no PHP is said with its line', () => {
  expect(() => evaluate('$CFG->x = "a";\n$CFG->y = ;')).toThrow(PhpSyntaxError)
  expect(() => evaluate('$CFG->x = "a";\n$CFG->y = ;')).toThrow(expect.objectContaining({ line: 3 }))
})

describe('the database', () => {
  const inherited = (body: string, socket: string | null = null) =>
    Object.fromEntries(
      Object.entries(inheritedFrom(evaluate(body), socket)).map(([path, { value }]) => [
        path.replace(/.*\./, ''),
        value,
      ]),
    )

  test('as Moodle installs it', () => {
    const body = `
      unset($CFG); global $CFG; $CFG = new stdClass();
      $CFG->dbtype = 'mariadb'; $CFG->dblibrary = 'native'; $CFG->dbhost = 'db.example.org'; $CFG->dbname = 'moodle';
      $CFG->dbuser = 'web'; $CFG->dbpass = 'p\\'w'; $CFG->prefix = 'mdl_';
      $CFG->dboptions = array ('dbpersist' => 0, 'dbport' => 3307, 'dbsocket' => '', 'dbcollation' => 'utf8mb4_unicode_ci');
      $CFG->wwwroot = 'https://m.example.org'; $CFG->dataroot = '/srv/data'; $CFG->directorypermissions = 02777;
      require_once(__DIR__ . '/lib/setup.php');`
    expect(inherited(body, '/run/x.sock')).toEqual({
      host: 'db.example.org',
      port: 3307,
      name: 'moodle',
      user: 'web',
      password: "p'w",
      prefix: 'mdl_',
      wwwroot: 'https://m.example.org',
      dataroot: '/srv/data',
    })
    expect(forcedBy(evaluate(body)).config).toEqual({ directorypermissions: String(0o2777) })
  })

  test.each([
    ["$CFG->dbhost = 'localhost';", '/run/x.sock', { host: 'localhost', socketPath: '/run/x.sock' }],
    ["$CFG->dbhost = 'localhost';", null, { host: 'localhost' }],
    [
      "$CFG->dbhost = 'localhost'; $CFG->dboptions = ['dbsocket' => '/a.sock'];",
      '/run/x.sock',
      { host: 'localhost', socketPath: '/a.sock' },
    ],
    [
      "$CFG->dbhost = 'localhost'; $CFG->dboptions = ['dbsocket' => true];",
      '/run/x.sock',
      { host: 'localhost', socketPath: '/run/x.sock' },
    ],
    ["$CFG->dbhost = '127.0.0.1'; $CFG->dboptions = ['dbsocket' => '/a.sock'];", '/run/x.sock', { host: '127.0.0.1' }],
    ["$CFG->dbhost = 'db:3308';", null, { host: 'db', port: 3308 }],
    ["$CFG->dbhost = '::1'; $CFG->dboptions = ['dbport' => ''];", null, { host: '::1' }],
    [
      "$CFG->dbhost = 'db'; $CFG->dboptions = ['dbport' => '3309', 'ssl' => 'verify-full'];",
      null,
      { host: 'db', port: 3309, tls: true },
    ],
  ])('%s (PHP has the socket %s)', (body, socket, expected) => {
    expect(inherited(body, socket)).toEqual(expected)
  })

  test('of another kind than MySQL is a fault', () => {
    expect(databaseTypeFault(evaluate("$CFG->dbtype = 'pgsql';"))).toMatchObject({ args: { found: 'pgsql' } })
    for (const type of ["'mysqli'", "'mariadb'", "'auroramysql'", "getenv('NOT_SET')"]) {
      expect(databaseTypeFault(evaluate(`$CFG->dbtype = ${type};`))).toBeUndefined()
    }
  })
})

test('forced settings are texts as PHP has them; what only PHP could tell is left out', () => {
  const body = `
    $CFG->debug = 32767; $CFG->yes = true; $CFG->no = false; $CFG->nothing = null; $CFG->list = [1]; $CFG->now = time();
    $CFG->dbpass = 'secret';
    $CFG->forced_plugin_settings = ['enrol_manual' => ['roleid' => 5, 'x' => time()], 'broken' => 1];
    $CFG->forced_plugin_settings['logstore_standard']['loglifetime'] = '0';`
  expect(forcedBy(evaluate(body))).toEqual({
    config: { debug: '32767', yes: '1', no: '' },
    plugins: { enrol_manual: { roleid: '5' }, logstore_standard: { loglifetime: '0' } },
  })
})
