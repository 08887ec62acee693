import './core/supported-node.ts'

export type { Caller } from './core/caller.ts'
export type {
  ContentStat,
  DirectoryEntry,
  FolderEntry,
  ImportedRoot,
  ImportResult,
  NodeStatus,
  OnProgress,
  Progress,
  RepoStat,
  UploadPage,
  UploadRecord,
  UploadResult,
} from './core/content.ts'
export { type ErrorCode, isPrsmError, PrsmError } from './core/errors.ts'
export { limits } from './core/limits.ts'
export { manifestSha256 } from './core/manifest.ts'
export type { NetworkOptions, NodeIdentity, PeerConnection } from './core/network.ts'
export type {
  CollectionResult,
  CollectOptions,
  Pin,
  PinCheck,
  PinDetails,
  PinFilter,
  PinMode,
  PinOptions,
  PinPage,
  PinPageOptions,
  PinProgress,
  PinResult,
  PinUpdateOptions,
  VerifyPinsOptions,
} from './core/pins.ts'
export type {
  ByteSource,
  CarSource,
  ContentId,
  Download,
  DownloadOptions,
  DownloadToOptions,
  DownloadToResult,
  ImportOptions,
  ReadOptions,
  Storage,
  UploadOptions,
  UploadSource,
} from './core/storage.ts'
export type { NodeOptions } from './node/node-options.ts'
export { createStorageNode, StorageNode } from './node/storage-node.ts'
