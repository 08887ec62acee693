import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'
import { dagInvalid, dagLimit } from './dag-error.ts'
import type { FolderNode, ShardNode } from './dag-node.ts'
import { type DagOptions, loadShard } from './dag-source.ts'
import { inOrder } from './in-order.ts'
import type { Links } from './links.ts'
import { NAME_HASH_BYTES } from './name-hash.ts'
import { prefixDigits } from './shard-slots.ts'

/** One name of a folder, flat or sharded. */
export type FolderLink = {
  /** As the DAG has it: it may be empty, `..`, or hold a `/`. U+FFFD stands for what is not UTF-8. */
  readonly name: string
  /** False when the name is not UTF-8, so that `name` is not quite it. */
  readonly nameIsText: boolean
  readonly cid: CID
  /** Bytes of all blocks of the child as the link claims (Tsize), or undefined when it claims nothing. */
  readonly dagBytes: number | undefined
}

/** What one listing or walk may still visit. A DAG of a few shared blocks can have 2^40 entries. */
export class VisitBudget {
  readonly #max: number
  #entries = 0
  #shards = 0

  constructor(maxEntries: number = limits.maxFolderEntries) {
    this.#max = maxEntries
  }

  /** Counts an entry of the folder `cid`. Throws DAG_LIMIT. */
  entry(cid: CID): void {
    if (++this.#entries > this.#max) throw dagLimit(cid, `has more than ${this.#max} entries`)
  }

  shard(cid: CID): void {
    if (++this.#shards > this.#max) throw dagLimit(cid, `has more than ${this.#max} shards`)
  }
}

export type ListOptions = DagOptions & {
  /** Entries after which it ends in DAG_LIMIT; `limits.maxFolderEntries` without. */
  readonly maxEntries?: number
}

export type LinksOptions = DagOptions & { readonly budget: VisitBudget }

/** Shards fetched ahead at the top of a HAMT; half of it a level down, and so on. */
const SHARDS_AHEAD = 16

/**
 * The names of a folder in the order of its blocks. A name that does not belong where it stands in
 * a HAMT is told all the same. Throws DAG_INVALID, DAG_LIMIT and what `source` does.
 */
export async function* folderLinks(
  source: BlockSource,
  folder: FolderNode,
  options: LinksOptions,
): AsyncGenerator<FolderLink, void, void> {
  if (folder.kind === 'shard') {
    yield* shardLinks(source, { root: folder, shard: folder, level: 0, seen: new Set() }, options)
    return
  }
  for (let index = 0; index < folder.links.length; index++) {
    options.budget.entry(folder.cid)
    yield linkAt(folder.links, index, 0)
  }
}

type Descent = {
  readonly root: ShardNode
  readonly shard: ShardNode
  readonly level: number
  /** Shards of this HAMT that were visited: a shard cannot stand at two places, its names hash to one. */
  readonly seen: Set<string>
}

async function* shardLinks(
  source: BlockSource,
  descent: Descent,
  options: LinksOptions,
): AsyncGenerator<FolderLink, void, void> {
  const { root, shard, level, seen } = descent
  enterShard(descent, options)
  const digits = prefixDigits(shard.fanout)
  const children = inOrder(
    shard.slots.keys(),
    async (index) =>
      shard.links.nameLength(index) > digits
        ? linkAt(shard.links, index, digits)
        : await loadShard(source, { root, cid: shard.links.cid(index) }, options),
    { items: SHARDS_AHEAD >> level },
  )
  for await (const child of children) {
    if ('name' in child) {
      options.budget.entry(root.cid)
      yield child
    } else yield* shardLinks(source, { root, shard: child, level: level + 1, seen }, options)
  }
}

function enterShard({ root, shard, level, seen }: Descent, { budget }: LinksOptions): void {
  const bits = (level + 1) * Math.log2(shard.fanout)
  if (bits > NAME_HASH_BYTES * 8)
    throw dagInvalid(shard.cid, 'is a shard deeper than a hash has bits')
  const key = shard.cid.toString()
  if (seen.has(key)) throw dagInvalid(shard.cid, `stands twice in the folder ${root.cid}`)
  seen.add(key)
  budget.shard(root.cid)
}

function linkAt(links: Links, index: number, digits: number): FolderLink {
  return {
    name: links.name(index, digits),
    nameIsText: links.nameIsText(index),
    cid: links.cid(index),
    dagBytes: links.dagBytes(index),
  }
}
