/** How mails are to be sent at this moment, as our configuration, Moodle's database and its config.php say. */
import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { Problem } from '../errors.ts'
import { withMoodle } from '../moodle/connect.ts'
import { loadSettings, loadSiteName, type Settings } from '../moodle/site.ts'
import { type MailSettings, mailSettings } from './mail-settings.ts'

/**
 * Loads the settings. Where a mail server is configured outside of the database, that suffices while the database is away: that it
 * is away must be told without it.
 * @throws Problem 69 where only the database could tell
 */
export async function loadMailSettings(config: Config, signal?: AbortSignal): Promise<MailSettings> {
  try {
    return await withMoodle(
      config,
      async moodle =>
        mailSettings(config, await loadSettings(moodle, config), await loadSiteName(moodle), findSendmail()),
      signal,
    )
  } catch (error) {
    const { forced } = config.moodle
    const isKnown = config.mail.smtp !== null || forced.config.smtphosts !== undefined
    if (!(error instanceof Problem) || !isKnown || signal?.aborted) throw error
    const settings: Settings = (plugin, name) => (plugin === '' ? forced.config[name] : forced.plugins[plugin]?.[name])
    return mailSettings(config, settings, null, findSendmail())
  }
}

/** Where sendmail is, on every system that has one. */
const SENDMAIL = ['/usr/sbin/sendmail', '/usr/lib/sendmail', '/usr/bin/sendmail']

const findSendmail = (): string | null => SENDMAIL.find(existsSync) ?? null
