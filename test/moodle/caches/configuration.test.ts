/** Where Moodle keeps a value, by the rules that its own code follows, without asking the disk. */
import { describe, expect, test } from 'vitest'
import type { CacheConfiguration } from '../../../src/moodle/caches/configuration.ts'
import { parseCacheConfiguration } from '../../../src/moodle/caches/configuration.ts'
import type { DefinitionName } from '../../../src/moodle/caches/definitions.ts'
import { definitionFolder, folderOf, pathBelowDefinition } from '../../../src/moodle/caches/file-store.ts'
import { hashOf } from '../../../src/moodle/caches/redis-store.ts'
import { DEFINITIONS, muc, mucSource, store } from './muc.ts'

const SITE = { identifier: 'raw identifier', version: '2024100706.00' }

const parse = (source: string, forced: Record<string, string> = {}): CacheConfiguration =>
  parseCacheConfiguration(
    source,
    '/data/muc/config.php',
    {
      moodle: { dataroot: '/data', cacheDirectory: null, forced: { config: forced, plugins: {} } } as never,
    },
    SITE,
  )

const parsed = (own: Parameters<typeof muc>[0] = {}): CacheConfiguration => parse(mucSource(muc(own)))

const placeOf = (configuration: CacheConfiguration, definition: DefinitionName) =>
  configuration.places.find(place => place.definition === definition)!

function pathsOf(configuration: CacheConfiguration, definition: DefinitionName, key: string): string[] {
  const { stores, nameOf } = placeOf(configuration, definition)
  return stores.map(one =>
    [folderOf(one, '/data/cache'), definitionFolder(definition), ...pathBelowDefinition(one, nameOf(key))].join('/'),
  )
}

const storesOf = (configuration: CacheConfiguration, definition: DefinitionName) =>
  placeOf(configuration, definition).stores.map(({ name, plugin }) => `${name} ${plugin}`)

const withDefinition = (name: string, own: object) => ({
  definitions: { ...DEFINITIONS, [name]: { ...DEFINITIONS[name], ...own } },
})

describe('the paths that a Moodle 4.5 was seen to use', () => {
  test.each([
    ['core/groupdata', '7', 'core_groupdata/7-2-cache/7-2ae0d1c61c240142635a565220cdaf97.cache'],
    ['core/user_group_groupings', '3', 'core_user_group_groupings/3-8-cache/3-875f3d204df9324c508eede4b68d08a0.cache'],
    ['core/completion', '3_2', 'core_completion/3_2-cache/3_2-486a1e1c75d564ee19a03ae56fae803c.cache'],
    [
      'availability_grade/scores',
      '3',
      'availability_grade_scores/972-cache/97237a40a427d3663225ea6dc7a1081840b23fbf.cache',
    ],
  ] as const)('%s of %s', (definition, key, path) => {
    expect(pathsOf(parsed(), definition, key)).toEqual([`/data/cache/cachestore_file/default_application/${path}`])
  })
})

describe('names', () => {
  const names = (own: object) => placeOf(parsed(withDefinition('core/groupdata', own)), 'core/groupdata').nameOf('7')
  const siteOnly = names({ selectedsharingoption: 2 })

  test('hold who shares the values: the site, its version, a word of the administrators’, or nobody', () => {
    const all = [1, 2, 4, 6, 8, 14].map(option =>
      names({ selectedsharingoption: option, userinputsharingkey: 'our farm' }),
    )
    expect(new Set(all).size).toBe(all.length)
    // md5 of 1/core/groupdata/ and 1/core/groupdata/<site>/2024100706.00/our farm
    expect(all[0]).toBe('7-96968baa21219e06ca11bfdff3763fb4')
    expect(all[5]).toBe('7-a021c8f6785aeeb884b3f164456d73d9')
    expect(names({ selectedsharingoption: 9 })).toBe(all[0])
    expect(names({ selectedsharingoption: 10, userinputsharingkey: '' })).toBe(siteOnly)
  })

  test('are those of the site alone where a configuration does not say', () => {
    const { selectedsharingoption: _, ...silent } = DEFINITIONS['core/groupdata']!
    const configuration = parsed({ definitions: { ...DEFINITIONS, 'core/groupdata': silent } })
    expect(placeOf(configuration, 'core/groupdata').nameOf('7')).toBe(siteOnly)
  })

  test('are hashed where keys are not simple', () => {
    expect(names({ simplekeys: false })).toMatch(/^[0-9a-f]{40}$/)
  })

  test('a configuration without site identifier has that of the database, hashed', () => {
    // md5 of "raw identifier"
    const without = parsed({ siteidentifier: '' })
    const withIt = parsed({ siteidentifier: '5d2b5dbe7a9efd24df8f2d9acacd4726' })
    expect(placeOf(without, 'core/groupdata').nameOf('7')).toBe(placeOf(withIt, 'core/groupdata').nameOf('7'))
  })
})

describe('stores', () => {
  const redis = store('fast', 'redis', { configuration: { server: '10.0.0.1' } })
  const memory = store('memory', 'apcu', { features: 20, modes: 3 })
  const stores = { default_application: store('default_application', 'file'), fast: redis, memory }
  const toMemory = { mode: 1, store: 'memory', sort: 1 }

  test('all of those that application caches are mapped to: Moodle keeps values in each', () => {
    const both = [
      { mode: 1, store: 'fast', sort: 0 },
      { mode: 1, store: 'default_application', sort: 1 },
      { mode: 2, store: 'memory', sort: 0 },
    ]
    expect(storesOf(parsed({ stores, modemappings: both }), 'core/groupdata')).toEqual([
      'fast redis',
      'default_application file',
    ])
  })

  test('a definition’s own mapping comes instead', () => {
    const own = { stores, definitionmappings: [{ store: 'fast', definition: 'core/groupdata', sort: 1 }] }
    expect(storesOf(parsed(own), 'core/groupdata')).toEqual(['fast redis'])
    expect(storesOf(parsed(own), 'core/completion')).toEqual(['default_application file'])
  })

  test('a store that gives no guarantee is none for what needs one: the default one is', () => {
    const own = parsed({ stores: { ...stores, memory: { ...memory, features: 4 } }, modemappings: [toMemory] })
    expect(storesOf(own, 'core/groupdata')).toEqual(['memory apcu'])
    expect(storesOf(own, 'core/eventinvalidation')).toEqual(['default_application file'])
  })

  test('neither is one that is for single definitions only, or not for application caches, or not there', () => {
    for (const bad of [{ ...redis, mappingsonly: true }, { ...redis, modes: 2 }, undefined]) {
      const some = { default_application: store('default_application', 'file'), ...(bad && { fast: bad }) }
      const own = parsed({ stores: some, modemappings: [{ mode: 1, store: 'fast', sort: 0 }] })
      expect(storesOf(own, 'core/groupdata')).toEqual(['default_application file'])
    }
  })

  test('what is not in this Moodle has no place', () => {
    const { 'core/coursehiddengroups': _, ...older } = DEFINITIONS
    expect(placeOf(parsed({ definitions: older }), 'core/coursehiddengroups')).toBeUndefined()
  })

  test('an event is heard where a definition listens to it', () => {
    const { isHeard } = parsed()
    expect(['changesincategoryenrolment', 'changesincoursestate', 'changesintheweather'].map(isHeard)).toEqual([
      true,
      true,
      false,
    ])
  })
})

describe('the file store', () => {
  const path = (name: string, configuration: Record<string, string | boolean> = {}) =>
    pathsOf(
      parsed({
        stores: { [name]: store(name, 'file', { configuration }) },
        modemappings: [{ mode: 1, store: name, sort: 0 }],
      }),
      'core/groupdata',
      '7',
    )[0]!

  test('is a folder of its name, without what does not belong into one', () => {
    expect(path('our *files* 1.0')).toMatch(/^\/data\/cache\/cachestore_file\/ourfiles1.0\/core_groupdata\/7-2-cache\//)
  })

  test('may have a folder of its own', () => {
    expect(path('fast', { path: '/ssd/moodle' })).toMatch(/^\/ssd\/moodle\/core_groupdata\/7-2-cache\//)
    expect(path('fast', { path: '' })).toMatch(/^\/data\/cache\/cachestore_file\/fast\//)
  })

  test('may keep all values of a definition in one folder', () => {
    expect(path('fast', { singledirectory: true })).toMatch(/\/fast\/core_groupdata\/7-2[0-9a-f]{31}\.cache$/)
    expect(path('fast', { singledirectory: '0' })).toMatch(/\/7-2-cache\//)
  })
})

test('the hash in Redis is that of the definition, behind the prefix', () => {
  const withPrefix = { name: 'fast', plugin: 'redis', settings: new Map([['prefix', 'moodle_']]) }
  // md5 of "1 core groupdata"
  expect(hashOf(withPrefix, 'core/groupdata')).toBe('moodle_cf78f24bf654e62d1ceadf410c6ffec8')
})

describe('a configuration that people have written', () => {
  test('may use what config.php has set', () => {
    const source = `<?php
      $server = $CFG->redis_server . ':6380';
      $configuration = ['siteidentifier' => md5_is_not_run($CFG->siteidentifier), 'stores' => [
        'r' => ['name' => 'r', 'plugin' => 'redis', 'configuration' => ['server' => $server], 'features' => 26, 'modes' => 3],
        'f' => ['name' => 'f', 'plugin' => 'file', 'configuration' => ['path' => $CFG->cachedir], 'features' => 14, 'modes' => 3],
      ], 'modemappings' => [['mode' => 1, 'store' => 'r'], ['mode' => 1, 'store' => 'f']],
      'definitions' => ['core/groupdata' => ['mode' => 1, 'simplekeys' => true]]];`
    const [redis, file] = placeOf(parse(source, { redis_server: 'cache.example' }), 'core/groupdata').stores
    expect(redis!.settings.get('server')).toBe('cache.example:6380')
    expect(file!.settings.get('path')).toBe('/data/cache')
  })

  test('that is not PHP, or configures nothing, is an error with its path', () => {
    expect(() => parse('<?php $configuration = array(')).toThrow('/data/muc/config.php, line 1')
    expect(() => parse('<?php return [];')).toThrow('/data/muc/config.php')
    expect(() => parse('<?php $configuration = unserialize($x);')).toThrow('/data/muc/config.php')
  })
})
