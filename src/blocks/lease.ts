import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { inlineBlock, matches } from './multihash.ts'
import type { Pending } from './pending.ts'

/** What a put found: an entry to wait for, or a block that is safely there. */
export type Admission = { readonly pending: Pending | undefined; readonly fresh: boolean }

/** What a lease needs of its store. */
export type LeaseStore = {
  /** Takes a checked block in. One block put by many at once is one write. */
  admit(cid: CID, bytes: Uint8Array): Promise<Admission>
  /** Commits the rows of everything that is written. */
  flush(): void
}

export type PutOptions = {
  /** True when the caller has just computed the CID from these very bytes. */
  readonly hashed?: boolean
  /** Called when the store needs `bytes` no more; without it they are the store's for good. */
  readonly released?: () => void
}

/**
 * A scope for writing blocks. After `sync()` every block it put *or met* is durable. Disposing it
 * lets go: blocks that were put stay, collectable. At most 64 MiB are put and not yet synced, 8 MiB
 * of them still in memory.
 */
export class Lease implements AsyncDisposable {
  readonly #store: LeaseStore
  readonly #open = new Set<Pending>()
  #failure: unknown
  #dirty = 0
  #held = 0
  #room: PromiseWithResolvers<void> | undefined
  #newBytes = 0
  #reusedBytes = 0

  constructor(store: LeaseStore) {
    this.#store = store
  }

  /** Bytes of blocks that had to be stored, and of those that were there. */
  get newBytes(): number {
    return this.#newBytes
  }

  get reusedBytes(): number {
    return this.#reusedBytes
  }

  /**
   * Stores a block. Resolves when it is taken in and readable, durable only after `sync()`; `bytes`
   * must not be changed until then. Throws BLOCK_REJECTED when they are too many or not what `cid`
   * names, and what an earlier block of the lease failed with.
   */
  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    const { hashed = false, released = () => {} } = options
    this.#throwFailure()
    checkBlock(cid, bytes, hashed)
    if (inlineBlock(cid) !== undefined) return
    const { pending, fresh } = await this.#store.admit(cid, bytes)
    if (pending !== undefined) this.#follow(pending)
    if (pending !== undefined && fresh) {
      this.#newBytes += bytes.byteLength
      this.#countDirty(pending, released)
    } else {
      this.#reusedBytes += bytes.byteLength
      released()
    }
    if (!this.#hasRoom()) await this.#awaitRoom()
  }

  /** Resolves when every block put or met is durable. Throws STORAGE_FULL or STORAGE_IO. */
  async sync(): Promise<void> {
    this.#throwFailure()
    const open = [...this.#open]
    await Promise.all(open.map(({ written }) => written))
    this.#store.flush()
    await Promise.all(open.map(({ durable }) => durable))
    this.#throwFailure()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open]
    await Promise.allSettled(open.map(({ written }) => written))
    this.#store.flush()
    await Promise.allSettled(open.map(({ durable }) => durable))
  }

  #follow(pending: Pending): void {
    if (this.#open.has(pending)) return
    this.#open.add(pending)
    pending.durable.then(
      () => this.#open.delete(pending),
      (error: unknown) => this.#fail(pending, error),
    )
  }

  /** A file is dirty until it is synced, a block in the database until its row is. */
  #countDirty({ size, inFile, copied, written, durable }: Pending, released: () => void): void {
    this.#dirty += size
    this.#held += size
    const letGo = () => {
      this.#held -= size
      released()
      if (this.#hasRoom()) this.#openRoom()
    }
    const clean = () => {
      this.#dirty -= size
      if (this.#hasRoom()) this.#openRoom()
    }
    copied.then(letGo, letGo)
    const synced = inFile ? written : durable
    synced.then(clean, clean)
  }

  #hasRoom(): boolean {
    return this.#dirty <= limits.leaseDirtyBytes && this.#held <= limits.leaseHeldBytes
  }

  #fail(pending: Pending, error: unknown): void {
    this.#open.delete(pending)
    this.#failure ??= error
    this.#openRoom()
  }

  /** Waits with all other puts of the lease until it has room again. Throws what a block failed with. */
  async #awaitRoom(): Promise<void> {
    this.#room ??= Promise.withResolvers<void>()
    this.#store.flush()
    await this.#room.promise
    this.#throwFailure()
  }

  #openRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

function checkBlock(cid: CID, bytes: Uint8Array, hashed: boolean): void {
  if (bytes.byteLength > limits.maxBlockBytes) {
    throw new PrsmError('BLOCK_REJECTED', `block ${cid} has ${bytes.byteLength} bytes`, {
      hint: `a block has at most ${limits.maxBlockBytes} bytes; store files with upload()`,
    })
  }
  if (hashed || matches(cid, bytes)) return
  throw new PrsmError('BLOCK_REJECTED', `the bytes given for ${cid} hash to something else`, {
    hint: 'the sender is wrong or lying: ask another source',
  })
}
