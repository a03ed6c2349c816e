/** What becomes of good bytes on a bad day: cut, flipped, doubled, and grown by what nobody expects. */
import fc from 'fast-check'

const CONTROL = Array.from({ length: 33 }, (_, at) => Buffer.of(at === 32 ? 0x7f : at))
const STRANGE = ['\u0085', '\u2028', '\u202e', '\ufeff', '\ufffe', '💥', '𠜎', '\u0301'.repeat(50)].map(text =>
  Buffer.from(text),
)
const BAD_UTF8 = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc0, 0xaf]].map(bytes =>
  Buffer.from(bytes),
)
const GIANT = ['x', '"', '\\', '(', '9', '\n'].map(text => Buffer.from(text.repeat(10_000)))

type Mutation = (bytes: Buffer) => Buffer

/** A place in bytes of any length, as a share of it. */
const place = fc.integer({ min: 0, max: 100_000 }).map(share => share / 100_000)
const at = (bytes: Buffer, share: number): number => Math.floor(share * bytes.length)

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  place.map(
    (share): Mutation =>
      bytes =>
        bytes.subarray(0, at(bytes, share)),
  ),
  fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(
    ([share, bit]): Mutation =>
      bytes => {
        const changed = Buffer.from(bytes)
        const index = Math.min(at(bytes, share), bytes.length - 1)
        if (index >= 0) changed[index] = changed[index]! ^ (1 << bit)
        return changed
      },
  ),
  fc.tuple(place, place).map(
    ([from, to]): Mutation =>
      bytes => {
        const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))]
        return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)])
      },
  ),
  fc.tuple(place, place).map(
    ([from, length]): Mutation =>
      bytes => {
        const start = at(bytes, from)
        return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + Math.floor(length * 20))])
      },
  ),
  fc
    .tuple(
      place,
      fc.oneof(fc.constantFrom(...CONTROL, ...STRANGE, ...BAD_UTF8, ...GIANT), fc.uint8Array({ maxLength: 8 })),
    )
    .map(
      ([share, more]): Mutation =>
        bytes => {
          const index = at(bytes, share)
          return Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)])
        },
    ),
)

/** Bytes, after one to three mutations. */
export const mutationsOf = (bytes: Buffer): fc.Arbitrary<Buffer> =>
  fc
    .array(mutation, { minLength: 1, maxLength: 3 })
    .map(mutations => mutations.reduce((changed, mutate) => mutate(changed), bytes))
