import type { CID } from 'multiformats/cid'
import type { GetOptions, LocalBlocks } from '../core/block-source.ts'
import type { BlockCache } from './block-cache.ts'
import { handOut } from './hand-out.ts'

type LocalReadsInit = { readonly blocks: LocalBlocks; readonly cache: BlockCache }

/** A read that came while another of the same block was under way. */
type Joined = {
  readonly options: GetOptions
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/** Whole blocks from this machine's own store: one that many want at once is read and hashed once. */
export class LocalReads {
  readonly #blocks: LocalBlocks
  readonly #cache: BlockCache
  /** Who waits for a block that is being read, besides the one who reads it; undefined while nobody does. */
  readonly #reading = new Map<string, Joined[] | undefined>()

  constructor({ blocks, cache }: LocalReadsInit) {
    this.#blocks = blocks
    this.#cache = cache
  }

  /** As `BlockSource.get`, for a block whose key is known. What is not `passing` enters the cache. */
  async read(cid: CID, key: string, options: GetOptions): Promise<Uint8Array> {
    if (this.#reading.has(key)) return await this.#join(key, options)
    this.#reading.set(key, undefined)
    try {
      const bytes = await this.#readFor(cid, key, options)
      // Before its reader has them: they may be in his own buffer, which he uses again.
      for (const joined of this.#joined(key)) give(joined, bytes, options)
      return bytes
    } catch (error) {
      for (const joined of this.#joined(key)) joined.reject(error)
      throw error
    }
  }

  #join(key: string, options: GetOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const joined = this.#reading.get(key) ?? []
      joined.push({ options, resolve, reject })
      this.#reading.set(key, joined)
    })
  }

  #joined(key: string): readonly Joined[] {
    const joined = this.#reading.get(key) ?? []
    this.#reading.delete(key)
    return joined
  }

  /** Into the reader's buffer at once, unless the cache wants the block, too. */
  async #readFor(cid: CID, key: string, options: GetOptions): Promise<Uint8Array> {
    const { allocate, passing = false } = options
    if (passing || !this.#cache.accepts(0)) return await this.#blocks.get(cid, options)
    const shared = await this.#blocks.get(cid)
    this.#cache.set(key, shared)
    return handOut(shared, allocate)
  }
}

/** What is shared with the reader may be shared with who joined him; the reader's own memory is not. */
function give({ options, resolve, reject }: Joined, bytes: Uint8Array, reader: GetOptions): void {
  const own = reader.allocate !== undefined
  try {
    resolve(handOut(bytes, options.allocate ?? (own ? Buffer.allocUnsafeSlow : undefined)))
  } catch (error) {
    reject(error)
  }
}
