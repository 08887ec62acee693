import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Exchange } from '../web/exchange.ts'
import { acceptBody, requestBytes } from './request-body.ts'

/** The JSON a request carries. Throws UNSUPPORTED_MEDIA_TYPE, UPLOAD_TOO_LARGE, INVALID_INPUT. */
export async function jsonBody(exchange: Exchange, idleMs: number): Promise<unknown> {
  const type = exchange.request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new PrsmError('UNSUPPORTED_MEDIA_TYPE', 'the body has to be application/json')
  }
  acceptBody(exchange)
  const bounds = { maxBytes: limits.maxJsonBodyBytes, idleMs }
  const bytes = Buffer.concat(await Array.fromAsync(requestBytes(exchange, bounds)))
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new PrsmError('INVALID_INPUT', 'the body is not JSON', { cause })
  }
}
