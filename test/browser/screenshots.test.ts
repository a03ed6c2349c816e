/**
 * The pictures of the page in `docs/images/`, in both languages. Made when they are asked for, since pixels differ from machine to
 * machine: `MOODLE_SYNCD_SCREENSHOTS=1 npx vitest run test/browser/screenshots.test.ts`.
 */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { startBrowser } from '../chromium.ts'
import { newPageSite, PASSWORD, startPage } from '../page.ts'

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url))

const FILE = [
  'cmd;cid;uid;rolename;enrol;gcmd;g1',
  'add;BIO-2;E1018;student;manual;gaddcreate;Groupe C',
  'add;BIO-2;E1019;student;manual;gadd;Groupe B',
  'shift;BIO-2;T002;editingteacher;manual;;',
  'suspend;BIO-2;E1003;;manual;;',
  'del;BIO-2;E1002;student;manual;;',
  'add;BIO-2;E1O20;student;manual;;',
  'add;MATHS-1;E1025;student;manual;;',
  'add;MATHS-1;E1011;student;manual;;',
  'del;HIST-GEO;E1004;;manual;;',
  '',
].join('\n')

test.skipIf(process.env.MOODLE_SYNCD_SCREENSHOTS === undefined)('pictures for the documentation', async () => {
  await mkdir(FOLDER, { recursive: true })
  const site = await newPageSite({ guard: { maxUnenrolments: 3 } })
  const { url } = await startPage(site)
  for (const [lang, locale] of [
    ['en', 'en-GB'],
    ['fr', 'fr-FR'],
  ] as const) {
    const browser = await startBrowser()
    const context = await browser.newContext({ locale, viewport: { width: 1100, height: 720 }, deviceScaleFactor: 1.5 })
    const page = await context.newPage()
    const shoot = (name: string): Promise<unknown> =>
      page.screenshot({ path: `${FOLDER}${name}-${lang}.png`, fullPage: true })
    await page.goto(url)
    await page.fill('#username', 'admin')
    await page.fill('#password', PASSWORD)
    await page.press('#password', 'Enter')
    await page.waitForSelector('nav.parts')
    await page.goto(`${url}/run`)
    await page.setInputFiles('#file', { name: 'enrols.csv', mimeType: 'text/csv', buffer: Buffer.from(FILE) })
    await page.click('section[aria-labelledby="send"] button')
    await page.waitForSelector('#summary')
    await shoot('report')
    await page.goto(`${url}/enrolments`)
    await page.screenshot({ path: `${FOLDER}enrolments-${lang}.png` })
    await page.goto(url)
    await shoot('status')
    await page.setViewportSize({ width: 390, height: 844 })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.goto(`${url}/run`)
    await page.screenshot({ path: `${FOLDER}phone-${lang}.png` })
  }
})
