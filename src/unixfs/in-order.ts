/**
 * Starts `work` on the items of `source`, at most `window` ahead of the consumer, and gives the
 * results in order. Nothing is pulled or started but by `next()`; a failure is told where it stands.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<R>,
  window: number,
): AsyncGenerator<R, void, void> {
  const items =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const ahead: Promise<R>[] = []
  let ended = false
  try {
    while (true) {
      while (!ended && ahead.length < window) {
        const pulled = await pull(items)
        ended = pulled.kind !== 'item'
        if (pulled.kind !== 'end') ahead.push(quiet(resultOf(pulled, work)))
      }
      const next = ahead.shift()
      if (next === undefined) return
      yield await next
    }
  } finally {
    if (!ended) await items.return?.()
  }
}

type Item<T> = { readonly kind: 'item'; readonly item: T }
type Failed = { readonly kind: 'failed'; readonly error: unknown }

/** A failure of the source stands behind the results of the items before it. */
async function pull<T>(
  items: AsyncIterator<T> | Iterator<T>,
): Promise<Item<T> | Failed | { readonly kind: 'end' }> {
  try {
    const next = await items.next()
    return next.done === true ? { kind: 'end' } : { kind: 'item', item: next.value }
  } catch (error) {
    return { kind: 'failed', error }
  }
}

async function resultOf<T, R>(pulled: Item<T> | Failed, work: (item: T) => Promise<R>): Promise<R> {
  if (pulled.kind === 'failed') throw pulled.error
  return await work(pulled.item)
}

/** Nobody's failure when nobody comes to take it. */
function quiet<R>(result: Promise<R>): Promise<R> {
  result.catch(() => {})
  return result
}
