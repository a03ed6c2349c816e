/** Records to rows: what each column says, and the first thing that is wrong. */
import { describe, expect, test } from 'vitest'
import type { MessageArguments } from '../../src/errors.ts'
import { COMMAND_WORDS } from '../../src/file/rows.ts'
import { LANGUAGES, say } from '../../src/messages/say.ts'
import { inShort, readable, rowsOf } from './reading.ts'

const ALL = 'cmd;cid;uid;rolename;enrol;starttime;endtime;gcmd;g1;g2;g3'

test('a row with everything', async () => {
  const text = `${ALL}\ndel;C1;U1;student;self;2026-01-05;1783200000;gadd;A;;B\n`
  expect(await rowsOf(text)).toEqual([
    {
      command: 'del',
      cid: 'C1',
      uid: 'U1',
      role: 'student',
      method: 'self',
      start: 1_767_567_600,
      end: 1_783_200_000,
      groupCommand: 'gadd',
      groups: ['A', 'B'],
      groupWarning: null,
      line: 2,
      offset: ALL.length + 1,
      length: text.length - ALL.length - 2,
    },
  ])
})

test('a row with nothing but what must be there', async () => {
  expect(await rowsOf('rolename;uid;cid\n;U1;C1\n')).toEqual([
    {
      command: 'add',
      cid: 'C1',
      uid: 'U1',
      role: '',
      method: null,
      start: undefined,
      end: undefined,
      groupCommand: null,
      groups: [],
      groupWarning: null,
      line: 2,
      offset: 17,
      length: 6,
    },
  ])
})

test('empty cells are not missing columns', async () => {
  expect(await rowsOf(`${ALL}\n;C1;U1;;;;;;;;\n`)).toMatchObject([
    { command: 'add', role: '', method: 'manual', start: undefined, end: 0, groupCommand: null, groups: [] },
  ])
})

describe('cmd', () => {
  test.each([
    ['add', 'add'],
    ['shift', 'shift'],
    ['del', 'del'],
    ['delete', 'del'],
    ['disable', 'disable'],
    ['suspend', 'disable'],
    ['enable', 'enable'],
  ] as const)('%s means %s, in the column and as the default', async (word, command) => {
    expect(await rowsOf(`cmd;uid;cid;rolename\n"${word} ";U;C;\n`)).toMatchObject([{ command }])
    expect(await rowsOf('cmd;uid;cid;rolename\n;U;C;\n', {}, { defaultCommand: word })).toMatchObject([{ command }])
    expect(await rowsOf('uid;cid;rolename\nU;C;\n', {}, { defaultCommand: word })).toMatchObject([{ command }])
    expect(COMMAND_WORDS).toContain(word)
  })

  test.each(['Add', 'DEL', 'enrol', 'remove', 'adds', 'a dd', 'constructor'])('%s is no command', async word => {
    const rows = await rowsOf(`cmd;uid;cid;rolename\n${word};U;C;\n`)
    expect(rows).toMatchObject([{ line: 2, error: { code: 'bad-command', args: { found: word } } }])
  })
})

describe('the number of cells', () => {
  test('a line may end early where the missing columns are optional; they are empty then', async () => {
    const rows = await rowsOf(
      'cid;uid;rolename;enrol;starttime;endtime;cmd;gcmd;g1\nC;U\nC;U;r\nC;U;r;self\nC;U;r;self;1;2;del;gadd;A\nC;U;r;self;1;2;del;gadd;A;\n',
    )
    expect(inShort(rows)).toEqual(['2 wrong-number-of-cells', '3 U', '4 U', '5 U', '6 wrong-number-of-cells'])
    expect(rows[1]).toMatchObject({ method: 'manual', command: 'add', start: undefined, end: 0, groups: [] })
    expect(rows[0]).toMatchObject({ error: { args: { found: 2, expected: 9 } } })
    expect(rows[4]).toMatchObject({ error: { args: { found: 10, expected: 9 } } })
  })

  test('a required column at the end lets no line end early', async () => {
    const rows = await rowsOf('cmd;cid;rolename;uid\nadd;C;r\nadd;C;r;\nadd;C;r;U\n')
    expect(inShort(rows)).toEqual(['2 wrong-number-of-cells', '3 empty-user', '4 U'])
  })
})

describe('times', () => {
  const header = 'uid;cid;rolename;starttime;endtime\n'

  test('0 is a time; an empty cell is one in endtime alone', async () => {
    const rows = readable(await rowsOf(`${header}U;C;r;0;0\nU;C;r;;\nU;C;r;1;\nU;C;r;;2\n`))
    expect(rows.map(row => [row.start, row.end])).toEqual([
      [0, 0],
      [undefined, 0],
      [1, 0],
      [undefined, 2],
    ])
  })

  test.each([
    ['starttime', 'U;C;r;x;'],
    ['endtime', 'U;C;r;;x'],
    ['starttime', 'U;C;r;x;y'],
  ])('one that cannot be read: %s of %s', async (column, line) => {
    const rows = await rowsOf(header + line)
    expect(rows).toMatchObject([{ error: { code: 'bad-time', args: { column, found: 'x' } } }])
  })

  test('are read whatever the command does, in the configured zone', async () => {
    const rows = await rowsOf(
      'uid;cid;rolename;cmd;endtime\nU;C;r;disable;soon\nU;C;r;del;2026-01-05\n',
      {},
      { timeZone: 'Asia/Tokyo' },
    )
    expect(rows).toMatchObject([{ error: { code: 'bad-time' } }, { end: 1_767_538_800 }])
  })
})

describe('groups', () => {
  const header = 'uid;cid;rolename;g3;gcmd;g1;g2\n'
  const outcome = async (line: string) => {
    const [row] = readable(await rowsOf(`${header}${line}\n`))
    return [row!.groupCommand, row!.groups, row!.groupWarning?.code]
  }

  test('in the order g1 … g9, whatever the header’s', async () => {
    expect(await outcome('U;C;r;three;gadd;one; two ')).toEqual(['gadd', ['one', 'two', 'three'], undefined])
  })

  test.each(['gadd', 'gaddcreate', 'greplace', 'greplacecreate', 'gdel'])('%s', async word => {
    expect(await outcome(`U;C;r;;${word};A;`)).toEqual([word, ['A'], undefined])
    expect(await outcome(`U;C;r;;${word};;`)).toEqual([word, [], undefined])
  })

  test('any other word is a warning, groups or not', async () => {
    expect(await outcome('U;C;r;;GADD;A;')).toEqual([null, ['A'], 'bad-group-command'])
    expect(await outcome('U;C;r;;x;;')).toEqual([null, [], 'bad-group-command'])
    expect(await outcome('U;C;r;;add;;')).toEqual([null, [], 'bad-group-command'])
  })

  test('no word is a warning where groups are named', async () => {
    expect(await outcome('U;C;r;;;A;')).toEqual([null, ['A'], 'group-command-empty'])
    expect(await outcome('U;C;r;A')).toEqual([null, ['A'], 'group-command-empty'])
    expect(await outcome('U;C;r;;;;')).toEqual([null, [], undefined])
    const [row] = readable(await rowsOf('uid;cid;rolename;g1\nU;C;r;A\n'))
    expect(row!.groupWarning?.code).toBe('group-command-empty')
  })
})

test('a row has one error: the first in the order of the specification', async () => {
  const header = 'cmd;uid;cid;rolename;starttime;g1;gcmd\n'
  const rows = await rowsOf(
    `${header}x;;;"r"x;y;g;z;more\nx;;;r;y;g;z;more\nx;;;r;y;g;z\nadd;;;r;y;g;z\nadd;U;;r;y;g;z\nadd;U;C;r;y;g;z\nadd;U;C;r;;g;z\n`,
  )
  expect(inShort(rows)).toEqual([
    '2 bad-quoting',
    '3 wrong-number-of-cells',
    '4 bad-command',
    '5 empty-user',
    '6 empty-course',
    '7 bad-time',
    '8 U',
  ])
})

test('each error and warning fills its sentence, and each error says what to do', async () => {
  const rows = await rowsOf(
    `${ALL}\n"a"x\na\nx;C;U;\nadd;C;;\nadd;;U;\nadd;C;U;;;${'9'.repeat(300)}\nadd;C;U;;;;;x\nadd;C;U;;;;;;A\n`,
  )
  const said: [string, MessageArguments][] = rows.map(row => {
    if (row.error !== undefined) return [`row-error.${row.error.code}`, row.error.args]
    return [`row-warning.${row.groupWarning!.code}`, row.groupWarning!.args]
  })
  expect(new Set(said.map(([key]) => key)).size).toBe(8)
  for (const [key, args] of said) {
    for (const lang of LANGUAGES) {
      expect(say(lang, key, args)).toMatch(/^.{15,300}$/)
      if (key.startsWith('row-error.')) expect(say(lang, key.replace('row-error', 'remedy'))).toMatch(/^.{10,200}$/)
    }
  }
})
