/**
 * How a mail looks: a heading, some sentences, a link, lists; as plain text and as HTML. The HTML has its styles in its elements
 * and no table or picture, so that every program shows it about the same, light or dark. Pure.
 */
import { onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'

export interface Letter {
  readonly lang: Lang
  readonly heading: string
  /** What is to be read first. */
  readonly lead: string
  readonly link: { readonly url: string; readonly label: string } | null
  readonly sections: readonly Section[]
  /** Lines as they are, such as those of a report or a command. */
  readonly quoted: readonly string[]
  /** Why it was sent, what can be done about that. */
  readonly foot: readonly string[]
}

export interface Section {
  readonly heading: string
  readonly items: readonly { readonly name: string; readonly details: readonly string[] }[]
  /** What stands below the items; empty: nothing. */
  readonly more: string
}

/** As plain text. */
export function letterAsText({ lang, heading, lead, link, sections, quoted, foot }: Letter): string {
  const blocks = [
    [heading],
    [lead],
    ...(link === null ? [] : [[say(lang, 'mail.link', link)]]),
    ...sections.map(({ heading, items, more }) => [
      heading,
      ...items.map(({ name, details }) => `- ${[name, ...details].map(onOneLine).join(SEPARATOR)}`),
      ...(more === '' ? [] : [more]),
    ]),
    ...(quoted.length === 0 ? [] : [quoted.map(line => `  ${onOneLine(line)}`)]),
    ['-- ', ...foot],
  ]
  return `${blocks.map(lines => lines.join('\n')).join('\n\n')}\n`
}

const SEPARATOR = ' · '

/** As a part of a page: what Moodle shows of a notification. */
export function letterAsFragment({ lead, link, sections, quoted, foot }: Letter): string {
  return [
    `<p style="${LEAD}">${escapeHtml(lead)}</p>`,
    ...(link === null
      ? []
      : [
          `<p style="margin:0 0 20px"><a href="${escapeHtml(link.url)}" style="${BUTTON}">${escapeHtml(link.label)}</a></p>`,
        ]),
    ...sections.map(sectionAsHtml),
    ...(quoted.length === 0
      ? []
      : [`<pre style="${QUOTED}">${quoted.map(onOneLine).map(escapeHtml).join('\n')}</pre>`]),
    `<p style="${FOOT}">${foot.map(linkified).join('<br>')}</p>`,
  ].join('\n')
}

/** As a page of its own. */
export function letterAsHtml(letter: Letter): string {
  const { lang, heading } = letter
  return `<!DOCTYPE html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(heading)}</title>
</head>
<body style="margin:0;padding:0">
<div lang="${lang}" style="${PAGE}">
<h1 style="${TITLE}">${escapeHtml(onOneLine(heading))}</h1>
${letterAsFragment(letter)}
</div>
</body>
</html>
`
}

// Neither the ink nor the paper is ours to choose: who reads in the dark has light ink. The link's blue is legible on both.
const PAGE =
  "max-width:640px;margin:0 auto;padding:20px 16px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;overflow-wrap:anywhere"
const TITLE = 'margin:0 0 8px;font-size:22px;line-height:1.25;font-weight:600'
const LEAD = 'margin:0 0 16px;font-size:18px'
const BUTTON =
  'display:inline-block;padding:10px 18px;border-radius:6px;background-color:#0f6cbf;color:#ffffff;text-decoration:none;font-weight:600'
const SUBTITLE = 'margin:24px 0 6px;font-size:17px;line-height:1.3;font-weight:600'
const LIST = 'margin:0;padding:0 0 0 20px'
const ITEM = 'margin:0 0 6px'
const QUOTED =
  'margin:16px 0;padding:12px;border:1px solid #8a8a8a;border-radius:6px;font-family:Consolas,Menlo,monospace;font-size:14px;white-space:pre-wrap'
const FOOT = 'margin:28px 0 0;padding:12px 0 0;border-top:1px solid #8a8a8a;font-size:14px'

function sectionAsHtml({ heading, items, more }: Section): string {
  const rows = items.map(({ name, details }) => {
    const rest = details.map(detail => SEPARATOR + escapeHtml(onOneLine(detail))).join('')
    return `<li style="${ITEM}"><strong>${escapeHtml(onOneLine(name))}</strong>${rest}</li>`
  })
  const last = more === '' ? '' : `\n<p style="margin:6px 0 0">${escapeHtml(more)}</p>`
  return `<h2 style="${SUBTITLE}">${escapeHtml(heading)}</h2>\n<ul style="${LIST}">\n${rows.join('\n')}\n</ul>${last}`
}

/** The addresses in a sentence of ours as links. */
const linkified = (sentence: string): string =>
  escapeHtml(sentence).replace(/https?:\/\/[^\s<>"]+[^\s<>".,;:)]/g, url => `<a href="${url}">${url}</a>`)

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, character => ESCAPED[character]!)
