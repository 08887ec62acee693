import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { DAG_PB, formatTarget, type Target } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { dagInvalid } from './dag-error.ts'
import {
  checkCodec,
  type DagNode,
  type DirectoryNode,
  type FolderNode,
  type ShardNode,
} from './dag-node.ts'
import { type DagOptions, loadNode, loadShard } from './dag-source.ts'
import { nameHash, slotAt } from './name-hash.ts'
import { prefixDigits } from './shard-slots.ts'

/** Where a path leads. */
export type ResolvedNode = {
  readonly cid: CID
  /** The CIDs on the way, from the root to `cid` itself: one more than the path has names. */
  readonly roots: readonly CID[]
  /** What the folder claims of all blocks of the child; undefined for a root, which nobody speaks for. */
  readonly dagBytes: number | undefined
}

/**
 * Follows the names of `target` from its root, through flat and sharded folders. Only the folders
 * on the way are fetched, not what the path leads to. Throws PATH_NOT_FOUND with the missing name,
 * NOT_A_DIRECTORY when a file or link is walked through, UNSUPPORTED_CODEC, DAG_INVALID, and what
 * `source` does.
 */
export async function resolvePath(
  source: BlockSource,
  target: Target,
  options: DagOptions = {},
): Promise<ResolvedNode> {
  const roots = [target.root]
  let cid = target.root
  let dagBytes: number | undefined
  for (const [index, name] of target.path.entries()) {
    throwIfCancelled(options.signal)
    const found = await followName(source, cid, { ...options, at: { target, index, name } })
    cid = found.cid
    dagBytes = found.dagBytes
    roots.push(cid)
  }
  checkCodec(cid)
  return { cid, roots, dagBytes }
}

/** Which name of which path is looked for. */
type Step = { readonly target: Target; readonly index: number; readonly name: string }
type StepOptions = DagOptions & { readonly at: Step }
type Found = { readonly cid: CID; readonly dagBytes: number | undefined }

/** One name of a path, in the folder `cid`; it may lead to a block of any codec. Throws as `resolvePath` does. */
export async function followName(
  source: BlockSource,
  cid: CID,
  options: StepOptions,
): Promise<Found> {
  return await childOf(source, await folderAt(source, cid, options), options)
}

async function folderAt(source: BlockSource, cid: CID, options: StepOptions): Promise<FolderNode> {
  checkCodec(cid)
  const node = cid.code === DAG_PB ? await loadNode(source, cid, options) : undefined
  if (node?.kind === 'directory' || node?.kind === 'shard') return node
  const { target, index, name } = options.at
  const path = formatTarget({ root: target.root, path: target.path.slice(0, index) })
  throw new PrsmError(
    'NOT_A_DIRECTORY',
    `${path} is ${whatIs(node)}, so it has no ${JSON.stringify(name)}`,
    {
      details: { path, name },
    },
  )
}

function whatIs(node: DagNode | undefined): string {
  return node?.kind === 'symlink' ? 'a symbolic link' : 'a file'
}

async function childOf(
  source: BlockSource,
  folder: FolderNode,
  options: StepOptions,
): Promise<Found> {
  const name = Buffer.from(options.at.name)
  const found =
    folder.kind === 'directory'
      ? inFlat(folder, name)
      : await inShards(source, folder, { ...options, name })
  if (found !== undefined) return found
  const { target, index } = options.at
  const path = formatTarget({ root: target.root, path: target.path.slice(0, index) })
  throw new PrsmError('PATH_NOT_FOUND', `${path} has no ${JSON.stringify(options.at.name)}`, {
    details: { path, name: options.at.name },
    hint: 'list the folder to see its names; they are exact, also in case and spaces',
  })
}

function inFlat({ links }: DirectoryNode, name: Buffer): Found | undefined {
  const index = links.find(name)
  return index === undefined
    ? undefined
    : { cid: links.cid(index), dagBytes: links.dagBytes(index) }
}

/** One shard a level, chosen by the next bits of the name's hash (UnixFS spec, HAMTDirectory). */
async function inShards(
  source: BlockSource,
  root: ShardNode,
  options: StepOptions & { readonly name: Buffer },
): Promise<Found | undefined> {
  const { name } = options
  const hash = nameHash(name)
  const digits = prefixDigits(root.fanout)
  let shard = root
  for (let level = 0; ; level++) {
    const slot = slotAt(hash, level, Math.log2(root.fanout))
    if (slot === undefined) throw dagInvalid(shard.cid, 'is a shard deeper than a hash has bits')
    const index = shard.slots.indexOf(slot)
    if (index < 0) return undefined
    if (shard.links.nameLength(index) > digits) return entryAt(shard, index, name)
    shard = await loadShard(source, { root, cid: shard.links.cid(index) }, options)
  }
}

function entryAt({ links, fanout }: ShardNode, index: number, name: Buffer): Found | undefined {
  if (!links.nameBytes(index).subarray(prefixDigits(fanout)).equals(name)) return undefined
  return { cid: links.cid(index), dagBytes: links.dagBytes(index) }
}
