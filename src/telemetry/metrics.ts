import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { toPrsmError } from '../core/errors.ts'

/** What `ipfs_operations_total` tells apart. */
export type Operation =
  | 'upload'
  | 'download'
  | 'stat'
  | 'ls'
  | 'walk'
  | 'list'
  | 'import'
  | 'pin'
  | 'unpin'
  | 'pins'
  | 'verify'
  | 'collect'

/** The counters of one node, in a registry of its own. Names are part of the interface (`docs/`). */
export type Metrics = {
  readonly registry: Registry
  /** `status` is `ok` or the error's code. */
  readonly operations: Counter<'operation' | 'status'>
  readonly operationSeconds: Histogram<'operation'>
  readonly contentBytes: Histogram<'operation'>
  readonly blocksWritten: Counter
  readonly blockBytesWritten: Counter
  readonly blocksRead: Counter
  readonly blockBytesRead: Counter
  /** `route` is the pattern of the route, never the path that was asked for. */
  readonly httpRequests: Counter<'method' | 'route' | 'status'>
  readonly httpSeconds: Histogram<'method' | 'route'>
  readonly cacheHits: Counter
  readonly cacheMisses: Counter
  /** Blocks that came from others. `source` is the name of the fetcher: `peers`. */
  readonly fetchedBlocks: Counter<'source'>
  readonly fetchedBytes: Counter<'source'>
  /** `reason`: `missing`, `timeout`, `corrupt`, `cancelled`, `error`. */
  readonly fetchFailures: Counter<'source' | 'reason'>
  readonly fetchSeconds: Histogram<'source'>
  /** Blocks of peers that were not what they had been asked for. */
  readonly unwantedBlocks: Counter
  /** Blocks and bytes that peers got from us. */
  readonly servedBlocks: Counter
  readonly servedBytes: Counter
  /** What collections took. */
  readonly collectedBlocks: Counter
  readonly collectedBytes: Counter
  readonly collectionRunning: Gauge
  /** `format` is `file`, `directory`, `raw`, `car`, `tar`, `dag-json`, …, or `error`. */
  readonly gatewayRequests: Counter<'format' | 'status'>
  readonly gatewaySeconds: Histogram<'format'>
  readonly gatewayBytes: Counter<'format'>
  readonly gatewayRunning: Gauge
}

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** Seconds, from a cached stat to the upload of a model over a slow disk. */
const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 300, 1800]
const BYTES = [KIB, 64 * KIB, MIB, 16 * MIB, 128 * MIB, GIB, 4 * GIB, 16 * GIB, 64 * GIB]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const count = (name: string, help: string) => new Counter({ name, help, registers })
  return {
    registry,
    operations: new Counter({
      name: 'ipfs_operations_total',
      help: 'Operations ended, by their status: ok or the code of the error.',
      labelNames: ['operation', 'status'],
      registers,
    }),
    operationSeconds: new Histogram({
      name: 'ipfs_operation_duration_seconds',
      help: 'How long operations took.',
      labelNames: ['operation'],
      buckets: SECONDS,
      registers,
    }),
    contentBytes: new Histogram({
      name: 'ipfs_content_size_bytes',
      help: 'Bytes of content that operations moved.',
      labelNames: ['operation'],
      buckets: BYTES,
      registers,
    }),
    blocksWritten: count('prsm_blocks_written_total', 'Blocks stored that were not there.'),
    blockBytesWritten: count('prsm_block_bytes_written_total', 'Bytes of the blocks stored.'),
    blocksRead: count('prsm_blocks_read_total', 'Blocks read from the store.'),
    blockBytesRead: count('prsm_block_bytes_read_total', 'Bytes of blocks read from the store.'),
    httpRequests: new Counter({
      name: 'prsm_http_requests_total',
      help: 'HTTP requests answered or given up.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    httpSeconds: new Histogram({
      name: 'prsm_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer.',
      labelNames: ['method', 'route'],
      buckets: SECONDS,
      registers,
    }),
    collectedBlocks: count('prsm_collected_blocks_total', 'Blocks that collections took.'),
    collectedBytes: count('prsm_collected_bytes_total', 'Bytes of the blocks they took.'),
    collectionRunning: new Gauge({
      name: 'prsm_collection_running',
      help: '1 while a collection runs.',
      registers,
    }),
    ...retrievalMetrics(registry),
    ...gatewayMetrics(registry),
  }
}

function retrievalMetrics(registry: Registry) {
  const registers = [registry]
  const count = (name: string, help: string) => new Counter({ name, help, registers })
  const bySource = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ['source'], registers })
  return {
    cacheHits: count('ipfs_cache_hits_total', 'Blocks found in the memory cache.'),
    cacheMisses: count('ipfs_cache_misses_total', 'Blocks that were not in the memory cache.'),
    fetchedBlocks: bySource('prsm_fetched_blocks_total', 'Blocks that others sent, verified.'),
    fetchedBytes: bySource('prsm_fetched_bytes_total', 'Bytes of blocks that others sent.'),
    fetchFailures: new Counter({
      name: 'prsm_fetch_failures_total',
      help: 'Blocks that could not be had, by the reason.',
      labelNames: ['source', 'reason'],
      registers,
    }),
    fetchSeconds: new Histogram({
      name: 'prsm_fetch_duration_seconds',
      help: 'From the question for a block to its arrival.',
      labelNames: ['source'],
      buckets: SECONDS,
      registers,
    }),
    unwantedBlocks: count(
      'prsm_unwanted_blocks_total',
      'Blocks of peers that were not what they had been asked for.',
    ),
    servedBlocks: count('prsm_served_blocks_total', 'Blocks sent to peers.'),
    servedBytes: count('prsm_served_bytes_total', 'Bytes of blocks sent to peers.'),
  }
}

function gatewayMetrics(registry: Registry) {
  const registers = [registry]
  return {
    gatewayRequests: new Counter({
      name: 'prsm_gateway_requests_total',
      help: 'Requests to the gateway, answered or given up.',
      labelNames: ['format', 'status'],
      registers,
    }),
    gatewaySeconds: new Histogram({
      name: 'prsm_gateway_request_duration_seconds',
      help: 'From the head of a request to the gateway to the end of its answer.',
      labelNames: ['format'],
      buckets: SECONDS,
      registers,
    }),
    gatewayBytes: new Counter({
      name: 'prsm_gateway_bytes_total',
      help: 'Bytes of answers that the gateway sent.',
      labelNames: ['format'],
      registers,
    }),
    gatewayRunning: new Gauge({
      name: 'prsm_gateway_requests_running',
      help: 'Requests the gateway is answering.',
      registers,
    }),
  }
}

/** Ends an operation that was begun: well without `error`, else with its code. Counts once. */
export type EndOperation = (error?: unknown) => void

/** For what has no one promise, as a download that is iterated; else `observe`. */
export function beginOperation(metrics: Metrics, operation: Operation): EndOperation {
  const stop = metrics.operationSeconds.startTimer({ operation })
  let ended = false
  return (error) => {
    if (ended) return
    ended = true
    stop()
    metrics.operations.inc({ operation, status: statusLabel(error) })
  }
}

/** Runs an operation, counts how it ended and how long it took. */
export async function observe<T>(
  metrics: Metrics,
  operation: Operation,
  run: () => Promise<T>,
): Promise<T> {
  const end = beginOperation(metrics, operation)
  try {
    const result = await run()
    end()
    return result
  } catch (error) {
    end(error)
    throw error
  }
}

function statusLabel(error: unknown): string {
  return error === undefined ? 'ok' : toPrsmError(error).code
}
