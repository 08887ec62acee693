import { abortable } from '../core/abortable.ts'
import { CHUNK_BYTES } from './profile.ts'

export type ChunkOptions = {
  readonly signal?: AbortSignal
  /** The pieces are given away, nobody writes to them later: whole chunks of them are kept uncopied. */
  readonly handedOver?: boolean
  /** Bytes to come, where somebody says: a small file then takes no more memory than it has bytes. */
  readonly expectedBytes?: number
  /** Gives a buffer of 1 MiB for a whole chunk; who passes this knows when it is free again. */
  readonly allocateChunk?: () => Uint8Array
  /** Takes back the buffer of a chunk that was not filled when the content failed. */
  readonly discardChunk?: (chunk: Uint8Array) => void
}

/**
 * Cuts content into chunks of 1 MiB, the last one smaller; none for no content. Ours and not the
 * importer's, which looks at every piece twice and copies a chunk once more than is needed. Ends
 * with CANCELLED as soon as the signal aborts, also while the content is silent.
 */
export async function* chunksOf(
  content: AsyncIterable<Uint8Array>,
  options: ChunkOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const chunk = new Chunk(options.expectedBytes ?? 0, options.allocateChunk)
  try {
    for await (const piece of abortable(content, options.signal)) {
      yield* options.handedOver === true ? cutUncopied(chunk, piece) : cut(chunk, piece)
    }
    if (!chunk.empty) yield chunk.take()
  } finally {
    if (!chunk.empty) options.discardChunk?.(chunk.take())
  }
}

function* cutUncopied(chunk: Chunk, piece: Uint8Array): Generator<Uint8Array, void, void> {
  const head = chunk.empty ? 0 : Math.min(chunk.missing, piece.byteLength)
  yield* cut(chunk, piece.subarray(0, head))
  let at = head
  for (; piece.byteLength - at >= CHUNK_BYTES; at += CHUNK_BYTES)
    yield piece.subarray(at, at + CHUNK_BYTES)
  yield* cut(chunk, piece.subarray(at))
}

function* cut(chunk: Chunk, piece: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < piece.byteLength; ) {
    at += chunk.add(piece.subarray(at))
    if (chunk.missing === 0) yield chunk.take()
  }
}

/** Collects the bytes of one chunk. Its buffer grows for the first chunk only: most files are small. */
class Chunk {
  readonly #allocateChunk: (() => Uint8Array) | undefined
  #buffer: Uint8Array
  #filled = 0
  #large: boolean

  constructor(expectedBytes: number, allocateChunk: (() => Uint8Array) | undefined) {
    this.#allocateChunk = allocateChunk
    this.#large = expectedBytes >= CHUNK_BYTES
    this.#buffer = allocate(this.#large ? 0 : Math.max(0, expectedBytes))
  }

  get empty(): boolean {
    return this.#filled === 0
  }

  /** Bytes until it is full. */
  get missing(): number {
    return CHUNK_BYTES - this.#filled
  }

  /** Copies what fits into the chunk, and says how much that was. */
  add(piece: Uint8Array): number {
    const count = Math.min(piece.byteLength, this.missing)
    this.#reserve(this.#filled + count)
    this.#buffer.set(count === piece.byteLength ? piece : piece.subarray(0, count), this.#filled)
    this.#filled += count
    return count
  }

  /** The chunk; its bytes are the taker's. */
  take(): Uint8Array {
    const filled = this.#buffer.subarray(0, this.#filled)
    // A store may keep what it gets: a small tail must not hold a megabyte, unless it is lent.
    const lent = this.#allocateChunk !== undefined && this.#buffer.byteLength === CHUNK_BYTES
    const chunk = lent || filled.byteLength * 2 > this.#buffer.byteLength ? filled : copy(filled)
    this.#large ||= this.missing === 0
    this.#buffer = allocate(0)
    this.#filled = 0
    return chunk
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return
    const grown = this.#enlarged(Math.max(bytes, this.#buffer.byteLength * 2))
    grown.set(this.#buffer.subarray(0, this.#filled))
    this.#buffer = grown
  }

  #enlarged(bytes: number): Uint8Array {
    if (!this.#large && bytes < CHUNK_BYTES) return allocate(bytes)
    return this.#allocateChunk?.() ?? allocate(CHUNK_BYTES)
  }
}

/** Not zeroed, as every byte of it is written, and not out of a pool, which a kept block would hold. */
function allocate(bytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(bytes)
}

function copy(bytes: Uint8Array): Uint8Array {
  const copied = allocate(bytes.byteLength)
  copied.set(bytes)
  return copied
}
