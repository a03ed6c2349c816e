/**
 * What the settings of Moodle's plugin `tool_sync` mean for our own keys. Pure.
 *
 * The plugin keeps them as rows of `config_plugins`. In its older versions those about enrolments are called `enrol_…`, and
 * the identifiers are numbers: places in the lists below. In newer ones they are called `enrols_…`, and the identifiers are
 * names of columns (`form_elements` of the plugin's `enrol_plugin_manager`, `enrol_sync_manager`). A site that has been
 * updated has both.
 */
import { COMMAND_WORDS } from '../file/rows.ts'
import type { Kind, Written } from './kinds.ts'
import { OPTIONS } from './options.ts'

/** One of our keys, with a value that a setting of the plugin gives it. */
export interface Taken {
  /** The path of our key. */
  readonly key: string
  /** As the configuration has it. */
  readonly value: Written
  /** The setting's name. */
  readonly setting: string
}

/** A setting that has no equal here, or a value that we cannot have. The sentence is `init.left.<code>`. */
export interface Left {
  readonly code: 'several-files' | 'remote-file' | 'simulate' | 'unsuitable'
  readonly setting: string
  readonly value: string
}

const COURSE_IDENTIFIERS = ['idnumber', 'shortname', 'id']
const USER_IDENTIFIERS = ['idnumber', 'username', 'email', 'id']

type Meaning = (value: string) => Written | undefined

const identifier =
  (names: readonly string[]): Meaning =>
  value =>
    names.includes(value) ? value : names[Number(value)]

/** Checkboxes: those that are not ticked are stored as 0, or, by the plugin's older forms, not at all. */
const yesOrNo: Meaning = value => (value === '1' ? true : value === '0' ? false : undefined)

/** Of our key: the setting of the plugin (without `enrol_`, where it has that), what its values mean, what ours may be. */
const MEANINGS: readonly {
  readonly key: string
  readonly setting: string
  readonly meaning: Meaning
  readonly kind: Kind<unknown>
}[] = [
  {
    key: 'enrol.file',
    setting: 'enrols_filelocation',
    meaning: value => value.trim().replace(/^(\.?\/)+/, ''),
    kind: OPTIONS.enrol.file.kind,
  },
  {
    key: 'enrol.courseIdentifier',
    setting: 'enrols_courseidentifier',
    meaning: identifier(COURSE_IDENTIFIERS),
    kind: OPTIONS.enrol.courseIdentifier.kind,
  },
  {
    key: 'enrol.userIdentifier',
    setting: 'enrols_useridentifier',
    meaning: identifier(USER_IDENTIFIERS),
    kind: OPTIONS.enrol.userIdentifier.kind,
  },
  {
    key: 'enrol.protectManualGroups',
    setting: 'enrols_protectgroups',
    meaning: yesOrNo,
    kind: OPTIONS.enrol.protectManualGroups.kind,
  },
  {
    key: 'enrol.notifyTeachers',
    setting: 'enrols_mailadmins',
    meaning: yesOrNo,
    kind: OPTIONS.enrol.notifyTeachers.kind,
  },
  {
    key: 'enrol.defaultCommand',
    setting: 'enrols_defaultcmd',
    meaning: value => COMMAND_WORDS.find(word => word === value),
    kind: OPTIONS.enrol.defaultCommand.kind,
  },
  {
    key: 'enrol.allowDisabledInstances',
    setting: 'enrols_enableenrolondisabled',
    meaning: yesOrNo,
    kind: OPTIONS.enrol.allowDisabledInstances.kind,
  },
  {
    key: 'csv.separator',
    setting: 'csvseparator',
    meaning: value => (value === '\t' ? 'tab' : value),
    kind: OPTIONS.csv.separator.kind,
  },
  {
    key: 'csv.encoding',
    setting: 'encoding',
    meaning: value => value.toLowerCase(),
    kind: OPTIONS.csv.encoding.kind,
  },
  { key: 'store.archive', setting: 'filearchive', meaning: yesOrNo, kind: OPTIONS.store.archive.kind },
  { key: 'store.delete', setting: 'filecleanup', meaning: yesOrNo, kind: OPTIONS.store.delete.kind },
]

/**
 * What the plugin was told, in our terms.
 * @param setting gives the value of a setting of the plugin; undefined: it has none
 */
export function fromToolSync(setting: (name: string) => string | undefined): {
  readonly taken: readonly Taken[]
  readonly left: readonly Left[]
} {
  const taken: Taken[] = []
  const left: Left[] = []
  for (const { key, setting: newer, meaning, kind } of MEANINGS) {
    const name = [newer, newer.replace(/^enrols_/, 'enrol_')].find(each => (setting(each) ?? '') !== '')
    const stored = name === undefined ? undefined : setting(name)
    if (name === undefined || stored === undefined) continue
    const value = meaning(stored)
    const code = leftFor(key, stored)
    if (code === undefined && value !== undefined && kind.read(value) !== undefined)
      taken.push({ key, value, setting: name })
    else left.push({ code: code ?? 'unsuitable', setting: name, value: stored })
  }
  if (setting('simulate') === '1') left.push({ code: 'simulate', setting: 'simulate', value: '1' })
  return { taken, left }
}

/** Files that the plugin fetches, or of which it takes the first that there is. */
function leftFor(key: string, value: string): Left['code'] | undefined {
  if (key !== 'enrol.file') return undefined
  if (value.includes('://')) return 'remote-file'
  return value.includes(',') ? 'several-files' : undefined
}
