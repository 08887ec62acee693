import { Slots } from '../blocks/slots.ts'
import { collect } from '../collection/collect.ts'
import type { SessionOptions } from '../core/block-source.ts'
import { type Caller, LOCAL } from '../core/caller.ts'
import { bareCid } from '../core/cid.ts'
import type {
  ContentStat,
  DirectoryEntry,
  FolderEntry,
  ImportResult,
  ListOptions,
  NodeStatus,
  RepoStat,
  UploadPage,
  UploadResult,
} from '../core/content.ts'
import { PrsmError, toPrsmError } from '../core/errors.ts'
import type { NodeIdentity, PeerConnection } from '../core/network.ts'
import type {
  CollectionResult,
  CollectOptions,
  Pin,
  PinCheck,
  PinFilter,
  PinOptions,
  PinPage,
  PinPageOptions,
  PinResult,
  PinUpdateOptions,
  VerifyPinsOptions,
} from '../core/pins.ts'
import type {
  CarSource,
  ContentId,
  Download,
  DownloadOptions,
  DownloadToOptions,
  DownloadToResult,
  ImportOptions,
  ReadOptions,
  SignalOptions,
  Storage,
  UploadOptions,
  UploadSource,
} from '../core/storage.ts'
import { download } from '../downloads/download.ts'
import { downloadTo } from '../downloads/download-to.ts'
import { listContent, statContent, walkContent } from '../downloads/open-content.ts'
import { importCar } from '../imports/import-car.ts'
import type { Network } from '../network/network.ts'
import { pin, updatePin } from '../pins/pin.ts'
import { listPins, removePin } from '../pins/rows.ts'
import { eachPin, verifyPins } from '../pins/verify.ts'
import { child, type Logger } from '../telemetry/logger.ts'
import { beginOperation, type Metrics, type Operation, observe } from '../telemetry/metrics.ts'
import { listUploads } from '../uploads/list.ts'
import { uploadTotals } from '../uploads/totals.ts'
import { upload } from '../uploads/upload.ts'
import { assemble, type Parts } from './assemble.ts'
import { AutoCollection } from './auto-collection.ts'
import type { NodeOptions, Overrides } from './node-options.ts'
import { repoStat } from './repo-stat.ts'
import { VERSION } from './version.ts'

/**
 * Opens a node: everything content needs, in this process. It opens no port, handles no signal and
 * writes nothing to stdout. Throws STORE_LOCKED, STORE_TOO_NEW, STORE_CORRUPT, STORAGE_IO, INVALID_INPUT.
 */
export async function createStorageNode(
  options: NodeOptions,
  overrides: Overrides = {},
): Promise<StorageNode> {
  return StorageNode.open(options, overrides)
}

/** A storage node. Dispose it (`await using`, or `close()`) to let its data folder go. */
export class StorageNode implements Storage, AsyncDisposable {
  readonly #parts: Parts
  readonly #startedAt = new Date()
  readonly #uploadLog: Logger
  readonly #importLog: Logger
  readonly #collectionLog: Logger
  readonly #collections = new Slots(1)
  readonly #autoCollection: AutoCollection
  readonly #running = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined

  // Private, so that the types of the parts (and of their drivers) stay out of the package's own.
  private constructor(parts: Parts) {
    this.#parts = parts
    this.#uploadLog = child(parts.logger, 'uploads')
    this.#importLog = child(parts.logger, 'imports')
    this.#collectionLog = child(parts.logger, 'collection')
    this.#autoCollection = new AutoCollection(parts.quota, (free) => this.#makeRoom(free))
  }

  /** @internal Use `createStorageNode`. */
  static async open(options: NodeOptions, overrides: Overrides): Promise<StorageNode> {
    return new StorageNode(await assemble(options, overrides))
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

  /** Says where this node is reached: an error that another process gets for its folder names it. */
  tellApi(url: string): void {
    this.#parts.folder?.tellApi(url)
  }

  async upload(
    source: UploadSource,
    options: UploadOptions = {},
    caller: Caller = LOCAL,
  ): Promise<UploadResult> {
    const request = { source, options: this.#untilClosed(options) }
    const result = await this.#observed('upload', () => upload(this.#parts, request, caller))
    this.#moved('upload', result.bytes)
    this.#uploadLog.info(result, 'uploaded')
    return result
  }

  download(content: ContentId, options: DownloadOptions = {}): Download {
    const inner = download(this.#parts, content, this.#untilClosed(options))
    return {
      [Symbol.asyncIterator]: () =>
        this.#guarded('download', inner, ({ byteLength }) => byteLength),
      bytes: async (limit) => {
        const bytes = await this.#observed('download', () => inner.bytes(limit))
        this.#moved('download', bytes.byteLength)
        return bytes
      },
    }
  }

  async downloadTo(
    content: ContentId,
    path: string,
    options: DownloadToOptions = {},
  ): Promise<DownloadToResult> {
    const saved = await this.#observed('download', () =>
      downloadTo(this.#parts, content, { ...this.#untilClosed(options), path }),
    )
    this.#moved('download', saved.bytes)
    return saved
  }

  async importCar(
    source: CarSource,
    options: ImportOptions = {},
    caller: Caller = LOCAL,
  ): Promise<ImportResult> {
    const request = { source, options: this.#untilClosed(options) }
    const result = await this.#observed('import', () => importCar(this.#parts, request, caller))
    this.#moved('import', result.bytes)
    this.#importLog.info(result, 'imported a CAR')
    return result
  }

  async stat(content: ContentId, options: ReadOptions = {}): Promise<ContentStat> {
    return this.#observed('stat', () =>
      statContent(this.#parts, content, this.#untilClosed(options)),
    )
  }

  ls(content: ContentId, options: ReadOptions = {}): AsyncGenerator<DirectoryEntry> {
    return this.#guarded('ls', listContent(this.#parts, content, this.#untilClosed(options)))
  }

  /** A folder with all below it, depth first; the content of a file is read as it is iterated. */
  walk(content: ContentId, options: ReadOptions = {}): AsyncGenerator<FolderEntry> {
    return this.#guarded('walk', walkContent(this.#parts, content, this.#untilClosed(options)))
  }

  async list(options: ListOptions = {}, caller: Caller = LOCAL): Promise<UploadPage> {
    return this.#observed('list', async () => listUploads(this.#parts.book, options, caller))
  }

  async pin(
    content: ContentId,
    options: PinOptions = {},
    caller: Caller = LOCAL,
  ): Promise<PinResult> {
    const within = this.#untilClosed(options)
    return this.#observed('pin', () => pin(this.#parts, content, within, caller))
  }

  async unpin(
    content: ContentId,
    _options: SignalOptions = {},
    caller: Caller = LOCAL,
  ): Promise<Pin> {
    return this.#observed('unpin', async () =>
      removePin(this.#parts.book, bareCid(content), caller),
    )
  }

  async updatePin(
    from: ContentId,
    to: ContentId,
    options: PinUpdateOptions = {},
    caller: Caller = LOCAL,
  ): Promise<PinResult> {
    const within = this.#untilClosed(options)
    return this.#observed('pin', () => updatePin(this.#parts, { from, to }, within, caller))
  }

  pins(filter: PinFilter = {}, caller: Caller = LOCAL): AsyncGenerator<Pin> {
    return this.#guarded('pins', eachPin(this.#parts.book, this.#untilClosed(filter), caller))
  }

  async listPins(options: PinPageOptions = {}, caller: Caller = LOCAL): Promise<PinPage> {
    return this.#observed('pins', async () => listPins(this.#parts.book, options, caller))
  }

  verifyPins(options: VerifyPinsOptions = {}, caller: Caller = LOCAL): AsyncGenerator<PinCheck> {
    return this.#guarded('verify', verifyPins(this.#parts, this.#untilClosed(options), caller))
  }

  async repoStat(): Promise<RepoStat> {
    this.#assertOpen()
    return repoStat(this.#parts)
  }

  /** One at a time: a second one begins when the first has ended. */
  async collect(options: CollectOptions = {}): Promise<CollectionResult> {
    const within = this.#untilClosed(options)
    const result = await this.#observed('collect', () =>
      this.#collections.run(() => collect(this.#parts, within)),
    )
    this.#collectionLog.info(result, 'collected')
    return result
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

  async id(): Promise<NodeIdentity> {
    return this.#network().identity()
  }

  async peers(): Promise<readonly PeerConnection[]> {
    return this.#network().peers()
  }

  async connectPeer(address: string, options: SignalOptions = {}): Promise<PeerConnection> {
    return this.#network().connect(address, this.#untilClosed(options))
  }

  async disconnectPeer(id: string): Promise<void> {
    await this.#network().disconnect(id)
  }

  async #makeRoom(free: number): Promise<boolean> {
    try {
      await this.collect({ free })
      return true
    } catch (err) {
      if (!this.#closing.signal.aborted) {
        this.#collectionLog.warn({ err }, 'the store is nearly full, and was not collected')
      }
      return false
    }
  }

  /** What the gateway is made of: it reads blocks as the flows do, without their wrapping. */
  gatewayParts() {
    const { retrieval, nodes, logger, metrics } = this.#parts
    const openSession = (options: SessionOptions) => retrieval.session(options)
    return { openSession, nodes, passingBytes: retrieval.passingBytes, logger, metrics }
  }

  #network(): Network {
    this.#assertOpen()
    const { network } = this.#parts
    if (network !== null) return network
    throw new PrsmError('NETWORK_OFF', 'this node runs without the network', {
      hint: 'start the daemon with PRSM_NETWORK=on, a library with network: { … }',
    })
  }

  /** Ends what runs with NODE_CLOSED, waits until nothing is on its way to the disk, lets the folder go. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(closedError())
    await Promise.all(this.#running)
    await this.#parts[Symbol.asyncDispose]()
  }

  /** The options of an operation, with a signal that aborts when the node closes, too. */
  #untilClosed<T extends SignalOptions>(options: T): T & { readonly signal: AbortSignal } {
    const { signal: closing } = this.#closing
    const { signal } = options
    return { ...options, signal: signal ? AbortSignal.any([signal, closing]) : closing }
  }

  /** What an operation failed with, as one of ours: what the closing of the node cut short says so. */
  #known(error: unknown): PrsmError {
    const known = toPrsmError(error)
    const cutShort = known.code === 'CANCELLED' || known.code === 'INTERNAL'
    return this.#closing.signal.aborted && cutShort ? closedError(known) : known
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw closedError()
  }

  /** Counts an operation; `close` waits for it. */
  async #observed<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
    return observe(this.metrics, operation, async () => {
      this.#assertOpen()
      const running = run()
      const ended = running.catch(() => {}).finally(() => this.#running.delete(ended))
      this.#running.add(ended)
      try {
        return await running
      } catch (error) {
        throw this.#known(error)
      } finally {
        if (!this.#closing.signal.aborted) this.#autoCollection.look()
      }
    })
  }

  #moved(operation: 'upload' | 'download' | 'import', bytes: number): void {
    this.metrics.contentBytes.observe({ operation }, bytes)
  }

  /** Counts an iteration as one operation, with the bytes it gave, and ends it when the node closes. */
  async *#guarded<T>(
    operation: Operation,
    items: AsyncIterable<T>,
    bytesOf?: (item: T) => number,
  ): AsyncGenerator<T> {
    const end = beginOperation(this.metrics, operation)
    let bytes = 0
    try {
      this.#assertOpen()
      for await (const item of items) {
        bytes += bytesOf?.(item) ?? 0
        yield item
        this.#assertOpen()
      }
      end()
    } catch (error) {
      const known = this.#known(error)
      end(known)
      throw known
    } finally {
      end(STOPPED)
      if (bytesOf !== undefined) this.metrics.contentBytes.observe({ operation }, bytes)
    }
  }
}

/** One for all: it is only counted, and making an error costs more than reading a small range. */
const STOPPED = new PrsmError('CANCELLED', 'the consumer stopped')

function closedError(cause?: unknown): PrsmError {
  return new PrsmError('NODE_CLOSED', 'the node is closed', { hint: 'open a new one', cause })
}
