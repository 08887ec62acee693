/** A lease's place in time: while it is open, what it may have put or met is safe. */
export type Generation = Disposable & { readonly epoch: number }

/**
 * The generations of a store. A block carries the epoch of its last put or dedup hit; a collection
 * begins a new epoch, and may take only what is older than that and than every lease open at its
 * beginning: leases that open later put and meet blocks of the new epoch.
 */
export class Generations {
  #current: number
  readonly #open = new Set<Generation>()
  /** Called when no lease is of an older epoch, while somebody waits for that. */
  #settled: (() => void) | undefined

  constructor(epoch: number) {
    this.#current = epoch
  }

  get current(): number {
    return this.#current
  }

  /** Opens a lease's place; dispose it when nothing of the lease is on its way any more. */
  enter(): Generation {
    const generation: Generation = {
      epoch: this.#current,
      [Symbol.dispose]: () => {
        this.#open.delete(generation)
        if (this.#settled !== undefined && this.#lowest() === this.#current) this.#settled()
      },
    }
    this.#open.add(generation)
    return generation
  }

  /**
   * Begins the next epoch. Blocks of epochs below what it gives are nobody's who writes. Leases that are
   * open hold it down: they are waited for, so many milliseconds at most, or until `signal` aborts.
   */
  async begin(patienceMs: number, signal?: AbortSignal): Promise<number> {
    this.#current += 1
    if (this.#lowest() < this.#current) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#settled = resolve
      const timer = setTimeout(resolve, patienceMs)
      const onAbort = (): void => resolve()
      signal?.addEventListener('abort', onAbort, { once: true })
      if (!signal?.aborted) await promise
      signal?.removeEventListener('abort', onAbort)
      clearTimeout(timer)
      this.#settled = undefined
    }
    return this.#lowest()
  }

  /** The epoch of the oldest lease; without one, the current. */
  #lowest(): number {
    let lowest = this.#current
    for (const { epoch } of this.#open) lowest = Math.min(lowest, epoch)
    return lowest
  }
}
