import { limits } from '../core/limits.ts'

/** Two segments: what a range of up to 64 KiB touches, wherever it starts. */
const SCRATCH_BYTES = 2 * limits.segmentBytes

/** Two megabytes: who reads more ranges at once makes new ones. */
const MOST_FREE = 16

/**
 * Buffers to read segments into, the last used first, since the processor has it at hand. New memory
 * for each range cost as much as the range itself, in page faults and garbage collection.
 */
export class ScratchBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = []

  /** A buffer of `bytes`, whatever they were before; undefined for more than it has. */
  take(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    if (bytes > SCRATCH_BYTES) return undefined
    const free = this.#free.pop() ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    return free.subarray(0, bytes)
  }

  /** Takes back what `take` gave, or the memory of it where it was moved to. */
  give(scratch: Uint8Array<ArrayBuffer>): void {
    if (this.#free.length < MOST_FREE) this.#free.push(Buffer.from(scratch.buffer))
  }
}
