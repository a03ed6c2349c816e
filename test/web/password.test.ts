/** Passwords as Moodle has kept them, old ones and new ones, with and without pepper. */
import bcrypt from 'bcryptjs'
import { encrypt } from 'unixcrypt'
import { describe, expect, test } from 'vitest'
import { isPassword } from '../../src/web/password.ts'

const SALT = '$6$rounds=1000$abcdefghijklmnop'

describe('a password', () => {
  test.each([
    ['of Moodle 4.3 and later', encrypt('Grüße 1', SALT), []],
    ['with the newest pepper', encrypt('Grüße 1new pepper', SALT), ['new pepper', 'old pepper']],
    ['with an older pepper', encrypt('Grüße 1old pepper', SALT), ['new pepper', 'old pepper']],
    ['of before there were peppers', encrypt('Grüße 1', SALT), ['new pepper']],
    ['of before Moodle 4.3', bcrypt.hashSync('Grüße 1', 4).replace('$2b$', '$2y$'), ['new pepper']],
  ])('%s is known, and no other', (_of, hash, peppers) => {
    expect(isPassword('Grüße 1', hash, peppers)).toBe(true)
    for (const wrong of ['', 'grüße 1', 'Grüße 1 ', 'Grüße 1pepper', hash]) {
      expect(isPassword(wrong, hash, peppers)).toBe(false)
    }
  })

  test.each([
    null,
    '',
    'not cached',
    'restored',
    '$6$',
    '$6$rounds=x$y$z',
    '$2y$10$',
    '098f6bcd4621d373cade4e832627b4f6',
    '$2y$04$short',
  ])('is not taken where Moodle keeps %j', hash => {
    for (const tried of ['', 'test', 'not cached']) expect(isPassword(tried, hash, [''])).toBe(false)
  })

  test('of nobody takes as long as one of somebody, with peppers too: the time does not tell who is an administrator', () => {
    const peppers = ['one', 'two', 'three', 'four', 'five']
    const millisecondsFor = (hash: string | null): number => {
      const before = performance.now()
      expect(isPassword('wrong', hash, peppers)).toBe(false)
      return performance.now() - before
    }
    const hash = encrypt('right', '$6$rounds=10000$abcdefghijklmnop')
    millisecondsFor(hash)
    expect(millisecondsFor(null)).toBeGreaterThan(millisecondsFor(hash) / 3)
  })

  test('of more characters than Moodle takes is none', () => {
    const long = 'x'.repeat(129)
    expect(isPassword(long, encrypt(long, SALT), [])).toBe(false)
  })
})
