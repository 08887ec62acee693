import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { PinProgress } from '../core/pins.ts'

export type PinMeterInit = {
  readonly onProgress: ((progress: PinProgress) => void) | undefined
  /** Who has been asked for a block and has not answered. */
  readonly waitingFor: (cid: CID) => readonly string[]
}

/** How often progress is told, at most. */
const TELL_MS = 250

/** Counts what a pin in the making has got, and tells of it; also when nothing comes. */
export class PinMeter implements Disposable {
  /** Blocks of the DAG that are here. */
  stored = 0
  readonly #init: PinMeterInit
  readonly #failed = new AbortController()
  readonly #startedAt = performance.now()
  readonly #asked = new Map<string, CID>()
  readonly #timer: NodeJS.Timeout | undefined
  #movedAt = performance.now()
  #blocks = 0
  #bytes = 0

  constructor(init: PinMeterInit) {
    this.#init = init
    if (init.onProgress === undefined) return
    this.#timer = setInterval(() => this.tell(), TELL_MS).unref()
  }

  get fetched(): { readonly fetchedBlocks: number; readonly fetchedBytes: number } {
    return { fetchedBlocks: this.#blocks, fetchedBytes: this.#bytes }
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** Aborts with INVALID_INPUT when the listener throws: it ends what it listens to. */
  get signal(): AbortSignal {
    return this.#failed.signal
  }

  asking(cid: CID): void {
    if (this.#asked.size === 0) this.#movedAt = performance.now()
    this.#asked.set(cid.toString(), cid)
  }

  arrived(cid: CID, bytes: number): void {
    this.#asked.delete(cid.toString())
    this.#movedAt = performance.now()
    this.#blocks += 1
    this.#bytes += bytes
  }

  tell(): void {
    const { stored: blocks, fetched, elapsedMs } = this
    try {
      this.#init.onProgress?.({ blocks, ...fetched, elapsedMs, ...this.#stalled() })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      this.#failed.abort(new PrsmError('INVALID_INPUT', `onProgress threw: ${reason}`, { cause }))
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #stalled(): Pick<PinProgress, 'stalled'> {
    const forMs = performance.now() - this.#movedAt
    const [first] = this.#asked.values()
    if (first === undefined || forMs < limits.pinStallMs) return {}
    return {
      stalled: { cid: first.toString(), forMs, waitingFor: this.#init.waitingFor(first) },
    }
  }
}
