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
        const item = await items.next()
        ended = item.done === true
        if (item.done !== true) ahead.push(quiet(work(item.value)))
      }
      const next = ahead.shift()
      if (next === undefined) return
      yield await next
    }
  } finally {
    if (!ended) await items.return?.()
  }
}

/** Nobody's failure when nobody comes to take it. */
function quiet<R>(result: Promise<R>): Promise<R> {
  result.catch(() => {})
  return result
}
