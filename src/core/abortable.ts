import { cancelled, throwIfCancelled } from './signal.ts'

/** The items of `source`, until `signal` aborts: then CANCELLED at once, without waiting for a silent source. */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  if (signal === undefined) return yield* source
  throwIfCancelled(signal)
  const items = source[Symbol.asyncIterator]()
  // One slot instead of one race an item: races against a promise that stays would pile up on it.
  let stop = (_error: Error): void => {}
  const onAbort = (): void => stop(cancelled(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  let ended = false
  try {
    while (true) {
      throwIfCancelled(signal)
      const item = await new Promise<IteratorResult<T>>((resolve, reject) => {
        stop = reject
        items.next().then(resolve, reject)
      })
      ended = item.done === true
      if (item.done === true) return
      yield item.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (!ended) await close(items, signal)
  }
}

/** A source that hangs would not answer this either: after an abort nobody waits for it. */
async function close(items: AsyncIterator<unknown>, signal: AbortSignal): Promise<void> {
  const closed = Promise.resolve(items.return?.())
  if (signal.aborted) closed.catch(() => {})
  else await closed
}
