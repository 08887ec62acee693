import { PrsmError } from '../core/errors.ts'
import type { Exchange } from '../web/exchange.ts'
import { writeChunks } from '../web/response-stream.ts'
import type { Reply } from './ask.ts'

/** What every answer has: any page may read what is public anyway (the set Kubo sends). */
const COMMON_HEADERS: readonly string[] = Object.entries({
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD, OPTIONS',
  'access-control-allow-headers': 'Content-Type, Range, User-Agent, X-Requested-With',
  'access-control-expose-headers':
    'Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output',
  'x-content-type-options': 'nosniff',
  vary: 'Accept',
}).flat()

/**
 * Longer bodies leave as they are. A short one leaves with its head in one piece of text, which is
 * how Node writes a little at once.
 */
const SHORT_BYTES = 4096

/**
 * Sends an answer: the head, with `path` as `x-ipfs-path`, and its body as fast as the client takes it. Throws what the body
 * throws, when the head is out already, and INTERNAL for a body of another length than announced.
 */
export async function writeReply(
  exchange: Exchange,
  { status, headers, body }: Reply,
  path?: string,
): Promise<void> {
  const { response, request } = exchange
  response.writeHead(status, headOf(headers, path))
  if (body === undefined || request.method === 'HEAD') response.end()
  else if (typeof body === 'string') response.end(body)
  else if (body instanceof Uint8Array) endWith(response, body)
  else {
    // One byte more than announced would be read as the start of the next answer.
    response.strictContentLength = true
    const written = await writeChunks(exchange, body)
    const announced = headers['content-length']
    if (announced !== undefined && written !== announced) throw shortBody(announced, written)
    response.end()
  }
}

/** Names and values in turn: the form Node takes as it is. */
function headOf(headers: Reply['headers'], path: string | undefined): string[] {
  const head = COMMON_HEADERS.slice()
  if (path !== undefined) head.push('x-ipfs-path', path)
  for (const name in headers) head.push(name, String(headers[name]))
  return head
}

function endWith(response: Exchange['response'], body: Uint8Array): void {
  if (body.length > SHORT_BYTES) response.end(body)
  else {
    const { buffer, byteOffset, byteLength } = body
    response.end(Buffer.from(buffer, byteOffset, byteLength).toString('latin1'), 'latin1')
  }
}

/** Cuts the connection: a short body must not look whole. */
function shortBody(announced: string | number, written: number): PrsmError {
  return new PrsmError('INTERNAL', `a body of ${announced} bytes had ${written}`, {
    details: { announced, written },
  })
}
