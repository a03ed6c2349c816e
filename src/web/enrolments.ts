/** The settings that runs read: each with its help, checked, written into the configuration file, and in force at once. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ConfigText, changeConfiguration, readConfigText, whyNotWritable } from '../config/change.ts'
import type { Config } from '../config/config.ts'
import { ConfigurationInvalid } from '../config/faults.ts'
import type { Written } from '../config/kinds.ts'
import { type Option, optionsIn } from '../config/options.ts'
import { Problem } from '../errors.ts'
import { COMMAND_WORDS } from '../file/rows.ts'
import { explain } from '../messages/explain.ts'
import { type Lang, say } from '../messages/say.ts'
import { assignableRoles } from '../moodle/assignable-roles.ts'
import { withMoodle } from '../moodle/connect.ts'
import { countIdentifiers, type IdentifierTable } from '../moodle/identifiers.ts'
import { fieldOf, goTo, logAction, type Page } from './page.ts'
import { rememberedFor } from './status.ts'

/** How a value is asked for. `words`: a list, with blanks or commas between; nothing is null. */
type Control =
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'switch' }
  | { readonly kind: 'text' | 'number' | 'words'; readonly isOptional: boolean }

const choice = (...choices: string[]): Control => ({ kind: 'choice', choices })
const text: Control = { kind: 'text', isOptional: false }
const optionalText: Control = { kind: 'text', isOptional: true }
const optionalNumber: Control = { kind: 'number', isOptional: true }

/** The controls, in groups; those of the original form first. */
const GROUPS: readonly { readonly name: string; readonly controls: Readonly<Record<string, Control>> }[] = [
  {
    name: 'main',
    controls: {
      'enrol.file': text,
      'enrol.courseIdentifier': choice('shortname', 'idnumber', 'id'),
      'enrol.userIdentifier': choice('username', 'email', 'idnumber', 'id'),
      'enrol.protectManualGroups': { kind: 'switch' },
      'enrol.notifyTeachers': { kind: 'switch' },
    },
  },
  {
    name: 'more',
    controls: {
      'enrol.defaultCommand': choice(...COMMAND_WORDS),
      'enrol.allowDisabledInstances': { kind: 'switch' },
      'enrol.allowedRoles': { kind: 'words', isOptional: true },
      'enrol.welcomeMessages': { kind: 'switch' },
      'enrol.writeLog': { kind: 'switch' },
    },
  },
  {
    name: 'csv',
    controls: {
      'csv.separator': choice(';', ',', ':', 'tab', 'auto'),
      'csv.encoding': text,
      'csv.maxRecordBytes': { kind: 'number', isOptional: false },
    },
  },
  {
    name: 'guard',
    controls: {
      'guard.maxUnenrolments': optionalNumber,
      'guard.maxShare': optionalText,
      'guard.maxUnmatched': optionalText,
    },
  },
]

const OPTION: ReadonlyMap<string, Option<unknown>> = new Map(optionsIn())
const CONTROLS = GROUPS.flatMap(({ controls }) => Object.entries(controls))
/** Milliseconds for which the counts are good: they read whole tables. */
const COUNTED_FOR = 300_000

/** Values as they stand in the form, and sentences about those that do not do; by key. */
interface Entered {
  readonly values: ReadonlyMap<string, string>
  readonly faults: ReadonlyMap<string, string>
  /** About the whole. */
  readonly fault: string | null
}

export function enrolmentRoutes(page: Page): void {
  const { app, ground } = page
  const { current, log } = ground
  const count = rememberedFor(COUNTED_FOR, () => withMoodle(current.value, countIdentifiers))
  const counts = (): Promise<IdentifierTable | null> =>
    count().catch(error => {
      if (error instanceof Problem) return null
      throw error
    })
  const show = async (request: FastifyRequest, reply: FastifyReply, entered: Entered | null): Promise<string> => {
    const read = await readConfigText(current.path)
    const whyNot = await whyNotWritable(current.path)
    return page.show(request, reply, 'enrolments', {
      title: 'web.enrolments',
      part: 'enrolments',
      path: current.path,
      sum: read.sum,
      whyNot,
      fault: entered?.fault ?? null,
      waitingForRestart: current.waitingForRestart(),
      counts: await counts(),
      groups: GROUPS.map(({ name, controls }) => ({
        name,
        controls: Object.entries(controls).map(([key, control]) => {
          const written = read.written(key)
          return {
            key,
            ...control,
            value: entered?.values.get(key) ?? inForm(written, key),
            fault: entered?.faults.get(key) ?? null,
            isElsewhere: isElsewhere(written),
            isDisabled: whyNot !== null || isElsewhere(written),
          }
        }),
      })),
    })
  }

  app.get('/enrolments', (request, reply) => show(request, reply, null))

  app.post('/enrolments', async (request, reply) => {
    const { lang } = request
    const read = await readConfigText(current.path)
    const { changes, values, faults } = changesIn(request, read)
    const refuse = (status: number, fault: string | null): Promise<string> => {
      void reply.code(status)
      return show(request, reply, { values, faults, fault })
    }
    if (read.sum !== fieldOf(request, 'sum')) return refuse(409, say(lang, 'web.settings-changed-meanwhile'))
    const roles = changes.get('enrol.allowedRoles')
    if (Array.isArray(roles)) {
      const unknown = await unknownRoles(current.value, roles as string[])
      if (unknown.length > 0)
        faults.set('enrol.allowedRoles', say(lang, 'web.roles-unknown', { roles: unknown.join(', ') }))
    }
    if (faults.size > 0) return refuse(422, null)
    if (changes.size === 0) return goTo(page, reply, '/enrolments', 'web.settings-same')
    try {
      await changeConfiguration(current.path, read.source, changes)
      await current.reload()
    } catch (error) {
      if (error instanceof ConfigurationInvalid || error instanceof Problem) return refuse(422, explain(lang, error))
      throw error
    }
    log.info({ event: 'configuration-changed', keys: [...changes.keys()] }, 'changed on the page, and in force')
    logAction(page, request, 'configure', { keys: [...changes.keys()] })
    return goTo(page, reply, '/enrolments', 'web.settings-saved', { count: changes.size })
  })
}

const isElsewhere = (written: ReturnType<ConfigText['written']>): written is { readonly elsewhere: string } =>
  typeof written === 'object' && written !== null && 'elsewhere' in written

/** A value as the form has it: text; of a switch `true` or `false`. */
function inForm(written: ReturnType<ConfigText['written']>, key: string): string {
  if (isElsewhere(written)) return written.elsewhere
  const value = written === undefined ? OPTION.get(key)!.default : written
  if (value === null || value === undefined) return ''
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/** What of the form differs from the file, as it would be written; and what of it does not do. */
function changesIn(
  request: FastifyRequest,
  read: ConfigText,
): {
  readonly changes: Map<string, Written>
  readonly values: Map<string, string>
  readonly faults: Map<string, string>
} {
  const changes = new Map<string, Written>()
  const values = new Map<string, string>()
  const faults = new Map<string, string>()
  for (const [key, control] of CONTROLS) {
    const written = read.written(key)
    if (isElsewhere(written)) continue
    const entered = control.kind === 'switch' ? String(fieldOf(request, key) !== '') : fieldOf(request, key).trim()
    values.set(key, entered)
    if (entered === inForm(written, key)) continue
    const value = asWritten(control, entered)
    const { kind } = OPTION.get(key)!
    if (kind.read(value) === undefined) faults.set(key, faultOf(request.lang, key, entered))
    else changes.set(key, value)
  }
  return { changes, values, faults }
}

function asWritten(control: Control, entered: string): Written {
  switch (control.kind) {
    case 'switch':
      return entered === 'true'
    case 'choice':
      return entered
    case 'words':
      return entered === '' ? null : entered.split(/[\s,]+/)
    default:
      if (entered === '' && control.isOptional) return null
      return control.kind === 'number' && /^\d+$/.test(entered) ? Number(entered) : entered
  }
}

function faultOf(lang: Lang, key: string, found: string): string {
  const { kind } = OPTION.get(key)!
  return say(lang, `configuration.${kind.fault}`, { key, found: found || '""', ...kind.args })
}

/** The roles that cannot be given in courses, of these. Where the database is out of reach, nobody can tell. */
async function unknownRoles(config: Config, roles: readonly string[]): Promise<string[]> {
  try {
    const known = new Set(await withMoodle(config, assignableRoles))
    return roles.filter(role => !known.has(role))
  } catch (error) {
    if (error instanceof Problem) return []
    throw error
  }
}
