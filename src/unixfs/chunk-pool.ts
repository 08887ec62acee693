import { CHUNK_BYTES } from './profile.ts'

/** Buffers of 1 MiB that no upload or import of a node has in use. */
export type FreeChunks = Uint8Array[]

/**
 * The buffers of an upload's chunks, used again as soon as nobody needs their bytes: a new megabyte
 * for each chunk costs a third of the import in page faults and garbage collection. They are shared
 * memory, so that a thread can hash them where they are. V8 does not count that kind and is in no hurry
 * to collect it: so all uploads of a node draw from one stock, and one that failed gives back what was
 * held. Dispose it when nothing is written any more.
 */
export class ChunkPool implements Disposable {
  readonly #free: FreeChunks
  readonly #holders = new Map<ArrayBufferLike, number>()

  constructor(free: FreeChunks = []) {
    this.#free = free
  }

  /** A buffer of 1 MiB; its bytes are whatever they were. One that is never held is not kept. */
  readonly take = (): Uint8Array => {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(CHUNK_BYTES))
  }

  /** Takes back a chunk nobody will hold. */
  readonly discard = (chunk: Uint8Array): void => {
    this.hold(chunk, 1)
    this.release(chunk)
  }

  /** Says how many will let go of a chunk, to which nobody writes any more. One of anybody else's is not kept. */
  hold(chunk: Uint8Array, holders: number): void {
    const { buffer } = chunk
    if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== CHUNK_BYTES) return
    this.#holders.set(buffer, holders)
  }

  release(chunk: Uint8Array): void {
    const holders = this.#holders.get(chunk.buffer)
    if (holders === undefined) return
    if (holders > 1) this.#holders.set(chunk.buffer, holders - 1)
    else this.#giveBack(chunk.buffer)
  }

  /** A thread may still hash what is given back: the digest of an upload that failed is nobody's. */
  [Symbol.dispose](): void {
    for (const buffer of this.#holders.keys()) this.#giveBack(buffer)
  }

  #giveBack(buffer: ArrayBufferLike): void {
    this.#holders.delete(buffer)
    this.#free.push(new Uint8Array(buffer))
  }
}
