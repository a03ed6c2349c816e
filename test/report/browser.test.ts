/** Reports as a browser shows them: nothing is obeyed, nothing is asked of anybody, and nothing is out of sight on a phone. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { chromiumMissing, startBrowser } from '../chromium.ts'

const missing = await chromiumMissing()
if (missing !== undefined) process.stderr.write(`Reports are not tested in a browser: ${missing}.\n`)

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const KINDS = ['faults.fr', 'held.en', 'undo.fr']

describe.skipIf(missing !== undefined)('a report', () => {
  test.each([
    [1280, 'light'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)('%d pixels wide, %s', async (width, colorScheme) => {
    const browser = await startBrowser()
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', message => complaints.push(message.text()))
    page.on('dialog', dialog => complaints.push(dialog.message()))
    page.on('request', request => {
      if (!request.url().startsWith('file:')) complaints.push(request.url())
    })
    for (const kind of KINDS) {
      await page.goto(`file://${fileURLToPath(new URL(`golden/${kind}.html`, import.meta.url))}`)
      const [wide, images] = await page.evaluate<[number, number]>(
        '[document.documentElement.scrollWidth - document.documentElement.clientWidth, document.images.length]',
      )
      expect([kind, wide, images]).toEqual([kind, 0, 0])
      expect(await page.getAttribute('html', 'lang')).toBe(kind.split('.')[1])
      await page.evaluate(AXE)
      const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
        'axe.run()',
      )
      const faults = violations.map(({ id, nodes }) => `${kind}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      expect(faults).toEqual([])
    }
    expect(complaints).toEqual([])
  })
})
