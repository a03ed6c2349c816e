/** The small school that properties of planning are about, and the rules that a run of theirs has. */
import type { Rules } from './naive-model.ts'
import { type Cast, type Settings, TOO_LONG } from './random.ts'
import { sameKey } from './worlds.ts'

export const CAST: Cast = {
  tables: {
    user: [
      { id: 1, deleted: 0, idnumber: 'guest' },
      { id: 2, deleted: 0, idnumber: 'U1' },
      { id: 3, deleted: 0, idnumber: 'Élise' },
      { id: 4, deleted: 0, idnumber: 'twin' },
      { id: 5, deleted: 0, idnumber: 'TWIN' },
      { id: 6, deleted: 1, idnumber: 'gone' },
      { id: 7, deleted: 1, idnumber: 'u1' },
    ],
    course_categories: [
      { id: 1, parent: 0 },
      { id: 2, parent: 1 },
    ],
    course: [
      { id: 10, category: 0, shortname: 'site' },
      { id: 11, category: 1, shortname: 'Bio' },
      { id: 12, category: 2, shortname: 'Histoire-Géo' },
      { id: 13, category: 2, shortname: 'pair' },
      { id: 14, category: 0, shortname: 'PAIR' },
    ],
    context: [
      { id: 1, contextlevel: 10, instanceid: 0, path: '/1', depth: 1 },
      { id: 2, contextlevel: 40, instanceid: 1, path: '/1/2', depth: 2 },
      { id: 3, contextlevel: 40, instanceid: 2, path: '/1/2/3', depth: 3 },
      { id: 10, contextlevel: 50, instanceid: 10, path: '/1/10', depth: 2 },
      { id: 11, contextlevel: 50, instanceid: 11, path: '/1/2/11', depth: 3 },
      { id: 12, contextlevel: 50, instanceid: 12, path: '/1/2/3/12', depth: 4 },
      { id: 13, contextlevel: 50, instanceid: 13, path: '/1/2/3/13', depth: 4 },
      { id: 14, contextlevel: 50, instanceid: 14, path: '/1/14', depth: 2 },
    ],
    role: [
      { id: 1, shortname: 'élève' },
      { id: 2, shortname: 'teacher' },
      { id: 3, shortname: 'creator' },
    ],
    role_context_levels: [
      { roleid: 1, contextlevel: 50 },
      { roleid: 2, contextlevel: 50 },
      { roleid: 2, contextlevel: 40 },
      { roleid: 3, contextlevel: 40 },
    ],
    enrol: [
      { id: 1, courseid: 11, enrol: 'manual', status: 0, sortorder: 1 },
      { id: 2, courseid: 12, enrol: 'manual', status: 0, sortorder: 1 },
      { id: 3, courseid: 11, enrol: 'imsenterprise', status: 0, sortorder: 1 },
    ],
    user_enrolments: [],
    role_assignments: [],
    groups: [],
    groups_members: [],
    cache_flags: [],
  },
  users: [2, 3, 4],
  courses: [11, 12, 13],
  roles: [1, 2],
  names: {
    users: { usual: ['U1', 'Élise', 'elise', 'u1', 'twin'], odd: ['Twin', 'gone', 'guest', 'nobody'] },
    courses: {
      usual: ['Bio', 'bio', 'Histoire-Géo', 'histoire-geo', 'pair'],
      odd: ['Pair', 'PAIR', 'site', 'nowhere'],
    },
    roles: { usual: ['élève', 'Eleve', 'teacher'], odd: ['creator', 'nothing'] },
  },
}

/** The moment of all runs, Unix time in seconds. */
export const NOW = 1_790_000_000

export const rulesOf = (settings: Settings): Rules => ({
  ...settings,
  now: NOW,
  actor: 2,
  guest: 1,
  sessionTimeout: 28_800,
  maxGroupName: TOO_LONG,
  equal: sameKey,
})
