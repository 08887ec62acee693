import { randomBytes } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../../../src/blocks/block-store.ts'
import type { BlockFetcher } from '../../../src/core/block-source.ts'
import type { FilePort } from '../../../src/core/file-port.ts'
import { Retrieval, type RetrievalInit } from '../../../src/retrieval/retrieval.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { openStore, rawCid } from '../../support/block-store.ts'

export type OpenRetrieval = AsyncDisposable & {
  readonly retrieval: Retrieval
  readonly store: BlockStore
  readonly metrics: Metrics
  /** Lines of the log, parsed. */
  readonly log: Record<string, unknown>[]
}

type Init = Partial<Omit<RetrievalInit, 'blocks' | 'metrics' | 'logger' | 'fetchers'>> & {
  readonly fetchers?: readonly BlockFetcher[]
  /** Default: in memory. */
  readonly folder?: string | null
  readonly files?: FilePort
  readonly inlineBytes?: number
}

/** A retrieval over a store as a node has it. */
export async function openRetrieval(init: Init = {}): Promise<OpenRetrieval> {
  const { folder = null, files, inlineBytes, ...options } = init
  const log: Record<string, unknown>[] = []
  const logger = createLogger(
    { level: 'info', components: {} },
    { destination: { write: (line) => void log.push(JSON.parse(line)) } },
  )
  const metrics = createMetrics()
  await using stack = new AsyncDisposableStack()
  const { store } = stack.use(
    await openStore({
      folder,
      metrics,
      ...(files !== undefined && { files }),
      ...(inlineBytes !== undefined && { inlineBytes }),
    }),
  )
  const retrieval = stack.use(
    new Retrieval({
      fetchers: [],
      cacheBytes: 1024 * 1024,
      idleMs: 60_000,
      keep: 'cache',
      ...options,
      blocks: store,
      metrics,
      logger,
    }),
  )
  const open = stack.move()
  return { retrieval, store, metrics, log, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** A block of random bytes. */
export function someBlock(bytes = 1000): readonly [CID, Buffer] {
  const block = randomBytes(bytes)
  return [rawCid(block), block]
}

export async function putAll(
  store: BlockStore,
  ...blocks: readonly (readonly [CID, Uint8Array])[]
): Promise<void> {
  await using lease = store.lease()
  for (const [cid, bytes] of blocks) await lease.put(cid, bytes)
  await lease.sync()
}

/** The sum of a counter, of those of its values that have these labels. */
export async function counted(
  counter: { get(): Promise<{ values: readonly { value: number; labels: object }[] }> },
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { values } = await counter.get()
  return values
    .filter((value) =>
      Object.entries(labels).every(([name, label]) => {
        return Reflect.get(value.labels, name) === label
      }),
    )
    .reduce((sum, { value }) => sum + value, 0)
}
