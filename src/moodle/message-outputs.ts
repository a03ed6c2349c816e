/** What tells a person of a notification: the popup, the mail, the app; as the site has them, locks them, and as the person prefers. */
import { type Moodle, select, table } from './connect.ts'
import { listOf, type Settings } from './site.ts'

const AIRNOTIFIER_SETTINGS = [
  'airnotifierurl',
  'airnotifierport',
  'airnotifieraccesskey',
  'airnotifierappname',
  'airnotifiermobileappname',
]

/** As PHP takes a setting's text for true. */
export const isTrue = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0'

/** Before Moodle 4.0, settings and preferences were others for who was logged in, and a site permitted outputs one by one. */
const SIMPLE_SINCE = 2022041900

/**
 * Loads the outputs that apply. `message_send`
 * Of a Moodle before 4.0, those for who is not logged in: a run does not look who is.
 * @param provider component and name of the kind of message: `moodle_enrolcoursewelcomemessage`
 * @param otherwise what the site is taken to say where it says nothing: the names of outputs, with commas
 * @returns the names of a person's outputs; `emailStopped` is `user.emailstop`
 */
export async function loadOutputs(
  moodle: Moodle,
  settings: Settings,
  provider: string,
  userIds: readonly number[],
  otherwise = '',
): Promise<(userId: number, emailStopped: boolean) => string[]> {
  const isSimple = Number(settings('', 'version') ?? 0) >= SIMPLE_SINCE
  const preference = `message_provider_${provider}_${isSimple ? 'enabled' : 'loggedoff'}`
  const processors = await select<[string]>(
    moodle,
    `SELECT name FROM ${table(moodle, 'message_processors')} WHERE enabled = 1 ORDER BY id`,
  )
  const preferences = new Map(
    await select<[number, string]>(
      moodle,
      `SELECT userid, value FROM ${table(moodle, 'user_preferences')} WHERE name = ? AND userid IN (?)`,
      [preference, userIds],
    ),
  )
  const byDefault = listOf(settings('message', preference) ?? otherwise)
  const outputs = processors
    .map(([name]) => {
      if (isSimple) {
        const isLocked = isTrue(settings('message', `${name}_provider_${provider}_locked`))
        return { name, isLocked, isDefault: byDefault.includes(name) }
      }
      const permitted = settings('message', `${name}_provider_${provider}_permitted`) ?? 'permitted'
      const isLocked = permitted !== 'permitted'
      return { name, isLocked, isDefault: isLocked ? permitted === 'forced' : byDefault.includes(name) }
    })
    .filter(
      ({ name }) => name !== 'airnotifier' || AIRNOTIFIER_SETTINGS.every(setting => isTrue(settings('', setting))),
    )
  return (userId, emailStopped) => {
    const preferred = preferences.get(userId)
    return outputs
      .filter(({ name, isLocked, isDefault }) => {
        if (isLocked) return isDefault
        if (emailStopped) return false
        return isTrue(preferred) ? listOf(preferred).includes(name) : isDefault
      })
      .map(({ name }) => name)
  }
}

/** Whether a site knows a kind of message: some came with a version, and others with a plugin that may be uninstalled. */
export async function hasProvider(
  moodle: Moodle,
  { component, name }: { readonly component: string; readonly name: string },
): Promise<boolean> {
  const [provider] = await select(
    moodle,
    `SELECT 1 FROM ${table(moodle, 'message_providers')} WHERE component = ? AND name = ?`,
    [component, name],
  )
  return provider !== undefined
}
