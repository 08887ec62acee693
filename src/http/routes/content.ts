import type { FastifyInstance } from 'fastify'
import { API_ROOT, downloadQuery, OCTETS, TAR } from '../../api/schemas.ts'
import { formatTarget, type Target } from '../../core/cid.ts'
import type { ContentStat } from '../../core/content.ts'
import { PrsmError } from '../../core/errors.ts'
import type { ReadOptions } from '../../core/storage.ts'
import { packTar } from '../../files/tar.ts'
import { isKnown, rangeStands } from '../../web/conditions.ts'
import { attachment } from '../../web/content-disposition.ts'
import type { Exchange } from '../../web/exchange.ts'
import { primed, writeChunks } from '../../web/response-stream.ts'
import { targetOfUrl } from '../content-path.ts'
import { parseQuery } from '../query.ts'
import { type ByteRange, parseRange } from '../range.ts'
import { addRoute, type Handler } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

export type ContentParts = { readonly node: Pick<ServedNode, 'stat' | 'download' | 'walk'> }

/** Content never changes under its CID; it is the caller's own, so no shared cache keeps it. */
const CACHE_CONTROL = 'private, max-age=31536000, immutable'
const CID_SEGMENT = 4

/** `GET` and `HEAD /ipfs/{cid}[/path]`: a file with one range, a folder as a tar archive. */
export function addContentRoute(app: FastifyInstance, { node }: ContentParts): void {
  const handler: Handler = async (request, reply) => {
    const { exchange } = request
    const target = targetOfUrl(request.raw.url ?? '', CID_SEGMENT)
    const { filename, offline } = parseQuery(downloadQuery, request.query)
    const how = { signal: exchange.signal, offline: offline === 'true' }
    const stat = await node.stat(formatTarget(target), how)
    const name = filename ?? nameOf(target, stat)
    const send = stat.kind === 'file' ? sendFile : sendFolder
    await exchange.hold(send(exchange, node, { stat, name, how }))
    reply.hijack()
  }
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/:cid`], handler)
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/:cid/*`], handler)
}

type Found = {
  readonly stat: ContentStat
  readonly name: string
  readonly how: ReadOptions
}

function nameOf(target: Target, stat: ContentStat): string {
  const name = target.path.at(-1) ?? target.root.toString()
  return stat.kind === 'directory' ? `${name}.tar` : name
}

async function sendFile(
  exchange: Exchange,
  node: ContentParts['node'],
  { stat, name, how }: Found,
) {
  const { response, request } = exchange
  const etag = `"${stat.cid}"`
  if (isKnown(request.headers['if-none-match'], etag)) return notModified(exchange, etag)
  const part = askedPart(exchange, etag, stat.bytes)
  const { offset, length } = part ?? { offset: 0, length: stat.bytes }
  const wanted = request.method === 'GET' && length > 0
  const range = { offset, length, ...how, reuseBuffers: true }
  const chunks = wanted ? await primed(node.download(stat.cid, range)) : undefined
  describe(exchange, { etag, name, type: OCTETS })
  response.setHeader('accept-ranges', 'bytes')
  response.setHeader('content-length', length)
  // One byte more than announced would be read as the start of the next answer.
  response.strictContentLength = true
  if (part) {
    response.statusCode = 206
    response.setHeader('content-range', `bytes ${offset}-${offset + length - 1}/${stat.bytes}`)
  }
  const written = await writeChunks(exchange, chunks ? endedAfter(exchange, chunks, length) : [])
  if (wanted && written !== length) throw shortRead(stat.cid, { length, written })
  response.end()
}

/**
 * The same chunks. With the last byte the answer is ended: who has it need not wait for what was
 * fetched to be stored, and may be gone before.
 */
async function* endedAfter(
  { response }: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array> {
  let left = length
  for await (const chunk of chunks) {
    yield chunk
    left -= chunk.length
    if (left === 0) response.end()
  }
}

/** The Range of a GET, unless If-Range says the client has something else. */
function askedPart({ request }: Exchange, etag: string, size: number): ByteRange | undefined {
  const { range } = request.headers
  const ifRange = request.headersDistinct['if-range']?.join()
  const stands = request.method === 'GET' && rangeStands(ifRange, etag)
  return stands ? parseRange(range, size) : undefined
}

/** Once the head is out, this cuts the connection, so that the body does not look whole. */
function shortRead(cid: string, details: { length: number; written: number }): PrsmError {
  return new PrsmError('INTERNAL', `${cid} gave other bytes than its size says`, { details })
}

/** The archive is made anew each time from the same entries: the same content, so a weak tag. */
async function sendFolder(
  exchange: Exchange,
  node: ContentParts['node'],
  { stat, name, how }: Found,
) {
  const { response, request } = exchange
  const etag = `W/"${stat.cid}.tar"`
  if (isKnown(request.headers['if-none-match'], etag)) return notModified(exchange, etag)
  const wanted = request.method === 'GET'
  const bytes = wanted ? await primed(packTar(node.walk(stat.cid, how))) : []
  describe(exchange, { etag, name, type: TAR })
  response.setHeader('accept-ranges', 'none')
  await writeChunks(exchange, bytes)
  response.end()
}

type Description = { readonly etag: string; readonly name: string; readonly type: string }

/** Stored content is never shown by a browser under the API's origin: an attachment, and sandboxed. */
function describe({ response }: Exchange, { etag, name, type }: Description): void {
  response.setHeader('etag', etag)
  response.setHeader('content-type', type)
  response.setHeader('content-disposition', attachment(name))
  response.setHeader('content-security-policy', 'sandbox')
  response.setHeader('cache-control', CACHE_CONTROL)
}

function notModified({ response }: Exchange, etag: string): void {
  response.statusCode = 304
  response.setHeader('etag', etag)
  response.setHeader('cache-control', CACHE_CONTROL)
  response.end()
}
