import { abortable } from '../core/abortable.ts'
import { PrsmError } from '../core/errors.ts'
import type { Exchange } from '../web/exchange.ts'

export type BodyBounds = {
  /** Bytes the body may have; 0 = as many as come. */
  readonly maxBytes: number
  /** Milliseconds it may go without a byte while we wait for one. */
  readonly idleMs: number
}

/** Bytes the body announces, or undefined when it is chunked. */
export function declaredBytes(exchange: Exchange): number | undefined {
  const text = exchange.request.headers['content-length']
  return text === undefined ? undefined : Number(text)
}

/** A request without either header has no body; an empty file is one that says so. Throws INVALID_INPUT. */
export function checkHasBody({ request }: Exchange): void {
  if (request.headers['content-length'] ?? request.headers['transfer-encoding']) return
  throw new PrsmError('INVALID_INPUT', 'the request has no body', {
    hint: 'send the content as the body; for an empty file, with Content-Length: 0',
  })
}

/** Lets a client that asked first (`Expect: 100-continue`) send its body. */
export function acceptBody(exchange: Exchange): void {
  const { headers, httpVersion } = exchange.request
  if (httpVersion !== '1.1' || !/100-continue/i.test(headers.expect ?? '')) return
  exchange.response.writeContinue()
}

/**
 * The body as it comes, for one reader. Fastify enforces no limit on a body that is streamed, so it is
 * counted here. Throws UPLOAD_TOO_LARGE, UPLOAD_INCOMPLETE when the connection ends before the body
 * does, CANCELLED when the exchange is aborted.
 */
export async function* requestBytes(
  exchange: Exchange,
  bounds: BodyBounds,
): AsyncGenerator<Uint8Array, void, void> {
  const declared = declaredBytes(exchange)
  for await (const chunk of abortable(arriving(exchange, bounds.idleMs), exchange.signal)) {
    exchange.bytesIn += chunk.length
    checkSize(exchange.bytesIn, bounds.maxBytes)
    yield chunk
  }
  if (!exchange.request.complete || exchange.bytesIn !== (declared ?? exchange.bytesIn)) {
    throw incomplete(exchange)
  }
}

/** Throws UPLOAD_TOO_LARGE when `bytes` are more than `maxBytes` (0 = no limit). */
export function checkSize(bytes: number, maxBytes: number): void {
  if (maxBytes === 0 || bytes <= maxBytes) return
  throw new PrsmError('UPLOAD_TOO_LARGE', `a file may have at most ${maxBytes} bytes`, {
    hint: 'PRSM_MAX_FILE_SIZE sets the limit; 0 is none',
    details: { maxBytes },
  })
}

/** The chunks of the body. Leaves the request open when it is not read to its end: it needs an answer. */
async function* arriving(exchange: Exchange, idleMs: number): AsyncGenerator<Uint8Array> {
  using idle = watchIdle(exchange, idleMs)
  const chunks = exchange.request.iterator({ destroyOnReturn: false })
  try {
    for (;;) {
      const next = await idle.during(chunks.next())
      if (next.done) return
      yield next.value
    }
  } catch (cause) {
    throw incomplete(exchange, cause)
  } finally {
    await chunks.return?.()
  }
}

export type IdleWatch = Disposable & {
  /** Waits for the client: the only time that counts. */
  during<T>(wait: Promise<T>): Promise<T>
}

/** Aborts the exchange when its client lets us wait for longer than `idleMs`. */
export function watchIdle(exchange: Exchange, idleMs: number): IdleWatch {
  let since: number | undefined
  const check = () => {
    if (since === undefined || performance.now() - since < idleMs) return
    exchange.abort(stalled(idleMs))
  }
  const timer = setInterval(check, Math.max(1, idleMs / 4))
  return {
    during: async (wait) => {
      since = performance.now()
      try {
        return await wait
      } finally {
        since = undefined
      }
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function stalled(idleMs: number): PrsmError {
  return new PrsmError('UPLOAD_INCOMPLETE', `no byte of the body came for ${idleMs / 1000} s`, {
    hint: 'nothing was stored under a name; send it again',
  })
}

export function incomplete(exchange: Exchange, cause?: unknown): PrsmError {
  return new PrsmError('UPLOAD_INCOMPLETE', 'the connection ended before the body did', {
    hint: 'nothing was stored under a name; send it again',
    details: { bytes: exchange.bytesIn },
    cause,
  })
}
