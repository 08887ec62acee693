import type { CID } from 'multiformats/cid'
import { keyOf } from '../blocks/multihash.ts'
import { limits } from '../core/limits.ts'
import { type DagNode, memoryBytes } from './dag-node.ts'

/**
 * Decoded interior nodes (those with children), the last used ones up to `maxBytes`: a range in a
 * file of thousands of blocks then costs no decoding. Safe to share: a node is named by its hash.
 */
export class NodeCache {
  readonly #maxBytes: number
  /** By multihash: only dag-pb nodes have children, so that it names them in CIDs of any version. */
  readonly #nodes = new Map<string, { readonly node: DagNode; readonly bytes: number }>()
  #bytes = 0

  constructor(maxBytes: number = limits.nodeCacheBytes) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get(cid: CID): DagNode | undefined {
    const key = keyOf(cid)
    const entry = this.#nodes.get(key)
    if (entry === undefined) return undefined
    this.#nodes.delete(key)
    this.#nodes.set(key, entry)
    return entry.node
  }

  /** Keeps `node` when it has children: leaves are content, and belong to the cache of blocks. */
  add(node: DagNode): void {
    if (!('links' in node) || node.links.length === 0) return
    const key = keyOf(node.cid)
    const bytes = memoryBytes(node)
    if (bytes > this.#maxBytes || this.#nodes.has(key)) return
    this.#nodes.set(key, { node, bytes })
    this.#bytes += bytes
    while (this.#bytes > this.#maxBytes) this.#dropOldest()
  }

  #dropOldest(): void {
    for (const [key, { bytes }] of this.#nodes) {
      this.#nodes.delete(key)
      this.#bytes -= bytes
      return
    }
  }
}
