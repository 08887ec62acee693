import type { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import type { BlockSource, GetOptions } from '../core/block-source.ts'
import { DAG_PB } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ChunkMemory } from './block-buffers.ts'
import { dagInvalid, dagLimit } from './dag-error.ts'
import {
  checkCodec,
  type DagNode,
  decodeNode,
  type FileNode,
  type FolderNode,
  type RawNode,
  type ShardNode,
} from './dag-node.ts'
import type { NodeCache } from './node-cache.ts'

export type DagOptions = {
  readonly signal?: AbortSignal
  /** Decoded interior nodes, kept from one reader to the next. */
  readonly nodes?: NodeCache
  /** The memory that chunks of content come in. Without it they are shared, and not to be written to. */
  readonly buffers?: ChunkMemory
  /** A file of more bytes is read without a trace in the memory cache. Without it none is that large. */
  readonly passingBytes?: number
}

/** As `DagOptions`, where the file is known that is read. */
export type LeafOptions = DagOptions & { readonly passing: boolean }

/** The block `cid` names; of an identity CID the bytes it carries. Throws UNSUPPORTED_CODEC, DAG_LIMIT and what `source` does. */
export async function getBlock(
  source: BlockSource,
  cid: CID,
  options: DagOptions,
): Promise<Uint8Array> {
  checkCodec(cid)
  if (cid.multihash.code === identity.code) return identityBytes(cid)
  return await source.get(cid, getOptions(options))
}

function identityBytes(cid: CID): Uint8Array {
  const { digest } = cid.multihash
  if (digest.byteLength <= limits.maxIdentityBytes) return digest
  throw dagLimit(cid, `an identity CID carries ${digest.byteLength} bytes`)
}

/** Bytes of the block `cid` names, without reading it where it is known. Throws as `getBlock` does. */
export async function blockBytes(
  source: BlockSource,
  cid: CID,
  options: DagOptions,
): Promise<number> {
  if (cid.multihash.code === identity.code) return identityBytes(cid).byteLength
  checkCodec(cid)
  return await source.size(cid, getOptions(options))
}

/** A block of content alone, in the memory of chunks. */
export async function getLeaf(
  source: BlockSource,
  cid: CID,
  options: LeafOptions,
): Promise<Uint8Array> {
  if (cid.multihash.code === identity.code) return asChunk(identityBytes(cid), options)
  return await source.get(cid, leafOptions(options))
}

/** For bytes that go to the consumer as the source gives them: in the memory of chunks. */
export function leafOptions({ signal, buffers, passing }: LeafOptions): GetOptions {
  return {
    ...(signal !== undefined && { signal }),
    ...(buffers !== undefined && { allocate: buffers.take }),
    ...(passing && { passing }),
  }
}

/** Bytes of a decoded node, which others may read as well: copied where chunks have a memory of their own. */
export function asChunk(shared: Uint8Array, { buffers }: DagOptions): Uint8Array {
  if (buffers === undefined) return shared
  const chunk = buffers.take(shared.byteLength)
  chunk.set(shared)
  return chunk
}

/** `BlockSource` options out of ours: an absent signal stays absent. */
export function getOptions({ signal }: DagOptions): GetOptions {
  return signal === undefined ? {} : { signal }
}

/** The node `cid` names, decoded. */
export async function loadNode(
  source: BlockSource,
  cid: CID,
  options: DagOptions,
): Promise<DagNode> {
  const known = cid.code === DAG_PB ? options.nodes?.get(cid) : undefined
  if (known !== undefined) return known
  const node = decodeNode(cid, await getBlock(source, cid, options))
  options.nodes?.add(node)
  return node
}

/** `node` as content. Throws NOT_A_FILE for a folder or a symbolic link. */
export function asFile(node: DagNode): RawNode | FileNode {
  if (node.kind === 'raw' || node.kind === 'file') return node
  const what = node.kind === 'symlink' ? 'a symbolic link' : 'a directory'
  throw new PrsmError('NOT_A_FILE', `${node.cid} is ${what}, not a file`, {
    details: { cid: node.cid.toString(), kind: node.kind },
    hint: node.kind === 'symlink' ? 'links are not followed' : 'list it, or name a file in it',
  })
}

/** The shard `cid` of the HAMT that `root` is the top of. Throws DAG_INVALID when it is no such. */
export async function loadShard(
  source: BlockSource,
  { root, cid }: { readonly root: ShardNode; readonly cid: CID },
  options: DagOptions,
): Promise<ShardNode> {
  const node = await loadNode(source, cid, options)
  if (node.kind === 'shard' && node.fanout === root.fanout) return node
  throw dagInvalid(cid, `is no shard of the folder ${root.cid}`)
}

/** `node` as a folder. Throws NOT_A_DIRECTORY. */
export function asFolder(node: DagNode): FolderNode {
  if (node.kind === 'directory' || node.kind === 'shard') return node
  const what = node.kind === 'symlink' ? 'a symbolic link' : 'a file'
  throw new PrsmError('NOT_A_DIRECTORY', `${node.cid} is ${what}, not a directory`, {
    details: { cid: node.cid.toString(), kind: node.kind },
  })
}

/** Content bytes of a file's node. */
export function contentBytes(node: RawNode | FileNode): number {
  return node.kind === 'raw' ? node.data.byteLength : node.bytes
}

/** Throws DAG_INVALID when the child is not of the size its parent declared. */
export function checkSize(node: RawNode | FileNode, declared: number): void {
  const bytes = contentBytes(node)
  if (bytes === declared) return
  throw dagInvalid(node.cid, `has ${bytes} bytes where its parent declares ${declared}`)
}
