import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { threadEntry } from '../core/thread-entry.ts'
import { type Job, MESSAGE_BYTES, type Reply } from './summing-job.ts'

const cores = availableParallelism()

/** Threads at most: as many reads wait for the disk at a time. Writes leave room for who makes what is written. */
const THREADS = {
  read: Math.max(2, Math.min(4, cores)),
  write: Math.max(1, Math.min(4, Math.floor(cores / 2))),
}

/** A thread that has so much to do, or for whom somebody waits for so long, gets no more while another is free. */
const MOST_BYTES = 2 * 1024 * 1024
const LONGEST_MS = 3

/** Milliseconds without work after which the threads end; a new one takes 40. */
const IDLE_MS = 10_000

type Waiting = {
  readonly bytes: number
  readonly since: number
  resolve(reply: Done): void
  reject(error: unknown): void
}

export type Done = Exclude<Reply, { failure: unknown }>

/** A job without its number. */
export type Work = Omit<Job, 'id'>

/**
 * Threads that read or write a piece of a file and sum it up, so that the node's own is free. Small
 * pieces asked for in one turn of the event loop share a message: it costs as much as a small read.
 */
export class SummingThreads implements AsyncDisposable {
  readonly #threads: Thread[] = []
  #idle: NodeJS.Timeout | undefined
  #running = 0

  /** Rejects with the system's error, or an error without a code when the thread died. */
  async run(work: Work): Promise<Done> {
    this.#running += 1
    try {
      return await this.#free(work).run(work)
    } finally {
      this.#running -= 1
      if (this.#running === 0) this.#rest()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle)
    this.#idle = undefined
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end()))
  }

  /** The first that is quick: few threads that are busy are woken less often than many that are not. */
  #free({ kind, bytes: { byteLength } }: Work): Thread {
    const now = performance.now()
    const most = THREADS[kind]
    const threads = this.#threads.slice(0, most)
    const quick = threads.find((thread) => thread.isQuick(byteLength, now))
    if (quick !== undefined) return quick
    // One is started at a time, when those that run have shown that they are not enough.
    const more = threads.every((thread) => thread.answered && thread.isSlow(now))
    if (more && threads.length < most) return this.#start()
    return threads.reduce((least, thread) => (thread.bytes < least.bytes ? thread : least))
  }

  #start(): Thread {
    const thread = new Thread(() => {
      const at = this.#threads.indexOf(thread)
      if (at >= 0) this.#threads.splice(at, 1)
    })
    this.#threads.push(thread)
    return thread
  }

  /** One timer at most: a rest of some milliseconds must cost nothing. */
  #rest(): void {
    this.#idle ??= setTimeout(() => {
      this.#idle = undefined
      if (this.#running > 0) return
      for (const thread of this.#threads.splice(0)) void thread.end()
    }, IDLE_MS).unref()
  }
}

class Thread {
  readonly #worker: Worker
  readonly #onEnd: () => void
  readonly #waiting = new Map<number, Waiting>()
  #outbox: Job[] = []
  #outboxBytes = 0
  #lastId = 0
  /** Of all that was asked and not answered. */
  bytes = 0
  answered = false

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
    // A host's flags (`--input-type`, `--eval`) are not for this file.
    this.#worker = new Worker(threadEntry(import.meta.url, 'summing-thread'), {
      ...{ name: 'prsm-files', execArgv: [] },
      // It makes a few small objects a job; four threads must not have 48 MB of them each.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    })
    this.#worker.on('message', (replies: readonly Reply[]) => {
      this.answered = true
      this.#settle(replies)
    })
    this.#worker.on('error', (cause) => this.#fail(cause))
    this.#worker.on('exit', () => this.#fail(undefined))
  }

  isQuick(bytes: number, now: number): boolean {
    if (this.#waiting.size === 0) return true
    return this.bytes + bytes <= MOST_BYTES && !this.isSlow(now)
  }

  /** True when the first who waits has waited for long. */
  isSlow(now: number): boolean {
    for (const { since } of this.#waiting.values()) return now - since > LONGEST_MS
    return false
  }

  run(work: Work): Promise<Done> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const bytes = work.bytes.byteLength
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(id, { bytes, since: performance.now(), resolve, reject })
      this.bytes += bytes
      this.#outboxBytes += bytes
      if (this.#outbox.push({ ...work, id }) === 1) setImmediate(this.#send)
      if (this.#outboxBytes >= MESSAGE_BYTES) this.#send()
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  readonly #send = (): void => {
    const jobs = this.#outbox
    if (jobs.length === 0) return
    this.#outbox = []
    this.#outboxBytes = 0
    try {
      this.#post(jobs)
    } catch {
      for (const job of jobs) this.#postAlone(job)
    }
  }

  #post(jobs: readonly Job[]): void {
    const moved = jobs.flatMap(({ kind, bytes }) => (kind === 'read' ? [bytes.buffer] : []))
    this.#worker.postMessage(jobs, moved as ArrayBuffer[])
  }

  /** One that cannot be sent, because its memory is another's, too, is none of the others' business. */
  #postAlone(job: Job): void {
    try {
      this.#post([job])
    } catch (cause) {
      const { message } = cause as Error
      this.#settle([{ id: job.id, failure: { code: undefined, message } }])
    }
  }

  #settle(replies: readonly Reply[]): void {
    for (const reply of replies) {
      const waiting = this.#waiting.get(reply.id)
      if (waiting === undefined) continue
      this.#waiting.delete(reply.id)
      this.bytes -= waiting.bytes
      if ('failure' in reply) waiting.reject(rebuilt(reply.failure))
      else waiting.resolve(reply)
    }
    if (this.#waiting.size === 0) this.#worker.unref()
  }

  /** The next job starts a new thread. */
  #fail(cause: unknown): void {
    this.#onEnd()
    const error = Object.assign(
      new Error('the thread that reads and writes files ended', { cause }),
      {
        ...codeOf(cause),
      },
    )
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    // Who asks again asks with the same memory.
    this.#outbox = []
    this.#outboxBytes = 0
  }
}

/** A thread needs descriptors of its own to start, and says so in words alone; it has done nothing then. */
function codeOf(cause: unknown): { readonly code?: string } {
  const code = /\b(?:EMFILE|ENFILE)\b/.exec(cause instanceof Error ? cause.message : '')?.[0]
  return code === undefined ? {} : { code }
}

function rebuilt({
  code,
  message,
}: {
  readonly code: string | undefined
  readonly message: string
}) {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}
