import type { Blockstore } from 'interface-blockstore'
import { NotFoundError } from 'interface-store'
import type { CID } from 'multiformats/cid'
import type { LocalBlocks } from '../core/block-source.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import type { Metrics } from '../telemetry/metrics.ts'

type Signals = { readonly signal?: AbortSignal }

/**
 * What Helia sees of our store: the blocks that are here, verified as they are read, for peers that
 * ask. It stores nothing: what peers send goes to who asked for it, never past him into the store.
 */
export class ServingView implements Blockstore {
  readonly #blocks: LocalBlocks
  readonly #metrics: Metrics

  constructor(blocks: LocalBlocks, metrics: Metrics) {
    this.#blocks = blocks
    this.#metrics = metrics
  }

  has(cid: CID): boolean {
    return this.#blocks.has(cid)
  }

  async *get(cid: CID, { signal }: Signals = {}): AsyncGenerator<Uint8Array> {
    const block = await this.#read(cid, signal)
    this.#metrics.servedBlocks.inc()
    this.#metrics.servedBytes.inc(block.byteLength)
    yield block
  }

  /** A block that is damaged or cannot be read is not there, as far as a peer is concerned. */
  async #read(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array> {
    try {
      return await this.#blocks.get(cid, { passing: true, ...(signal ? { signal } : {}) })
    } catch (error) {
      if (isPrsmError(error) && error.code !== 'CANCELLED') throw new NotFoundError(error.message)
      throw error
    }
  }

  put(): Promise<CID> {
    throw readOnly()
  }

  delete(): Promise<void> {
    throw readOnly()
  }

  // biome-ignore lint/correctness/useYield: it gives nothing, whatever it is given.
  async *putMany(): AsyncGenerator<CID> {
    throw readOnly()
  }

  // biome-ignore lint/correctness/useYield: it gives nothing, whatever it is given.
  async *deleteMany(): AsyncGenerator<CID> {
    throw readOnly()
  }

  // biome-ignore lint/correctness/useYield: peers ask for what they name.
  async *getMany(): AsyncGenerator<never> {
    throw readOnly()
  }

  // biome-ignore lint/correctness/useYield: peers ask for what they name.
  async *getAll(): AsyncGenerator<never> {
    throw readOnly()
  }
}

function readOnly(): PrsmError {
  return new PrsmError('INTERNAL', 'the network reads single blocks of the store, and nothing else')
}
