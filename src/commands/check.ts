/** `moodle-syncd check` */
import { EXIT, type ExitStatus } from '../errors.ts'
import type { CommandContext } from './context.ts'
export async function check(_context: CommandContext): Promise<ExitStatus> {
  return EXIT.done
}
