/** Values of PHP, as far as they can be told from the text of a program. Pure. */

/** A value that only PHP could tell. */
export interface Computed {
  readonly computedOnLine: number
}
export type PhpArray = Map<string, PhpValue>
export type PhpValue = string | number | boolean | null | Computed | PhpArray

/** What a config.php sets. */
export interface ConfigPhp {
  /** `$CFG->name` → value, as it stands when `lib/setup.php` is called. */
  readonly settings: ReadonlyMap<string, PhpValue>
  /** `$name` → value, likewise. */
  readonly variables: ReadonlyMap<string, PhpValue>
  /** Where Moodle's code is: the folder of the `lib/setup.php` that is called; else that of the config.php. */
  readonly codeDirectory: string
}

export const isComputed = (value: PhpValue | undefined): value is Computed =>
  typeof value === 'object' && value !== null && !(value instanceof Map)

/** As PHP casts to a string; undefined for what has no text: arrays, and what only PHP could tell. */
export function textOf(value: PhpValue): string | undefined {
  if (value === null || value === false) return ''
  if (value === true) return '1'
  return typeof value === 'object' ? undefined : String(value)
}

/** As PHP casts to a boolean; undefined where only PHP could tell. */
export function truthOf(value: PhpValue): boolean | undefined {
  if (isComputed(value)) return undefined
  return value instanceof Map ? value.size > 0 : Boolean(value) && value !== '0'
}
