import { PrsmError } from '../core/errors.ts'

/** Throws CANCELLED when `signal` is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal)
}

function cancelled(signal: AbortSignal): PrsmError {
  return new PrsmError('CANCELLED', 'the operation was cancelled', { cause: signal.reason })
}

/** The items of `source`; ends with CANCELLED as soon as `signal` aborts, also while `source` is silent. */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  if (signal === undefined) return yield* source
  throwIfCancelled(signal)
  // One promise per item: racing every item against one long-lived promise would keep all of them.
  let stop = (_error: PrsmError): void => {}
  const onAbort = (): void => stop(cancelled(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  const items = source[Symbol.asyncIterator]()
  try {
    while (true) {
      throwIfCancelled(signal)
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        stop = reject
        items.next().then(resolve, reject)
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await closed(items, signal)
  }
}

/** A source that is stuck would not answer `return()` either: after an abort nobody waits for it. */
async function closed(items: AsyncIterator<unknown>, signal: AbortSignal): Promise<void> {
  const ended = items.return?.()
  if (signal.aborted) ended?.catch(() => {})
  else await ended
}
