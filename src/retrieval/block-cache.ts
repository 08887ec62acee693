/** What an entry takes besides its bytes: its key, its place in the map, the objects around its memory. */
const ENTRY_BYTES = 512

/**
 * Verified blocks in memory, the last used ones up to `maxBytes`, by their multihash. What is in it
 * is shared by all who read it, and never written to.
 */
export class BlockCache {
  readonly #maxBytes: number
  readonly #blocks = new Map<string, Uint8Array>()
  #bytes = 0

  /** `maxBytes`: of the blocks and of what it takes to keep them; 0 keeps none. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False for a block that is larger than the whole. */
  accepts(blockBytes: number): boolean {
    return blockBytes + ENTRY_BYTES <= this.#maxBytes
  }

  get(key: string): Uint8Array | undefined {
    const block = this.#blocks.get(key)
    if (block === undefined) return undefined
    this.#blocks.delete(key)
    this.#blocks.set(key, block)
    return block
  }

  set(key: string, block: Uint8Array): void {
    if (!this.accepts(block.byteLength) || this.#blocks.has(key)) return
    this.#blocks.set(key, withItsOwnMemory(block))
    this.#bytes += block.byteLength + ENTRY_BYTES
    while (this.#bytes > this.#maxBytes) this.#dropOldest()
  }

  clear(): void {
    this.#blocks.clear()
    this.#bytes = 0
  }

  #dropOldest(): void {
    for (const [key, { byteLength }] of this.#blocks) {
      this.#blocks.delete(key)
      this.#bytes -= byteLength + ENTRY_BYTES
      return
    }
  }
}

/** A view would keep alive, uncounted, the message or the pool it is a part of. */
function withItsOwnMemory(block: Uint8Array): Uint8Array {
  if (block.buffer.byteLength - block.byteLength <= ENTRY_BYTES) return block
  const own = Buffer.allocUnsafeSlow(block.byteLength)
  own.set(block)
  return own
}
