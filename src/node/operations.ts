import { PrsmError, toPrsmError } from '../core/errors.ts'
import type { SignalOptions } from '../core/signal.ts'
import { beginOperation, type Metrics, type Operation, observe } from '../telemetry/metrics.ts'
import type { Place, Scheduler } from './scheduler.ts'

export type OperationsInit = {
  readonly metrics: Metrics
  readonly scheduler: Scheduler
  /** Called when one with a result has ended, while the node is open. */
  readonly onEnd: () => void
}

export type Iteration<T> = {
  /** Where there is one, the iteration takes a place when its first item is asked for. */
  readonly signal?: AbortSignal
  readonly bytesOf?: (item: T) => number
  /** What the consumer is given for an item of one that has a place. */
  readonly given?: (item: T, place: Place) => T
}

/** Of an iteration that waits in line: what takes it out of it. */
type Line = { stop: AbortController | undefined }

/** What the operations of a node have in common: they are counted, may need a place, and end when the node closes. */
export class Operations {
  readonly #init: OperationsInit
  readonly #running = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()

  constructor(init: OperationsInit) {
    this.#init = init
  }

  get isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  /** Throws NODE_CLOSED. */
  assertOpen(): void {
    if (this.isClosing) throw closedError()
  }

  /** Ends what runs and what waits with NODE_CLOSED; resolves when nothing is on its way to the disk. */
  async close(): Promise<void> {
    const error = closedError()
    this.#closing.abort(error)
    this.#init.scheduler.dismiss(error)
    await Promise.all(this.#running)
  }

  /** The options of an operation, with a signal that aborts when the node closes, too. */
  untilClosed<T extends SignalOptions>(options: T): T & { readonly signal: AbortSignal } {
    const { signal: closing } = this.#closing
    const { signal } = options
    return { ...options, signal: signal ? AbortSignal.any([signal, closing]) : closing }
  }

  /** Counts an operation; `close` waits for it. */
  async run<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    return observe(this.#init.metrics, operation, async () => {
      this.assertOpen()
      const running = work()
      const ended = running.catch(() => {}).finally(() => this.#running.delete(ended))
      this.#running.add(ended)
      try {
        return await running
      } catch (error) {
        throw this.#known(error)
      } finally {
        if (!this.isClosing) this.#init.onEnd()
      }
    })
  }

  /** The same for one that needs a place: it waits in line for it, and has it until it ends. */
  async runInPlace<T>(
    operation: Operation,
    { signal }: SignalOptions,
    work: (place: Place) => Promise<T>,
  ): Promise<T> {
    return this.run(operation, async () => {
      using place = await this.#enter(signal)
      return await work(place)
    })
  }

  /**
   * Counts an iteration as one operation, with the bytes it gave, and ends it when the node closes. A
   * consumer who stops while it waits in line leaves it.
   */
  iterate<T>(
    operation: Operation,
    items: AsyncIterable<T>,
    options: Iteration<T> = {},
  ): AsyncGenerator<T> {
    const line: Line = { stop: undefined }
    const given = this.#iterate(operation, items, { ...options, line })
    const leave = (): void => line.stop?.abort(STOPPED)
    return {
      next: () => given.next(),
      return: (value) => {
        leave()
        return given.return(value)
      },
      throw: (error) => {
        leave()
        return given.throw(error)
      },
      [Symbol.asyncIterator]() {
        return this
      },
      async [Symbol.asyncDispose]() {
        await this.return(undefined)
      },
    }
  }

  async *#iterate<T>(
    operation: Operation,
    items: AsyncIterable<T>,
    { signal, bytesOf, given, line }: Iteration<T> & { readonly line: Line },
  ): AsyncGenerator<T> {
    const { metrics } = this.#init
    const end = beginOperation(metrics, operation)
    let bytes = 0
    let place: Place | undefined
    try {
      this.assertOpen()
      if (signal !== undefined) place = await this.#enterLine(signal, line)
      for await (const item of items) {
        bytes += bytesOf?.(item) ?? 0
        place?.moved()
        yield place && given ? given(item, place) : item
        this.assertOpen()
      }
      end()
    } catch (error) {
      if (line.stop?.signal.aborted) return
      const known = this.#known(error)
      end(known)
      throw known
    } finally {
      place?.leave()
      end(STOPPED)
      if (bytesOf !== undefined) metrics.contentBytes.observe({ operation }, bytes)
    }
  }

  /** A place at once, or one that is waited for until the consumer stops. */
  async #enterLine(signal: AbortSignal, line: Line): Promise<Place> {
    const place = this.#init.scheduler.enterNow()
    if (place !== undefined) return place
    line.stop = new AbortController()
    const both = this.#isOnlyClosing(signal) ? [] : [signal]
    return this.#enter(AbortSignal.any([...both, line.stop.signal]))
  }

  /** `close` dismisses the line: a thousand that wait need no thousand listeners on the one signal. */
  #enter(signal: AbortSignal | undefined): Place | Promise<Place> {
    return this.#init.scheduler.enter(this.#isOnlyClosing(signal) ? undefined : signal)
  }

  #isOnlyClosing(signal: AbortSignal | undefined): boolean {
    return signal === this.#closing.signal
  }

  /** What an operation failed with, as one of ours: what the closing of the node cut short says so. */
  #known(error: unknown): PrsmError {
    const known = toPrsmError(error)
    const cutShort = known.code === 'CANCELLED' || known.code === 'INTERNAL'
    return this.isClosing && cutShort ? closedError(known) : known
  }
}

/** One for all: it is only counted, and making an error costs more than reading a small range. */
const STOPPED = new PrsmError('CANCELLED', 'the consumer stopped')

function closedError(cause?: unknown): PrsmError {
  return new PrsmError('NODE_CLOSED', 'the node is closed', { hint: 'open a new one', cause })
}
