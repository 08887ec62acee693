/** A set of row ids below a bound, a bit each, in memory that threads share: one adds, others ask. */
export class SharedIds {
  readonly buffer: SharedArrayBuffer
  readonly #bits: Uint32Array

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#bits = new Uint32Array(buffer)
  }

  /** An empty one for ids from 0 to `bound` - 1. */
  static below(bound: number): SharedIds {
    return new SharedIds(new SharedArrayBuffer(Math.ceil(bound / 32) * 4))
  }

  has(id: number): boolean {
    return ((this.#bits[Math.floor(id / 32)] ?? 0) & (1 << (id % 32))) !== 0
  }

  /** True when `id` was not in it. An id beyond the bound is not taken, and never was in it. */
  add(id: number): boolean {
    const word = Math.floor(id / 32)
    const before = this.#bits[word]
    if (before === undefined) return false
    const bit = 1 << (id % 32)
    this.#bits[word] = before | bit
    return (before & bit) === 0
  }
}
