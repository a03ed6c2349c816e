#!/usr/bin/env node
/**
 * Arguments → one command → exit status; nothing else. Every error that nobody has dealt with ends up here, and becomes a
 * sentence and a status. A command's code is loaded only when it is asked for.
 */
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type { CommandContext, OutputFormat } from './commands/context.ts'
import type { RunOptions } from './commands/run.ts'
import { readDuration } from './config/duration.ts'
import { EXIT, type ExitStatus, type MessageArguments, Problem } from './errors.ts'
import { explain } from './messages/explain.ts'
import { eachOnOneLine } from './messages/one-line.ts'
import { LANGUAGES, type Lang, languageOf, say } from './messages/say.ts'

const DEFAULT_CONFIGURATION = '/etc/moodle-syncd/config.yaml'
const FORMATS: readonly OutputFormat[] = ['text', 'json', 'html']

interface GlobalOptions {
  readonly config?: string
  readonly format?: OutputFormat
  readonly lang?: Lang
}

const { env, stdout, stderr } = process

/** Runs what the arguments ask for. */
async function main(words: readonly string[]): Promise<ExitStatus> {
  const lang = languageOf(languageAmong(words), env)
  let status: ExitStatus = EXIT.done
  const program = commands(lang, ended => {
    status = ended
  })
  try {
    await program.parseAsync(words, { from: 'user' })
    return status
  } catch (error) {
    return explainEnd(error, lang)
  }
}

/** The language is needed before the arguments can be understood: to say that they cannot. */
function languageAmong(words: readonly string[]): string | undefined {
  const last = words.findLastIndex(word => /^--lang(=|$)/.test(word))
  const word = words[last] ?? ''
  return word.includes('=') ? word.slice(word.indexOf('=') + 1) : word && words[last + 1]
}

/** What the program understands. `end` is told how the command ended. */
function commands(lang: Lang, end: (status: ExitStatus) => void): Command {
  const t = (key: string, args?: MessageArguments): string => say(lang, key, args)
  const titles: Readonly<Record<string, string>> = {
    'Usage:': t('help.usage'),
    'Arguments:': t('help.arguments'),
    'Options:': t('help.options'),
    'Global Options:': t('help.global-options'),
    'Commands:': t('help.commands'),
  }
  const program = new Command('moodle-syncd')
    .exitOverride()
    .configureOutput({
      writeOut: text => stdout.write(text),
      writeErr: text => stderr.write(text),
      // Said in the language of the user, where all errors end.
      outputError: () => {},
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: title => titles[title] ?? title,
      subcommandTerm: command =>
        [
          command.name(),
          ...command.registeredArguments.map(each => (each.required ? each.name() : `[${each.name()}]`)),
        ].join(' '),
    })
    .helpCommand(false)
    .usage(t('help.program-usage'))
    .description(t('help.program', { default: DEFAULT_CONFIGURATION }))
    .option('-c, --config <FILE>', t('help.config', { default: DEFAULT_CONFIGURATION }))
    .option('--format <text|json|html>', t('help.format'), oneOf(FORMATS))
    .option('--lang <en|fr>', t('help.lang'), oneOf(LANGUAGES))
    .helpOption('-h, --help', t('help.help'))
    .version(version(), '-V, --version', t('help.version'))
    .addHelpText('after', `\n${t('help.exit')}`)

  /** @param formats those in which the command can say what it says */
  const context = (formats: readonly OutputFormat[] = ['text', 'json']): CommandContext => {
    const options = program.opts<GlobalOptions>()
    if (options.format !== undefined && !formats.includes(options.format)) {
      const message = `option '--format' '${options.format}'`
      throw new CommanderError(EXIT.usage, 'commander.invalidArgument', message)
    }
    return {
      configPath: resolve(options.config ?? (env.MOODLE_SYNCD_CONFIG || DEFAULT_CONFIGURATION)),
      format: options.format ?? 'text',
      lang,
      stdout,
      stderr,
      colour: stdout.isTTY === true && !env.NO_COLOR,
      env,
    }
  }
  const command = (name: string, usage: string): Command =>
    program
      .command(name)
      .usage(usage)
      .description(t(`help.${name}`))
      .helpOption('-h, --help', t('help.help'))

  command('start', t('help.usage-options')).action(async () => {
    const { start } = await import('./commands/start.ts')
    end(await start(context()))
  })
  command('run', `${t('help.usage-options')} [FILE]`)
    .argument('[FILE]', t('help.run-file'))
    .option('--simulate', t('help.run-simulate'))
    .option('--approve', t('help.run-approve'))
    .option('--wait <DURATION>', t('help.run-wait'), durationOf)
    .action(async (file: string | undefined, { simulate = false, approve = false, wait = 0 }: Partial<RunOptions>) => {
      const { run } = await import('./commands/run.ts')
      end(await run(context(FORMATS), file, { simulate, approve, wait }))
    })
  command('lint', `${t('help.usage-options')} FILE`)
    .argument('<FILE>', t('help.lint-file'))
    .action(async (file: string) => {
      const { lint } = await import('./commands/lint.ts')
      end(await lint(context(), file))
    })
  command('check', t('help.usage-options')).action(async () => {
    const { check } = await import('./commands/check.ts')
    end(await check(context()))
  })
  command('init', `${t('help.usage-options')} [CONFIG_PHP]`)
    .argument('[CONFIG_PHP]', t('help.init-config-php'))
    .action(async (configPhp: string | undefined) => {
      const { init } = await import('./commands/init.ts')
      end(await init(context(), configPhp))
    })
  command('runs', `${t('help.usage-options')} [ID]`)
    .argument('[ID]', t('help.runs-id'))
    .option('--retry-file', t('help.runs-retry-file'))
    .action(async (id: string | undefined, { retryFile = false }: { retryFile?: boolean }) => {
      const { runs } = await import('./commands/runs.ts')
      end(await runs(context(id === undefined ? undefined : FORMATS), id, { retryFile }))
    })
  command('undo', `${t('help.usage-options')} ID`)
    .argument('<ID>', t('help.undo-id'))
    .option('--simulate', t('help.undo-simulate'))
    .action(async (id: string, { simulate = false }: { simulate?: boolean }) => {
      const { undo } = await import('./commands/undo.ts')
      end(await undo(context(FORMATS), id, { simulate }))
    })
  command('why', `${t('help.usage-options')} USER COURSE`)
    .argument('<USER>', t('help.why-user'))
    .argument('<COURSE>', t('help.why-course'))
    .action(async (user: string, course: string) => {
      const { why } = await import('./commands/why.ts')
      end(await why(context(), user, course))
    })
  command('demo', t('help.usage-options')).action(async () => {
    const { demo } = await import('./commands/demo.ts')
    end(await demo(context()))
  })
  return program
}

const oneOf =
  <Choice extends string>(choices: readonly Choice[]) =>
  (word: string): Choice => {
    const choice = choices.find(each => each === word)
    if (choice === undefined) throw new InvalidArgumentError('')
    return choice
  }

function durationOf(word: string): number {
  const milliseconds = readDuration(word)
  if (milliseconds === undefined) throw new InvalidArgumentError('')
  return milliseconds
}

const version = (): string => (createRequire(import.meta.url)('../package.json') as { version: string }).version

/** The one place where an error becomes a sentence and an exit status. */
async function explainEnd(error: unknown, lang: Lang): Promise<ExitStatus> {
  if (error instanceof CommanderError) return explainUsage(error, lang)
  if (isClosedOutput(error)) return EXIT.done
  if (error instanceof Problem) {
    await tell(explain(lang, error))
    return error.exit
  }
  await tell(say(lang, 'problem.bug', { version: version() }))
  const { createLog } = await import('./log.ts')
  createLog({ level: 'info' }).fatal({ event: 'bug', err: error }, 'a bug')
  return EXIT.bug
}

/** Writes for a person on standard error; in the journal, as an error, each of its lines. */
async function tell(text: string): Promise<void> {
  const prefix = env.JOURNAL_STREAM && (await import('./log.ts')).isJournal(env.JOURNAL_STREAM, stderr.fd) ? '<3>' : ''
  stderr.write(`${text.replaceAll(/^/gm, prefix)}\n`)
}

/** What commander calls its errors, and our sentence for each: `usage.<…>`. */
const USAGE_ERRORS: Readonly<Record<string, string>> = {
  'commander.unknownOption': 'unknown-option',
  'commander.unknownCommand': 'unknown-command',
  'commander.optionMissingArgument': 'value-missing',
  'commander.invalidArgument': 'wrong-value',
  'commander.excessArguments': 'too-many-arguments',
  'commander.missingArgument': 'argument-missing',
}

async function explainUsage(error: CommanderError, lang: Lang): Promise<ExitStatus> {
  // Help and version are errors for commander, when asked for too; then they have been shown, and all is well.
  if (error.exitCode === 0) return EXIT.done
  const sentence = USAGE_ERRORS[error.code]
  if (sentence !== undefined) {
    const [subject = '', found = ''] = [...error.message.matchAll(/'([^']*)'/g)].map(match => match[1]!)
    const near = /\(Did you mean (?:one of )?(.+)\?\)/.exec(error.message)?.[1]
    await tell(say(lang, `usage.${sentence}`, eachOnOneLine({ subject, found })))
    if (near !== undefined) await tell(say(lang, 'usage.near', { near }))
    await tell(say(lang, 'usage.try', { command: 'moodle-syncd --help' }))
  }
  return EXIT.usage
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

// Who reads our output may go, as `head` does: no fault of anybody, and no reason to end in the middle of a run.
let outputIsClosed = false
stdout.on('error', error => {
  if (codeOf(error) !== 'EPIPE')
    throw new Problem('output-unwritable', { reason: error.message }, EXIT.unavailable, error)
  outputIsClosed = true
})
const isClosedOutput = (error: unknown): boolean =>
  outputIsClosed && ['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(codeOf(error)))

process.on('uncaughtException', async error => {
  try {
    process.exit(await explainEnd(error, languageOf(languageAmong(process.argv), env)))
  } catch (failure) {
    // Not even that can be said, as with half an installation. Thrown, it would come back here, for ever.
    stderr.write(`${error.stack}
${failure instanceof Error ? failure.stack : failure}
`)
    process.exit(EXIT.bug)
  }
})

// What a chunk of rows takes is garbage once it is committed, and old for V8 by then, which by itself collects what is old when
// it has grown to four times what is in use: 300 MB with a long file, where 150 will do, in the same time.
setFlagsFromString('--heap-growing-percent=50')

process.exitCode = await main(process.argv.slice(2))
