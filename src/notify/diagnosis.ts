/** Says whether mails would be sent: the server is connected to and logged in at, and sent nothing. No run fails for want of it. */
import type { Config } from '../config/config.ts'
import { EXIT, Problem } from '../errors.ts'
import { type Finding, ok, warning } from '../finding.ts'
import { loadMailSettings } from './load-settings.ts'
import type { MailSettings } from './mail-settings.ts'
import { openTransport } from './transport.ts'

export async function diagnoseMail(config: Config): Promise<Finding[]> {
  const { admins } = config.mail
  const { notifyTeachers, welcomeMessages } = config.enrol
  if (!notifyTeachers && !welcomeMessages && admins.length === 0) return [ok('mail-not-wanted')]
  const others = [
    ...(admins.length === 0 ? [warning('mail-no-admins')] : []),
    ...(config.moodle.wwwroot === null && notifyTeachers ? [warning('mail-no-links')] : []),
  ]
  let settings: MailSettings
  try {
    settings = await loadMailSettings(config)
  } catch (error) {
    // Why the database cannot tell is another finding.
    if (error instanceof Problem) return others
    throw error
  }
  if (settings.isOff) return [warning('mail-off'), ...others]
  const diverted = settings.divertTo === null ? [] : [warning('mail-diverted', { to: settings.divertTo })]
  return [await diagnoseServer(settings), ...diverted, ...others]
}

async function diagnoseServer(settings: MailSettings): Promise<Finding> {
  const { route, from } = settings
  try {
    const transport = await openTransport(settings)
    transport.close()
    const { where } = transport
    return route.by === 'sendmail'
      ? warning('mail-sendmail', { path: where, from })
      : ok('mail-server', { where, from })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { level: 'warning', key: `problem.${error.code}`, args: error.args, exit: EXIT.done }
  }
}
