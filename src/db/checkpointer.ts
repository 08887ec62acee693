import { isPrsmError, PrsmError, toPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Wal } from './wal.ts'
import type { DatabaseWorker } from './worker.ts'
import type { NextBatch, WriteQueue } from './write-queue.ts'

export type CheckpointerInit = {
  readonly path: string
  readonly wal: Wal
  readonly queue: WriteQueue
  readonly worker: DatabaseWorker
  /** A checkpoint failed; it is tried again. */
  readonly onWarning: (error: PrsmError) => void
}

/** Times the -wal is copied beside the writes at most, and what may be left for a copy without them. */
const PASSES = 4
const LITTLE_BYTES = 1024 * 1024

/** Milliseconds until a checkpoint that failed, or that a reader held up, is tried again. */
const RETRY_MS = 1000

/** Milliseconds without blocks by hundreds after which no more of them are expected. */
const QUIET_MS = 1000

/**
 * Keeps the -wal short, by way of the worker: its syncs are never on the writer's thread. One
 * checkpoint at a time; the queue waits for the last part of it only.
 */
export class Checkpointer {
  readonly #init: CheckpointerInit
  #running: Promise<void> | undefined
  #notBefore = 0
  /** Bytes of the -wal above which writes wait for the one that runs, and those that stay of its file. */
  #pauseAt = 0
  #keptBytes = keptBytes(false)
  /** What may stand in the file since it was last begun anew. */
  #leftBytes = keptBytes(false)
  /** When blocks last came by hundreds. */
  #asideAt = Number.NEGATIVE_INFINITY
  #used = false

  constructor(init: CheckpointerInit) {
    this.#init = init
  }

  /** Whether the worker has a connection to this file. */
  get used(): boolean {
    return this.#used
  }

  /** Says that the worker is asked about this file by others. */
  touch(): void {
    this.#used = true
  }

  /**
   * Before a batch: starts what is due, and pauses the queue where the batch must not come first. The
   * first write of all does not wait for a worker that has to be started: it syncs the header of the
   * -wal itself. On a full disk the room of the -wal is the room there is: using it anew lets deletions
   * through.
   */
  readonly look = ({ full, aside }: NextBatch): void => {
    const { wal, queue } = this.#init
    const { frames, checkpointed } = wal.state()
    const bytes = wal.bytes(frames)
    if (this.#running !== undefined) {
      if (bytes >= this.#pauseAt) void queue.pause()
      return
    }
    const now = performance.now()
    const bound = aside ? limits.walAsideBytes : limits.walCheckpointBytes
    this.#pauseAt = Math.max(2 * bound, bytes + bound)
    this.#keptBytes = keptBytes(aside)
    if (aside) this.#asideAt = now
    if (now < this.#notBefore) return
    if (frames === checkpointed && (frames > 0 || this.#used)) this.#start(() => this.#restart())
    else if (full || bytes > bound || this.#isTooLong(now)) this.#start(() => this.#checkpoint())
  }

  /** What blocks by hundreds left of the file goes with the first write after them. */
  #isTooLong(now: number): boolean {
    return this.#leftBytes > keptBytes(false) && now - this.#asideAt > QUIET_MS
  }

  /** All that was committed before the call is in the database file afterwards. */
  async run(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    this.#keptBytes = keptBytes(false)
    await this.#begin(() => this.#checkpoint())
  }

  /** Brings the -wal into the file when no write can follow. */
  async last(): Promise<void> {
    this.#used = true
    await this.#copy()
  }

  /** Nothing more begins by itself; waits for what runs. */
  async stop(): Promise<void> {
    this.#notBefore = Number.POSITIVE_INFINITY
    while (this.#running !== undefined) await this.#running
  }

  #start(work: () => Promise<void>): void {
    this.#begin(work).catch((error: unknown) => this.#init.onWarning(toPrsmError(error)))
  }

  /** The promise that others wait for never rejects; the one returned does. */
  async #begin(work: () => Promise<void>): Promise<void> {
    this.#used = true
    const done = work()
    this.#running = done.then(
      () => this.#end(),
      () => this.#end(RETRY_MS),
    )
    await done
  }

  #end(retryMs = 0): void {
    this.#running = undefined
    this.#notBefore = Math.max(this.#notBefore, performance.now() + retryMs)
    this.#init.queue.resume()
  }

  /** What is written meanwhile is copied, too, until little is left that the queue has to wait for. */
  async #checkpoint(): Promise<void> {
    for (let pass = 0; pass < PASSES; pass += 1) {
      await this.#copy()
      if (this.#uncopiedBytes() <= LITTLE_BYTES) break
    }
    await this.#restart()
  }

  #uncopiedBytes(): number {
    const { wal } = this.#init
    const { frames, checkpointed } = wal.state()
    return wal.bytes(frames - checkpointed)
  }

  /** Our own sync first: its failure must end writing before the worker copies what may not be on the disk. */
  async #copy(): Promise<void> {
    const { worker, path, queue } = this.#init
    await queue.sync()
    try {
      await worker.request('checkpoint', { path })
    } catch (error) {
      throw isUnsynced(error) ? queue.fail(error) : error
    }
  }

  async #restart(): Promise<void> {
    const { worker, path, queue } = this.#init
    await queue.pause()
    const kept = this.#keptBytes
    if (await worker.request('restartWal', { path, keptBytes: kept })) {
      this.#leftBytes = kept
      return
    }
    throw new PrsmError('STORE_LOCKED', `${path}: a reader holds up the checkpoint`, {
      hint: 'end the program that reads this file; the node goes on meanwhile',
      details: { file: path },
    })
  }
}

/**
 * While blocks come by hundreds all stays that the file may have grown to until it was copied: to cut that
 * off takes 60 ms, in which nothing is written, and what comes next has to allocate it again.
 */
function keptBytes(aside: boolean): number {
  return aside ? 3 * limits.walAsideBytes : 2 * limits.walCheckpointBytes
}

/** Nobody knows what of the database file is on the disk: the -wal, which has it all, may not be begun anew. */
function isUnsynced(error: unknown): boolean {
  if (!isPrsmError(error)) return false
  const { unsynced } = error.details
  return unsynced === true
}
