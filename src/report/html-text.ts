/**
 * Text of HTML that cannot be broken out of: whatever a template is filled with is text, unless it was made by a template
 * itself. And the frame that all reports have, in one file that asks for nothing else: no script, no font, no picture.
 */
import { onOneLine } from '../messages/one-line.ts'
import type { Lang } from '../messages/say.ts'

/** HTML that a template has made. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Filling = Html | string | number | readonly Filling[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template: html`<td>${cell}</td>`. Signs that a browser would obey (direction of text) do not get through either. */
export function html(parts: TemplateStringsArray, ...fillings: readonly Filling[]): Html {
  return new Html(parts.map((part, at) => part + (at < fillings.length ? filled(fillings[at]!) : '')).join(''))
}

function filled(filling: Filling): string {
  if (filling instanceof Html) return filling.text
  if (typeof filling === 'string') return onOneLine(filling).replaceAll(/[&<>"']/g, sign => ESCAPES[sign]!)
  if (typeof filling === 'number') return String(filling)
  return filling.map(filled).join('')
}

export const NOTHING = new Html('')

/** What a page begins with. @param title without its markup */
export const pageHead = (title: string, lang: Lang): string =>
  html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
`.text

export const PAGE_END = '</main>\n</body>\n</html>\n'

/** Colours have a contrast of 4.5 to 1 at least (WCAG 2.1 AA), in the light and in the dark. */
const STYLE = new Html(`
:root {
  --page: #f6f7f9; --card: #fff; --ink: #1b1f24; --quiet: #57606a; --line: #d8dee4;
  --good: #116329; --bad: #b3261e; --warn: #7a4b00; --hint: #0b57a4; --hint-back: #eaf3fd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1d2126; --ink: #e8eaed; --quiet: #a4adb7; --line: #363c44;
    --good: #6fdd8b; --bad: #ff9a91; --warn: #f0c069; --hint: #9cc8ff; --hint-back: #1b2b3d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); font-size: .9rem; overflow-wrap: anywhere; }
.badge { display: inline-block; margin: .5rem 0 0; padding: .1rem .7rem; border: 1px solid; border-radius: 1rem; font-weight: 600; font-size: .9rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .75rem; margin: 1.25rem 0; padding: 0; list-style: none; }
.tiles li, .card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.tiles b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card { margin: 0 0 .75rem; }
.todo { font-weight: 600; }
.hint { color: var(--hint); background: var(--hint-back); border-radius: .25rem; padding: .05rem .35rem; }
ul { margin: .5rem 0; padding-left: 1.25rem; }
table { width: 100%; border-collapse: collapse; margin-top: .5rem; font-size: .95rem; }
caption { text-align: left; font-weight: 600; padding: .75rem 0 .25rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 600; font-size: .85rem; overflow-wrap: normal; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; width: 1%; }
.lines { min-width: 6rem; overflow-wrap: normal; }
code { font: .9em ui-monospace, monospace; background: var(--page); border: 1px solid var(--line); border-radius: .25rem; padding: .05rem .3rem; overflow-wrap: anywhere; white-space: pre-wrap; }
summary { cursor: pointer; font-weight: 600; }
@media (max-width: 40rem) {
  .values tr { display: block; padding: .4rem 0; border-top: 1px solid var(--line); }
  .values thead { display: none; }
  .values td { display: inline; border: 0; padding: 0 .4rem 0 0; }
  .values td.number { display: none; }
  .values td:last-child { display: block; }
}
@media print {
  :root { --page: #fff; --card: #fff; --ink: #000; --quiet: #444; --line: #bbb; --good: #116329; --bad: #b3261e; --warn: #7a4b00; --hint: #000; --hint-back: #fff; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .card, tr { break-inside: avoid; }
}
`)
