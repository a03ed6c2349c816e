/** A good command file on a bad day: cut, flipped, doubled, grown. It is refused, or it has rows; it is never a crash. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { say } from '../../src/messages/say.ts'
import { OPTIONS, readFile } from '../file/reading.ts'
import { mutationsOf } from './mutations.ts'
import { runs } from './runs.ts'

const GOOD = Buffer.from(
  '\ufeffcmd;cid;uid;rolename;enrol;starttime;endtime;gcmd;g1;g2\r\n' +
    '# a comment\r\n' +
    'add;BIO-2;E1018;student;manual;2025-09-01;2026-07-01 12:00:00;gaddcreate;"Groupe ""A""";"Groupe\r\nB"\r\n' +
    'del;MATHS-1;"É1019";;;;;greplace;;\r\n',
)

test('a command file that is changed anywhere is refused with a sentence, or read', async () => {
  const counts = { read: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(mutationsOf(GOOD), fc.constantFrom(';', 'auto'), async (bytes, separator) => {
      const { inspection, rows } = await readFile(bytes, { ...OPTIONS, separator } as typeof OPTIONS)
      counts[inspection.header === null ? 'refused' : 'read']++
      for (const { code, args } of inspection.errors) say('fr', `file-error.${code}`, args)
      if (inspection.header !== null) expect(rows).toHaveLength(inspection.rows)
    }),
    { numRuns: runs(1000) },
  )
  expect(counts.read).toBeGreaterThan(50)
  expect(counts.refused).toBeGreaterThan(50)
})
