import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { PrsmError } from '../core/errors.ts'

/** One request and its answer, from the head of the one to the end of the other. */
export class Exchange {
  readonly id: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Content bytes taken in so far. */
  bytesIn = 0
  /** The status to refuse with, where the code of the error does not say it (405, 414). */
  refusalStatus: number | undefined
  readonly #socket: Socket
  readonly #writtenBefore: number
  readonly #startedAt = performance.now()
  readonly #stop = new AbortController()
  readonly #work = new Set<Promise<unknown>>()

  constructor(id: string, request: IncomingMessage, response: ServerResponse) {
    this.id = id
    this.request = request
    this.response = response
    this.#socket = request.socket
    this.#writtenBefore = request.socket.bytesWritten
    response.once('close', () => {
      if (!response.writableFinished) this.abort(clientGone())
    })
  }

  /** Aborts when the client goes away, is silent for too long, or the server cannot wait any longer. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** Bytes of the answer that left, its head too. */
  get bytesOut(): number {
    return this.#socket.bytesWritten - this.#writtenBefore
  }

  /** The path that was asked for, without its query. */
  get path(): string {
    return this.request.url?.split(/[?#]/, 1)[0] ?? ''
  }

  /** True for a request that announces a body; whether one comes is another matter. */
  get hasBody(): boolean {
    const { 'content-length': length, 'transfer-encoding': encoding } = this.request.headers
    return encoding !== undefined || (length !== undefined && Number(length) > 0)
  }

  uses(socket: unknown): boolean {
    return this.#socket === socket
  }

  abort(reason: PrsmError): void {
    this.#stop.abort(reason)
  }

  /** `wait`, or the reason of an abort that comes first. */
  async orAborted<T>(wait: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(this.signal.reason)
    if (this.signal.aborted) onAbort()
    this.signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([wait, promise])
    } finally {
      this.signal.removeEventListener('abort', onAbort)
    }
  }

  /** Keeps the exchange running until `work` has settled, also when the client is gone before. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work)
    try {
      return await work
    } finally {
      this.#work.delete(work)
    }
  }

  /** Resolves when the answer is out or given up, and nothing works for it any more. */
  async ended(): Promise<void> {
    if (!this.response.closed) {
      await new Promise<void>((resolve) => this.response.once('close', () => resolve()))
    }
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
  }
}

/** What a cancelled exchange failed of: the reason it was aborted for, where it was. */
export function reasonOf(exchange: Exchange, error: unknown): unknown {
  return exchange.signal.aborted ? exchange.signal.reason : error
}

function clientGone(): PrsmError {
  return new PrsmError('CANCELLED', 'the client went away')
}
