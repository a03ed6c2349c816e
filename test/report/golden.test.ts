/**
 * A golden file for each kind of report, in each language and form, made by real runs on the small school. After a change that
 * is meant: `npx vitest run test/report/golden.test.ts -u`, and look at what differs.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { runs } from '../../src/commands/runs.ts'
import { LANGUAGES } from '../../src/messages/say.ts'
import { reportAsHtml } from '../../src/report/html.ts'
import { reportAsJson } from '../../src/report/json.ts'
import { reportAsText } from '../../src/report/text.ts'
import { filesIn } from '../store/folder.ts'
import { addWhatGoesWrong, FAULTY, newSite, type Site } from './school.ts'

/** What differs from run to run. */
function normalised(text: string, { school }: Site): string {
  return text
    .replaceAll(school.folder, '/var')
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'RUN')
    .replaceAll(/\b\d{8}-\d{6}_/g, 'STAMP_')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d{1,2} \p{L}+ \d{4}[^,]{0,5}\d\d:\d\d:\d\d/gu, 'TIME')
    .replaceAll(/\d+[.,]\d(?=.s[.<\n])/g, '0.1')
}

/** The reports of the last run, by their ending. */
async function reportsOf(site: Site, beginsWith = ''): Promise<Map<string, string>> {
  const folder = site.store.folder.reports
  const names = (await readdir(folder)).filter(name => name.slice('YYYYMMDD-HHmmss_'.length).startsWith(beginsWith))
  const texts = names.map(async name => {
    const text = await readFile(join(folder, name), 'utf8')
    return [name.slice(name.lastIndexOf('.') + 1), normalised(text, site)] as const
  })
  return new Map(await Promise.all(texts))
}

async function expectGolden(kind: string, lang: string, reports: ReadonlyMap<string, string>): Promise<void> {
  expect([...reports.keys()].sort()).toEqual(['html', 'json', 'txt'])
  for (const [ending, text] of reports) await expect(text).toMatchFileSnapshot(`golden/${kind}.${lang}.${ending}`)
}

describe.each(LANGUAGES)('in %s', lang => {
  test('of a file with faults', async () => {
    const site = await newSite(lang)
    await addWhatGoesWrong(site.school)
    await site.run(FAULTY)
    await expectGolden('faults', lang, await reportsOf(site))
  })

  test('of a simulated run, which is printed', async () => {
    const site = await newSite(lang)
    const reports = new Map<string, string>()
    await site.run('cid;uid;rolename;enrol\nBIO-2;E1018;student;manual\nBIO2;E1019;student;manual\n', {
      simulate: true,
      onReport: async (report, rows) => {
        reports.set('txt', normalised(await text(reportAsText(report, rows(), lang)), site))
        reports.set('json', normalised(await text(reportAsJson(report, rows(), lang)), site))
        reports.set('html', normalised(await text(reportAsHtml(report, rows, lang)), site))
      },
    })
    await expectGolden('simulated', lang, reports)
  })

  test('of a past run, printed as it is kept', async () => {
    const site = await newSite(lang)
    const { id } = await site.run('cid;uid;rolename\nBIO-2;E9999;student\n')
    for (const format of ['text', 'json', 'html'] as const) {
      const stdout = new PassThrough()
      const said = text(stdout)
      const configPath = await site.school.writeConfig()
      const context = { configPath, format, lang: 'en', stdout, stderr: stdout, colour: false, env: {} } as const
      await runs(context, id.slice(0, 8), { retryFile: false })
      stdout.end()
      const kept = await reportsOf(site)
      expect(normalised(await said, site)).toBe(kept.get(format === 'text' ? 'txt' : format))
    }
  })

  test('of a file that was refused', async () => {
    const site = await newSite(lang)
    await site.run('cmd;cid;rolenam;<b>uid</b>\nadd;BIO-2;student;E1018\n')
    await expectGolden('refused', lang, await reportsOf(site))
  })

  test('of a file that is held, because all of it is by another identifier', async () => {
    const site = await newSite(lang, { guard: { maxUnmatched: '20%' } })
    const people = await site.school.query<{ username: string }>(
      'SELECT username FROM {user} WHERE id BETWEEN 9 AND 32',
    )
    await site.run(`cid;uid;rolename\n${people.map(({ username }) => `BIO-2;${username};student\n`).join('')}`)
    await expectGolden('held', lang, await reportsOf(site))
  })

  test('of a run that is taken back, where somebody has changed something since', async () => {
    const site = await newSite(lang)
    const { id } = await site.run(
      ['cmd;cid;uid;rolename;enrol;gcmd;g1', 'add;BIO-2;E1018;student;manual;gaddcreate;Groupe C', ''].join('\n'),
    )
    await site.school.query('UPDATE {user_enrolments} SET timeend = 2000000000 WHERE enrolid = 2 AND userid = 26')
    await site.undo(id)
    await expectGolden('undo', lang, await reportsOf(site, 'undo-'))
    await expectGolden('done', lang, await reportsOf(site, 'enrols'))
  })
})

test('a simulated run, which leaves no file, says of every row what the real one says', async () => {
  const site = await newSite('en')
  await addWhatGoesWrong(site.school)
  const told: unknown[] = []
  const onReport: NonNullable<Parameters<Site['run']>[1]>['onReport'] = async ({ faults }, rows) => {
    const hints: unknown[] = []
    for await (const { error, warnings, place } of rows()) {
      for (const { code, args } of error === undefined ? warnings : [error])
        hints.push([place.line, code, faults.hintOf(code, args)])
    }
    told.push({ hints, errors: faults.errors, warnings: faults.warnings })
  }
  await site.run(FAULTY, { simulate: true, onReport })
  expect(Object.keys(await filesIn(site.store.folder.reports))).toEqual([])
  await site.run(FAULTY, { onReport })
  expect(told[0]).toEqual(told[1])
})
