import type { CID } from 'multiformats/cid'
import { type BlockStore, openBlockStore } from '../blocks/block-store.ts'
import { openBlockIndex } from '../blocks/open-index.ts'
import type { Quota } from '../blocks/quota.ts'
import { PrsmError } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'
import { type Book, openBook } from '../db/book.ts'
import { type DatabaseWorker, startDatabaseWorker } from '../db/worker.ts'
import { createFilePort } from '../files/file-port.ts'
import type { Network } from '../network/network.ts'
import { Retrieval } from '../retrieval/retrieval.ts'
import { child, type Logger, silentLogger } from '../telemetry/logger.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { collectNodeMetrics } from '../telemetry/node-metrics.ts'
import { BlockBuffers } from '../unixfs/block-buffers.ts'
import type { FreeChunks } from '../unixfs/chunk-pool.ts'
import { NodeCache } from '../unixfs/node-cache.ts'
import { Hasher } from '../uploads/hasher.ts'
import { type DataFolder, openDataFolder } from './data-folder.ts'
import type { NodeOptions, Overrides } from './node-options.ts'
import { openNetwork } from './open-network.ts'
import { storeFigures } from './repo-stat.ts'
import { Scheduler } from './scheduler.ts'
import { openQuota } from './storage-room.ts'

/** What a node is made of; each flow names the slice it uses. */
export type Parts = AsyncDisposable & {
  readonly folder: DataFolder | null
  readonly blocks: BlockStore
  /** The one way to blocks for all who read content. */
  readonly retrieval: Retrieval
  /** Null: this node exchanges nothing with peers. */
  readonly network: Network | null
  readonly book: Book
  /** Null in memory. */
  readonly quota: Quota | null
  /** Decoded inner nodes of DAGs: a range of a large file does not decode its root again. */
  readonly nodes: NodeCache
  /** Memory for readers who reuse it. */
  readonly buffers: BlockBuffers
  readonly hasher: Hasher
  /** Buffers that no upload has in use. */
  readonly freeChunks: FreeChunks
  readonly maxFileBytes: number
  /** Gives operations their places. */
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Opens everything a node needs, in order; what fails closes what was open. */
export async function assemble(options: NodeOptions, overrides: Overrides = {}): Promise<Parts> {
  const logger = options.logger ?? silentLogger
  const maxFileBytes = checkLimit(options.maxFileBytes ?? limits.maxFileBytes)
  const scheduler = openScheduler(options, overrides)
  await using stack = new AsyncDisposableStack()
  const files = overrides.files ?? stack.use(createFilePort())
  const metrics = createMetrics()
  const folder = await openFolder(options, files)
  if (folder !== null) stack.use(folder)
  const worker = folder === null ? null : stack.use(overrides.worker ?? startDatabaseWorker())
  const databases = { folder, files, worker, logger: child(logger, 'db') }
  const blocksDb = stack.use(await openBlocksDb(databases))
  const book = stack.use(await openBookDb(databases))
  // Whoever waits for a block hears of it; the network, which tells him, starts when the store is open.
  let announce = (_cid: CID): void => {}
  const quota =
    folder === null
      ? undefined
      : await openQuota(options, {
          path: folder.path,
          databases: [blocksDb, book.database],
          fileBytes: () => blocks.totals().fileBytes,
        })
  const blocks: BlockStore = stack.use(
    await openBlockStore({
      db: blocksDb,
      path: folder?.blocksDir ?? null,
      files,
      quota,
      ...formatOf(folder),
      metrics,
      writers: writersOf(options.poolThreads ?? 4),
      onStored: (cid) => announce(cid),
    }),
  )
  const network = await openNetwork(options, { folder, blocks, logger, metrics })
  if (network !== null) {
    stack.use(network)
    announce = (cid) => network.announce(cid)
  }
  const retrieval = stack.use(openRetrieval(options, { blocks, network, metrics, logger }))
  network?.onPeer(() => retrieval.forgetMisses())
  const hasher = stack.use(new Hasher())
  const store = () => storeFigures({ blocks, book, quota: quota ?? null })
  stack.use(collectNodeMetrics(metrics, { operations: scheduler, store }))
  const open = stack.move()
  return {
    folder,
    blocks,
    retrieval,
    network,
    book,
    quota: quota ?? null,
    nodes: new NodeCache(),
    buffers: new BlockBuffers(),
    hasher,
    freeChunks: [],
    maxFileBytes,
    scheduler,
    logger,
    metrics,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

type RetrievalParts = Pick<Parts, 'blocks' | 'network' | 'metrics' | 'logger'>

function openRetrieval(
  {
    cacheBytes = limits.cacheBytes,
    timeoutMs: idleMs = limits.retrievalIdleMs,
    keepFetched: keep = 'cache',
  }: NodeOptions,
  { blocks, network, metrics, logger }: RetrievalParts,
): Retrieval {
  const fetchers = network === null ? [] : [network]
  const log = child(logger, 'retrieval')
  return new Retrieval({ blocks, fetchers, cacheBytes, idleMs, keep, metrics, logger: log })
}

async function openFolder(options: NodeOptions, files: FilePort): Promise<DataFolder | null> {
  if (options.storage === 'memory') return null
  if (options.dataDir !== undefined && options.dataDir !== '') {
    return openDataFolder(options.dataDir, options.program ?? 'a node', files)
  }
  throw new PrsmError('INVALID_INPUT', 'a node needs a folder for its data', {
    hint: "createStorageNode({ dataDir: './data' }), or { storage: 'memory' } to keep nothing",
  })
}

function checkLimit(maxFileBytes: number): number {
  if (Number.isSafeInteger(maxFileBytes) && maxFileBytes >= 0) return maxFileBytes
  throw new PrsmError('INVALID_INPUT', `maxFileBytes ${maxFileBytes} is no count of bytes`, {
    hint: 'give a whole number; 0 = no limit but the disk',
  })
}

function openScheduler({ concurrency = limits.concurrency }: NodeOptions, overrides: Overrides) {
  const { stallMs = limits.operationStallMs } = overrides
  const most = limits.maxConcurrency
  if (Number.isSafeInteger(concurrency) && concurrency >= 1 && concurrency <= most) {
    return new Scheduler({ concurrency, stallMs })
  }
  throw new PrsmError('INVALID_INPUT', `${concurrency} operations cannot run at a time`, {
    hint: `concurrency is a whole number from 1 to ${most}`,
  })
}

/** What the store was made with, as far as blocks are concerned. */
function formatOf(folder: DataFolder | null) {
  const { inlineBlockBytes, segmentBytes } = folder?.stamp ?? limits
  return { inlineBytes: inlineBlockBytes, segmentBytes }
}

/** Writes wait for the disk; some threads stay free, so that reads do not wait behind them. */
function writersOf(poolThreads: number): number {
  return Math.max(2, Math.floor(poolThreads / 2))
}

type DatabasesInit = {
  readonly folder: DataFolder | null
  readonly files: FilePort
  readonly worker: DatabaseWorker | null
  readonly logger: Logger
}

function openBlocksDb({ folder, logger, ...shared }: DatabasesInit) {
  return openBlockIndex({
    ...shared,
    ...reporting(logger),
    path: folder?.blocksDb ?? null,
  })
}

function openBookDb({ folder, logger, ...shared }: DatabasesInit): Promise<Book> {
  return openBook({
    ...shared,
    ...reporting(logger),
    path: folder?.bookDb ?? null,
  })
}

function reporting(logger: Logger) {
  return {
    onFailure: (error: PrsmError) =>
      logger.error({ err: error, code: error.code }, 'a sync failed: nothing more is written'),
    onWarning: (error: PrsmError) => logger.warn({ err: error, code: error.code }, error.message),
  }
}
