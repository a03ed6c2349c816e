/** The page in a real browser, as an administrator uses it: the main things, in both languages, on a phone, by the keyboard. */
import { readFile } from 'node:fs/promises'
import axe from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { chromiumMissing, startBrowser } from '../chromium.ts'
import { newPageSite, PASSWORD, startPage, type TestPage } from '../page.ts'
import { HEADER } from '../process/daemon.ts'

const missing = await chromiumMissing()
if (missing !== undefined) process.stderr.write(`The page is not tested in a browser: ${missing}.\n`)

const FAULTY = `${HEADER}add;BIO-2;E1018;student;manual\nadd;BIO-2;E9999;student;manual\ndel;BIO-2;E1002;student;manual\n`
const MENDED = FAULTY.replace('E9999', 'E1019')

interface Sheet {
  readonly page: Page
  /** What the browser has had to complain of: scripts, styles and the policy for both. */
  readonly complaints: string[]
  readonly go: (path: string) => Promise<void>
}

async function open({ url }: TestPage, options: BrowserContextOptions): Promise<Sheet> {
  const browser = await startBrowser()
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const complaints: string[] = []
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(String(error)))
  return {
    page,
    complaints,
    go: async path => {
      await page.goto(url + path)
    },
  }
}

async function logIn({ page, go }: Sheet): Promise<void> {
  await go('/')
  await page.fill('#username', 'admin')
  await page.fill('#password', PASSWORD)
  await page.press('#password', 'Enter')
  await page.waitForSelector('nav.parts')
}

const send = async (page: Page, name: string, content: string, isSimulated: boolean): Promise<void> => {
  await page.setInputFiles('#file', { name, mimeType: 'text/csv', buffer: Buffer.from(content) })
  await page.setChecked('#simulate', isSimulated)
  await page.click('section[aria-labelledby="send"] button')
  await page.waitForSelector('#summary')
}

const figures = (page: Page): Promise<string[]> => page.locator('.tiles strong').allTextContents()

/** Faults of accessibility, as axe finds them. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = (await page.evaluate('axe.run()')) as {
    readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[]
  }
  return found.violations.map(({ id, nodes }) => `${page.url()}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

describe.skipIf(missing !== undefined)('in a browser', () => {
  test('in French: set the identifiers, simulate a file with faults, mend it, run it, find it, take it back, approve a held one', async () => {
    const site = await newPageSite({ guard: { maxUnenrolments: 2 } })
    const served = await startPage(site)
    const sheet = await open(served, { locale: 'fr-FR', viewport: { width: 1280, height: 900 } })
    const { page, go } = sheet
    await logIn(sheet)
    expect(await page.textContent('h1')).toBe('État')
    expect(await page.getAttribute('html', 'lang')).toBe('fr')

    await page.click('nav.parts >> text=Inscriptions')
    await page.selectOption('#enrol-userIdentifier', 'username')
    await page.fill('#csv-encoding', 'klingon')
    await page.click('.save button')
    expect(await page.textContent('#csv-encoding-fault')).toContain('klingon')
    expect(await page.getAttribute('#csv-encoding', 'aria-invalid')).toBe('true')
    await page.waitForSelector('#csv-encoding:focus')
    expect(await page.getAttribute('.notice.bad a', 'href')).toBe('#csv-encoding')
    expect(await page.inputValue('#enrol-userIdentifier')).toBe('username')
    await page.selectOption('#enrol-userIdentifier', 'idnumber')
    await page.fill('#csv-encoding', 'utf-8')
    await page.uncheck('#enrol-protectManualGroups')
    await page.click('.save button')
    await expect.poll(() => page.textContent('.notice.good')).toContain('s’applique')
    expect(await readFile(site.config, 'utf8')).toContain('protectManualGroups: false')

    await page.click('nav.parts >> text=Exécution manuelle')
    await send(page, 'rentrée.csv', FAULTY, true)
    expect(await figures(page)).toEqual(['3', '2', '0', '1'])
    expect(await page.textContent('table.rows')).toContain(
      'Aucun utilisateur n’a le numéro d’identification «\u00a0E9999\u00a0»',
    )
    expect(await site.enrolled('BIO-2')).not.toContain('E1018')
    expect(await page.textContent('#code')).toContain('1 × utilisateur introuvable')
    await page.selectOption('#outcome', 'applied')
    await page.click('.filter button')
    await expect.poll(() => page.locator('table.rows tbody tr').count()).toBe(2)
    expect(await page.textContent('table.rows')).toContain('Rose Mitchell')
    await page.fill('#text', 'E1002')
    await page.click('.filter button')
    await expect.poll(() => page.locator('table.rows tbody tr').count()).toBe(1)

    await page.click('text=Exécuter un autre fichier')
    await page.waitForSelector('#file')
    await send(page, 'rentrée.csv', MENDED, true)
    expect(await figures(page)).toEqual(['3', '3', '0', '0'])
    await page.click('text=Exécuter pour de bon')
    await page.waitForSelector('text=Télécharger le fichier')
    expect(await figures(page)).toEqual(['3', '3', '0', '0'])
    expect(await site.enrolled('BIO-2')).toEqual(expect.arrayContaining(['E1018', 'E1019']))

    await page.click('nav.parts >> text=Exécutions')
    expect(await page.textContent('tbody tr')).toContain('admin (page web)')
    const now = new Date()
    await page.fill('#q', `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, '0')}`)
    await page.click('.filter button')
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
    await page.fill('#q', '2001-01-01')
    await page.click('.filter button')
    await expect.poll(() => page.textContent('.calm')).toBe('Aucune exécution ne correspond.')
    await go('/runs')
    await page.click('tbody a')
    await page.click('text=Voir ce que ferait une annulation')
    await expect.poll(() => page.textContent('.tiles')).toMatch(/remis en l’état.*laissés tels quels/s)
    await page.click('text=Annuler cette exécution')
    await page.waitForSelector('h1:has-text("Rapport d’une annulation")')
    expect(await site.enrolled('BIO-2')).not.toContain('E1018')
    expect(await site.enrolled('BIO-2')).toContain('E1002')

    await go('/run')
    const leaving = ['E1003', 'E1004', 'E1005'].map(uid => `del;BIO-2;${uid};;manual\n`).join('')
    await send(page, 'départs.csv', HEADER + leaving, false)
    expect(await page.textContent('.notice.warn')).toContain('3 personnes')
    await page.click('text=Vers les fichiers retenus')
    await page.click('text=Approuver et exécuter…')
    // Moodle is changed only once somebody has seen by how much.
    await expect.poll(() => page.textContent('main')).toMatch(/Pourquoi il est retenu.*3 personnes désinscrites/s)
    expect(await site.enrolled('BIO-2')).toContain('E1004')
    await page.click('button:has-text("Approuver et exécuter")')
    await page.waitForSelector('#summary')
    expect(await figures(page)).toEqual(['3', '3', '0', '0'])
    expect(await site.enrolled('BIO-2')).not.toContain('E1004')

    await page.click('text=Déconnexion')
    await page.waitForSelector('#username')
    await go('/runs')
    expect(await page.textContent('h1')).toBe('Connexion')
    expect(sheet.complaints.filter(text => !text.includes('422'))).toEqual([])
  })

  test('in English, on a phone, in the dark, without JavaScript: log in, send, read, delete', async () => {
    const site = await newPageSite()
    const served = await startPage(site)
    const phone = { width: 390, height: 844 }
    const options = { locale: 'en-GB', viewport: phone, colorScheme: 'dark', javaScriptEnabled: false } as const
    const sheet = await open(served, options)
    const { page, go } = sheet
    await logIn(sheet)
    await go('/run')
    await send(page, 'first.csv', FAULTY, false)
    expect(await figures(page)).toEqual(['3', '2', '0', '1'])
    await page.click('button[lang="fr"]')
    await expect.poll(() => page.textContent('h1')).toBe('Rapport')
    await page.click('button[lang="en"]')
    await go('/files?folder=retry')
    await page.click('text=Delete…')
    await page.click('button.danger')
    expect(await page.textContent('.notice.good')).toContain('first.csv has been deleted')
    expect(Object.keys(await site.stored()).filter(name => name.startsWith('retry/'))).toEqual([])
  })

  test('by the keyboard alone, from the link over the navigation to the report', async () => {
    const served = await startPage(await newPageSite())
    const { page, go } = await open(served, { locale: 'en-GB' })
    const focused = (): Promise<string> =>
      page.evaluate('document.activeElement.textContent || document.activeElement.id')
    const tabTo = async (wanted: string): Promise<void> => {
      for (let n = 0; n < 40; n++) {
        await page.keyboard.press('Tab')
        if ((await focused()).trim() === wanted) return
      }
      throw new Error(`the keyboard does not come to ${wanted}`)
    }
    await go('/login')
    // A browser gives the focus to an autofocus field with the first frame, which may come after the load event.
    await page.waitForSelector('#username:focus')
    await page.keyboard.type('admin')
    await page.keyboard.press('Tab')
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press('Enter')
    await page.waitForSelector('nav.parts')
    await page.keyboard.press('Tab')
    await expect.poll(focused).toBe('Skip to main content')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#content:focus')
    await page.goto(`${served.url}/`)
    await tabTo('Run by hand')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#file')
    await tabTo('file')
    await page.setInputFiles('#file', { name: 'keys.csv', mimeType: 'text/csv', buffer: Buffer.from(FAULTY) })
    await tabTo('Send and run')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#summary')
    await tabTo('Run it for real')

    // What the page shows by itself is not taken for new once nobody answers any more.
    await go('/')
    expect(await page.isVisible('[data-lost]')).toBe(false)
    await served.daemon.end('SIGKILL')
    await page.waitForSelector('[data-lost]:not([hidden])')
  })

  test('no part of it is hard to use for some: axe finds nothing, on a desk and on a phone, light and dark', async () => {
    const site = await newPageSite({ guard: { maxUnenrolments: 0 } })
    const served = await startPage(site)
    const sheet = await open(served, { locale: 'fr-FR', viewport: { width: 1280, height: 900 } })
    const { page, go } = sheet
    await go('/login')
    const faults = await faultsOf(page)
    await logIn(sheet)
    await go('/run')
    await send(page, 'held.csv', `${HEADER}del;BIO-2;E1003;;manual\n`, false)
    await go('/run')
    await send(page, 'first.csv', `${FAULTY.replace(/del.*\n/, '')}`, false)
    const report = new URL(page.url()).pathname
    const parts = [
      '/',
      '/run',
      '/runs',
      report,
      `${report}?all=1`,
      '/held',
      '/held/approve?name=held.csv',
      '/files?folder=reports',
      '/enrolments',
      '/nowhere',
    ]
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [390, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme })
      for (const part of parts) {
        await go(part)
        faults.push(...(await faultsOf(page)))
        expect([part, await overflow(page)]).toEqual([part, 0])
      }
    }
    expect(faults).toEqual([])
  })
})
