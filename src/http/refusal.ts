import { PROBLEM_JSON } from '../api/schemas.ts'
import { type PrsmError, toPrsmError } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { type Exchange, reasonOf } from '../web/exchange.ts'
import { fromFramework, problemOf } from './problem.ts'

export type RefusalBounds = {
  /** Bytes and milliseconds that are read and dropped of a body nobody wants. */
  readonly refusedBodyBytes: number
  readonly refusedBodyMs: number
}

export type RefusalParts = { readonly bounds: RefusalBounds; readonly log: Logger }

/** What may have been said of the content by the time it turns out that there is none to send. */
const CONTENT_HEADERS = ['etag', 'content-range', 'content-disposition', 'accept-ranges']

/**
 * Answers with problem details. When the head of an answer is out already, the connection is cut, so
 * that a short body never looks whole. Never throws.
 */
export async function refuse(
  exchange: Exchange,
  thrown: unknown,
  { bounds, log }: RefusalParts,
): Promise<void> {
  const { response } = exchange
  const { error, status = exchange.refusalStatus } = fromFramework(reasonOf(exchange, thrown))
  logFailure(exchange, error, log)
  if (response.headersSent) response.destroy()
  else if (!response.destroyed) {
    const body = describe(exchange, error, status)
    await exchange.hold(send(exchange, body, bounds))
  }
}

/** Sets the head of the answer; returns its body. */
function describe(exchange: Exchange, error: PrsmError, status: number | undefined): Buffer {
  const { response, id: requestId, path: instance } = exchange
  const problem = problemOf(error, { requestId, instance, ...(status ? { status } : {}) })
  const body = Buffer.from(JSON.stringify(problem))
  for (const name of CONTENT_HEADERS) response.removeHeader(name)
  response.statusCode = problem.status
  response.setHeader('content-type', PROBLEM_JSON)
  response.setHeader('content-length', body.length)
  response.setHeader('cache-control', 'no-store')
  const { size } = error.details
  if (problem.status === 416 && typeof size === 'number') {
    response.setHeader('content-range', `bytes */${size}`)
  }
  return body
}

async function send(exchange: Exchange, body: Buffer, bounds: RefusalBounds): Promise<void> {
  const { request, response } = exchange
  if (!exchange.hasBody || request.complete) {
    response.end(body)
    return
  }
  response.setHeader('connection', 'close')
  response.write(body)
  await dropBody(exchange, bounds)
  response.end()
}

/**
 * Reads and drops what is left of the body. A connection that is closed with bytes unread is reset,
 * and a reset takes the answer from a client that has not read it yet. Bounded in bytes and time.
 */
async function dropBody(exchange: Exchange, bounds: RefusalBounds): Promise<void> {
  const { request, response, signal } = exchange
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => resolve()
  const timer = setTimeout(done, bounds.refusedBodyMs)
  let dropped = 0
  // Whoever read before is done; a reader that was left waiting would keep the stream from flowing.
  request.unpipe()
  request.removeAllListeners('readable')
  request.on('data', (chunk: Uint8Array) => {
    dropped += chunk.length
    if (dropped > bounds.refusedBodyBytes) done()
  })
  request.on('error', done).once('end', done)
  response.once('close', done)
  signal.addEventListener('abort', done, { once: true })
  request.resume()
  await promise
  clearTimeout(timer)
}

function logFailure(exchange: Exchange, error: PrsmError, log: Logger): void {
  const requestId = exchange.id
  const facts = { requestId, err: error }
  if (error.code === 'INTERNAL') log.error(facts, 'a request failed by a fault of ours')
  else if (isOurs(error)) log.error(facts, 'a request failed')
  else if (exchange.response.headersSent && error.code !== 'CANCELLED') {
    // Its client sees a connection that ends, and no reason.
    log.warn({ requestId, code: error.code, reason: error.message }, 'an answer was broken off')
  } else log.debug({ requestId, code: error.code, reason: error.message }, 'a request was refused')
}

/** Of the store or the disk: worth an operator's look, whoever asked. */
function isOurs(error: PrsmError): boolean {
  return error.code.startsWith('STOR') || error.code === 'BLOCK_CORRUPT'
}

/** An error as the last line of an answer that streams lines. */
export function problemLine(exchange: Exchange, thrown: unknown): string {
  const error = toPrsmError(reasonOf(exchange, thrown))
  return `${JSON.stringify({ error: problemOf(error, { requestId: exchange.id, instance: exchange.path }) })}\n`
}
