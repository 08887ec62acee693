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

/** The threads beside the node's own that have connections: what would sync or take long runs there. */
export interface DatabaseWorker extends AsyncDisposable {
  /** Rejects with the operation's `PrsmError`, with INTERNAL when the thread dies, with NODE_CLOSED after `close`. */
  request<Name extends OperationName>(name: Name, input: Input<Name>): Promise<Output<Name>>
  /** True when the thread that stores blocks runs; else `start` has it started: until then they are stored without it. */
  readyToStore(start: boolean): boolean
  /** Waits for what was asked and ends the threads. */
  close(): Promise<void>
}

/** One thread tends the files, another stores blocks: a checkpoint may take a tenth of a second. */
class DatabaseThreads implements DatabaseWorker {
  readonly #tending = new Thread('prsm-database')
  readonly #storing = new Thread('prsm-store')

  async request<Name extends OperationName>(name: Name, input: Input<Name>): Promise<Output<Name>> {
    if (name === 'storeBlocks') return this.#storing.request(name, input)
    if (name === 'closeFile' && this.#storing.isReady) {
      // A thread that dies closes what it has open; the other's connection must not stay for that.
      await this.#storing.request(name, input).catch(() => {})
    }
    return this.#tending.request(name, input)
  }

  readyToStore(start: boolean): boolean {
    return start ? this.#storing.start() : this.#storing.isReady
  }

  async close(): Promise<void> {
    await Promise.all([this.#tending.close(), this.#storing.close()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Milliseconds until a thread that did not start, or died, is tried again by itself. */
const RESTART_MS = 1000

class Thread {
  readonly #name: string
  #thread: Worker | undefined
  #isReady = false
  #notBefore = 0
  #lastId = 0
  #closed = false
  readonly #waiting = new Map<number, Waiting>()

  constructor(name: string) {
    this.#name = name
  }

  /** True when it runs and has answered. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Starts it, and tells whether it runs by now. One that could not start, or died, is not tried again for a while. */
  start(): boolean {
    if (this.#isReady || this.#closed || performance.now() < this.#notBefore) return this.#isReady
    try {
      this.#running()
    } catch {
      // The system has no thread left: what it would do is done without it.
      this.#notBefore = performance.now() + RESTART_MS
    }
    return this.#isReady
  }

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
      ...{ name: this.#name, execArgv: [] },
      // What it makes is dropped at once: with V8's own figure 48 MB of it would lie about.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      // A thread that dies must not close a database file: that drops the locks of all who have it open.
      trackUnmanagedFds: false,
    })
    thread.on('message', (message: WorkerResponse | 'ready') => {
      if (message === 'ready') this.#isReady = true
      else this.#answer(thread, message)
    })
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
    if (this.#thread !== thread) return
    this.#thread = undefined
    this.#notBefore = performance.now() + RESTART_MS
    this.#isReady = false
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

/** The worker of a node, for all its databases. Each thread starts at its first request. */
export function startDatabaseWorker(): DatabaseWorker {
  return new DatabaseThreads()
}
