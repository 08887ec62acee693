import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { Lease } from '../blocks/lease.ts'
import { inlineBlock, keyOf } from '../blocks/multihash.ts'
import type { BlockSession, GetOptions, Part, SessionOptions } from '../core/block-source.ts'
import { isPrsmError, type PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { cancelled } from '../core/signal.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { BlockCache } from './block-cache.ts'
import type { Fetches } from './fetches.ts'
import { cut, handOut } from './hand-out.ts'
import type { KeepingTrouble } from './keeping-trouble.ts'
import type { LocalReads } from './local-reads.ts'
import { notAsked } from './not-found.ts'

export type RetrievalSessionOptions = SessionOptions & {
  /** Everything the session gives is put under it; without one, what is fetched is kept by policy. */
  readonly lease?: Lease
}

/** What the sessions of a node share. */
export type SessionParts = {
  readonly blocks: BlockStore
  readonly cache: BlockCache
  readonly local: LocalReads
  /** Null where there is nobody to ask: the network is off. */
  readonly fetches: Fetches | null
  readonly keep: 'cache' | 'none'
  readonly trouble: KeepingTrouble
  readonly metrics: Metrics
}

type Wanted = { readonly cid: CID; readonly key: string; readonly options: GetOptions }

const NO_OPTIONS: GetOptions = {}

/** One reader's way to blocks: memory, then this machine's store, then those who are asked for them. */
export class Session implements BlockSession {
  readonly #parts: SessionParts
  readonly #options: RetrievalSessionOptions
  readonly #hold: Disposable | undefined
  /** Its own, for what it fetches; opened with the first block of it. */
  #keeping: Lease | undefined
  /** False once the store refused: what is fetched is read all the same. */
  #keeps = true
  /** What was fetched, and neither stored nor cached: asked for twice, it is not fetched twice. */
  #atHand: BlockCache | undefined

  constructor(parts: SessionParts, options: RetrievalSessionOptions) {
    this.#parts = parts
    this.#options = options
    this.#hold = options.root && parts.blocks.hold(options.root)
  }

  get(cid: CID, options: GetOptions = NO_OPTIONS): Promise<Uint8Array> {
    const { signal, allocate } = options
    if (signal?.aborted) return Promise.reject(cancelled(signal))
    const inline = inlineBlock(cid)
    if (inline !== undefined) return Promise.resolve(handOut(inline, allocate))
    const wanted: Wanted = { cid, key: keyOf(cid), options }
    const cached = this.#cached(wanted.key)
    if (this.#options.lease !== undefined) return this.#leased(wanted, this.#options.lease, cached)
    if (cached !== undefined) return Promise.resolve(handOut(cached, allocate))
    return this.#load(wanted)
  }

  getPart(cid: CID, part: Part, options: GetOptions = NO_OPTIONS): Promise<Uint8Array> {
    const { signal } = options
    if (signal?.aborted) return Promise.reject(cancelled(signal))
    const wanted: Wanted = { cid, key: keyOf(cid), options }
    const held = inlineBlock(cid) ?? this.#cached(wanted.key)
    return this.#part(wanted, part, held)
  }

  async size(cid: CID, options: GetOptions = NO_OPTIONS): Promise<number> {
    if (options.signal?.aborted) throw cancelled(options.signal)
    const key = keyOf(cid)
    const held = inlineBlock(cid) ?? this.#parts.cache.get(key)
    if (held !== undefined) return held.byteLength
    try {
      return await this.#parts.blocks.size(cid)
    } catch (error) {
      const block = await this.#instead({ cid, key, options }, error)
      return block.byteLength
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _ = this.#hold
    this.#keeps = false
    this.#atHand = undefined
    await using keeping = this.#keeping
    // What the disk refused behind the back of the last read is told, too.
    await keeping?.sync().catch((error: unknown) => this.#parts.trouble.tell(error))
  }

  #cached(key: string): Uint8Array | undefined {
    const { cache, metrics } = this.#parts
    const cached = cache.get(key)
    if (cached === undefined) metrics.cacheMisses.inc()
    else metrics.cacheHits.inc()
    return cached
  }

  async #load(wanted: Wanted): Promise<Uint8Array> {
    const { cid, key, options } = wanted
    try {
      return await this.#parts.local.read(cid, key, options)
    } catch (error) {
      return handOut(await this.#instead(wanted, error), options.allocate)
    }
  }

  /** Shared memory until the lease has it: a reader's own buffer is not the store's to keep. */
  async #leased(wanted: Wanted, lease: Lease, cached?: Uint8Array): Promise<Uint8Array> {
    const { cid, key } = wanted
    const { allocate, ...options } = wanted.options
    let block: Uint8Array
    try {
      block = cached ?? (await this.#parts.local.read(cid, key, options))
    } catch (error) {
      return handOut(await this.#instead(wanted, error), allocate)
    }
    await lease.put(cid, block, { hashed: true })
    return handOut(block, allocate)
  }

  /** Of a block on the disk its segments alone; of one that has to be fetched a piece of the whole. */
  async #part(wanted: Wanted, part: Part, held: Uint8Array | undefined): Promise<Uint8Array> {
    const { cid, options } = wanted
    const { allocate, ...shared } = options
    const { lease } = this.#options
    if (lease !== undefined) {
      const block = await this.#leased({ ...wanted, options: shared }, lease, held)
      return handOut(cut(cid, block, part), allocate)
    }
    if (held !== undefined) return handOut(cut(cid, held, part), allocate)
    try {
      return await this.#parts.blocks.getPart(cid, part, options)
    } catch (error) {
      return handOut(cut(cid, await this.#instead(wanted, error), part), allocate)
    }
  }

  /** The block from somebody else, in shared memory, where `failure` of this machine's store allows it. */
  async #instead(wanted: Wanted, failure: unknown): Promise<Uint8Array> {
    const { cid, key } = wanted
    if (!isPrsmError(failure)) throw failure
    const damaged = failure.code === 'BLOCK_CORRUPT'
    if (!damaged && failure.code !== 'CONTENT_NOT_FOUND') throw failure
    const atHand = this.#atHand?.get(key)
    if (atHand !== undefined) return atHand
    const { offline = false } = this.#options
    const { fetches } = this.#parts
    if (offline || fetches === null) throw damaged ? failure : notAsked(cid, offline)
    const block = await this.#fetch(wanted, fetches, damaged ? failure : undefined)
    await this.#keep(wanted, block, damaged)
    return block
  }

  async #fetch(
    { cid, key, options }: Wanted,
    fetches: Fetches,
    damage: PrsmError | undefined,
  ): Promise<Uint8Array> {
    const { signal, passing = false } = options
    try {
      return await fetches.fetch(cid, { key, signal, passing })
    } catch (error) {
      const nobodyHasIt = isPrsmError(error) && error.code === 'CONTENT_NOT_FOUND'
      throw nobodyHasIt && damage !== undefined ? damage : error
    }
  }

  /** A damaged block is written anew whatever the policy: it is this machine's own. */
  async #keep(wanted: Wanted, block: Uint8Array, damaged: boolean): Promise<void> {
    const { lease } = this.#options
    const { keep, cache } = this.#parts
    if (lease !== undefined) await lease.put(wanted.cid, block, { hashed: true })
    else if (keep === 'cache' || damaged) await this.#store(wanted.cid, block)
    else if (wanted.options.passing !== true && !cache.accepts(block.byteLength)) {
      this.#atHand ??= new BlockCache(limits.readAheadBytes)
      this.#atHand.set(wanted.key, block)
    }
  }

  /** Keeping is a courtesy to the next reader: this one gets his block even when the disk is full. */
  async #store(cid: CID, block: Uint8Array): Promise<void> {
    if (!this.#keeps) return
    try {
      this.#keeping ??= this.#parts.blocks.lease()
      await this.#keeping.put(cid, block, { hashed: true })
    } catch (error) {
      // A block that does not read as its codec says is not kept; those after it are.
      if (isPrsmError(error) && error.code === 'BLOCK_REJECTED') return
      this.#keeps = false
      this.#parts.trouble.tell(error)
    }
  }
}
