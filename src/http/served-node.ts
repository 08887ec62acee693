import type { ContentId, DownloadOptions } from '../core/storage.ts'
import type { StorageNode } from '../node/storage-node.ts'

/** What the API asks of the node. */
export type ServedNode = Pick<
  StorageNode,
  | 'upload'
  | 'importCar'
  | 'walk'
  | 'stat'
  | 'ls'
  | 'list'
  | 'status'
  | 'pin'
  | 'unpin'
  | 'updatePin'
  | 'pins'
  | 'listPins'
  | 'verifyPins'
  | 'collect'
  | 'repoStat'
  | 'id'
  | 'peers'
  | 'connectPeer'
  | 'disconnectPeer'
> & {
  download(content: ContentId, options?: DownloadOptions): AsyncIterable<Uint8Array>
}
