import { limits } from '../core/limits.ts'

/** Smaller blocks are not worth keeping a buffer for. */
const SMALLEST_BYTES = 65_536

/** The memory that the chunks of a reader come in: whoever has it gets no chunk in any other. */
export type ChunkMemory = {
  /** A buffer of so many bytes, whatever they were before. */
  readonly take: (bytes: number) => Uint8Array
  /** Called with a chunk when the consumer has asked for the next one. */
  give(chunk: Uint8Array): void
}

/** Each chunk in memory of its own, which is the consumer's for good. */
export const newMemory: ChunkMemory = { take: Buffer.allocUnsafeSlow, give: () => {} }

/**
 * Buffers of one reader, or of many: a block is read into one that was given back, where there is one. A
 * megabyte of new memory for each block would be a third of the cost of a download. What is free is
 * kept for the next reader, as much as one reads ahead.
 */
export class BlockBuffers implements ChunkMemory {
  readonly #free: Uint8Array[] = []
  #freeBytes = 0

  readonly take = (bytes: number): Uint8Array => {
    if (bytes < SMALLEST_BYTES) return Buffer.allocUnsafeSlow(bytes)
    const free = this.#free.pop()
    if (free !== undefined) this.#freeBytes -= free.byteLength
    if (free !== undefined && free.byteLength >= bytes) return free.subarray(0, bytes)
    return Buffer.allocUnsafeSlow(bytes)
  }

  /** Takes back the memory that `chunk` is a part of: what `take` gave, or where a read moved it. */
  give({ buffer }: Uint8Array): void {
    const { byteLength } = buffer
    if (byteLength < SMALLEST_BYTES || this.#freeBytes + byteLength > limits.readAheadBytes) return
    this.#freeBytes += byteLength
    this.#free.push(new Uint8Array(buffer))
  }
}
