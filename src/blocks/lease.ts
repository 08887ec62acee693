import type { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { fileBytesOf } from '../db/store-blocks.ts'
import type { Generation } from './generations.ts'
import { inlineBlock, matches } from './multihash.ts'
import type { Listener, Pending } from './pending.ts'
import type { Reservation } from './quota.ts'

/** What a put found: an entry to wait for, or a block that is safely there. */
export type Admission = { readonly pending: Pending | undefined; readonly fresh: boolean }

export type LeaseInit = {
  readonly generation: Generation
  /** The room it writes in; without one there is no limit. */
  readonly reservation?: Reservation | undefined
}

/** What a lease needs of its store. */
export type LeaseStore = {
  /** Takes a checked block in. One block put by many at once is one write. A promise only where it has to wait. */
  admit(cid: CID, bytes: Uint8Array): Admission | Promise<Admission>
  /** Commits the rows of everything that is written. */
  flush(): void
}

type Put = {
  readonly cid: CID
  readonly bytes: Uint8Array
  readonly room: number
  readonly released: (() => void) | undefined
}

export type PutOptions = {
  /** True when the caller has just computed the CID from these very bytes. */
  readonly hashed?: boolean
  /** Called when the store needs `bytes` no more; without it they are the store's for good. */
  readonly released?: () => void
}

const NO_OPTIONS: PutOptions = {}

/**
 * A scope for writing blocks. After `sync()` every block it put *or met* is durable. Disposing it
 * lets go: blocks that were put stay, collectable. At most 64 MiB are put and not yet synced, 8 MiB of
 * files and 12 MiB of small blocks of them still in memory.
 */
export class Lease implements AsyncDisposable {
  readonly #store: LeaseStore
  readonly #generation: Generation
  readonly #reservation: Reservation | undefined
  readonly #open = new Set<Pending>()
  #failure: unknown
  #dirty = 0
  /** Bytes that are in memory, of blocks that become files and of those that do not. */
  #held = 0
  #small = 0
  #room: PromiseWithResolvers<void> | undefined
  #newBytes = 0
  #reusedBytes = 0

  constructor(store: LeaseStore, { generation, reservation }: LeaseInit) {
    this.#store = store
    this.#generation = generation
    this.#reservation = reservation
  }

  /** Bytes of blocks that had to be stored, and of those that were there. */
  get newBytes(): number {
    return this.#newBytes
  }

  get reusedBytes(): number {
    return this.#reusedBytes
  }

  /**
   * Stores a block. When it is taken in it is readable, but durable only after `sync()`; `bytes` must not
   * be changed until then. A promise only where that has to be waited for: most small blocks need none.
   * Rejects with BLOCK_REJECTED when they are too many or not what `cid` names, and with what an earlier
   * block of the lease failed with.
   */
  put(cid: CID, bytes: Uint8Array, options: PutOptions = NO_OPTIONS): Promise<void> | undefined {
    try {
      this.#throwFailure()
      checkBlock(cid, bytes, options.hashed ?? false)
      if (inlineBlock(cid) !== undefined) return undefined
      const room = diskBytes(bytes.byteLength)
      const put = { cid, bytes, room, released: options.released }
      const asked = this.#reservation?.take(room)
      return asked === undefined ? this.#put(put) : asked.then(() => this.#put(put))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #put(put: Put): Promise<void> | undefined {
    const admission = this.#admit(put)
    if (admission instanceof Promise) return admission.then((found) => this.#admitted(put, found))
    return this.#admitted(put, admission)
  }

  #admitted({ bytes, room, released }: Put, { pending, fresh }: Admission) {
    if (pending !== undefined && fresh) {
      this.#newBytes += bytes.byteLength
      this.#bring(pending, released)
    } else {
      if (pending !== undefined && !this.#open.has(pending)) this.#follow(pending)
      this.#reservation?.give(room)
      this.#reusedBytes += bytes.byteLength
      released?.()
    }
    return this.#hasRoom() ? undefined : this.#awaitRoom()
  }

  /** Takes the room for so many bytes of content at once. Throws STORAGE_FULL where it is not there. */
  async declare(bytes: number): Promise<void> {
    await this.#reservation?.declare(bytes)
  }

  /** Calls `listener` when this lease has to give way to an older one: nothing can be put from then on. */
  onRefusal(listener: (error: PrsmError) => void): void {
    if (this.#reservation !== undefined) this.#reservation.onRefusal = listener
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
    using _generation = this.#generation
    using _room = this.#reservation
    const open = [...this.#open]
    await Promise.allSettled(open.map(({ written }) => written))
    this.#store.flush()
    await Promise.allSettled(open.map(({ durable }) => durable))
  }

  /** Gives the room back where nothing came of it. */
  #admit({ cid, bytes, room }: Put): Admission | Promise<Admission> {
    try {
      const admission = this.#store.admit(cid, bytes)
      if (!(admission instanceof Promise)) return admission
      return admission.catch((error: unknown) => this.#giveUp(room, error))
    } catch (error) {
      return this.#giveUp(room, error)
    }
  }

  #giveUp(room: number, error: unknown): never {
    this.#reservation?.give(room)
    throw error
  }

  /** A block that others bring, too, or brought. */
  #follow(pending: Pending): void {
    this.#open.add(pending)
    pending.onSettled(this.#onEnded)
  }

  /**
   * A block of this lease: it has its room until it is stored, and counts as that. A file is dirty until
   * it is synced, and held until the system has its bytes; a block in the database until its row is.
   */
  #bring(pending: Pending, released: Put['released']): void {
    const { size, inFile } = pending
    this.#open.add(pending)
    this.#dirty += size
    if (inFile) this.#held += size
    else this.#small += size + OVERHEAD_BYTES
    pending.released = released
    if (inFile) this.#watchFile(pending)
    pending.onSettled(this.#onStored)
  }

  /** A block of this lease has ended. */
  readonly #onStored: Listener = (settled, pending) => {
    const { size, inFile } = pending
    this.#reservation?.give(diskBytes(size))
    this.#onEnded(settled, pending)
    if (inFile) return
    this.#dirty -= size
    this.#letGo(pending)
  }

  #watchFile(pending: Pending): void {
    const { size, copied, written } = pending
    const letGo = () => this.#letGo(pending)
    const clean = () => {
      this.#dirty -= size
      this.#look()
    }
    copied.then(letGo, letGo)
    written.then(clean, clean)
  }

  #letGo(pending: Pending): void {
    const { size, inFile } = pending
    if (inFile) this.#held -= size
    else this.#small -= size + OVERHEAD_BYTES
    pending.released?.()
    this.#look()
  }

  readonly #onEnded: Listener = (settled, pending) => {
    this.#open.delete(pending)
    if (settled === undefined) return
    this.#failure ??= settled.error
    this.#openRoom()
  }

  #look(): void {
    if (this.#room !== undefined && this.#hasRoom()) this.#openRoom()
  }

  #hasRoom(): boolean {
    const { leaseDirtyBytes, leaseHeldBytes, leaseSmallBytes } = limits
    const filesFit = this.#dirty <= leaseDirtyBytes && this.#held <= leaseHeldBytes
    return filesFit && this.#small <= leaseSmallBytes
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

/** What a small block that is in memory takes beside its bytes: its CID, its entry, who waits for it. */
const OVERHEAD_BYTES = 1024

/** What the rows of a block may take until they are in the database: pages of an index, in the -wal and there. */
const ROW_BYTES = 16 * 1024

/** What a block may take on the disk: its file, or its bytes in the -wal and in pages that are not full, and its rows. */
function diskBytes(size: number): number {
  if (size > limits.inlineBlockBytes) return fileBytesOf(size) + ROW_BYTES
  return Math.ceil(size * 2.25) + ROW_BYTES
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
