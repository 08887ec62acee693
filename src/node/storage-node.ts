import { type Caller, LOCAL } from '../core/caller.ts'
import type {
  ContentStat,
  DirectoryEntry,
  FolderEntry,
  ListOptions,
  NodeStatus,
  UploadPage,
  UploadResult,
} from '../core/content.ts'
import { PrsmError, toPrsmError } from '../core/errors.ts'
import type {
  ContentId,
  Download,
  DownloadOptions,
  DownloadToOptions,
  DownloadToResult,
  SignalOptions,
  Storage,
  UploadOptions,
  UploadSource,
} from '../core/storage.ts'
import { download } from '../downloads/download.ts'
import { downloadTo } from '../downloads/download-to.ts'
import { listContent, statContent, walkContent } from '../downloads/open-content.ts'
import type { Logger } from '../telemetry/logger.ts'
import { beginOperation, type Metrics, type Operation, observe } from '../telemetry/metrics.ts'
import { listUploads } from '../uploads/list.ts'
import { uploadTotals } from '../uploads/totals.ts'
import { upload } from '../uploads/upload.ts'
import { assemble, type NodeOptions, type Overrides, type Parts } from './assemble.ts'
import { VERSION } from './version.ts'

/**
 * Opens a node: everything content needs, in this process. It opens no port, handles no signal and
 * writes nothing to stdout. Throws STORE_LOCKED, STORE_TOO_NEW, STORE_CORRUPT, STORAGE_IO, INVALID_INPUT.
 */
export async function createStorageNode(
  options: NodeOptions,
  overrides: Overrides = {},
): Promise<StorageNode> {
  return new StorageNode(await assemble(options, overrides))
}

/** A storage node. Dispose it (`await using`, or `close()`) to let its data folder go. */
export class StorageNode implements Storage, AsyncDisposable {
  readonly #parts: Parts
  readonly #startedAt = new Date()
  readonly #uploads = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined

  /** @internal Use `createStorageNode`. */
  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The registry and counters of this node alone. */
  get metrics(): Metrics {
    return this.#parts.metrics
  }

  get logger(): Logger {
    return this.#parts.logger
  }

  /** Where the data is; null in memory. */
  get dataDir(): string | null {
    return this.#parts.folder?.path ?? null
  }

  async upload(
    source: UploadSource,
    options: UploadOptions = {},
    caller: Caller = LOCAL,
  ): Promise<UploadResult> {
    this.#assertOpen()
    const signal = this.#untilClosed(options.signal)
    const request = { source, options: { ...options, signal } }
    const run = this.#observed('upload', () => upload(this.#parts, request, caller))
    const ended = run.catch(() => {}).finally(() => this.#uploads.delete(ended))
    this.#uploads.add(ended)
    const result = await run
    this.metrics.contentBytes.observe({ operation: 'upload' }, result.bytes)
    this.logger.info({ component: 'uploads', ...result }, 'uploaded')
    return result
  }

  download(content: ContentId, options: DownloadOptions = {}): Download {
    const inner = download(this.#parts, content, options)
    return {
      [Symbol.asyncIterator]: () => this.#guarded('download', inner),
      bytes: (limit) => this.#observed('download', () => inner.bytes(limit)),
    }
  }

  async downloadTo(
    content: ContentId,
    path: string,
    options: DownloadToOptions = {},
  ): Promise<DownloadToResult> {
    const signal = this.#untilClosed(options.signal)
    return this.#observed('download', () =>
      downloadTo(this.#parts, content, { ...options, signal, path }),
    )
  }

  async stat(content: ContentId, options: SignalOptions = {}): Promise<ContentStat> {
    return this.#observed('stat', () => statContent(this.#parts, content, options))
  }

  ls(content: ContentId, options: SignalOptions = {}): AsyncGenerator<DirectoryEntry> {
    return this.#guarded('ls', listContent(this.#parts, content, options))
  }

  /** A folder with all below it, depth first; the content of a file is read as it is iterated. */
  walk(content: ContentId, options: SignalOptions = {}): AsyncGenerator<FolderEntry> {
    return this.#guarded('walk', walkContent(this.#parts, content, options))
  }

  async list(options: ListOptions = {}, caller: Caller = LOCAL): Promise<UploadPage> {
    return this.#observed('list', async () => listUploads(this.#parts.book, options, caller))
  }

  async status(): Promise<NodeStatus> {
    this.#assertOpen()
    const { blocks, bytes } = this.#parts.blocks.totals()
    const totals = uploadTotals(this.#parts.book)
    return {
      version: VERSION,
      dataDir: this.dataDir,
      startedAt: this.#startedAt.toISOString(),
      uptimeSeconds: (Date.now() - this.#startedAt.getTime()) / 1000,
      blocks,
      blockBytes: bytes,
      uploads: totals.uploads,
      uploadBytes: totals.bytes,
    }
  }

  /** Cancels uploads that run, waits until nothing is on its way to the disk, lets the folder go. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(closedError())
    await Promise.all(this.#uploads)
    await this.#parts[Symbol.asyncDispose]()
  }

  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined
      ? this.#closing.signal
      : AbortSignal.any([signal, this.#closing.signal])
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw closedError()
  }

  async #observed<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
    return observe(this.metrics, operation, async () => {
      this.#assertOpen()
      try {
        return await run()
      } catch (error) {
        throw toPrsmError(error)
      }
    })
  }

  /** Counts an iteration as one operation, and ends it when the node closes. */
  async *#guarded<T>(operation: Operation, items: AsyncIterable<T>): AsyncGenerator<T> {
    const end = beginOperation(this.metrics, operation)
    try {
      this.#assertOpen()
      for await (const item of items) {
        yield item
        this.#assertOpen()
      }
      end()
    } catch (error) {
      const known = toPrsmError(error)
      end(known)
      throw known
    } finally {
      end(stopped())
    }
  }
}

function closedError(): PrsmError {
  return new PrsmError('NODE_CLOSED', 'the node is closed', { hint: 'open a new one' })
}

function stopped(): PrsmError {
  return new PrsmError('CANCELLED', 'the consumer stopped')
}
