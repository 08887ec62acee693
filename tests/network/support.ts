import type { BlockStore } from '../../src/blocks/block-store.ts'
import { type Network, type NetworkInit, startNetwork } from '../../src/network/network.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { openStore, rawCid } from '../support/block-store.ts'

/** A network over a store of its own, in memory unless a folder is given. */
export type Peer = AsyncDisposable & {
  readonly network: Network
  readonly store: BlockStore
  readonly metrics: Metrics
  /** Where it is reached. */
  readonly address: string
}

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

export async function startPeer(init: Partial<NetworkInit> = {}): Promise<Peer> {
  await using stack = new AsyncDisposableStack()
  const { store } = stack.use(await openStore({ folder: null }))
  const metrics = createMetrics()
  const network = stack.use(
    await startNetwork({
      path: null,
      listen: [LOOPBACK],
      peers: [],
      blocks: store,
      agent: 'test/1',
      anyPort: false,
      logger: silentLogger,
      metrics,
      ...init,
    }),
  )
  const open = stack.move()
  return {
    network,
    store,
    metrics,
    address: network.identity().addresses[0] ?? '',
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Two peers, the first connected to the second. */
export async function startPair(): Promise<
  AsyncDisposable & { readonly a: Peer; readonly b: Peer }
> {
  await using stack = new AsyncDisposableStack()
  const a = stack.use(await startPeer())
  const b = stack.use(await startPeer())
  await a.network.connect(b.address)
  const open = stack.move()
  return { a, b, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** Stores blocks and gives their CIDs. */
export async function put({ store }: Peer, blocks: readonly Uint8Array[]) {
  await using lease = store.lease()
  const cids = blocks.map(rawCid)
  for (const [at, block] of blocks.entries()) {
    const cid = cids[at]
    if (cid !== undefined) await lease.put(cid, block)
  }
  await lease.sync()
  return cids
}

/** Fetch options that wait for `ms` at most. */
export function within(ms = 10_000) {
  return { signal: AbortSignal.timeout(ms), onProgress: () => {} }
}

/** Waits until `is` says so. */
export async function until(is: () => boolean, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (!is()) {
    if (Date.now() > end) throw new Error(`not so after ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
