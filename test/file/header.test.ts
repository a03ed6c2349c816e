/** The header: names in any case and order, and every fault of it at once. */
import { describe, expect, test } from 'vitest'
import { LANGUAGES, say } from '../../src/messages/say.ts'
import { inspected } from './reading.ts'

/** The faults of a header in short. */
async function faultsOf(header: string): Promise<string[]> {
  const { errors } = await inspected(`${header}\n`)
  return errors.map(({ code, column }) => (column === undefined ? code : `${code} ${column}`))
}

test('names in any case, any order, with blanks and quotes about them', async () => {
  const { header, errors } = await inspected('\n UID is a comment\n"Uid "; \u00a0CID;ROLENAME\t;"G9";gCmd;StartTime\n')
  expect(errors).toEqual([])
  expect(header).toEqual({
    columns: ['uid', 'cid', 'rolename', 'g9', 'gcmd', 'starttime'],
    separator: ';',
    line: 3,
    offset: 19,
    length: Buffer.byteLength('"Uid "; \u00a0CID;ROLENAME\t;"G9";gCmd;StartTime'),
  })
})

test('every column that there is', async () => {
  const columns = 'cmd;cid;uid;rolename;enrol;starttime;endtime;gcmd;g1;g2;g3;g4;g5;g6;g7;g8;g9;hidden'
  expect((await inspected(columns)).header!.columns.join(';')).toBe(columns)
})

test('a header over several lines', async () => {
  expect((await inspected('uid;"\ncid\n";rolename\na;b;c\n')).header).toMatchObject({
    columns: ['uid', 'cid', 'rolename'],
    line: 1,
    length: 20,
  })
})

describe('faults', () => {
  test.each([
    [
      'cmd;cid;userid;cmd;;group10',
      [
        'header-unknown-column userid',
        'header-duplicate-column cmd',
        'header-empty-column',
        'header-unknown-column group10',
        'header-missing-column rolename',
        'header-missing-column uid',
      ],
    ],
    ['uid;cid;rolename;', ['header-empty-column']],
    ['uid;cid;rolename;;""; ', ['header-empty-column']],
    ['uid;cid;rolename;UID;Uid', ['header-duplicate-column uid']],
    ['uid;cid;rolename;Foo;FOO', ['header-unknown-column foo', 'header-duplicate-column foo']],
    [
      'uid;cid;rolename;g0;g10;"g 1"',
      ['header-unknown-column g0', 'header-unknown-column g10', 'header-unknown-column g 1'],
    ],
    [
      'uid,cid,rolename',
      [
        'header-unknown-column uid,cid,rolename',
        'header-missing-column rolename',
        'header-missing-column cid',
        'header-missing-column uid',
      ],
    ],
    ['uid;cid;"role"name', ['header-unknown-column "role"name', 'header-missing-column rolename']],
    [
      'uid;cid;rolename;constructor;__proto__',
      ['header-unknown-column constructor', 'header-unknown-column __proto__'],
    ],
    // A capital that becomes a small letter of more than one character.
    ['uİd;cid;rolename', ['header-unknown-column ui\u0307d', 'header-missing-column uid']],
  ])('%s', async (header, faults) => {
    expect(await faultsOf(header)).toEqual(faults)
    expect((await inspected(header)).header).toBeNull()
  })

  test('are not more than somebody reads, however many columns there are: those that are missing are among them', async () => {
    const many = Array.from({ length: 50_000 }, (_, n) => `c${n}`).join(';')
    const faults = await faultsOf(`${many};${many};CID`)
    expect(faults).toHaveLength(102)
    expect(faults[99]).toBe('header-unknown-column c99')
    expect(faults.slice(100)).toEqual(['header-missing-column rolename', 'header-missing-column uid'])
    const { errors } = await inspected(`cid;uid;rolename;${'x'.repeat(1_000_000)}\n`)
    expect(JSON.stringify(errors).length).toBeLessThan(2_000)
  })

  test('are sentences that say the line', async () => {
    const { errors } = await inspected(`# comment\ncid;cid;;${'x'.repeat(300)}\n`)
    expect(errors).toHaveLength(5)
    for (const { code, args } of errors) {
      for (const lang of LANGUAGES) expect(say(lang, `file-error.${code}`, args)).toMatch(/^(Line|Ligne) 2.{20,400}$/)
    }
  })
})

test('hidden is ignored, with a warning; it alone is one', async () => {
  expect((await inspected('uid;cid;rolename;Hidden\n')).warnings).toEqual([
    { code: 'column-ignored', column: 'hidden' },
  ])
  expect((await inspected('uid;cid;rolename\n')).warnings).toEqual([])
})
