import type { Socket } from 'node:net'
import type { PrsmError } from '../core/errors.ts'
import type { Exchange } from './exchange.ts'

/** The exchanges under way: what a shut-down waits for, and what it aborts when it has waited enough. */
export class RunningRequests {
  readonly #running = new Set<Exchange>()
  #draining = false

  /** True once no more requests are taken. */
  get draining(): boolean {
    return this.#draining
  }

  /** Requests that run now. */
  get size(): number {
    return this.#running.size
  }

  /** From now on, those that run are the last. */
  startDraining(): void {
    this.#draining = true
  }

  /** Counts the exchange until it has ended; resolves then. */
  async begin(exchange: Exchange): Promise<void> {
    this.#running.add(exchange)
    await exchange.ended()
    this.#running.delete(exchange)
  }

  /** True when an answer has begun on this connection: nothing else may be written into it. */
  answering(socket: unknown): boolean {
    return [...this.#running].some((one) => one.uses(socket) && one.response.headersSent)
  }

  /** True when an answer is awaited on this connection, and nothing of it waits to leave. */
  awaited(socket: Socket): boolean {
    return socket.writableLength === 0 && [...this.#running].some((one) => one.uses(socket))
  }

  /** Resolves when all that run now have ended; false when `waitMs` was not enough. */
  async drained(waitMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<false>()
    const timer = setTimeout(resolve, waitMs, false as const)
    const all = Promise.all([...this.#running].map((one) => one.ended()))
    try {
      return await Promise.race([all.then(() => true), promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves when nothing works for a request any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running].map((one) => one.ended()))
  }

  abort(reason: PrsmError): void {
    for (const one of this.#running) one.abort(reason)
  }
}
