import type { FilePort } from '../core/file-port.ts'
import type { NetworkOptions } from '../core/network.ts'
import type { DatabaseWorker } from '../db/worker.ts'
import type { Logger } from '../telemetry/logger.ts'

export type NodeOptions = {
  /** The folder that holds everything; made when it is not there. One process at a time holds it. */
  readonly dataDir?: string
  /** `memory` keeps everything in memory and needs no folder. Default `disk`. */
  readonly storage?: 'disk' | 'memory'
  /** Bytes of one file at every door. Default 1 GiB; 0 = no limit but the disk. */
  readonly maxFileBytes?: number
  /** Bytes the data folder may take, hard: what would go beyond it is STORAGE_FULL. Default: no limit but the disk. */
  readonly storageMaxBytes?: number
  /** Bytes that stay free on the disk. Default 1 GiB, of a small disk a twentieth; 0 = none. */
  readonly storageReserveBytes?: number
  /**
   * Whether it exchanges blocks with peers, where it listens for them, whom it stays connected to.
   * Default `off`: a library opens no port unasked. `on` is `{}`.
   */
  readonly network?: 'off' | 'on' | NodeNetworkOptions
  /** Bytes of blocks kept in memory for the next reader. Default 100 MiB; 0 = none. */
  readonly cacheBytes?: number
  /** Milliseconds a block may go without progress while peers are asked for it. Default 60,000. */
  readonly timeoutMs?: number
  /** What peers sent is stored until it is collected (`cache`, the default), or not (`none`). */
  readonly keepFetched?: 'cache' | 'none'
  /** Uploads, downloads, imports and pins at a time, 1 to 10,000; more wait in line. Default 20. */
  readonly concurrency?: number
  /** A pino logger. Default: silent. */
  readonly logger?: Logger
  /** Threads of libuv's pool (`UV_THREADPOOL_SIZE`), which files are written with. Default 4. */
  readonly poolThreads?: number
  /** What `holder.json` says of this process, for the error another one gets. Default `a node`. */
  readonly program?: string
}

export type NodeNetworkOptions = NetworkOptions & {
  /** Where a port to listen on is taken, take a free one and log it; without it: ADDRESS_IN_USE. */
  readonly anyPort?: boolean
}

/** What a test puts in the place of a part. */
export type Overrides = {
  readonly files?: FilePort
  readonly worker?: DatabaseWorker
  /** Of the scheduler. Default `limits.operationStallMs`. */
  readonly stallMs?: number
}
