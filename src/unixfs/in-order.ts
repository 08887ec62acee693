/** How far work runs ahead of its consumer. */
export type Window<T> = {
  /** Items at most; one in any case. */
  readonly items: number
  /** No further one is started once the results of those ahead take so many bytes. */
  readonly bytes?: number
  /** Bytes that the result of an item takes at most. */
  readonly bytesOf?: (item: T) => number
}

/**
 * Starts `work` on the items of `source`, at most a window ahead of the consumer, and gives the
 * results in order. Nothing is pulled or started but by `next()`; a failure is told where it stands.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<R>,
  window: Window<T>,
): AsyncGenerator<R, void, void> {
  const items =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const ahead = new Ahead<T, R>(window)
  let ended = false
  try {
    while (true) {
      while (!ended && ahead.hasRoom()) {
        const pulled = await pull(items)
        ended = pulled.kind !== 'item'
        if (pulled.kind !== 'end') ahead.push(pulled, quiet(resultOf(pulled, work)))
      }
      const next = ahead.shift()
      if (next === undefined) return
      yield await next
    }
  } finally {
    if (!ended) await items.return?.()
  }
}

/** What was started and not taken yet. */
class Ahead<T, R> {
  readonly #window: Window<T>
  readonly #queue: { readonly result: Promise<R>; readonly bytes: number }[] = []
  #taken = 0

  constructor(window: Window<T>) {
    this.#window = window
  }

  hasRoom(): boolean {
    const { items, bytes = Number.POSITIVE_INFINITY } = this.#window
    return this.#queue.length === 0 || (this.#queue.length < items && this.#taken < bytes)
  }

  push(pulled: Item<T> | Failed, result: Promise<R>): void {
    const bytes = pulled.kind === 'item' ? (this.#window.bytesOf?.(pulled.item) ?? 0) : 0
    this.#queue.push({ result, bytes })
    this.#taken += bytes
  }

  shift(): Promise<R> | undefined {
    const next = this.#queue.shift()
    this.#taken -= next?.bytes ?? 0
    return next?.result
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
