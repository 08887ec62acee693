import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { BlockFetcher, BlockSession } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { BlockCache } from './block-cache.ts'
import { Fetches } from './fetches.ts'
import { KeepingTrouble } from './keeping-trouble.ts'
import { LocalReads } from './local-reads.ts'
import { Missed } from './missed.ts'
import { type RetrievalSessionOptions, Session, type SessionParts } from './session.ts'
import { Source } from './source.ts'

export type RetrievalInit = {
  readonly blocks: BlockStore
  /** Who is asked for what is not here; none: the network is off. */
  readonly fetchers: readonly BlockFetcher[]
  /** Bytes of blocks kept in memory for the next reader; 0 keeps none. */
  readonly cacheBytes: number
  /** Milliseconds a block may go without progress, of it or of any other of the same fetcher. */
  readonly idleMs: number
  /** What becomes of blocks that were fetched for no lease: stored unrooted, or forgotten. */
  readonly keep: 'cache' | 'none'
  readonly metrics: Metrics
  readonly logger: Logger
  /** Milliseconds of a steady clock. */
  readonly now?: () => number
}

/** The one way to get a block: memory, then the store of this machine, then whoever else has it. */
export class Retrieval implements AsyncDisposable {
  /** Bytes above which a file is read `passing`: it would drive everything else out of the cache. */
  readonly passingBytes: number
  readonly #parts: SessionParts
  readonly #fetches: Fetches
  readonly #missed: Missed
  readonly #fetchers: readonly BlockFetcher[]

  constructor(init: RetrievalInit) {
    const { blocks, fetchers, keep, logger, metrics, now = () => performance.now() } = init
    const { idleMs } = init
    const cache = new BlockCache(init.cacheBytes)
    this.passingBytes = Math.floor(init.cacheBytes / 4)
    this.#missed = new Missed(now)
    this.#fetchers = init.fetchers
    this.#fetches = new Fetches({
      sources: fetchers.map((fetcher) => new Source(fetcher, { idleMs, metrics, now })),
      missed: this.#missed,
      onArrival(key, bytes, passing) {
        if (!passing) cache.set(key, bytes)
      },
    })
    const fetches = fetchers.length === 0 ? null : this.#fetches
    const local = new LocalReads({ blocks, cache })
    const trouble = new KeepingTrouble(logger, now)
    this.#parts = { blocks, cache, local, fetches, keep, trouble, metrics }
  }

  /** One reader's way to blocks. Dispose it: what was fetched for it is then on the disk, or not kept. */
  session(options: RetrievalSessionOptions = {}): BlockSession {
    return new Session(this.#parts, options)
  }

  /** Who has been asked for a block and has not answered. */
  waitingFor(cid: CID): readonly string[] {
    return this.#fetchers.flatMap((fetcher) => fetcher.waitingFor(cid))
  }

  /** For who knows that somebody new can be asked: 'nobody has it' is true no more. */
  forgetMisses(): void {
    this.#missed.clear()
  }

  /** Ends what others are being asked for with NODE_CLOSED. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fetches.close(new PrsmError('NODE_CLOSED', 'the node is closed'))
    this.#parts.cache.clear()
  }
}
