import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { targetOf } from '../core/cid.ts'
import type { ContentStat, DirectoryEntry, FolderEntry } from '../core/content.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { ContentId, SignalOptions } from '../core/storage.ts'
import { listEntries, walkFolder } from '../unixfs/directory.ts'
import type { NodeCache } from '../unixfs/node-cache.ts'
import { resolvePath } from '../unixfs/resolve.ts'
import { statNode } from '../unixfs/stat.ts'

export type ContentParts = {
  readonly blocks: BlockSource
  readonly nodes: NodeCache
}

/** Options of the readers below: decoded nodes are shared by all of a node's reads. */
export function dagOptions({ nodes }: ContentParts, { signal }: SignalOptions) {
  return signal === undefined ? { nodes } : { nodes, signal }
}

/** The node a CID with a path names. Throws INVALID_CID, CONTENT_NOT_FOUND, PATH_NOT_FOUND, NOT_A_DIRECTORY. */
export async function resolveContent(
  parts: ContentParts,
  content: ContentId,
  options: SignalOptions,
): Promise<CID> {
  throwIfCancelled(options.signal)
  const { cid } = await resolvePath(parts.blocks, targetOf(content), dagOptions(parts, options))
  return cid
}

export async function statContent(
  parts: ContentParts,
  content: ContentId,
  options: SignalOptions,
): Promise<ContentStat> {
  const cid = await resolveContent(parts, content, options)
  return statNode(parts.blocks, cid, dagOptions(parts, options))
}

export async function* listContent(
  parts: ContentParts,
  content: ContentId,
  options: SignalOptions,
): AsyncGenerator<DirectoryEntry> {
  const cid = await resolveContent(parts, content, options)
  yield* listEntries(parts.blocks, cid, dagOptions(parts, options))
}

/** All of a folder, depth first: for tar streams and for saving it. */
export async function* walkContent(
  parts: ContentParts,
  content: ContentId,
  options: SignalOptions,
): AsyncGenerator<FolderEntry> {
  const cid = await resolveContent(parts, content, options)
  yield* walkFolder(parts.blocks, cid, dagOptions(parts, options))
}
