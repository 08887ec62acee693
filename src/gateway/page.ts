import { createHash } from 'node:crypto'

/** The one style of our pages. Their policy allows it by its hash, and nothing else. */
const STYLE = `:root{color-scheme:light dark;--edge:#8884}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.15rem;overflow-wrap:anywhere}
a{text-decoration:none;unicode-bidi:isolate}a:hover{text-decoration:underline}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid var(--edge);padding:.3rem .5rem;vertical-align:top;overflow-wrap:anywhere}
td.size{text-align:right;white-space:nowrap}
.ipfs-hash,code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}
p.note{color:GrayText}`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

/** Stands in the tags of generated pages, so that a changed page is not taken for the one before. */
export const PAGE_VERSION: string = createHash('sha256')
  .update(`1${STYLE}`)
  .digest('hex')
  .slice(0, 12)

/** For pages we made: no script, no resource, no frame around them. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

export const HTML = 'text/html; charset=utf-8'

/** `text` as it may stand in HTML, in an attribute too. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** The beginning of a page; `title` is text, not HTML. */
export function pageHead(title: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
`
}

export const PAGE_END = '</body></html>\n'
