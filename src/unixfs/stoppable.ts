import { PrsmError } from '../core/errors.ts'
import { throwIfCancelled } from '../core/signal.ts'

/** One for all: making an error costs more than reading a small range. */
const STOPPED = new PrsmError('CANCELLED', 'the reader stopped')

/**
 * A generator whose `return()` aborts what it waits for, at once: a generator's own would wait for
 * it first. The signal `start` gets is aborted by `outer` too, and at the end in any case, so that
 * nothing stays on its way. An abort of `outer` is thrown as CANCELLED.
 */
export function stoppable<T>(
  outer: AbortSignal | undefined,
  start: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
): AsyncGenerator<T, void, void> {
  const stop = new AbortController()
  const items = guarded(outer, { stop, start })
  return {
    next: () => items.next(),
    return() {
      stop.abort(STOPPED)
      return items.return()
    },
    throw(error) {
      stop.abort(STOPPED)
      return items.throw(error)
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return()
    },
  }
}

async function* guarded<T>(
  outer: AbortSignal | undefined,
  {
    stop,
    start,
  }: {
    readonly stop: AbortController
    readonly start: (signal: AbortSignal) => AsyncGenerator<T, void, void>
  },
): AsyncGenerator<T, void, void> {
  const onAbort = (): void => stop.abort(outer?.reason)
  outer?.addEventListener('abort', onAbort, { once: true })
  try {
    throwIfCancelled(outer)
    yield* start(stop.signal)
  } catch (error) {
    throwIfCancelled(outer)
    if (stop.signal.aborted) return
    throw error
  } finally {
    outer?.removeEventListener('abort', onAbort)
    stop.abort(STOPPED)
  }
}
