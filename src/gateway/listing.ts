import type { CID } from 'multiformats/cid'
import { limits } from '../core/limits.ts'
import { listDirectory } from '../unixfs/directory.ts'
import { primed } from '../web/response-stream.ts'
import type { Ask, Reply } from './ask.ts'
import { notModified } from './content-reply.ts'
import { escaped, HTML, PAGE_END, PAGE_POLICY, PAGE_VERSION, pageHead } from './page.ts'
import { contentUrl } from './request-target.ts'

/** A page of ours may look otherwise tomorrow (as Kubo has it). */
const CACHE_CONTROL = 'public, max-age=604800, stale-while-revalidate=2678400'

/** Characters that leave together. */
const GATHER = 32 * 1024

/** The names of a folder as a page that needs no script. Sizes are what the links claim. */
export async function listingReply(ask: Ask, cid: CID, roots: string): Promise<Reply> {
  const etag = `"DirIndex-${PAGE_VERSION}_CID-${cid}"`
  const headers = { 'cache-control': CACHE_CONTROL, 'x-ipfs-roots': roots }
  const known = notModified(ask, etag, headers)
  if (known !== undefined) return known
  const answer = {
    status: 200,
    headers: { ...headers, etag, 'content-type': HTML, 'content-security-policy': PAGE_POLICY },
    label: 'directory',
  }
  return ask.method === 'HEAD'
    ? answer
    : { ...answer, body: await primed(gathered(page(ask, cid))) }
}

type Entry = { readonly name: string; readonly cid: CID; readonly dagBytes: number }

async function* page(ask: Ask, cid: CID): AsyncGenerator<string> {
  const { blocks, nodes, signal, rootText, path } = ask
  const entries = listDirectory(blocks, cid, { nodes, signal })[Symbol.asyncIterator]()
  // The first entry before the first word: a folder that cannot be read still gets an error's status.
  let next = await entries.next()
  try {
    yield `${pageHead(`/ipfs/${[rootText, ...path].map(shown).join('/')}`)}${heading(ask)}<table>${upRow(ask)}`
    for (let listed = 0; !next.done; next = await entries.next()) {
      if (listed++ === limits.gatewayListedEntries) break
      yield row(ask, next.value)
    }
    yield `</table>${next.done === true ? '' : TRUNCATED}${PAGE_END}`
  } finally {
    await entries.return()
  }
}

const TRUNCATED = `<p class="note">The first ${limits.gatewayListedEntries} entries; there are more.</p>`

/** Kubo's form, which programs read: each name of the path leads to its folder. */
function heading({ rootText, path }: Ask): string {
  const crumbs = [rootText, ...path].map((name, at) => {
    const href = contentUrl(rootText, path.slice(0, at))
    return `<a href="${escaped(href)}">${escaped(shown(name))}</a>`
  })
  return `<h1>Index of /ipfs/${crumbs.join('/')}</h1>\n`
}

function upRow({ rootText, path }: Ask): string {
  if (path.length === 0) return ''
  const href = `${contentUrl(rootText, path)}/..`
  return `<tr><td><a href="${escaped(href)}">..</a></td><td></td><td></td></tr>\n`
}

function row({ rootText, path }: Ask, { name, cid, dagBytes }: Entry): string {
  const text = escaped(shown(name))
  const link = isReachable(name)
    ? `<a href="${escaped(contentUrl(rootText, [...path, name]))}">${text}</a>`
    : text
  const byCid = `/ipfs/${cid}?filename=${twiceEncoded(name)}`
  return `<tr><td>${link}</td><td><a class="ipfs-hash" translate="no" href="${escaped(byCid)}">${cid}</a></td><td class="size">${sizeText(dagBytes)}</td></tr>\n`
}

/** Twice, as Kubo has it: so what is saved under this name has it encoded, which every disk takes. */
function twiceEncoded(name: string): string {
  return encodeURIComponent(encodeURIComponent(name.toWellFormed()))
}

/** False for names that no path of a URL leads to. */
function isReachable(name: string): boolean {
  return !['', '.', '..'].includes(name) && !/[/\0\ufffd]/.test(name)
}

/** What would break a line or turn the direction of the text around is shown as a sign of its own. */
function shown(name: string): string {
  return name
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** As `1.5 MiB`. */
function sizeText(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)}&nbsp;${UNITS[unit]}`
}

async function* gathered(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let held = ''
  for await (const piece of pieces) {
    held += piece
    if (held.length < GATHER) continue
    yield Buffer.from(held)
    held = ''
  }
  if (held !== '') yield Buffer.from(held)
}
