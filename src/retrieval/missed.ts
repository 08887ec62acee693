import type { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

type Miss = { readonly error: PrsmError; readonly until: number }

/** What nobody had, for a short while: a page that asks for one missing block often asks the peers once. */
export class Missed {
  readonly #now: () => number
  /** In the order of their ends: each stays equally long. */
  readonly #misses = new Map<string, Miss>()
  #generation = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Changes when all is forgotten: an answer that was asked for before that is not worth keeping. */
  get generation(): number {
    return this.#generation
  }

  get size(): number {
    return this.#misses.size
  }

  find(key: string): PrsmError | undefined {
    const miss = this.#misses.get(key)
    if (miss === undefined || miss.until > this.#now()) return miss?.error
    this.#misses.delete(key)
    return undefined
  }

  add(key: string, error: PrsmError): void {
    this.#misses.delete(key)
    this.#misses.set(key, { error, until: this.#now() + limits.missedMs })
    for (const [oldest, { until }] of this.#misses) {
      if (this.#misses.size <= limits.maxMissed && until > this.#now()) return
      this.#misses.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#misses.delete(key)
  }

  clear(): void {
    this.#generation += 1
    this.#misses.clear()
  }
}
