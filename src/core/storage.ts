import type { CID } from 'multiformats/cid'
import type {
  ContentStat,
  DirectoryEntry,
  FolderEntry,
  ImportResult,
  ListOptions,
  NodeStatus,
  OnProgress,
  RepoStat,
  UploadPage,
  UploadResult,
} from './content.ts'
import type { NodeIdentity, PeerConnection } from './network.ts'
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
} from './pins.ts'
import type { SignalOptions } from './signal.ts'

/** Bytes as they come: a string is UTF-8 text. */
export type ByteSource =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array>
  | ReadableStream<Uint8Array>

/**
 * What can be uploaded. A bare string is *content*; a file or folder is `{ path }` or a `file:` URL.
 * Symbolic links of a folder are refused with their name, or followed with `dereference`.
 */
export type UploadSource =
  | ByteSource
  | URL
  | { readonly path: string; readonly dereference?: boolean }
  | { readonly entries: AsyncIterable<FolderEntry> }

export type UploadOptions = {
  /** Default: the name of the file or folder, else `content`. At most 255 UTF-8 bytes, no `/`. */
  readonly filename?: string
  /** Default: `application/octet-stream`; of a folder `application/x-directory`. */
  readonly contentType?: string
  /** Hex. The upload fails with SHA256_MISMATCH when the bytes (or the folder's manifest) have another. */
  readonly expectedSha256?: string
  /** False leaves the content to the next collection. Default true. */
  readonly pin?: boolean
  /** Bytes to come, when the caller knows and the source does not tell: refused early when over a limit. */
  readonly bytesTotal?: number
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

export type DownloadOptions = {
  /** First byte wanted. Default 0. Beyond the end: INVALID_RANGE. */
  readonly offset?: number
  /** Bytes wanted; clipped at the end of the file. Default: all. */
  readonly length?: number
  /**
   * Each chunk is the caller's only until he asks for the next one, then its memory goes to the next who
   * reads with this: spares memory where chunks are passed on, and must not be kept or written to later.
   */
  readonly reuseBuffers?: boolean
  /** Ask no peer: what is not stored here is CONTENT_NOT_FOUND at once. */
  readonly offline?: boolean
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/** A file on its way: iterate it once, or collect it. Nothing is read before that. */
export interface Download extends AsyncIterable<Uint8Array> {
  /** All bytes in one array. Throws INVALID_INPUT when there are more than `maxBytes` (default 256 MiB). */
  bytes(options?: { readonly maxBytes?: number }): Promise<Uint8Array>
}

export type DownloadToOptions = {
  /** Ask no peer. */
  readonly offline?: boolean
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

export type DownloadToResult = {
  readonly cid: string
  readonly kind: 'file' | 'directory'
  /** Absolute. */
  readonly path: string
  /** Bytes of the file, or of all files of the folder. */
  readonly bytes: number
  readonly files: number
  readonly durationMs: number
}

/** `CID`, `CID/path`, `/ipfs/CID/path` or a CID object. */
export type ContentId = string | CID

export type { SignalOptions } from './signal.ts'

/** `offline`: ask no peer. */
export type ReadOptions = SignalOptions & { readonly offline?: boolean }

/** A CAR archive: its bytes as they come, or a file (`{ path }` or a `file:` URL). */
export type CarSource = ByteSource | URL | { readonly path: string }

export type ImportOptions = {
  /** False leaves what was imported to the next collection. Default true. */
  readonly pin?: boolean
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/** What a node does; its HTTP client has the same methods. All reject with `PrsmError`. */
export interface Storage {
  upload(source: UploadSource, options?: UploadOptions): Promise<UploadResult>
  download(content: ContentId, options?: DownloadOptions): Download
  /** A file or folder to `path`, which must not exist: written beside it, synced, renamed. */
  downloadTo(
    content: ContentId,
    path: string,
    options?: DownloadToOptions,
  ): Promise<DownloadToResult>
  stat(content: ContentId, options?: ReadOptions): Promise<ContentStat>
  /** The entries of a directory, one by one; of a file: NOT_A_DIRECTORY. */
  ls(content: ContentId, options?: ReadOptions): AsyncIterable<DirectoryEntry>
  /** Uploads, newest first. */
  list(options?: ListOptions): Promise<UploadPage>
  status(): Promise<NodeStatus>
  /**
   * Stores the blocks of a CAR (v1, or the payload of a v2), each verified, and roots its roots. A root
   * whose DAG has blocks missing is told as incomplete and not rooted. Throws CAR_INVALID.
   */
  importCar(source: CarSource, options?: ImportOptions): Promise<ImportResult>
  /** Fetches what is missing of the content and keeps it. Throws CONTENT_NOT_FOUND. */
  pin(content: ContentId, options?: PinOptions): Promise<PinResult>
  /** Lets content go: the next collection may take it. Throws PIN_NOT_FOUND. */
  unpin(content: ContentId, options?: SignalOptions): Promise<Pin>
  /** Pins `to` instead of `from`, in one step, with its name and metadata. Throws PIN_NOT_FOUND. */
  updatePin(from: ContentId, to: ContentId, options?: PinUpdateOptions): Promise<PinResult>
  /** The pins, in the order of their CIDs; `listPins` gives them in pages. */
  pins(filter?: PinFilter): AsyncIterable<Pin>
  listPins(options?: PinPageOptions): Promise<PinPage>
  /** Looks whether all that is pinned is here, and with `read` whether it can be read. */
  verifyPins(options?: VerifyPinsOptions): AsyncIterable<PinCheck>
  repoStat(options?: SignalOptions): Promise<RepoStat>
  /** Takes what nothing keeps: no pin, no upload that goes on, no reader. Everything else goes on meanwhile. */
  collect(options?: CollectOptions): Promise<CollectionResult>
  /** Who this node is on the network. Throws NETWORK_OFF. */
  id(options?: SignalOptions): Promise<NodeIdentity>
  /** The connections to other nodes. Throws NETWORK_OFF. */
  peers(options?: SignalOptions): Promise<readonly PeerConnection[]>
  /** Connects to a peer by a multiaddr that ends in `/p2p/ID`. Throws PEER_UNREACHABLE, INVALID_INPUT, NETWORK_OFF. */
  connectPeer(address: string, options?: SignalOptions): Promise<PeerConnection>
  /** Ends the connections to a peer; one that is not connected: PEER_UNREACHABLE. A kept one is left alone until it is connected again by hand, or the node starts anew. */
  disconnectPeer(id: string, options?: SignalOptions): Promise<void>
}
