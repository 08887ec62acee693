import { Worker } from 'node:worker_threads'
import { type ErrorCode, PrsmError } from '../core/errors.ts'
import { threadEntry } from '../core/thread-entry.ts'
import type { Input, OperationName, Output } from './worker-operations.ts'

export type WorkerRequest = { readonly id: number; readonly name: string; readonly input: unknown }

export type Failure = Readonly<{
  code: ErrorCode
  message: string
  hint: string | undefined
  details: Readonly<Record<string, unknown>>
}>

export type WorkerResponse =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: Failure }

type Waiting = { resolve(value: unknown): void; reject(error: PrsmError): void }

/** The one thread beside the node's own that has connections: what would sync or take long runs there. */
export interface DatabaseWorker extends AsyncDisposable {
  /** Rejects with the operation's `PrsmError`, with INTERNAL when the thread dies, with NODE_CLOSED after `close`. */
  request<Name extends OperationName>(name: Name, input: Input<Name>): Promise<Output<Name>>
  /** Waits for what was asked and ends the thread. */
  close(): Promise<void>
}

class ThreadWorker implements DatabaseWorker {
  #thread: Worker | undefined
  #lastId = 0
  #closed = false
  readonly #waiting = new Map<number, Waiting>()

  request<Name extends OperationName>(name: Name, input: Input<Name>): Promise<Output<Name>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new PrsmError('NODE_CLOSED', 'the node is closed'))
      const thread = this.#running()
      const id = ++this.#lastId
      thread.postMessage({ id, name, input } satisfies WorkerRequest)
      this.#waiting.set(id, { resolve: (value) => resolve(value as Output<Name>), reject })
      thread.ref()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    const thread = this.#thread
    if (thread === undefined) return
    await this.#settled()
    this.#thread = undefined
    await thread.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #settled(): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#waiting.size === 0) resolve()
    else this.#idle = resolve
    return promise
  }

  #idle: () => void = () => {}

  #running(): Worker {
    this.#thread ??= this.#start()
    return this.#thread
  }

  /** A host's flags (`--input-type`, `--eval`) are not for this file: `execArgv` is empty. */
  #start(): Worker {
    const thread = new Worker(threadEntry(import.meta.url, 'database-worker'), {
      ...{ name: 'prsm-database', execArgv: [] },
      // What it makes is dropped at once: with V8's own figure 48 MB of it would lie about.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      // A thread that dies must not close a database file: that drops the locks of all who have it open.
      trackUnmanagedFds: false,
    })
    thread.on('message', (response: WorkerResponse) => this.#answer(thread, response))
    thread.on('error', (cause) => this.#died(thread, cause))
    thread.on('exit', () => this.#died(thread, undefined))
    thread.unref()
    return thread
  }

  #answer(thread: Worker, response: WorkerResponse): void {
    const waiting = this.#waiting.get(response.id)
    this.#waiting.delete(response.id)
    if (this.#waiting.size === 0) this.#rest(thread)
    if ('error' in response) waiting?.reject(rebuilt(response.error))
    else waiting?.resolve(response.value)
  }

  /** Nothing is outstanding: the thread no longer keeps the process. */
  #rest(thread: Worker): void {
    thread.unref()
    this.#idle()
  }

  /** The next request starts a new thread. */
  #died(thread: Worker, cause: unknown): void {
    if (this.#thread === thread) this.#thread = undefined
    const lost = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#idle()
    for (const { reject } of lost) {
      reject(new PrsmError('INTERNAL', 'the database worker ended unexpectedly', { cause }))
    }
  }
}

function rebuilt({ code, message, hint, details }: Failure): PrsmError {
  return new PrsmError(code, message, { ...(hint !== undefined && { hint }), details })
}

/** The worker of a node, for all its databases. The thread starts at the first request. */
export function startDatabaseWorker(): DatabaseWorker {
  return new ThreadWorker()
}
