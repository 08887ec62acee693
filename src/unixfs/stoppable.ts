import { PrsmError } from '../core/errors.ts'
import { throwIfCancelled } from '../core/signal.ts'

/** One for all: making an error costs more than reading a small range. */
const STOPPED = new PrsmError('CANCELLED', 'the reader stopped')

type Items<T> = AsyncGenerator<T, void, void>

/**
 * A generator whose `return()` aborts what it waits for, at once: a generator's own would wait for
 * it first. The signal `start` gets is aborted by `outer` too, and at the end in any case, so that
 * nothing stays on its way. An abort of `outer` is thrown as CANCELLED. `takesAll` says that nothing
 * is on its way when the items are through: the abort, as dear as a small read, is left out then.
 */
export function stoppable<T>(
  outer: AbortSignal | undefined,
  start: (signal: AbortSignal) => Items<T>,
  { takesAll = false }: { readonly takesAll?: boolean } = {},
): Items<T> {
  return new Stoppable(outer, start, takesAll)
}

/** By hand and not as a generator around another, which would take each item through three more promises. */
class Stoppable<T> implements Items<T> {
  readonly #outer: AbortSignal | undefined
  readonly #start: (signal: AbortSignal) => Items<T>
  readonly #takesAll: boolean
  readonly #stop = new AbortController()
  #items: Items<T> | undefined
  #ended = false

  constructor(
    outer: AbortSignal | undefined,
    start: (signal: AbortSignal) => Items<T>,
    takesAll: boolean,
  ) {
    this.#outer = outer
    this.#start = start
    this.#takesAll = takesAll
  }

  async next(): Promise<IteratorResult<T, void>> {
    if (this.#ended) return { done: true, value: undefined }
    try {
      this.#items ??= this.#begin()
      const result = await this.#items.next()
      if (result.done === true) this.#end(!this.#takesAll)
      return result
    } catch (error) {
      return this.#failed(error)
    }
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#stop.abort(STOPPED)
    try {
      await this.#items?.return()
    } catch (error) {
      return this.#failed(error)
    }
    this.#end()
    return { done: true, value: undefined }
  }

  async throw(error: unknown): Promise<never> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #begin(): Items<T> {
    throwIfCancelled(this.#outer)
    this.#outer?.addEventListener('abort', this.#onAbort, { once: true })
    return this.#start(this.#stop.signal)
  }

  readonly #onAbort = (): void => this.#stop.abort(this.#outer?.reason)

  /** What fails because it was stopped is the end. */
  #failed(error: unknown): IteratorResult<T, void> {
    const stopped = this.#stop.signal.aborted
    this.#end()
    throwIfCancelled(this.#outer)
    if (!stopped) throw error
    return { done: true, value: undefined }
  }

  #end(aborts = true): void {
    if (this.#ended) return
    this.#ended = true
    this.#outer?.removeEventListener('abort', this.#onAbort)
    if (aborts) this.#stop.abort(STOPPED)
  }
}
