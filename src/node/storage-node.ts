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
import { PrsmError } from '../core/errors.ts'
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
import type { Metrics } from '../telemetry/metrics.ts'
import { listUploads } from '../uploads/list.ts'
import { upload } from '../uploads/upload.ts'
import { assemble, type Parts } from './assemble.ts'
import { AutoCollection } from './auto-collection.ts'
import { movingBlocks, movingBytes, movingEntry } from './moving.ts'
import type { NodeOptions, Overrides } from './node-options.ts'
import { Operations } from './operations.ts'
import { bookTotals, repoStat } from './repo-stat.ts'
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
  readonly #operations: Operations
  #closed: Promise<void> | undefined

  // Private, so that the types of the parts (and of their drivers) stay out of the package's own.
  private constructor(parts: Parts) {
    this.#parts = parts
    this.#uploadLog = child(parts.logger, 'uploads')
    this.#importLog = child(parts.logger, 'imports')
    this.#collectionLog = child(parts.logger, 'collection')
    const autoCollection = new AutoCollection(parts.quota, (free) => this.#makeRoom(free))
    this.#operations = new Operations({ ...parts, onEnd: () => autoCollection.look() })
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
    const within = this.#operations.untilClosed(options)
    const result = await this.#operations.runInPlace('upload', within, (place) => {
      const onProgress = movingBytes(place, options.onProgress)
      return upload(this.#parts, { source, options: { ...within, onProgress } }, caller)
    })
    this.#moved('upload', result.bytes)
    this.#uploadLog.info(result, 'uploaded')
    return result
  }

  download(content: ContentId, options: DownloadOptions = {}): Download {
    const within = this.#operations.untilClosed(options)
    const open = (how: DownloadOptions) => download(this.#parts, content, how)
    return {
      [Symbol.asyncIterator]: () => {
        const { signal } = within
        return this.#operations.iterate('download', open(within), { signal, bytesOf: lengthOf })
      },
      bytes: async (limit) => {
        const bytes = await this.#operations.runInPlace('download', within, (place) => {
          const onProgress = movingBytes(place, options.onProgress)
          return open({ ...within, onProgress }).bytes(limit)
        })
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
    const within = this.#operations.untilClosed(options)
    const saved = await this.#operations.runInPlace('download', within, (place) => {
      const onProgress = movingBytes(place, options.onProgress)
      return downloadTo(this.#parts, content, { ...within, onProgress, path })
    })
    this.#moved('download', saved.bytes)
    return saved
  }

  async importCar(
    source: CarSource,
    options: ImportOptions = {},
    caller: Caller = LOCAL,
  ): Promise<ImportResult> {
    const within = this.#operations.untilClosed(options)
    const result = await this.#operations.runInPlace('import', within, (place) => {
      const onProgress = movingBytes(place, options.onProgress)
      return importCar(this.#parts, { source, options: { ...within, onProgress } }, caller)
    })
    this.#moved('import', result.bytes)
    this.#importLog.info(result, 'imported a CAR')
    return result
  }

  async stat(content: ContentId, options: ReadOptions = {}): Promise<ContentStat> {
    return this.#operations.run('stat', () =>
      statContent(this.#parts, content, this.#operations.untilClosed(options)),
    )
  }

  ls(content: ContentId, options: ReadOptions = {}): AsyncGenerator<DirectoryEntry> {
    return this.#operations.iterate(
      'ls',
      listContent(this.#parts, content, this.#operations.untilClosed(options)),
    )
  }

  /** A folder with all below it, depth first; the content of a file is read as it is iterated. */
  walk(content: ContentId, options: ReadOptions = {}): AsyncGenerator<FolderEntry> {
    const within = this.#operations.untilClosed(options)
    const { signal } = within
    const entries = walkContent(this.#parts, content, within)
    return this.#operations.iterate('walk', entries, { signal, given: movingEntry })
  }

  async list(options: ListOptions = {}, caller: Caller = LOCAL): Promise<UploadPage> {
    return this.#operations.run('list', async () => listUploads(this.#parts.book, options, caller))
  }

  async pin(
    content: ContentId,
    options: PinOptions = {},
    caller: Caller = LOCAL,
  ): Promise<PinResult> {
    const within = this.#operations.untilClosed(options)
    return this.#operations.runInPlace('pin', within, (place) => {
      const onProgress = movingBlocks(place, options.onProgress)
      return pin(this.#parts, content, { ...within, onProgress }, caller)
    })
  }

  async unpin(
    content: ContentId,
    _options: SignalOptions = {},
    caller: Caller = LOCAL,
  ): Promise<Pin> {
    return this.#operations.run('unpin', async () =>
      removePin(this.#parts.book, bareCid(content), caller),
    )
  }

  async updatePin(
    from: ContentId,
    to: ContentId,
    options: PinUpdateOptions = {},
    caller: Caller = LOCAL,
  ): Promise<PinResult> {
    const within = this.#operations.untilClosed(options)
    return this.#operations.runInPlace('pin', within, (place) => {
      const onProgress = movingBlocks(place, options.onProgress)
      return updatePin(this.#parts, { from, to }, { ...within, onProgress }, caller)
    })
  }

  pins(filter: PinFilter = {}, caller: Caller = LOCAL): AsyncGenerator<Pin> {
    return this.#operations.iterate(
      'pins',
      eachPin(this.#parts.book, this.#operations.untilClosed(filter), caller),
    )
  }

  async listPins(options: PinPageOptions = {}, caller: Caller = LOCAL): Promise<PinPage> {
    return this.#operations.run('pins', async () => listPins(this.#parts.book, options, caller))
  }

  verifyPins(options: VerifyPinsOptions = {}, caller: Caller = LOCAL): AsyncGenerator<PinCheck> {
    return this.#operations.iterate(
      'verify',
      verifyPins(this.#parts, this.#operations.untilClosed(options), caller),
    )
  }

  async repoStat(): Promise<RepoStat> {
    this.#operations.assertOpen()
    return repoStat(this.#parts)
  }

  /** One at a time: a second one begins when the first has ended. */
  async collect(options: CollectOptions = {}): Promise<CollectionResult> {
    const within = this.#operations.untilClosed(options)
    const result = await this.#operations.run('collect', () =>
      this.#collections.run(() => this.#collectOne(within)),
    )
    this.#collectionLog.info(result, 'collected')
    return result
  }

  async #collectOne(options: CollectOptions): Promise<CollectionResult> {
    const { collectionRunning, collectedBlocks, collectedBytes } = this.metrics
    collectionRunning.set(1)
    try {
      const result = await collect(this.#parts, options)
      if (!result.dryRun) {
        collectedBlocks.inc(result.blocks)
        collectedBytes.inc(result.bytes)
      }
      return result
    } finally {
      collectionRunning.set(0)
    }
  }

  async status(): Promise<NodeStatus> {
    this.#operations.assertOpen()
    const { blocks, bytes } = this.#parts.blocks.totals()
    const totals = await bookTotals(this.#parts.book)
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
    return this.#network().connect(address, this.#operations.untilClosed(options))
  }

  async disconnectPeer(id: string): Promise<void> {
    await this.#network().disconnect(id)
  }

  async #makeRoom(free: number): Promise<boolean> {
    try {
      await this.collect({ free })
      return true
    } catch (err) {
      if (!this.#operations.isClosing) {
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
    this.#operations.assertOpen()
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
    await this.#operations.close()
    await this.#parts[Symbol.asyncDispose]()
  }

  #moved(operation: 'upload' | 'download' | 'import', bytes: number): void {
    this.metrics.contentBytes.observe({ operation }, bytes)
  }
}

function lengthOf({ byteLength }: Uint8Array): number {
  return byteLength
}
