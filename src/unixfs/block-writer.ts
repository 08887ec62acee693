import type { CID } from 'multiformats/cid'
import { sha256Cid } from '../core/cid.ts'
import { limits } from '../core/limits.ts'

/** Where an import puts its blocks: the upload's lease, which trusts our hashes. */
export type PutBlock = {
  /** A promise only where there is something to wait for. */
  put(cid: CID, bytes: Uint8Array): Promise<unknown> | undefined
}

/**
 * What counts for a block beside its bytes while its put is waited for. Much: a few hundred small ones that
 * wait are enough, those that need not are the lease's to gather.
 */
const OVERHEAD_BYTES = 16 * 1024

/**
 * Hashes blocks and hands them to the store without waiting for each: the next block is hashed
 * while the last ones are taken in. At most `limits.importAheadBytes` are on their way, where the
 * caller waits for `room()`; the first failure is what `room()` and `settle()` throw.
 */
export class BlockWriter {
  readonly #blocks: PutBlock
  #running = 0
  #bytes = 0
  #room: PromiseWithResolvers<void> | undefined
  #idle: PromiseWithResolvers<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(blocks: PutBlock) {
    this.#blocks = blocks
  }

  /** Starts the put of a block and gives its CID (version 1, sha2-256). `bytes` are the store's from here on. */
  write(codec: number, bytes: Uint8Array): CID {
    const cid = sha256Cid(codec, bytes)
    this.put(cid, bytes)
    return cid
  }

  /** Starts the put of a block whose CID is known to be right. */
  put(cid: CID, bytes: Uint8Array): void {
    const putting = this.#blocks.put(cid, bytes)
    if (putting === undefined) return
    const cost = bytes.byteLength + OVERHEAD_BYTES
    this.#bytes += cost
    this.#running += 1
    const onFailure = (error: unknown): void => {
      this.#failure ??= { error }
      this.#ended(cost)
    }
    putting.then(() => this.#ended(cost), onFailure)
  }

  /** What to wait for before the next block, or undefined when there is room for it. Throws the first failure. */
  room(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#bytes <= limits.importAheadBytes) return undefined
    this.#room ??= Promise.withResolvers<void>()
    return this.#room.promise
  }

  /** Waits until the store has taken all. Throws the first failure. */
  async settle(): Promise<void> {
    await this.idle()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Waits until nothing is on its way, whatever became of it. */
  async idle(): Promise<void> {
    if (this.#running === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  #ended(cost: number): void {
    this.#bytes -= cost
    this.#running -= 1
    if (this.#bytes <= limits.importAheadBytes || this.#failure !== undefined) this.#openRoom()
    if (this.#running > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }

  #openRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }
}
