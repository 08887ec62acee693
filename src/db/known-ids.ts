/** Ids that are remembered: the leaves of some inner nodes, which are committed after them. */
const MOST = 16_384

/**
 * Ids of rows by the keys of their blocks, as the last batches committed them: a node that is committed
 * finds those of its children without a look. All are of one epoch: a collection takes none of these.
 */
export class KnownIds {
  readonly #ids = new Map<string, number>()
  #epoch = 0

  find(key: string): number | undefined {
    return this.#ids.get(key)
  }

  add(key: string, id: number): void {
    if (this.#ids.size >= MOST) this.#ids.clear()
    this.#ids.set(key, id)
  }

  /** Of another epoch nothing is known: its rows may be gone. */
  enter(epoch: number): void {
    if (epoch !== this.#epoch) this.#ids.clear()
    this.#epoch = epoch
  }

  /** What was committed may have been undone. */
  forget(): void {
    this.#ids.clear()
  }
}

/** The key of a block: its multihash as latin1 text. */
export function keyOfMultihash({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}
