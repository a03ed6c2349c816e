/** Values as PHP writes them: what Moodle's tables and cache files hold must be readable by it. Pure. */

/** What PHP's `json_encode` and `serialize` can be given here: arrays with keys are objects, lists are arrays. */
export type PhpValue = null | boolean | number | string | readonly PhpValue[] | { readonly [key: string]: PhpValue }

/** `json_encode` without options: no blanks, `/` escaped, nothing beyond ASCII. */
export function phpJson(value: PhpValue): string {
  return JSON.stringify(value)
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `serialize`: lengths are in bytes. */
export function phpSerialize(value: PhpValue): string {
  if (value === null) return 'N;'
  if (typeof value === 'boolean') return `b:${value ? 1 : 0};`
  if (typeof value === 'number') return Number.isInteger(value) ? `i:${value};` : `d:${value};`
  if (typeof value === 'string') return `s:${Buffer.byteLength(value)}:"${value}";`
  const entries = Object.entries(value)
  return `a:${entries.length}:{${entries.map(([key, item]) => phpKey(key) + phpSerialize(item)).join('')}}`
}

/** A key that looks like a whole number is one. */
const phpKey = (key: string): string => (/^(0|-?[1-9]\d*)$/.test(key) ? `i:${key};` : phpSerialize(key))
