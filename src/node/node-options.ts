import type { FilePort } from '../core/file-port.ts'
import type { Logger } from '../telemetry/logger.ts'

export type NodeOptions = {
  /** The folder that holds everything; made when it is not there. One process at a time holds it. */
  readonly dataDir?: string
  /** `memory` keeps everything in memory and needs no folder. Default `disk`. */
  readonly storage?: 'disk' | 'memory'
  /** Bytes of one file at every door. Default 1 GiB; 0 = no limit but the disk. */
  readonly maxFileBytes?: number
  /** A pino logger. Default: silent. */
  readonly logger?: Logger
  /** Threads of libuv's pool (`UV_THREADPOOL_SIZE`), which files are written with. Default 4. */
  readonly poolThreads?: number
  /** What `holder.json` says of this process, for the error another one gets. Default `a node`. */
  readonly program?: string
}

/** What a test puts in the place of a part. */
export type Overrides = { readonly files?: FilePort }
