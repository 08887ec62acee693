import { Worker } from 'node:worker_threads'
import { PrsmError } from '../core/errors.ts'
import { threadEntry } from '../core/thread-entry.ts'
import type { Digest } from './digest.ts'
import type { HashReply, HashRequest } from './hasher-thread.ts'

/** Milliseconds without a digest after which the thread ends; a new one takes 40. */
const IDLE_MS = 10_000

/**
 * A thread that hashes whole files while the node's own hashes their blocks. It starts with the first
 * large file and ends when there was none for a while. Chunks must be in shared memory.
 */
export class Hasher implements AsyncDisposable {
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>()
  #thread: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #lastId = 0
  #open = 0

  begin(): Digest {
    clearTimeout(this.#idle)
    this.#open += 1
    return new ThreadDigest(++this.#lastId, {
      ask: (request) => this.#ask(request),
      ended: () => this.#ended(),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle)
    await this.#thread?.terminate()
  }

  #ask(request: Question): Promise<string> {
    const id = ++this.#lastId
    const reply = Promise.withResolvers<string>()
    this.#waiting.set(id, reply)
    const thread = this.#running()
    thread.ref()
    thread.postMessage({ ...request, id } satisfies HashRequest)
    return reply.promise
  }

  #running(): Worker {
    if (this.#thread !== undefined) return this.#thread
    // A host's flags (`--input-type`, `--eval`) are not for this file.
    const thread = new Worker(threadEntry(import.meta.url, 'hasher-thread'), {
      name: 'prsm-hasher',
      execArgv: [],
    })
    thread.on('message', (reply: HashReply) => this.#settle(reply))
    thread.on('error', (cause) => this.#fail(thread, cause))
    thread.on('exit', () => this.#fail(thread, undefined))
    this.#thread = thread
    return thread
  }

  #settle({ id, hex }: HashReply): void {
    this.#waiting.get(id)?.resolve(hex)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#thread?.unref()
  }

  /** The next question starts a new thread. One that was retired has nothing to answer. */
  #fail(thread: Worker, cause: unknown): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    const error = new PrsmError('INTERNAL', 'the thread that hashes files ended', { cause })
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #ended(): void {
    this.#open -= 1
    if (this.#open > 0) return
    this.#idle = setTimeout(() => this.#retire(), IDLE_MS).unref()
  }

  /** Who asks from here on asks a new thread: this one would not answer. */
  #retire(): void {
    const thread = this.#thread
    if (thread === undefined || this.#waiting.size > 0) return
    this.#thread = undefined
    void thread.terminate()
  }
}

type Question =
  | { readonly digest: number; readonly kind: 'update'; readonly chunk: Uint8Array }
  | { readonly digest: number; readonly kind: 'end' | 'forget' }

type Thread = {
  readonly ask: (request: Question) => Promise<string>
  readonly ended: () => void
}

class ThreadDigest implements Digest {
  readonly #digest: number
  readonly #thread: Thread
  #ended = false

  constructor(digest: number, thread: Thread) {
    this.#digest = digest
    this.#thread = thread
  }

  async update(chunk: Uint8Array): Promise<void> {
    await this.#thread.ask({ digest: this.#digest, kind: 'update', chunk })
  }

  async hex(): Promise<string> {
    const hex = this.#thread.ask({ digest: this.#digest, kind: 'end' })
    this.#end()
    return hex
  }

  [Symbol.dispose](): void {
    if (this.#ended) return
    this.#thread.ask({ digest: this.#digest, kind: 'forget' }).catch(() => {})
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#thread.ended()
  }
}
