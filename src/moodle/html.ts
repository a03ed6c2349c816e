/**
 * What becomes of HTML that people wrote. Moodle cleans it with HTMLPurifier and makes text of it with Html2Text, both in PHP:
 * ours is about the same, and as safe. Loaded only where there is HTML, since its libraries take long to load.
 */
import { convert } from 'html-to-text'
import sanitizeHtml from 'sanitize-html'

/** About what `clean_text` leaves of HTML: nothing that could run. */
export function cleanHtml(html: string): string {
  return sanitizeHtml(html, {
    allowedTags: [...sanitizeHtml.defaults.allowedTags, 'img'],
    allowedAttributes: {
      '*': ['class', 'dir', 'lang', 'style', 'title'],
      a: ['href', 'name', 'target'],
      img: ['src', 'alt', 'width', 'height'],
      td: ['colspan', 'rowspan'],
      th: ['colspan', 'rowspan'],
    },
  })
}

/** About what `html_to_text` makes of HTML: lines of 75 characters, links with their address. */
export const htmlToText = (html: string): string => convert(html, { wordwrap: 75 })
