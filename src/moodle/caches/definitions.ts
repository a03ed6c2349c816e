/**
 * The definitions of Moodle's application caches in which a change of ours makes something stale: `lib/db/caches.php` of
 * Moodle, and of `availability_grade`. Data only; who it is that becomes stale is said in `consequences/caches.ts`.
 */

interface Definition {
  /** The key is a part of the name under which a store keeps the value; else all of that is hashed. */
  readonly simpleKeys: boolean
  /** Values are dropped by Moodle itself after some time. */
  readonly hasTtl: boolean
  /** `requiredataguarantee`: not every store will do. */
  readonly guaranteed: boolean
}

const plain: Definition = { simpleKeys: true, hasTtl: false, guaranteed: false }

export const DEFINITIONS = {
  /** By course: its groups and groupings. */
  'core/groupdata': plain,
  /** By user: the groups they are in. */
  'core/user_group_groupings': plain,
  /** By course: the teachers that the list of courses shows. */
  'core/coursecontacts': { ...plain, hasTtl: true },
  /** By course: how many of its groups are hidden. Not in Moodle 4.1. */
  'core/coursehiddengroups': plain,
  /** By `<user>_<course>`: what is completed. */
  'core/completion': { ...plain, hasTtl: true },
  /** By user: the grades that activities may be restricted by. */
  'availability_grade/scores': { simpleKeys: false, hasTtl: true, guaranteed: false },
  /** By event: since when the caches that listen to it, those of people's sessions among them, are stale. Written, not removed. */
  'core/eventinvalidation': { simpleKeys: false, hasTtl: false, guaranteed: true },
} as const satisfies Record<string, Definition>

export type DefinitionName = keyof typeof DEFINITIONS

/** The one in which a value is written that says what is stale. */
export const EVENTS: DefinitionName = 'core/eventinvalidation'

/** Values of one cache that a change makes stale, by their keys. */
export interface StaleKeys {
  readonly definition: DefinitionName
  readonly keys: readonly string[]
}

export const isDefinitionName = (name: string): name is DefinitionName => Object.hasOwn(DEFINITIONS, name)

/** Gathers what a chunk makes stale, each value once. */
export function gatherStale(): {
  readonly add: (definition: DefinitionName, key: string | number) => void
  readonly all: () => StaleKeys[]
} {
  const stale = new Map<DefinitionName, Set<string>>()
  return {
    add: (definition, key) => {
      stale.set(definition, (stale.get(definition) ?? new Set()).add(String(key)))
    },
    all: () => [...stale].map(([definition, keys]) => ({ definition, keys: [...keys] })),
  }
}
