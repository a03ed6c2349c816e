/** A cache configuration as Moodle writes it: `muc/config.php`, by `var_export`. */

type Php = string | number | boolean | readonly Php[] | { readonly [key: string]: Php }

/** A definition as Moodle 4.5 has it, with what a test wants otherwise. */
const definition = (name: string, own: Record<string, Php> = {}): Record<string, Php> => {
  const [component = '', area = ''] = name.split('/')
  return { mode: 1, component, area, selectedsharingoption: 2, userinputsharingkey: '', sharingoptions: 15, ...own }
}

const SIMPLE = { simplekeys: true, simpledata: true }

export const DEFINITIONS: Readonly<Record<string, Record<string, Php>>> = {
  'core/string': definition('core/string', { ...SIMPLE, canuselocalstore: true }),
  'core/eventinvalidation': definition('core/eventinvalidation', { requiredataguarantee: true, simpledata: true }),
  'core/groupdata': definition('core/groupdata', SIMPLE),
  'core/calendar_categories': definition('core/calendar_categories', {
    ...SIMPLE,
    mode: 2,
    invalidationevents: ['changesincoursecat', 'changesincategoryenrolment'],
    ttl: 900,
  }),
  'core/courseeditorstate': definition('core/courseeditorstate', {
    ...SIMPLE,
    mode: 2,
    invalidationevents: ['changesincoursestate'],
  }),
  'core/coursecontacts': definition('core/coursecontacts', { ...SIMPLE, ttl: 3600 }),
  'core/completion': definition('core/completion', { ...SIMPLE, ttl: 3600 }),
  'core/user_group_groupings': definition('core/user_group_groupings', SIMPLE),
  'core/coursehiddengroups': definition('core/coursehiddengroups', SIMPLE),
  'availability_grade/scores': definition('availability_grade/scores', { ttl: 3600 }),
}

export const store = (name: string, plugin: string, own: Record<string, Php> = {}): Record<string, Php> => ({
  name,
  plugin,
  configuration: {},
  features: 30,
  modes: 3,
  default: name.startsWith('default_'),
  class: `cachestore_${plugin}`,
  lock: 'cachelock_file_default',
  ...own,
})

/** The identifier of the example in the description of Moodle's caches. */
export const SITE_IDENTIFIER = '8382a8f1ca8a4ca209202fd5557b9103'

/** As a fresh Moodle has it, with what a test wants otherwise. */
export const muc = (own: Record<string, Php> = {}): Record<string, Php> => ({
  siteidentifier: SITE_IDENTIFIER,
  stores: { default_application: store('default_application', 'file') },
  modemappings: [
    { mode: 1, store: 'default_application', sort: -1 },
    { mode: 2, store: 'default_session', sort: -1 },
    { mode: 4, store: 'default_request', sort: -1 },
  ],
  definitions: DEFINITIONS,
  definitionmappings: [],
  locks: { cachelock_file_default: { name: 'cachelock_file_default', type: 'cachelock_file', default: true } },
  ...own,
})

export const mucSource = (configuration: Php): string =>
  `<?php defined('MOODLE_INTERNAL') || die();\n $configuration = ${exported(configuration, '')};\n`

function exported(value: Php, indent: string): string {
  if (typeof value === 'string') return `'${value.replace(/[\\']/g, '\\$&')}'`
  if (typeof value !== 'object') return String(value)
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  const lines = entries.map(([key, item]) => {
    const line = typeof item === 'object' ? `\n${indent}  ` : ''
    return `${indent}  ${typeof key === 'number' ? key : `'${key}'`} => ${line}${exported(item, `${indent}  `)},\n`
  })
  return `array (\n${lines.join('')}${indent})`
}
