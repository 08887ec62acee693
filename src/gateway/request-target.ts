import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { parseAnyCid } from './cid-text.ts'

/** What a URL of the gateway names. */
export type RequestTarget =
  | { readonly kind: 'home' }
  | { readonly kind: 'redirect'; readonly location: string }
  | ContentTarget

export type ContentTarget = {
  readonly kind: 'content'
  readonly root: CID
  readonly rootText: string
  readonly path: readonly string[]
  readonly trailingSlash: boolean
  readonly urlPath: string
  readonly query: URLSearchParams
}

/** The form for proxies, which every server has to take, too (RFC 9112, 3.2.2). */
const ABSOLUTE = /^http:\/\/(?<host>[^/?#]+)(?<path>\/.*)?$/i

/** The path of a request with its query, and the host it is for: what the target says before what `Host` does. */
export function originOf(url: string, host = ''): { readonly host: string; readonly url: string } {
  const groups = url.startsWith('/') ? undefined : ABSOLUTE.exec(url)?.groups
  return groups === undefined
    ? { host, url }
    : { host: groups['host'] ?? '', url: groups['path'] ?? '/' }
}

/**
 * Reads the target of a request, as it came. Names are percent-decoded once, each by itself; `.` and
 * `..` lead where a browser would take them (RFC 3986, 5.2.4), but not out of the root. Throws
 * INVALID_INPUT, INVALID_CID, ROUTE_NOT_FOUND, and NOT_IMPLEMENTED for `/ipns/`.
 */
export function parseRequestTarget(url: string): RequestTarget {
  if (!/^\/[!-~]*$/.test(url)) throw invalid('the target of a request must be a path, in ASCII')
  const { urlPath, search } = splitUrl(url)
  if (urlPath === '/') return { kind: 'home' }
  const segments = urlPath.split('/')
  const [, namespace = '', rootText = ''] = segments
  if (namespace === 'ipns') throw noIpns()
  if (namespace !== 'ipfs') throw nothingAt(urlPath)
  const query = search === '' ? NO_QUERY : new URLSearchParams(search)
  const uri = segments.length <= 3 && rootText === '' ? query.get('uri') : null
  if (uri !== null) return { kind: 'redirect', location: locationOf(uri) }
  const root = decodeName(rootText)
  return {
    kind: 'content',
    root: parseAnyCid(root),
    rootText: root,
    ...pathOf(segments.slice(3)),
    urlPath,
    query,
  }
}

function splitUrl(url: string): { urlPath: string; search: string } {
  const hash = url.indexOf('#')
  const whole = hash < 0 ? url : url.slice(0, hash)
  const at = whole.indexOf('?')
  if (at < 0) return { urlPath: whole, search: '' }
  return { urlPath: whole.slice(0, at), search: whole.slice(at + 1) }
}

const NO_QUERY = new URLSearchParams()

/** The URL of a content; each name is encoded by itself. */
export function contentUrl(rootText: string, path: readonly string[]): string {
  const names = [rootText, ...path].map((name) => encodeURIComponent(name.toWellFormed()))
  return `/ipfs/${names.join('/')}`
}

function pathOf(segments: readonly string[]): Pick<ContentTarget, 'path' | 'trailingSlash'> {
  const path: string[] = []
  for (const name of segments.map(decodeName)) {
    if (name === '..') {
      if (path.pop() === undefined) throw invalid('the path leads out of its root')
    } else if (name !== '' && name !== '.') path.push(name)
  }
  if (path.length > limits.maxPathDepth)
    throw invalid(`the path has more than ${limits.maxPathDepth} names`)
  const last = segments.at(-1)
  const trailingSlash = last !== undefined && ['', '.', '..'].includes(decodeName(last))
  return { path, trailingSlash }
}

function decodeName(segment: string): string {
  if (!segment.includes('%')) return segment
  const name = decodedOrUndefined(segment)
  if (name !== undefined && !/[/\0]/.test(name)) return name
  throw invalid(`${JSON.stringify(segment.slice(0, 120))} is no name in a path`)
}

function decodedOrUndefined(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Where `?uri=` of a link handler leads: `ipfs://CID/path?query` as a path of this gateway. */
function locationOf(uri: string): string {
  const [, scheme = '', path = '', query = ''] =
    /^(ipfs|ipns):\/\/([^?#]+)(\?[^#]*)?/i.exec(uri) ?? []
  if (path === '') throw invalid('uri= needs an ipfs:// or ipns:// address')
  const names = path
    .split('/')
    .map((name) => encodeURIComponent((decodedOrUndefined(name) ?? name).toWellFormed()))
  return `/${scheme.toLowerCase()}/${names.join('/')}${ascii(query)}`
}

function ascii(text: string): string {
  return text.replace(/[^!-~]/gu, (character) => encodeURIComponent(character.toWellFormed()))
}

function invalid(message: string): PrsmError {
  return new PrsmError('INVALID_INPUT', message, {
    hint: 'ask for /ipfs/CID/path, each name percent-encoded as encodeURIComponent does',
  })
}

function noIpns(): PrsmError {
  return new PrsmError('NOT_IMPLEMENTED', 'this gateway does not resolve IPNS names', {
    hint: 'resolve the name elsewhere and ask for /ipfs/CID',
  })
}

function nothingAt(urlPath: string): PrsmError {
  return new PrsmError('ROUTE_NOT_FOUND', `there is nothing at ${urlPath.slice(0, 120)}`, {
    hint: 'content stands under /ipfs/CID',
  })
}
