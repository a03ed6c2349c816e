/** Whether a run would work, with a configuration that is at hand: what `check` says on the command line, and the page. */
import type { Config } from './config/config.ts'
import { isThisMachine } from './config/kinds.ts'
import { type Finding, warning } from './finding.ts'
import { diagnoseDatabase } from './moodle/diagnosis.ts'
import { diagnoseMail } from './notify/diagnosis.ts'
import { diagnoseFolders } from './store/diagnosis.ts'

/** Looks at folders, database, mail and page. Changes nothing. It may take as long as a server that does not answer. */
export async function diagnose(config: Config, now: Date): Promise<Finding[]> {
  return [
    ...(await diagnoseFolders(config, process.getuid?.() ?? 0)),
    ...(await diagnoseDatabase(config, now)),
    ...(await diagnoseMail(config)),
    ...diagnosePage(config),
  ]
}

/** Passwords that are sent as they are, over a net, are nobody's secret. */
function diagnosePage({ web: { listen, url } }: Config): Finding[] {
  return listen === null || isThisMachine(listen.host) || url?.startsWith('https:')
    ? []
    : [warning('page-open', { host: listen.host })]
}
