import type { Blockstore, InputPair, Pair } from 'interface-blockstore'
import { NotFoundError } from 'interface-store'
import type { CID } from 'multiformats/cid'
import { isPrsmError } from '../core/errors.ts'
import type { BlockStore } from './block-store.ts'

type Signals = { readonly signal?: AbortSignal }
type Some<T> = Iterable<T> | AsyncIterable<T>

/**
 * The block store as the interface the IPFS libraries share (interface-blockstore 7). A put is durable
 * when it resolves, and verified; a block that is not there is a `NotFoundError`, a damaged or
 * unreadable one keeps its own error.
 */
export class DurableBlockstore implements Blockstore {
  readonly #store: BlockStore

  constructor(store: BlockStore) {
    this.#store = store
  }

  has(cid: CID, { signal }: Signals = {}): boolean {
    signal?.throwIfAborted()
    return this.#store.has(cid)
  }

  async put(
    cid: CID,
    value: Uint8Array | Some<Uint8Array>,
    { signal }: Signals = {},
  ): Promise<CID> {
    signal?.throwIfAborted()
    await using lease = this.#store.lease()
    await lease.put(cid, await collect(value))
    await lease.sync()
    return cid
  }

  /** One lease for all: the CIDs come when every block is durable. */
  async *putMany(source: Some<InputPair>, { signal }: Signals = {}): AsyncGenerator<CID> {
    await using lease = this.#store.lease()
    const cids: CID[] = []
    for await (const { cid, bytes } of source) {
      signal?.throwIfAborted()
      await lease.put(cid, await collect(bytes))
      cids.push(cid)
    }
    await lease.sync()
    yield* cids
  }

  async *get(cid: CID, options: Signals = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted()
    try {
      yield await this.#store.get(cid, options)
    } catch (error) {
      if (!isPrsmError(error) || error.code !== 'CONTENT_NOT_FOUND') throw error
      throw new NotFoundError(error.message)
    }
  }

  async *getMany(source: Some<CID>, options: Signals = {}): AsyncGenerator<Pair> {
    for await (const cid of source) yield { cid, bytes: this.get(cid, options) }
  }

  async *getAll(options: Signals = {}): AsyncGenerator<Pair> {
    for (const cid of this.#store.list()) {
      options.signal?.throwIfAborted()
      yield { cid, bytes: this.get(cid, options) }
    }
  }

  async delete(cid: CID, { signal }: Signals = {}): Promise<void> {
    signal?.throwIfAborted()
    await this.#store.delete(cid)
  }

  async *deleteMany(source: Some<CID>, options: Signals = {}): AsyncGenerator<CID> {
    for await (const cid of source) {
      await this.delete(cid, options)
      yield cid
    }
  }
}

/** The value as one array of our own: a caller may change his after the put was called. */
async function collect(value: Uint8Array | Some<Uint8Array>): Promise<Uint8Array> {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  const parts: Uint8Array[] = []
  for await (const part of value) parts.push(Uint8Array.from(part))
  return Buffer.concat(parts)
}
