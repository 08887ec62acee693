import '../core/supported-node.ts'

import { nodeStatus, uploadPage } from '../api/schemas.ts'
import type {
  ContentStat,
  DirectoryEntry,
  ImportResult,
  ListOptions,
  NodeStatus,
  RepoStat,
  UploadPage,
  UploadResult,
} from '../core/content.ts'
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
import { Api } from './api.ts'
import { download } from './download.ts'
import { downloadTo, stat } from './download-to.ts'
import { importCar } from './import-car.ts'
import { ls } from './listing.ts'
import { connectPeer, disconnectPeer, id, peers } from './peers.ts'
import { collect, listPins, pin, pins, repoStat, unpin, updatePin, verifyPins } from './pins.ts'
import { upload } from './upload.ts'

export type ClientOptions = {
  /** Of the daemon, such as `http://127.0.0.1:8000`. */
  readonly url: string
}

/** A client of the daemon at `url`. Nothing is sent before a method is called. Throws INVALID_INPUT. */
export function createClient(options: ClientOptions): StorageClient {
  return new StorageClient(new Api(options.url))
}

/**
 * A node somewhere else, with the methods of one in this process. Besides their errors, all reject with
 * DAEMON_UNREACHABLE when nobody answers or the connection breaks. Dispose it to close its connections.
 */
export class StorageClient implements Storage, AsyncDisposable {
  readonly #api: Api

  /** @internal Use `createClient`. */
  constructor(api: Api) {
    this.#api = api
  }

  get url(): string {
    return this.#api.url
  }

  upload(source: UploadSource, options?: UploadOptions): Promise<UploadResult> {
    return upload(this.#api, source, options)
  }

  download(content: ContentId, options?: DownloadOptions): Download {
    return download(this.#api, content, options)
  }

  downloadTo(
    content: ContentId,
    path: string,
    options: DownloadToOptions = {},
  ): Promise<DownloadToResult> {
    return downloadTo(this.#api, content, { ...options, path })
  }

  importCar(source: CarSource, options?: ImportOptions): Promise<ImportResult> {
    return importCar(this.#api, source, options)
  }

  stat(content: ContentId, options?: ReadOptions): Promise<ContentStat> {
    return stat(this.#api, content, options)
  }

  ls(content: ContentId, options?: ReadOptions): AsyncIterable<DirectoryEntry> {
    return ls(this.#api, content, options)
  }

  list({ limit, before, signal }: ListOptions & SignalOptions = {}): Promise<UploadPage> {
    const query = {
      ...(limit === undefined ? {} : { limit: String(limit) }),
      ...(before === undefined ? {} : { before: String(before) }),
    }
    return this.#api.json(uploadPage, { method: 'GET', path: '/uploads', query, signal })
  }

  status({ signal }: SignalOptions = {}): Promise<NodeStatus> {
    return this.#api.json(nodeStatus, { method: 'GET', path: '/status', signal })
  }

  pin(content: ContentId, options?: PinOptions): Promise<PinResult> {
    return pin(this.#api, content, options)
  }

  unpin(content: ContentId, options?: SignalOptions): Promise<Pin> {
    return unpin(this.#api, content, options)
  }

  updatePin(from: ContentId, to: ContentId, options?: PinUpdateOptions): Promise<PinResult> {
    return updatePin(this.#api, { from, to }, options)
  }

  pins(filter?: PinFilter): AsyncIterable<Pin> {
    return pins(this.#api, filter)
  }

  listPins(options?: PinPageOptions): Promise<PinPage> {
    return listPins(this.#api, options)
  }

  verifyPins(options?: VerifyPinsOptions): AsyncIterable<PinCheck> {
    return verifyPins(this.#api, options)
  }

  repoStat(options?: SignalOptions): Promise<RepoStat> {
    return repoStat(this.#api, options)
  }

  collect(options?: CollectOptions): Promise<CollectionResult> {
    return collect(this.#api, options)
  }

  id(options?: SignalOptions): Promise<NodeIdentity> {
    return id(this.#api, options)
  }

  peers(options?: SignalOptions): Promise<readonly PeerConnection[]> {
    return peers(this.#api, options)
  }

  connectPeer(address: string, options?: SignalOptions): Promise<PeerConnection> {
    return connectPeer(this.#api, address, options)
  }

  disconnectPeer(peer: string, options?: SignalOptions): Promise<void> {
    return disconnectPeer(this.#api, peer, options)
  }

  /** Ends the connections, after what is under way. */
  close(): Promise<void> {
    return this.#api.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
