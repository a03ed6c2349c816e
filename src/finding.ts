/** What `check` has to say of one thing that it looked at: data, for whoever prints it. */
import { EXIT, type ExitStatus, type MessageArguments } from './errors.ts'

export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem'
  /** Of its sentence in `messages/`: `check.<code>`, or another that says it as well. What is not well says what to do. */
  readonly key: string
  readonly args: MessageArguments
  /** What a run would end with because of this; 0 but for problems. */
  readonly exit: ExitStatus
}

export const ok = (code: string, args: MessageArguments = {}): Finding => ({
  level: 'ok',
  key: `check.${code}`,
  args,
  exit: EXIT.done,
})

export const warning = (code: string, args: MessageArguments = {}): Finding => ({
  level: 'warning',
  key: `check.${code}`,
  args,
  exit: EXIT.done,
})

export const problem = (code: string, exit: ExitStatus, args: MessageArguments = {}): Finding => ({
  level: 'problem',
  key: `check.${code}`,
  args,
  exit,
})
