import type { CID } from 'multiformats/cid'
import { DAG_PB, RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { dagInvalid } from './dag-error.ts'
import { decodeDagPb, type PbNode } from './dag-pb.ts'
import { LINK_BYTES, type Links } from './links.ts'
import { SHARD_HASH } from './profile.ts'
import { shardSlots } from './shard-slots.ts'
import { decodeUnixFsData, type UnixFsData, UnixFsType } from './unixfs-data.ts'

type Common = {
  readonly cid: CID
  /** Bytes of the block itself. */
  readonly blockBytes: number
}

/** A block without structure: content of a file, or a whole small file. */
export type RawNode = Common & { readonly kind: 'raw'; readonly data: Uint8Array }

/** A file or a part of one: its own bytes first, then its children's. */
export type FileNode = Common & {
  readonly kind: 'file'
  readonly data: Uint8Array
  readonly links: Links
  /** Where each child ends, counted in bytes from the start of this node. */
  readonly ends: Float64Array
  /** Content bytes of this node with all below it, as it declares. */
  readonly bytes: number
}

export type DirectoryNode = Common & { readonly kind: 'directory'; readonly links: Links }

/** One shard of a HAMT folder (UnixFS spec, HAMTDirectory). */
export type ShardNode = Common & {
  readonly kind: 'shard'
  readonly links: Links
  readonly fanout: number
  /** Which of the `fanout` places each link stands at, ascending. */
  readonly slots: Uint16Array
}

export type SymlinkNode = Common & { readonly kind: 'symlink'; readonly data: Uint8Array }

/** A folder, flat or sharded. */
export type FolderNode = DirectoryNode | ShardNode

export type DagNode = RawNode | FileNode | DirectoryNode | ShardNode | SymlinkNode

/** What a node takes in memory, about. */
export function memoryBytes(node: DagNode): number {
  return node.blockBytes + ('links' in node ? node.links.length * LINK_BYTES : 0)
}

/** Throws UNSUPPORTED_CODEC for a CID that names neither a raw nor a dag-pb block. */
export function checkCodec(cid: CID): void {
  if (cid.code === RAW || cid.code === DAG_PB) return
  throw new PrsmError(
    'UNSUPPORTED_CODEC',
    `${cid} is not UnixFS: its codec is 0x${cid.code.toString(16)}`,
    {
      details: { cid: cid.toString(), codec: cid.code },
      hint: 'only raw (0x55) and dag-pb (0x70) blocks make files and folders',
    },
  )
}

/** What `block`, already verified against `cid`, is. Throws UNSUPPORTED_CODEC and DAG_INVALID. */
export function decodeNode(cid: CID, block: Uint8Array): DagNode {
  checkCodec(cid)
  const blockBytes = block.byteLength
  if (cid.code === RAW) return { kind: 'raw', cid, blockBytes, data: block }
  const pb = decodeDagPb(cid, block)
  if (pb.data === undefined) throw dagInvalid(cid, 'the block has no UnixFS data')
  return typed({ cid, blockBytes }, pb, decodeUnixFsData(cid, pb.data))
}

function typed(common: Common, { links }: PbNode, unixfs: UnixFsData): DagNode {
  switch (unixfs.type) {
    case UnixFsType.raw:
    case UnixFsType.file:
      return {
        ...common,
        kind: 'file',
        links,
        data: unixfs.data,
        ...layout(common.cid, links, unixfs),
      }
    case UnixFsType.directory:
      return { ...common, kind: 'directory', links }
    case UnixFsType.symlink:
      return { ...common, kind: 'symlink', data: unixfs.data }
    case UnixFsType.shard:
      return { ...common, kind: 'shard', links, ...shard(common.cid, links, unixfs) }
    default:
      throw dagInvalid(common.cid, `UnixFS type ${unixfs.type} is not a file or folder`)
  }
}

/** Where the children of a file node stand in it. All sizes it declares have to agree. */
function layout(cid: CID, links: Links, unixfs: UnixFsData): Pick<FileNode, 'ends' | 'bytes'> {
  const { blockSizes, fileBytes, data } = unixfs
  if (blockSizes.length !== links.length) {
    throw dagInvalid(cid, `${links.length} children have ${blockSizes.length} sizes`)
  }
  const ends = new Float64Array(blockSizes.length)
  let bytes = data.byteLength
  for (const [index, size] of blockSizes.entries()) {
    bytes += size
    ends[index] = bytes
  }
  if (bytes > Number.MAX_SAFE_INTEGER) throw dagInvalid(cid, 'the file is larger than 2^53 bytes')
  if (fileBytes !== undefined && fileBytes !== bytes) {
    throw dagInvalid(cid, `declares ${fileBytes} bytes and is made of ${bytes}`)
  }
  return { ends, bytes }
}

function shard(cid: CID, links: Links, unixfs: UnixFsData): Pick<ShardNode, 'fanout' | 'slots'> {
  const { fanout = 0, hashType, data } = unixfs
  if (hashType !== SHARD_HASH) {
    throw dagInvalid(cid, `the shard uses the hash ${hashType}, not murmur3-x64-64`)
  }
  return { fanout, slots: shardSlots(cid, links, { fanout, bitfield: data }) }
}
