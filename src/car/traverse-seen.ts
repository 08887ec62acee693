import type { CID } from 'multiformats/cid'
import { limits } from '../core/limits.ts'
import { dagLimit } from '../unixfs/dag-error.ts'

/** 32-bit words of an entry: 128 bits of a hash, so that no two blocks are taken for one. */
const WORDS = 4
const FIRST_SLOTS = 256

/**
 * The blocks of a walk that were met, by codec and hash; in 32 to 64 bytes each, where a set of texts
 * takes several times that. Bounded: more than `maxEntries` are DAG_LIMIT.
 */
export class SeenBlocks {
  readonly #maxEntries: number
  #slots = new Uint32Array(FIRST_SLOTS * WORDS)
  #entries = 0

  constructor(maxEntries: number = limits.maxWalkLinks) {
    this.#maxEntries = maxEntries
  }

  has(cid: CID): boolean {
    const words = wordsOf(cid)
    return this.#isTaken(this.#slotOf(words))
  }

  /** Adds a block; false when it was there. Throws DAG_LIMIT. */
  add(cid: CID): boolean {
    const words = wordsOf(cid)
    const slot = this.#slotOf(words)
    if (this.#isTaken(slot)) return false
    if (this.#entries === this.#maxEntries) throw tooMany(cid, this.#maxEntries)
    this.#slots.set(words, slot)
    this.#entries++
    if (this.#entries * WORDS * 2 > this.#slots.length) this.#grow()
    return true
  }

  /** Where an entry stands, or would. */
  #slotOf(words: Uint32Array): number {
    const slots = this.#slots
    const mask = slots.length / WORDS - 1
    for (let slot = (words[0] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS
      if (!this.#isTaken(at) || isAt(slots, at, words)) return at
    }
  }

  #isTaken(at: number): boolean {
    return this.#slots[at + WORDS - 1] !== 0
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + WORDS - 1] === 0) continue
      const words = old.subarray(at, at + WORDS)
      this.#slots.set(words, this.#slotOf(words))
    }
  }
}

function isAt(slots: Uint32Array, at: number, words: Uint32Array): boolean {
  return words.every((word, index) => slots[at + index] === word)
}

/** 128 bits of the multihash and the codec. The last word is never 0: that says a slot is free. */
function wordsOf({ multihash, code }: CID): Uint32Array {
  const { digest } = multihash
  const bytes = new Uint8Array(WORDS * 4)
  bytes.set(digest.subarray(0, bytes.byteLength))
  const words = new Uint32Array(bytes.buffer)
  const last = WORDS - 1
  words[last] = ((words[last] ?? 0) ^ Math.imul(code, 0x9e3779b1) ^ multihash.code) >>> 0 || 1
  return words
}

function tooMany(cid: CID, max: number): Error {
  return dagLimit(cid, `is the first of more than ${max} blocks that would be remembered`)
}
