import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Exchange } from '../web/exchange.ts'
import { checkMediaType } from './media-type.ts'
import { acceptBody, checkHasBody, declaredBytes, requestBytes } from './request-body.ts'

/**
 * The JSON a request carries. Throws UNSUPPORTED_MEDIA_TYPE, UPLOAD_TOO_LARGE, UPLOAD_INCOMPLETE,
 * INVALID_INPUT.
 */
export async function jsonBody(exchange: Exchange, idleMs: number): Promise<unknown> {
  checkMediaType(exchange.request, ['application/json'])
  checkHasBody(exchange)
  checkJsonSize(declaredBytes(exchange) ?? 0)
  acceptBody(exchange)
  const pieces: Uint8Array[] = []
  for await (const piece of requestBytes(exchange, { maxBytes: 0, idleMs })) {
    checkJsonSize(exchange.bytesIn)
    pieces.push(piece)
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'))
  } catch (cause) {
    throw new PrsmError('INVALID_INPUT', 'the body is not JSON', { cause })
  }
}

/** The same; without a body what `{}` says. */
export async function optionalJsonBody(exchange: Exchange, idleMs: number): Promise<unknown> {
  return exchange.hasBody ? await jsonBody(exchange, idleMs) : {}
}

function checkJsonSize(bytes: number): void {
  const maxBytes = limits.maxJsonBodyBytes
  if (bytes <= maxBytes) return
  throw new PrsmError('UPLOAD_TOO_LARGE', `a JSON body may have at most ${maxBytes} bytes`, {
    details: { maxBytes },
  })
}
