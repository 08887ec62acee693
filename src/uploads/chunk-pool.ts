import { CHUNK_BYTES } from '../unixfs/profile.ts'

/**
 * The buffers of chunks on their way in, used again as soon as nobody needs their bytes: a new megabyte
 * for each chunk costs a third of the import in page faults and garbage collection. They are shared
 * memory, so that a thread can hash them where they are. V8 does not count that kind, and is in no hurry
 * to collect it: all uploads of a node share one pool, which keeps as many as were in use at once.
 */
export class ChunkPool {
  readonly #free: Uint8Array[] = []
  readonly #holders = new WeakMap<ArrayBufferLike, number>()

  /** A buffer of 1 MiB; its bytes are whatever they were. */
  readonly take = (): Uint8Array => {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(CHUNK_BYTES))
  }

  /** Says how many will let go of a chunk. One that is not whole, or not of this pool, is not kept. */
  hold(chunk: Uint8Array, holders: number): void {
    if (!(chunk.buffer instanceof SharedArrayBuffer) || chunk.byteLength !== CHUNK_BYTES) return
    this.#holders.set(chunk.buffer, holders)
  }

  release(chunk: Uint8Array): void {
    const holders = this.#holders.get(chunk.buffer)
    if (holders === undefined) return
    if (holders > 1) {
      this.#holders.set(chunk.buffer, holders - 1)
    } else {
      this.#holders.delete(chunk.buffer)
      this.#free.push(chunk)
    }
  }
}
