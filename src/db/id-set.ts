/** A set of row ids, which are dense: a bit each. Grows with the highest one. */
export class IdSet {
  #bits = new Uint32Array(1024)

  /** True when `id` was not in it. */
  add(id: number): boolean {
    const word = Math.floor(id / 32)
    if (word >= this.#bits.length) this.#grow(word + 1)
    const before = this.#bits[word] ?? 0
    const bit = 1 << (id % 32)
    if ((before & bit) !== 0) return false
    this.#bits[word] = before | bit
    return true
  }

  #grow(words: number): void {
    const wider = new Uint32Array(Math.max(words, this.#bits.length * 2))
    wider.set(this.#bits)
    this.#bits = wider
  }
}
