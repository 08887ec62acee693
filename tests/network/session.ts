import { Retrieval } from '../../src/retrieval/retrieval.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import type { Peer } from './support.ts'

/** A reader's way to blocks as a node has it, over the network of a peer. */
export function openSession({ network, store, metrics }: Peer, init: { readonly idleMs: number }) {
  const retrieval = new Retrieval({
    ...init,
    blocks: store,
    fetchers: [network],
    cacheBytes: 0,
    keep: 'cache',
    metrics,
    logger: silentLogger,
  })
  const session = retrieval.session()
  return {
    session,
    async [Symbol.asyncDispose](): Promise<void> {
      await session[Symbol.asyncDispose]()
      await retrieval[Symbol.asyncDispose]()
    },
  }
}
