/** Keys of names: the same for those that the server itself holds equal, and for no others, whatever the collation. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { type Moodle, withMoodle } from '../../src/moodle/connect.ts'
import { equalityKeys, findByName } from '../../src/moodle/names.ts'
import { freshSchool, type TestSchool } from '../database.ts'

/** Those that Moodle's tables are made with, and some that tell more apart; no server has all of them. */
const COLLATIONS = [
  'utf8mb4_unicode_ci',
  'utf8mb4_general_ci',
  'utf8mb4_bin',
  'utf8mb4_unicode_520_ci',
  'utf8mb4_0900_ai_ci',
  'utf8mb4_0900_as_cs',
  'utf8mb4_uca1400_ai_ci',
  'utf8mb4_turkish_ci',
  'utf8mb3_unicode_ci',
  'utf8mb3_general_ci',
  'utf8mb3_bin',
]

/** Letters that some collation or other holds equal: case, accents, expansions, ignorable ones, blanks of all kinds. */
const LETTERS = [
  ...['a', 'A', 'á', 'Ä', 'å', 'e', 'é', 'e\u0301', 'É', 's', 'S', 'ss', 'ß', 'ẞ', 'i', 'I', 'İ', 'ı', 'o', 'ø', 'œ'],
  ...['oe', 'æ', 'AE', 'n', 'ñ', 'l', 'ł', 'fi', 'ﬁ', '1', '１', '-', '_', '\u00ad', '\u200d', '\u0301', '\u0001'],
  ...[' ', '  ', '\u00a0', '\u2003', '\t', '😀', '🎈', '𝐚', 'ω', 'ς', 'σ', 'и', 'й', '한', '漢', '?', '\\', "'"],
]

const name = fc.array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: 4 }).map(letters => letters.join(''))
/** Names, some of them with blanks behind: where a collation pads, these are equal to those without. */
const names = fc
  .array(fc.tuple(name, fc.constantFrom('', '', ' ', '   ')), { minLength: 2, maxLength: 25 })
  .map(all => [...new Set(all.map(([name, blanks]) => name + blanks))])

let school: TestSchool
let collations: readonly string[]

beforeAll(async () => {
  school = await freshSchool()
  const rows = await school
    .query<{ id: string }>(
      'SELECT FULL_COLLATION_NAME AS id FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY',
    )
    .catch(() => school.query<{ id: string }>('SELECT COLLATION_NAME AS id FROM information_schema.COLLATIONS'))
  const known = new Set(rows.map(({ id }) => id))
  collations = COLLATIONS.filter(collation => known.has(collation))
  for (const collation of collations) {
    const [characterSet] = collation.split('_')
    await school.query(
      `CREATE TABLE {of_${collation}} (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
         name VARCHAR(254) CHARACTER SET ${characterSet} COLLATE ${collation} NOT NULL)`,
    )
  }
})

const withSchool = async <T>(use: (moodle: Moodle) => Promise<T>): Promise<T> =>
  withMoodle(await loadConfig(await school.writeConfig()), async moodle => {
    // Only Moodle's own tables are known to it.
    const columns = new Map(moodle.columns)
    for (const collation of collations) {
      const [characterSet = null] = collation.split('_')
      columns.set(`of_${collation}`, new Map([['name', { characterSet, collation, maxLength: 254 }]]))
    }
    return use({ ...moodle, columns })
  })

/** Puts names into the collation's table, those that it can hold. @returns them */
async function put(collation: string, wanted: readonly string[]): Promise<string[]> {
  await school.query(`DELETE FROM {of_${collation}}`)
  await school.query(`INSERT IGNORE INTO {of_${collation}} (name) VALUES ?`, [wanted.map(name => [name])])
  const held = await school.query<{ name: string }>(`SELECT name FROM {of_${collation}} ORDER BY id`)
  return wanted.filter((name, i) => held[i]!.name === name)
}

describe('keys are equal where the server says that names are', () => {
  test.for(COLLATIONS)('%s', async (collation, { skip }) => {
    skip(!collations.includes(collation), 'this server has no such collation')
    const by = { table: `of_${collation}`, column: 'name' }
    await withSchool(moodle =>
      fc.assert(
        fc.asyncProperty(names, async wanted => {
          const held = await put(collation, wanted)
          const keys = await equalityKeys(moodle, by, wanted)
          // Compared, not joined: MySQL joins by hashes, which tell apart what it holds equal (a no-break space behind a name).
          const pairs = await school.query<{ one: string; other: string; same: number }>(
            `SELECT a.name AS one, b.name AS other, a.name = b.name AS same FROM {of_${collation}} a, {of_${collation}} b`,
          )
          const equal = new Set(pairs.filter(({ same }) => same === 1).map(({ one, other }) => `${one}\n${other}`))
          for (const one of held) {
            for (const other of held) {
              const both = JSON.stringify([one, other])
              expect([both, keys.get(one) === keys.get(other)]).toEqual([both, equal.has(`${one}\n${other}`)])
            }
          }
          // What the column cannot hold is equal to nothing in it.
          const strange = wanted.filter(name => !held.includes(name))
          for (const one of strange) for (const other of held) expect(keys.get(one)).not.toBe(keys.get(other))
        }),
        // A name of a group as a person may have pasted it into Moodle, which trims ordinary blanks only.
        { numRuns: 30, examples: [[['Groupe A', 'Groupe A\u00a0', 'Groupe A\u200d']]] },
      ),
    )
  })
})

describe('a name is found as the specification says', () => {
  test.for(COLLATIONS)('%s', async (collation, { skip }) => {
    skip(!collations.includes(collation), 'this server has no such collation')
    const by = { table: `of_${collation}`, column: 'name' }
    await withSchool(moodle =>
      fc.assert(
        fc.asyncProperty(names, names, async (there, more) => {
          const held = await put(collation, there)
          await school.query(`DELETE FROM {of_${collation}} WHERE CAST(name AS BINARY) NOT IN (?)`, [held])
          const asked = [...there, ...more]
          const found = await findByName<[number, string]>(moodle, by, asked)
          for (const name of asked) {
            const holds = collation.startsWith('utf8mb4') || !/[\u{10000}-\u{10FFFF}]/u.test(name)
            const query = `SELECT name FROM {of_${collation}} WHERE name = ?`
            const equal = holds ? await school.query<{ name: string }>(query, [name]) : []
            const exact = equal.filter(row => row.name === name)
            const one = exact.length > 0 ? exact : equal
            const expected = one.length === 1 ? one[0]!.name : one.length === 0 ? 'none' : 'several'
            const { thing, ...how } = found.get(name)!
            const said = thing !== null ? thing[1] : 'ambiguous' in how && how.ambiguous ? 'several' : 'none'
            expect([name, said]).toEqual([name, expected])
          }
        }),
        { numRuns: 5 },
      ),
    )
  })
})

test('by id, digits alone are equal to a number, zeros before them too, however many', async () => {
  await withSchool(async moodle => {
    const zeros = `${'0'.repeat(30)}1`
    const asked = ['1', '01', zeros, '+1', '1x', '１', '1.0', '9'.repeat(20), '0'.repeat(1_000_000)]
    const found = await findByName<[number, number]>(moodle, { table: 'user', column: 'id' }, asked)
    const taken = [...found].filter(([, { thing }]) => thing !== null)
    expect(taken).toEqual([
      ['1', { thing: [1, 1], approximately: false }],
      ['01', { thing: [1, 1], approximately: true }],
      [zeros, { thing: [1, 1], approximately: true }],
    ])
  })
})
