import { identity } from 'multiformats/hashes/identity'
import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import { isPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { dagInvalid } from './dag-error.ts'
import type { FileNode, RawNode } from './dag-node.ts'
import {
  asChunk,
  asFile,
  checkSize,
  getLeaf,
  type LeafOptions,
  leafOptions,
  loadNode,
} from './dag-source.ts'
import type { Child, FilePlan, Piece } from './file-plan.ts'

/** A node that turned out to have children where a leaf was likely: it is read on its own. */
export type Subtree = { readonly node: FileNode; readonly child: Child }

/** What comes next: bytes of the file, a subtree, or nothing (a node that only led further). */
export type Arrival = { readonly bytes: Uint8Array } | { readonly subtree: Subtree } | undefined

type Ahead = { readonly bytes: number; readonly arrival: Arrival | Promise<Arrival> }

/** What a leaf may have around its content: more than any honest one. */
const PADDING_BYTES = 1024

export type ReadAheadOptions = LeafOptions & { readonly maxBytes: number }

/**
 * Fetches what a plan says, in parallel and bounded, and hands it out in order. Nothing is started
 * but by `take()` and by a node that arrives while there is room; failures are told where they stand.
 */
export class ReadAhead {
  readonly #source: BlockSource
  readonly #plan: FilePlan
  readonly #options: ReadAheadOptions
  readonly #queue: Ahead[] = []
  #bytes = 0
  /** A piece there was no room for. */
  #waiting: Piece | undefined
  /** True while a node is on its way whose children come next: the plan cannot go on without it. */
  #gated = false

  constructor(source: BlockSource, plan: FilePlan, options: ReadAheadOptions) {
    this.#source = source
    this.#plan = plan
    this.#options = options
  }

  /** Makes room for one, fetches ahead, and gives the next; undefined when the range is through. */
  take(): Ahead | undefined {
    this.#fill()
    const next = this.#queue.shift()
    if (next === undefined) return undefined
    this.#bytes -= next.bytes
    this.#fill()
    return next
  }

  #fill(): void {
    while (!this.#gated && this.#queue.length < limits.readAheadBlocks) {
      const piece = this.#waiting ?? this.#plan.next()
      this.#waiting = piece
      if (piece === undefined || this.#options.signal?.aborted) return
      const bytes = bytesAhead(piece)
      if (this.#queue.length > 0 && this.#bytes + bytes > this.#options.maxBytes) return
      this.#waiting = undefined
      this.#bytes += bytes
      this.#queue.push({ bytes, arrival: this.#start(piece) })
    }
  }

  #start(piece: Piece): Arrival | Promise<Arrival> {
    if ('inline' in piece) return { bytes: asChunk(piece.inline, this.#options) }
    const arrival = this.#fetch(piece.child)
    // Told to whoever takes it; when nobody does (the reader stopped), it is nobody's failure.
    arrival.catch(() => {})
    return arrival
  }

  #fetch(child: Child): Promise<Arrival> {
    if (child.cid.code === RAW) return this.#leaf(child)
    if (!isBranch(child)) return this.#likelyLeaf(child)
    this.#gated = true
    return this.#branch(child)
  }

  async #leaf(child: Child): Promise<Arrival> {
    const { cid, bytes, wanted } = child
    if (wanted.end - wanted.start < bytes && cid.multihash.code !== identity.code) {
      return { bytes: await this.#part(child) }
    }
    const block = await getLeaf(this.#source, cid, this.#options)
    if (block.byteLength !== bytes) {
      throw dagInvalid(cid, `has ${block.byteLength} bytes where its parent declares ${bytes}`)
    }
    return { bytes: wantedPart(block, child) }
  }

  /** Here the declared size is taken on its word: only the store knows the block's, and checks the end. */
  async #part({ cid, bytes, wanted }: Child): Promise<Uint8Array> {
    const part = { offset: wanted.start, length: wanted.end - wanted.start }
    try {
      return await this.#source.getPart(cid, part, leafOptions(this.#options))
    } catch (error) {
      if (!isPrsmError(error) || error.code !== 'INVALID_RANGE') throw error
      throw dagInvalid(cid, `is shorter than the ${bytes} bytes its parent declares`)
    }
  }

  async #likelyLeaf(child: Child): Promise<Arrival> {
    const node = await this.#load(child)
    if (node.kind === 'file' && node.links.length > 0) return { subtree: { node, child } }
    return { bytes: this.#contentOf(node, child) }
  }

  /** A view of a block that is larger than it says would hold more than there is room for. */
  #contentOf(node: RawNode | FileNode, child: Child): Uint8Array {
    const bytes = wantedPart(node.data, child)
    const padded = node.blockBytes - child.bytes > PADDING_BYTES
    return asChunk(padded ? Uint8Array.from(bytes) : bytes, this.#options)
  }

  async #branch(child: Child): Promise<Arrival> {
    const node = await this.#load(child)
    // A leaf of more than a block is none: its size has just been found false.
    if (node.kind === 'file') this.#plan.enter(node, child)
    this.#gated = false
    this.#fill()
    return undefined
  }

  async #load(child: Child): Promise<RawNode | FileNode> {
    const node = asFile(await loadNode(this.#source, child.cid, this.#options))
    checkSize(node, child.bytes)
    return node
  }
}

/** What a piece will hold for the consumer. A branch holds nothing yet: only its children will. */
function bytesAhead(piece: Piece): number {
  if ('inline' in piece) return piece.inline.byteLength
  const { wanted } = piece.child
  return isBranch(piece.child) ? 0 : wanted.end - wanted.start
}

/** No leaf is larger than a block. */
function isBranch({ cid, bytes }: Child): boolean {
  return cid.code !== RAW && bytes > limits.maxBlockBytes
}

function wantedPart(bytes: Uint8Array, { wanted }: Child): Uint8Array {
  if (wanted.start === 0 && wanted.end === bytes.byteLength) return bytes
  return bytes.subarray(wanted.start, wanted.end)
}
