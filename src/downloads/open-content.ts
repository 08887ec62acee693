import type { CID } from 'multiformats/cid'
import type { BlockSession, BlockSource } from '../core/block-source.ts'
import { targetOf } from '../core/cid.ts'
import type { ContentStat, DirectoryEntry, FolderEntry } from '../core/content.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { ContentId, ReadOptions } from '../core/storage.ts'
import type { Retrieval } from '../retrieval/retrieval.ts'
import { type BlockBuffers, newMemory } from '../unixfs/block-buffers.ts'
import type { DagOptions } from '../unixfs/dag-source.ts'
import { listEntries, walkFolder } from '../unixfs/directory.ts'
import type { NodeCache } from '../unixfs/node-cache.ts'
import { resolvePath } from '../unixfs/resolve.ts'
import { statNode } from '../unixfs/stat.ts'

export type ContentParts = {
  readonly retrieval: Pick<Retrieval, 'session' | 'passingBytes'>
  readonly nodes: NodeCache
  /** The memory of readers who are done with a chunk when they ask for the next. */
  readonly buffers: BlockBuffers
}

/** The way to blocks of one reader, which keeps what he reads from collections until it is disposed. Throws INVALID_CID. */
export function openSession(
  { retrieval }: ContentParts,
  content: ContentId,
  { offline = false, signal }: ReadOptions,
): BlockSession {
  throwIfCancelled(signal)
  return retrieval.session({ offline, root: targetOf(content).root })
}

/** Options of the readers below: decoded nodes are shared by all of a node's reads. */
export function dagOptions(
  { nodes, retrieval: { passingBytes } }: ContentParts,
  { signal }: ReadOptions,
): DagOptions {
  return signal === undefined ? { nodes, passingBytes } : { nodes, passingBytes, signal }
}

/** The node a CID with a path names. Throws INVALID_CID, CONTENT_NOT_FOUND, PATH_NOT_FOUND, NOT_A_DIRECTORY. */
export async function resolveContent(
  blocks: BlockSource,
  content: ContentId,
  options: DagOptions,
): Promise<CID> {
  throwIfCancelled(options.signal)
  const { cid } = await resolvePath(blocks, targetOf(content), options)
  return cid
}

export async function statContent(
  parts: ContentParts,
  content: ContentId,
  options: ReadOptions,
): Promise<ContentStat> {
  await using blocks = openSession(parts, content, options)
  const dag = dagOptions(parts, options)
  return await statNode(blocks, await resolveContent(blocks, content, dag), dag)
}

export async function* listContent(
  parts: ContentParts,
  content: ContentId,
  options: ReadOptions,
): AsyncGenerator<DirectoryEntry> {
  await using blocks = openSession(parts, content, options)
  const dag = dagOptions(parts, options)
  yield* listEntries(blocks, await resolveContent(blocks, content, dag), dag)
}

/** All of a folder, depth first: for tar streams and for saving it. */
export async function* walkContent(
  parts: ContentParts,
  content: ContentId,
  options: ReadOptions,
): AsyncGenerator<FolderEntry> {
  await using blocks = openSession(parts, content, options)
  // The content of the files is the consumer's own.
  const dag = { ...dagOptions(parts, options), buffers: newMemory }
  yield* walkFolder(blocks, await resolveContent(blocks, content, dag), dag)
}
