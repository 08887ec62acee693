/** Pulls bytes out of chunks in pieces of the sizes a parser needs. Holds one chunk beyond what was asked. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  /** The next bytes, at least one and at most `max`, without a copy; undefined at the end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return undefined
      this.#chunk = next.value
    }
    const piece = this.#chunk.subarray(0, max)
    this.#chunk = this.#chunk.subarray(piece.length)
    return piece
  }

  /** The next `length` bytes; fewer only where the source ends. */
  async upTo(length: number): Promise<Uint8Array> {
    const first = await this.some(length)
    if (first === undefined || first.length === length) return first ?? new Uint8Array(0)
    const bytes = new Uint8Array(length)
    bytes.set(first)
    const more = await this.into(bytes.subarray(first.length))
    return bytes.subarray(0, first.length + more)
  }

  /** Fills `bytes` with the next ones; gives how many came, fewer only where the source ends. */
  async into(bytes: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < bytes.length) {
      const piece = await this.some(bytes.length - filled)
      if (piece === undefined) break
      bytes.set(piece, filled)
      filled += piece.length
    }
    return filled
  }

  /** Ends the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}
