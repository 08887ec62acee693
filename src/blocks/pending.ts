import type { CID } from 'multiformats/cid'
import type { BlockWrite } from '../db/block-rows.ts'
import { cidOfKey } from './multihash.ts'

/** How a block's way ended: with nothing, or with what it failed with. */
export type Settled = { readonly error: unknown } | undefined

export type PendingInit = {
  /** Default: that of the key, as raw. */
  readonly cid?: CID
  readonly key: string
  readonly size: number
  /** With these and no `content` yet it becomes a file. */
  readonly bytes?: Uint8Array
  readonly content?: BlockWrite['content'] | undefined
  readonly replaces?: number | undefined
  readonly deleting?: boolean
}

type Links = ReadonlyMap<number, readonly CID[]>

const NO_LINKS: Links = new Map()
const DONE = Promise.resolve()
const WELL = { as: undefined }

/** Is told how a block's way ended. One for all blocks of a lease: a function for each would outlive its block. */
export type Listener = (settled: Settled, pending: Pending) => void

const NO_LISTENERS: readonly Listener[] = []

/**
 * A block on its way to durability. Readers and dedup see it from the moment it is put; every lease
 * that put or met it hears of its end. Promises are made for who asks: most small blocks need none.
 */
export class Pending {
  readonly key: string
  readonly size: number
  /** The block, until its file holds it. Undefined when only the row of a stored block changes. */
  bytes: Uint8Array | undefined
  /** What the commit stores; of a file block known once it is written. */
  content: BlockWrite['content'] | undefined
  readonly inFile: boolean
  /** The key is held by a deletion: wait for `durable`, then look again. */
  readonly deleting: boolean
  /** The directory its file was given, from the moment it was. */
  directory: number | undefined
  /** The directory of a damaged file this block replaces. */
  readonly replaces: number | undefined
  /** Set when the row is being committed: too late for more links. */
  taken = false
  /** The epoch its row was written with; undefined before. */
  epoch: number | undefined
  /** Called by the lease that brought it when its bytes are needed no more. */
  released: (() => void) | undefined
  /** The bytes are where they belong and, in a file, synced. */
  written: Promise<void> = DONE
  #cid: CID | undefined
  readonly #copied: PromiseWithResolvers<void> | undefined
  #links: Links = NO_LINKS
  /** Most have one. */
  #listener: Listener | undefined
  #others: readonly Listener[] = NO_LISTENERS
  #settled: { readonly as: Settled } | undefined
  #durable: Promise<void> | undefined

  constructor({ cid, key, size, bytes, content, replaces, deleting = false }: PendingInit) {
    this.#cid = cid
    this.key = key
    this.size = size
    this.bytes = bytes
    this.content = content
    this.replaces = replaces
    this.deleting = deleting
    this.inFile = bytes !== undefined && content === undefined
    this.#copied = this.inFile ? Promise.withResolvers<void>() : undefined
  }

  get cid(): CID {
    this.#cid ??= cidOfKey(this.key)
    return this.#cid
  }

  get links(): Links {
    return this.#links
  }

  /** What the block names, read as of this codec. */
  addLinks(codec: number, links: readonly CID[]): void {
    this.#links = new Map(this.#links).set(codec, links)
  }

  /** Of a file: the system has its bytes, and the buffer is free. */
  get copied(): Promise<void> {
    return this.#copied?.promise ?? DONE
  }

  setCopied(): void {
    this.#copied?.resolve()
  }

  /** The row that names the bytes is committed and synced. Its failure is no unhandled one. */
  get durable(): Promise<void> {
    this.#durable ??= this.#promise()
    return this.#durable
  }

  /** Calls `listener` when it has ended; at once where it has. */
  onSettled(listener: Listener): void {
    if (this.#settled !== undefined) listener(this.#settled.as, this)
    else if (this.#listener === undefined) this.#listener = listener
    else this.#others = [...this.#others, listener]
  }

  settle(as?: Settled): void {
    if (this.#settled !== undefined) return
    this.#settled = as === undefined ? WELL : { as }
    this.#listener?.(as, this)
    for (const listener of this.#others) listener(as, this)
    this.#listener = undefined
    this.#others = NO_LISTENERS
  }

  #promise(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    promise.catch(() => {})
    this.onSettled((as) => (as === undefined ? resolve() : reject(as.error)))
    return promise
  }
}

/** About how many tens of microseconds the commit of this block takes. */
export function commitWeight({ links, content }: Pending): number {
  let weight = 1
  for (const children of links.values()) weight += children.length
  if (content !== undefined && 'bytes' in content) weight += content.bytes.byteLength / 8192
  return weight
}
