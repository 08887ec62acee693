import { limits } from '../core/limits.ts'

/** Bits a key has room for: with four of them set, one of 400 that are not in it seems to be. */
const BITS_A_KEY = 16
const PROBES = 4

/**
 * A set of keys of blocks (multihashes as latin1 text) that is never wrong about what it does not have,
 * and seldom about what it has: a Bloom filter (Bloom 1970), in memory that threads share. All may
 * `addBeside` others; one that asks meanwhile may be told of less.
 */
export class KeyBits {
  readonly buffer: SharedArrayBuffer
  /** Keys it is made for. With more of them it is wrong more often. */
  readonly capacity: number
  readonly #bits: Int32Array
  /** In the last word: keys that were added. */
  readonly #count: Int32Array
  readonly #mask: number

  constructor(buffer: SharedArrayBuffer) {
    const bytes = buffer.byteLength - 4
    this.buffer = buffer
    this.capacity = (bytes * 8) / BITS_A_KEY
    this.#bits = new Int32Array(buffer, 0, bytes / 4)
    this.#count = new Int32Array(buffer, bytes)
    this.#mask = bytes * 8 - 1
  }

  /** An empty one for at least so many keys, or as many as `limits.maxKeyFilterBytes` are made for. */
  static for(keys: number): KeyBits {
    const bytes = 2 ** Math.ceil(Math.log2((Math.max(keys, 2) * BITS_A_KEY) / 8))
    return new KeyBits(new SharedArrayBuffer(Math.min(bytes, limits.maxKeyFilterBytes) + 4))
  }

  /** About how many keys are in it. */
  get count(): number {
    return Atomics.load(this.#count, 0)
  }

  /** True when it has more keys than it is made for, and a larger one can be made. */
  get isOutgrown(): boolean {
    return this.count > this.capacity && this.#mask < limits.maxKeyFilterBytes * 8 - 1
  }

  /** False: it was never added. */
  has(key: string): boolean {
    for (let probe = 1; probe <= PROBES; probe++) {
      const bit = this.#bitOf(key, probe)
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  /** While nobody else adds: at a sixth of the price of what is safe beside others. */
  add(key: string): void {
    if (this.#set(key, or)) this.#count[0] = this.count + 1
  }

  addBeside(key: string): void {
    if (this.#set(key, Atomics.or)) Atomics.add(this.#count, 0, 1)
  }

  /** Sets the bits of a key by `setBits`, which gives the word as it was; tells whether one was not set. */
  #set(key: string, setBits: typeof or): boolean {
    let isNew = false
    for (let probe = 1; probe <= PROBES; probe++) {
      const bit = this.#bitOf(key, probe)
      const mask = 1 << (bit & 31)
      if ((setBits(this.#bits, bit >>> 5, mask) & mask) === 0) isNew = true
    }
    return isNew
  }

  /**
   * A digest is as even as a hash of it would be: its last words are taken as they are. What a shorter
   * key does not have counts as zero.
   */
  #bitOf(key: string, probe: number): number {
    const at = key.length - 4 * probe
    const low = (key.charCodeAt(at + 2) << 8) | key.charCodeAt(at + 3)
    return ((key.charCodeAt(at) << 24) | (key.charCodeAt(at + 1) << 16) | low) & this.#mask
  }
}

/** As `Atomics.or`, for who writes alone. */
function or(words: Int32Array, at: number, mask: number): number {
  const before = words[at] ?? 0
  words[at] = before | mask
  return before
}
