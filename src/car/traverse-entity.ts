import { DAG_PB } from '../core/cid.ts'
import { limits } from '../core/limits.ts'
import { dagInvalid, dagLimit } from '../unixfs/dag-error.ts'
import { type DagNode, decodeNode, type FileNode, type ShardNode } from '../unixfs/dag-node.ts'
import { decodeDagPb } from '../unixfs/dag-pb.ts'
import { asFile, checkSize, contentBytes } from '../unixfs/dag-source.ts'
import type { ByteRange } from '../unixfs/file-plan.ts'
import { NAME_HASH_BYTES } from '../unixfs/name-hash.ts'
import { prefixDigits } from '../unixfs/shard-slots.ts'
import { allLinks, type Children, type Expand, PackedLinks, type Place } from './traverse-links.ts'

/**
 * Bytes of a file: both ends are counted from its start, or from its end when negative, and both are
 * in. `to` is `undefined` for the last byte. As `entity-bytes` has it (specs.ipfs.tech, trustless
 * gateway, entity-bytes).
 */
export type EntityBytes = { readonly from: number; readonly to: number | undefined }

/**
 * Follows the links that make an entity of UnixFS: of a file its blocks, or those that hold `bytes`; of
 * a folder its shards; of anything else none. Sizes a file declares are taken on their word for what is
 * passed over, and checked for what is visited. For one walk.
 */
export function entityLinks(bytes?: EntityBytes): Expand {
  let follow: Expand | undefined
  return (visit, block) => {
    follow ??= followFor(bytes, visit.cid.code === DAG_PB ? rootOf(visit, block) : undefined)
    return follow(visit, block)
  }
}

const nothing: Expand = () => undefined

function rootOf({ cid }: Parameters<Expand>[0], block: Uint8Array): DagNode | undefined {
  return decodeDagPb(cid, block).data === undefined ? undefined : decodeNode(cid, block)
}

function followFor(bytes: EntityBytes | undefined, root: DagNode | undefined): Expand {
  if (root?.kind === 'shard') return shardLinks(root)
  if (root?.kind !== 'file') return nothing
  return bytes === undefined ? allLinks : rangeLinks(rangeOf(bytes, root.bytes))
}

/** Where a range stands in a content of `size` bytes; empty when it is outside. */
export function rangeOf({ from, to }: EntityBytes, size: number): ByteRange {
  const start = from < 0 ? Math.max(0, size + from) : from
  const last = to === undefined ? size - 1 : to < 0 ? size + to : to
  return { start: Math.min(start, size), end: Math.min(size, last + 1) }
}

function rangeLinks(range: ByteRange): Expand {
  return ({ cid, place }, block) => {
    const file = asFile(decodeNode(cid, block))
    if (place !== undefined) checkSize(file, place.bytes)
    if (place !== undefined && place.depth > limits.maxDagDepth)
      throw dagLimit(cid, `is more than ${limits.maxDagDepth} nodes below its root`)
    const at = place ?? { depth: 0, start: 0, bytes: contentBytes(file) }
    return file.kind === 'raw' ? undefined : childrenIn(file, at, range)
  }
}

function childrenIn(file: FileNode, at: Place, { start, end }: ByteRange): Children {
  const wanted: number[] = []
  const places: Place[] = []
  for (const [index, childEnd] of file.ends.entries()) {
    const childStart = index === 0 ? file.data.byteLength : (file.ends[index - 1] ?? 0)
    if (childEnd === childStart || at.start + childEnd <= start || at.start + childStart >= end)
      continue
    wanted.push(index)
    const bytes = childEnd - childStart
    places.push({ depth: at.depth + 1, start: at.start + childStart, bytes })
  }
  return packed(file, wanted, places)
}

function shardLinks(root: ShardNode): Expand {
  const digits = prefixDigits(root.fanout)
  const levels = Math.floor((NAME_HASH_BYTES * 8) / Math.log2(root.fanout))
  return ({ cid, place }, block) => {
    const depth = place?.depth ?? 0
    const node = decodeNode(cid, block)
    if (node.kind !== 'shard' || node.fanout !== root.fanout)
      throw dagInvalid(cid, `is no shard of the folder ${root.cid}`)
    if (depth >= levels) throw dagInvalid(cid, 'is a shard deeper than a hash has bits')
    const shards = [...node.slots.keys()].filter((index) => node.links.nameLength(index) === digits)
    return packed(
      node,
      shards,
      shards.map(() => ({ depth: depth + 1, start: 0, bytes: 0 })),
    )
  }
}

function packed(
  { links }: FileNode | ShardNode,
  indexes: readonly number[],
  places: readonly Place[],
): Children {
  return new PackedLinks(
    indexes.map((index) => links.cid(index)),
    { claims: indexes.map((index) => links.dagBytes(index) ?? Number.NaN), places },
  )
}
