/**
 * How a mail looks: a heading, some sentences, a link, lists; as plain text and as HTML. The HTML has its styles in its elements
 * and no table or picture, so that every program shows it about the same, light or dark. Pure.
 */
import { onOneLine } from '../messages/one-line.ts'
import { type Lang, say } from '../messages/say.ts'
import { type Html, html, NOTHING } from '../report/html-text.ts'

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
export const letterAsFragment = (letter: Letter): string => body(letter).text

function body({ lead, link, sections, quoted, foot }: Letter): Html {
  return html`<p style="${LEAD}">${lead}</p>
${link === null ? NOTHING : html`<p style="margin:0 0 20px"><a href="${link.url}" style="${BUTTON}">${link.label}</a></p>`}
${sections.map(sectionAsHtml)}${quoted.length === 0 ? NOTHING : html`<pre style="${QUOTED}">${quoted.map(line => html`${line}\n`)}</pre>`}
<p style="${FOOT}">${foot.map((sentence, at) => html`${at === 0 ? NOTHING : html`<br>`}${linkified(sentence)}`)}</p>`
}

/** As a page of its own. */
export function letterAsHtml(letter: Letter): string {
  const { lang, heading } = letter
  return html`<!DOCTYPE html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${heading}</title>
</head>
<body style="margin:0;padding:0">
<div lang="${lang}" style="${PAGE}">
<h1 style="${TITLE}">${heading}</h1>
${body(letter)}
</div>
</body>
</html>
`.text
}

// Neither the ink nor the paper is ours to choose: who reads in the dark has light ink. The link's blue is legible on both.
const PAGE =
  'max-width:640px;margin:0 auto;padding:20px 16px;font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;overflow-wrap:anywhere'
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

const sectionAsHtml = ({ heading, items, more }: Section): Html => html`<h2 style="${SUBTITLE}">${heading}</h2>
<ul style="${LIST}">
${items.map(({ name, details }) => html`<li style="${ITEM}"><strong>${name}</strong>${details.map(detail => SEPARATOR + detail)}</li>\n`)}</ul>
${more === '' ? NOTHING : html`<p style="margin:6px 0 0">${more}</p>\n`}`

const ADDRESS = /(https?:\/\/[^\s<>"]+[^\s<>".,;:)])/

/** A sentence of ours, whose addresses are links. */
const linkified = (sentence: string): Html =>
  html`${sentence.split(ADDRESS).map(part => (ADDRESS.test(part) ? html`<a href="${part}">${part}</a>` : part))}`
