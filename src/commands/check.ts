/** `moodle-syncd check`: says whether a run would work, one line for each thing looked at. It changes nothing anywhere. */
import { stat } from 'node:fs/promises'
import { styleText } from 'node:util'
import type { Config } from '../config/config.ts'
import { ConfigurationInvalid } from '../config/faults.ts'
import { loadConfig, secretsWrittenIn } from '../config/load.ts'
import { diagnose } from '../diagnosis.ts'
import { EXIT, type ExitStatus, Problem } from '../errors.ts'
import { type Finding, ok, warning } from '../finding.ts'
import { withReason } from '../messages/explain.ts'
import { eachOnOneLine, plainJson } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import type { CommandContext } from './context.ts'

/** What is to be mended first, where there are several problems. */
const GRAVEST_FIRST: readonly ExitStatus[] = [EXIT.configuration, EXIT.unavailable, EXIT.tryLater]

/** @returns what a run would end with before its first row: 78, 69 or 75; 0 where nothing stands in its way */
export async function check(context: CommandContext): Promise<ExitStatus> {
  const found = await findings(context)
  const exits = new Set(found.map(({ exit }) => exit))
  const status = GRAVEST_FIRST.find(exit => exits.has(exit)) ?? EXIT.done
  context.stdout.write(context.format === 'json' ? asJson(found, status, context.lang) : asText(found, status, context))
  return status
}

async function findings({ configPath, env, lang }: CommandContext): Promise<Finding[]> {
  let config: Config
  try {
    config = await loadConfig(configPath, env)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return faultsOf(configPath, error, lang)
  }
  return [
    ok('configuration', { path: configPath }),
    ...(await readableByOthers(configPath)),
    ...(await diagnose(config, new Date())),
  ]
}

/** A configuration that cannot be loaded: each of its faults, or the one reason. */
function faultsOf(path: string, problem: Problem, lang: Lang): Finding[] {
  const { code, args, exit } = problem
  if (!(problem instanceof ConfigurationInvalid)) return [{ level: 'problem', key: `problem.${code}`, args, exit }]
  return problem.faults.map(({ line, column, code: fault, args }): Finding => {
    const what = say(lang, `configuration.${fault}`, withReason(lang, args))
    return { level: 'problem', key: 'check.fault', args: { path, line, column, fault, what }, exit }
  })
}

/** A configuration with a password in it is nobody else's business. */
async function readableByOthers(path: string): Promise<Finding[]> {
  const isReadable = ((await stat(path)).mode & 0o004) !== 0
  const secrets = isReadable ? await secretsWrittenIn(path) : []
  return secrets.length > 0 ? [warning('configuration-readable', { path, keys: secrets.join(', ') })] : []
}

function asJson(findings: readonly Finding[], status: ExitStatus, lang: Lang): string {
  const shown = findings.map(({ level, key, args }) => ({
    level,
    code: key.slice(key.indexOf('.') + 1),
    message: say(lang, key, withReason(lang, args)),
    args,
  }))
  return `${plainJson(JSON.stringify({ status, findings: shown }, null, 2))}\n`
}

const COLOURS = { ok: 'green', warning: 'yellow', problem: 'red' } as const

function asText(findings: readonly Finding[], status: ExitStatus, { lang, colour }: CommandContext): string {
  const words = {
    ok: say(lang, 'check.level-ok'),
    warning: say(lang, 'check.level-warning'),
    problem: say(lang, 'check.level-problem'),
  }
  const width = Math.max(...Object.values(words).map(word => word.length))
  const lines = findings.map(({ level, key, args }) => {
    const word = words[level].padEnd(width)
    return `${colour ? styleText(COLOURS[level], word, { validateStream: false }) : word}  ${say(lang, key, eachOnOneLine(withReason(lang, args)))}`
  })
  const counted = (level: Finding['level']): number => findings.filter(finding => finding.level === level).length
  const conclusion = say(lang, status === EXIT.done ? 'check.would-work' : 'check.would-not-work', {
    problems: counted('problem'),
    warnings: counted('warning'),
  })
  return `${[...lines, '', conclusion].join('\n')}\n`
}
