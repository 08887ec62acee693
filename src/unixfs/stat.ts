import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import type { ContentStat } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import type { DagNode } from './dag-node.ts'
import { blockBytes, type DagOptions, loadNode } from './dag-source.ts'

/** What `cid` is. Throws UNSUPPORTED_ENTRY for a symbolic link, UNSUPPORTED_CODEC, DAG_INVALID and what `source` does. */
export async function statNode(
  source: BlockSource,
  cid: CID,
  options: DagOptions = {},
): Promise<ContentStat> {
  if (cid.code === RAW) return statBlock(cid, await blockBytes(source, cid, options))
  const node = await loadNode(source, cid, options)
  const { kind, bytes } = describeNode(node)
  if (kind === 'symlink') {
    throw new PrsmError('UNSUPPORTED_ENTRY', `${cid} is a symbolic link`, {
      hint: 'links are listed, not followed',
    })
  }
  return {
    cid: cid.toString(),
    kind,
    bytes,
    links: 'links' in node ? node.links.length : 0,
    codec: 'dag-pb',
    sharded: node.kind === 'shard',
  }
}

function statBlock(cid: CID, bytes: number): ContentStat {
  return { cid: cid.toString(), kind: 'file', bytes, links: 0, codec: 'raw', sharded: false }
}

/** Kind and size of a node: content bytes of a file or link, of a folder all its blocks as its links claim. */
export function describeNode(node: DagNode): {
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly bytes: number
} {
  switch (node.kind) {
    case 'raw':
      return { kind: 'file', bytes: node.data.byteLength }
    case 'file':
      return { kind: 'file', bytes: node.bytes }
    case 'symlink':
      return { kind: 'symlink', bytes: node.data.byteLength }
    case 'directory':
    case 'shard':
      return { kind: 'directory', bytes: node.blockBytes + node.links.sumDagBytes() }
  }
}
