import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import {
  type AsideJob,
  BatchRunner,
  isAside,
  isFull,
  isLocked,
  type Job,
  rejectAll,
} from './batch.ts'
import type { Connection } from './connection.ts'
import { sqliteCode } from './sqlite-errors.ts'

export type WriteQueueInit = {
  readonly writer: Connection
  /** Makes durable all that was committed before the call; null where nothing is to be synced. */
  readonly sync: (() => Promise<void>) | null
  /** A sync failed: from then on no write succeeds. */
  readonly onFailure: (error: PrsmError) => void
}

/** Whether the last batch met a full disk, and whether the next is for another thread. */
export type NextBatch = { readonly full: boolean; readonly aside: boolean }

/** Milliseconds until a locked database is tried again. */
const BUSY_RETRY_MS = 5

/**
 * Group commit. Waiting jobs run in one transaction; a job resolves after a sync that began after its
 * commit. Batches go on while a sync runs: the next sync covers all of them.
 */
export class WriteQueue {
  /** Called before each batch; may pause the queue. */
  beforeBatch: (next: NextBatch) => void = () => {}
  readonly #writer: Connection
  readonly #runner: BatchRunner
  readonly #sync: (() => Promise<void>) | null
  readonly #onFailure: (error: PrsmError) => void
  #waiting: (Job | AsideJob)[] = []
  #committed: (Job | AsideJob)[] = []
  /** Batches that another thread commits, one after the other: nothing else is written until they end. */
  readonly #asides = new Set<Promise<void>>()
  #scheduled = false
  #paused = false
  #syncing = false
  #closed = false
  #full = false
  #failure: PrsmError | undefined
  #lockedSince: number | undefined
  #drained: (() => void) | undefined

  constructor({ writer, sync, onFailure }: WriteQueueInit) {
    this.#writer = writer
    this.#runner = new BatchRunner(writer)
    this.#sync = sync
    this.#onFailure = onFailure
  }

  /** What ended writing, if a sync failed. */
  get failure(): PrsmError | undefined {
    return this.#failure
  }

  add<T>(run: (writer: Connection) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (value: unknown): void => resolve(value as T)
      this.#enqueue({ run, resolve: settle, reject, value: undefined })
    })
  }

  /**
   * In its turn, `runAside` lets another thread commit; its promise ends with that. The next of its kind may
   * be begun before, so that the thread need not wait for this one: it takes them in their order.
   */
  addAside(runAside: () => Promise<void>): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#enqueue({ runAside, resolve: () => resolve(), reject, value: undefined })
    })
  }

  #enqueue(job: Job | AsideJob): void {
    const { refusal } = this
    if (refusal === undefined) {
      this.#waiting.push(job)
      this.#schedule()
    } else {
      job.reject(refusal)
    }
  }

  /** No batch begins until `resume`. Resolves when none is half-way: one of this thread is one turn of the event loop. */
  async pause(): Promise<void> {
    this.#paused = true
    await Promise.all(this.#asides)
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  /** Syncs what is committed; a failure ends writing, as that of any sync does. */
  async sync(): Promise<void> {
    try {
      await this.#sync?.()
    } catch (error) {
      throw this.fail(error)
    }
  }

  /** Refuses new jobs, and waits until those that were added before are settled. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#idle()) return
    await new Promise<void>((resolve) => {
      this.#drained = resolve
    })
  }

  /** Why a job cannot be added now. */
  get refusal(): PrsmError | undefined {
    if (this.#closed) return new PrsmError('NODE_CLOSED', 'the node is closed')
    return this.#failure
  }

  #idle(): boolean {
    const nothingIsWritten = this.#waiting.length === 0 && this.#asides.size === 0
    return nothingIsWritten && this.#committed.length === 0 && !this.#syncing
  }

  #schedule(): void {
    if (this.#idle()) this.#drained?.()
    if (this.#scheduled || !this.#mayBegin()) return
    this.#scheduled = true
    setImmediate(this.#turn)
  }

  /** One batch a turn, so that the other work of the node comes between. */
  readonly #turn = (): void => {
    this.#scheduled = false
    if (this.#mayBegin())
      this.beforeBatch({ full: this.#full, aside: this.#nextAside !== undefined })
    if (this.#mayBegin()) this.#begin()
    this.#schedule()
  }

  #mayBegin(): boolean {
    if (this.#waiting.length === 0 || this.#paused) return false
    const most = this.#nextAside === undefined ? 1 : limits.storeAsideAtOnce
    return this.#asides.size < most
  }

  /** The next job, where another thread is to commit it. */
  get #nextAside(): AsideJob | undefined {
    const [first] = this.#waiting
    return first !== undefined && isAside(first) ? first : undefined
  }

  #begin(): void {
    const aside = this.#nextAside
    if (aside === undefined) return void this.#runBatch()
    this.#waiting.shift()
    const running = this.#runAside(aside).finally(() => {
      this.#asides.delete(running)
      this.#schedule()
    })
    this.#asides.add(running)
  }

  /** What a thread that failed may have committed is synced, too: the next put may meet it. */
  async #runAside(job: AsideJob): Promise<void> {
    let failed: { readonly error: unknown } | undefined
    try {
      await job.runAside()
    } catch (error) {
      failed = { error }
    }
    this.#full = failed !== undefined && isFull(failed.error)
    // It has waited for all of them: each would wait as long again.
    if (failed !== undefined && isLocked(failed.error)) this.#refuseWaiting(failed.error)
    const settle = failed === undefined ? job : rejecting(job, failed.error)
    if (this.#failure === undefined) this.#acknowledge([settle])
    else job.reject(this.#failure)
  }

  #runBatch(): void {
    try {
      const { taken, committed, full } = this.#runner.run(this.#nextOwn())
      this.#full = full
      this.#lockedSince = undefined
      this.#waiting.splice(0, taken)
      this.#acknowledge(committed)
    } catch (error) {
      this.#notBegun(error)
    }
  }

  /** The jobs that wait before the next that runs aside. */
  #nextOwn(): readonly Job[] {
    const own: Job[] = []
    for (const job of this.#waiting) {
      if (isAside(job)) break
      own.push(job)
    }
    return own
  }

  /** Somebody else writes: asked again later, without blocking. Anything else is the end of these jobs. */
  #notBegun(error: unknown): void {
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY') === true && !this.#lockedForLong()) {
      this.#scheduled = true
      setTimeout(this.#turn, BUSY_RETRY_MS)
    } else {
      this.#refuseWaiting(error)
    }
  }

  #refuseWaiting(error: unknown): void {
    rejectAll(this.#waiting.splice(0), error, this.#writer)
  }

  #lockedForLong(): boolean {
    const now = performance.now()
    this.#lockedSince ??= now
    if (now - this.#lockedSince < limits.writeLockMs) return false
    this.#lockedSince = undefined
    return true
  }

  #acknowledge(jobs: readonly (Job | AsideJob)[]): void {
    if (this.#sync === null) {
      resolveAll(jobs)
      return
    }
    for (const job of jobs) this.#committed.push(job)
    if (!this.#syncing) void this.#syncCommitted()
  }

  async #syncCommitted(): Promise<void> {
    this.#syncing = true
    while (this.#committed.length > 0) {
      const jobs = this.#committed
      this.#committed = []
      try {
        await this.sync()
        resolveAll(jobs)
      } catch (error) {
        rejectAll(jobs, error, this.#writer)
      }
    }
    this.#syncing = false
    this.#schedule()
  }

  /** Ends writing: after a failed sync nobody knows what is on the disk, and asking again may lie. */
  fail(cause: unknown): PrsmError {
    if (this.#failure !== undefined) return this.#failure
    const file = this.#writer.name
    const failure = new PrsmError('STORAGE_IO', `${file}: a write could not be synced`, {
      hint: 'look at the disk, then restart the node: what was acknowledged is safe',
      details: { file },
      cause,
    })
    this.#failure = failure
    rejectAll([...this.#committed.splice(0), ...this.#waiting.splice(0)], failure, this.#writer)
    this.#onFailure(failure)
    return failure
  }
}

function resolveAll(jobs: readonly (Job | AsideJob)[]): void {
  for (const job of jobs) job.resolve(job.value)
}

/** A job that is not to succeed, whatever becomes of its sync. */
function rejecting(job: AsideJob, error: unknown): AsideJob {
  return { ...job, resolve: () => job.reject(error) }
}
