import { randomBytes } from 'node:crypto'
import { isKnown, isMatch, rangeStands } from '../web/conditions.ts'
import type { Ask, Reply } from './ask.ts'
import { type ByteRange, parseRanges } from './ranges.ts'

/** `Cache-Control` of what a CID names: it never changes (specs.ipfs.tech, path gateway). */
export const IMMUTABLE = 'public, max-age=29030400, immutable'

const NO_BODY = { 'cache-control': 'no-store', 'content-length': 0 }

type Headers = Readonly<Record<string, string | number>>

/** Bytes whose number is known before they are read. */
export type Content = {
  readonly size: number
  readonly type: string
  readonly etag: string
  /** The rest of the head: `cache-control`, `content-disposition`, `x-ipfs-roots`. */
  readonly headers: Headers
  /**
   * The bytes of a part, or of all. Rejects with what can be seen before the first of them; as an
   * iterable it gives exactly as many as were asked for.
   */
  readonly read: (range: ByteRange) => Promise<Body>
  readonly label?: string
}

type Body = Uint8Array | AsyncIterable<Uint8Array>

/**
 * A 304 when the client has the content with this tag already, else undefined. `*` asks whether there is
 * a content at all: before it was looked for, nobody knows.
 */
export function notModified(
  ask: Pick<Ask, 'header'>,
  etag: string,
  headers: Headers,
): Reply | undefined {
  const known = ask.header('if-none-match')
  if (known?.trim() === '*' || !isKnown(known, etag)) return undefined
  return { status: 304, headers: { ...headers, etag } }
}

/**
 * The answer with the content or the parts of it that are asked for: 200, 206, 304, or 412 to an If-Match
 * of something else. Throws INVALID_RANGE.
 */
export async function contentReply(
  ask: Pick<Ask, 'method' | 'header'>,
  content: Content,
): Promise<Reply> {
  const { etag, headers } = content
  if (!isMatch(ask.header('if-match'), etag)) return { status: 412, headers: { etag, ...NO_BODY } }
  if (isKnown(ask.header('if-none-match'), etag))
    return { status: 304, headers: { ...headers, etag } }
  const ranges = askedRanges(ask, content)
  const [range, second] = ranges ?? []
  if (ranges === undefined || range === undefined) return whole(ask, content)
  return second === undefined ? part(content, range) : parts(content, ranges)
}

/** The ranges of a GET, unless If-Range says the client has something else. */
function askedRanges({ method, header }: Pick<Ask, 'method' | 'header'>, { etag, size }: Content) {
  const range = method === 'GET' ? header('range') : undefined
  if (range === undefined || !rangeStands(header('if-range'), etag)) return undefined
  return parseRanges(range, size)
}

async function whole({ method }: Pick<Ask, 'method'>, content: Content): Promise<Reply> {
  const { size, type } = content
  const headers = { ...headOf(content), 'content-type': type, 'content-length': size }
  const answer = { status: 200, headers, ...labelOf(content) }
  if (method === 'HEAD') return answer
  return { ...answer, body: await content.read({ offset: 0, length: size }) }
}

async function part(content: Content, range: ByteRange): Promise<Reply> {
  return {
    status: 206,
    headers: {
      ...headOf(content),
      'content-type': content.type,
      'content-length': range.length,
      'content-range': contentRange(range, content.size),
    },
    body: await content.read(range),
    ...labelOf(content),
  }
}

/** Several ranges in one answer (RFC 9110, 14.6). */
async function parts(content: Content, ranges: readonly ByteRange[]): Promise<Reply> {
  const boundary = randomBytes(18).toString('base64url')
  const heads = ranges.map((range) => partHead(boundary, content, range))
  const end = Buffer.from(`\r\n--${boundary}--\r\n`)
  const bytes = heads.reduce((sum, head, at) => sum + head.length + (ranges[at]?.length ?? 0), 0)
  const first = await content.read(ranges[0] ?? { offset: 0, length: 0 })
  return {
    status: 206,
    headers: {
      ...headOf(content),
      'content-type': `multipart/byteranges; boundary=${boundary}`,
      'content-length': bytes + end.length,
    },
    body: partsBody(content, { ranges, heads, first, end }),
    ...labelOf(content),
  }
}

function partHead(boundary: string, { type, size }: Content, range: ByteRange): Buffer {
  const lines = [
    `\r\n--${boundary}`,
    `Content-Type: ${type}`,
    `Content-Range: ${contentRange(range, size)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}

type PartsInit = {
  readonly ranges: readonly ByteRange[]
  readonly heads: readonly Uint8Array[]
  readonly first: Body
  readonly end: Uint8Array
}

async function* partsBody(content: Content, init: PartsInit): AsyncGenerator<Uint8Array> {
  for (const [at, range] of init.ranges.entries()) {
    const head = init.heads[at]
    if (head !== undefined) yield head
    const body = at === 0 ? init.first : await content.read(range)
    if (body instanceof Uint8Array) yield body
    else yield* body
  }
  yield init.end
}

function contentRange({ offset, length }: ByteRange, size: number): string {
  return `bytes ${offset}-${offset + length - 1}/${size}`
}

function headOf({ etag, headers }: Content): Headers {
  return { ...headers, etag, 'accept-ranges': 'bytes' }
}

function labelOf({ label }: Content): Pick<Reply, 'label'> {
  return label === undefined ? {} : { label }
}
