import type { CID } from 'multiformats/cid'
import { limits } from '../core/limits.ts'
import { dagLimit } from './dag-error.ts'
import { type FileNode, memoryBytes } from './dag-node.ts'

/** Bytes of a file, from `start` up to and without `end`. */
export type ByteRange = { readonly start: number; readonly end: number }

/** A node's place in its file: where its first byte stands, and how far it is from the root. */
export type Place = { readonly start: number; readonly depth: number }

/** A child to fetch, and which of its `bytes` are wanted (counted from its own start). */
export type Child = Place & {
  readonly cid: CID
  readonly bytes: number
  readonly wanted: ByteRange
}

/** What a file is made of, in order: bytes a node carries itself, or a child. */
export type Piece = { readonly inline: Uint8Array } | { readonly child: Child }

/** `next` is the child to go on with; the bytes of the node itself stand before child 0. */
type Frame = Place & { readonly node: FileNode; next: number }

const OWN_BYTES = -1

/**
 * Walks the DAG of a file in order and says what has to be fetched for a range: nodes outside are
 * skipped by their declared sizes, children of no bytes are never visited, so that every visit is
 * owed at least a byte. It knows only nodes it was given; it fetches nothing.
 */
export class FilePlan {
  readonly #range: ByteRange
  readonly #frames: Frame[] = []
  #heldBytes = 0

  constructor(range: ByteRange) {
    this.#range = range
  }

  /** Goes on inside `node`, then behind it. Throws DAG_LIMIT when that is too deep or too much. */
  enter(node: FileNode, { start, depth }: Place): void {
    if (depth > limits.maxDagDepth)
      throw dagLimit(node.cid, `is more than ${limits.maxDagDepth} nodes below its root`)
    this.#heldBytes += memoryBytes(node)
    if (this.#heldBytes > limits.maxHeldNodeBytes)
      throw dagLimit(node.cid, 'the nodes above the content are too large')
    this.#frames.push({ node, start, depth, next: OWN_BYTES })
  }

  /** The next piece of the range, or undefined when all that is known has been told. */
  next(): Piece | undefined {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const piece = frame.next === OWN_BYTES ? this.#ownBytes(frame) : this.#child(frame)
      if (piece !== undefined) return piece
    }
    return undefined
  }

  #ownBytes(frame: Frame): Piece | undefined {
    const { node, start } = frame
    frame.next = firstEndingAfter(node.ends, this.#range.start - start)
    const own = node.data.subarray(
      clamp(this.#range.start - start, node.data.byteLength),
      clamp(this.#range.end - start, node.data.byteLength),
    )
    return own.byteLength > 0 ? { inline: own } : undefined
  }

  #child(frame: Frame): Piece | undefined {
    const { node, start, depth, next } = frame
    const end = node.ends[next]
    const from = next === 0 ? node.data.byteLength : (node.ends[next - 1] ?? 0)
    if (end === undefined || start + from >= this.#range.end) {
      this.#leave(frame)
      return undefined
    }
    frame.next++
    const bytes = end - from
    if (bytes === 0) return undefined
    const wanted = {
      start: clamp(this.#range.start - start - from, bytes),
      end: clamp(this.#range.end - start - from, bytes),
    }
    return {
      child: { cid: node.links.cid(next), start: start + from, depth: depth + 1, bytes, wanted },
    }
  }

  #leave(frame: Frame): void {
    this.#frames.pop()
    this.#heldBytes -= memoryBytes(frame.node)
  }
}

function clamp(offset: number, bytes: number): number {
  return Math.min(Math.max(offset, 0), bytes)
}

/** Index of the first child that ends behind `offset`: all before it have nothing to give. */
function firstEndingAfter(ends: Float64Array, offset: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ends[middle] ?? 0) > offset) high = middle
    else low = middle + 1
  }
  return low
}
