import type { Exchange } from './exchange.ts'

/**
 * Writes chunks straight into the connection and asks for the next when they have left, so that a slow
 * consumer holds one chunk and no more, and its buffer can be used again. Does not end the answer. Throws what `chunks` throws, and the
 * signal's reason when the exchange is aborted; `chunks` is returned either way.
 */
export async function writeChunks(
  { response, signal }: Exchange,
  chunks: AsyncIterable<Uint8Array | string> | readonly never[],
): Promise<number> {
  let bytes = 0
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
    await sent(response, chunk, signal)
  }
  return bytes
}

/** Resolves when the system has taken the chunk; rejects with the signal's reason when the exchange ends. */
function sent(response: Exchange['response'], chunk: Uint8Array | string, signal: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    response.write(chunk, (error) => {
      signal.removeEventListener('abort', onAbort)
      if (error) reject(error)
      else resolve()
    })
  })
}

/**
 * The same items, the first of them fetched already: what fails before anything is there can still be
 * answered with a status. Iterate it, or the source stays open.
 */
export async function primed<T>(source: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const items = source[Symbol.asyncIterator]()
  const first = await items.next()
  return continued(items, first)
}

async function* continued<T>(items: AsyncIterator<T>, first: IteratorResult<T>): AsyncGenerator<T> {
  try {
    for (let next = first; !next.done; next = await items.next()) yield next.value
  } finally {
    await items.return?.()
  }
}
