import type { Quota } from '../blocks/quota.ts'

/** Shares of the room: above the first unpinned content is collected, down to the second. */
const HIGH = 0.9
const LOW = 0.8
/** Share of the room by which the store has to grow before one that freed too little is tried again. */
const GROWTH = 0.02

/** Collects by itself when a store with a limit is nearly full, before uploads are refused for want of room. */
export class AutoCollection {
  readonly #quota: Quota | null
  readonly #collect: (free: number) => Promise<boolean>
  #running = false
  #after = 0

  /** `collect` frees so many bytes where it can, and tells whether it came to its end; it must not reject. */
  constructor(quota: Quota | null, collect: (free: number) => Promise<boolean>) {
    this.#quota = quota
    this.#collect = collect
  }

  /** Called when something was stored, or refused. */
  look(): void {
    const quota = this.#quota
    if (quota === null || !Number.isFinite(quota.maxBytes) || this.#running) return
    const { maxBytes, usedBytes, reservedBytes } = quota
    if (usedBytes + reservedBytes < Math.max(HIGH * maxBytes, this.#after)) return
    void this.#run(quota, Math.max(1, Math.ceil(usedBytes - LOW * maxBytes)))
  }

  async #run(quota: Quota, free: number): Promise<void> {
    this.#running = true
    const isDone = await this.#collect(free)
    this.#running = false
    if (!isDone) return
    const { maxBytes, usedBytes } = quota
    this.#after = usedBytes > HIGH * maxBytes ? usedBytes + GROWTH * maxBytes : 0
  }
}
