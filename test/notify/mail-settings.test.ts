/** What Moodle's settings and ours mean for mails. */
import { describe, expect, test } from 'vitest'
import { destinationOf, mailSettings } from '../../src/notify/mail-settings.ts'

const NOTHING = { smtp: null, from: null, admins: [] }
type Mail = Partial<Parameters<typeof mailSettings>[0]['mail']>

function settingsOf(
  moodle: Readonly<Record<string, string>>,
  mail: Mail = {},
  wwwroot: string | null = 'https://m.example/x',
) {
  return mailSettings(
    { mail: { ...NOTHING, ...mail }, moodle: { wwwroot } },
    (plugin, name) => (plugin === '' ? moodle[name] : undefined),
    'M',
    '/usr/sbin/sendmail',
  )
}

describe('the way', () => {
  const server = (host: string, port: number, tls: string, login: object | null = null) => ({ host, port, tls, login })
  test.each([
    ['smtp.example', [server('smtp.example', 25, 'offered')]],
    ['a:587; b ;c:2525', [server('a', 587, 'offered'), server('b', 25, 'offered'), server('c', 2525, 'offered')]],
    ['ssl://a:465;tls://[::1]:26', [server('a', 465, 'always'), server('::1', 26, 'required')]],
  ])('Moodle’s hosts %s', (smtphosts, servers) => {
    expect(settingsOf({ smtphosts }).route).toEqual({ by: 'smtp', servers })
  })

  test('Moodle’s encryption and login', () => {
    const all = { smtphosts: 'a', smtpuser: 'u', smtppass: 'p', smtpauthtype: 'plain', smtpsecure: 'ssl' }
    const login = { user: 'u', password: 'p', method: 'PLAIN' }
    expect(settingsOf(all).route).toEqual({ by: 'smtp', servers: [server('a', 25, 'always', login)] })
    expect(settingsOf({ ...all, smtpsecure: 'tls' }).route).toMatchObject({ servers: [{ tls: 'required' }] })
    expect(settingsOf({ ...all, smtpauthtype: 'XOAUTH2' }).route).toEqual({ by: 'oauth' })
    expect(settingsOf({ ...all, smtphosts: '' }).route).toEqual({ by: 'sendmail', path: '/usr/sbin/sendmail' })
    expect(settingsOf({ ...all, smtphosts: 'qmail' }).route).toEqual({ by: 'sendmail', path: '/usr/sbin/sendmail' })
  })

  test.each([
    ['smtp://mail.example', server('mail.example', 25, 'offered')],
    [
      'smtp://u:p%40x@mail.example',
      server('mail.example', 587, 'required', { user: 'u', password: 'p@x', method: null }),
    ],
    ['smtp://u:p@localhost:2525', server('localhost', 2525, 'offered', { user: 'u', password: 'p', method: null })],
    ['smtps://u@[2001:db8::1]', server('2001:db8::1', 465, 'always', { user: 'u', password: '', method: null })],
  ])('ours: %s', (smtp, expected) => {
    expect(settingsOf({ smtphosts: 'other' }, { smtp }).route).toEqual({ by: 'smtp', servers: [expected] })
  })
})

test('the sender', () => {
  expect(settingsOf({ noreplyaddress: 'no@m.example' }).from).toBe('no@m.example')
  expect(settingsOf({ noreplyaddress: 'no@m.example' }, { from: 'own@m.example' }).from).toBe('own@m.example')
  expect(settingsOf({ noreplyaddress: 'none' }).from).toBe('noreply@m.example')
  expect(settingsOf({}).via).toBe('M')
  expect(settingsOf({ emailfromvia: '0' }).via).toBeNull()
})

describe('whom a mail goes to', () => {
  const to = (address: string, moodle: Readonly<Record<string, string>> = {}) =>
    destinationOf(address, settingsOf(moodle))?.address ?? null
  test.each([
    ['a@m.example', 'a@m.example'],
    ['a@m.invalid', null],
    ['a@m.INVALID', null],
    ['', null],
    ['nobody', null],
    ['a@m.example, b@m.example', null],
    ['a@m.example>\r\nRCPT TO:<b@m.example', null],
  ])('%j', (address, expected) => {
    expect(to(address)).toBe(expected)
  })

  test('where the site diverts all, or sends nothing', () => {
    const diverting = {
      divertallemailsto: 'd@m.example',
      divertallemailsexcept: 'a@m\\.example, b(\\+.*)?@m.example [x',
    }
    expect(['a@m.example', 'b+1@m.example', 'c@m.example'].map(one => to(one, diverting))).toEqual([
      'a@m.example',
      'b+1@m.example',
      'd@m.example',
    ])
    expect(to('a@m.example', { ...diverting, noemailever: '1' })).toBeNull()
    expect(to('a@m.example', { noemailever: '0' })).toBe('a@m.example')
  })
})
