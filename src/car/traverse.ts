import type { CID } from 'multiformats/cid'
import { inlineBlock } from '../blocks/multihash.ts'
import type { BlockSource } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { dagLimit } from '../unixfs/dag-error.ts'
import { stoppable } from '../unixfs/stoppable.ts'
import { type Ahead, AheadFetcher, Window } from './traverse-ahead.ts'
import {
  allLinks,
  type Children,
  type Expand,
  mayHaveLinks,
  PackedLinks,
  type Visit,
} from './traverse-links.ts'
import { SeenBlocks } from './traverse-seen.ts'

export type DagBlock = {
  readonly cid: CID
  /** The reader's until it asks for the next block, and not to be written to. */
  readonly bytes: Uint8Array
  /** Memory that ends with `bytes`, where `headroom` bytes before them are free; absent when they are not. */
  readonly room?: Uint8Array
  /** True when the next block is not here yet: who gathers may as well send what there is. */
  readonly waits: boolean
}

export type WalkOptions = {
  readonly signal?: AbortSignal
  /** Each block as often as the DAG leads to it. A DAG of a few blocks may then never end. */
  readonly duplicates?: boolean
  /** Which links are followed. Default: all. */
  readonly expand?: Expand
  /** Bytes that are left free before each block. Default 0. */
  readonly headroom?: number
  /** Bytes fetched ahead of the reader. Default and most: `limits.readAheadBytes`. */
  readonly readAheadBytes?: number
}

/**
 * The blocks of a DAG, depth first, each before those below it, in the order of its links; several are
 * fetched ahead. Identity CIDs carry their block: it is looked into, and not told. Nothing is fetched
 * before the first `next()`. Memory is bounded whatever the DAG: links to be visited and blocks
 * remembered up to `limits.maxWalkLinks`, blocks ahead up to `limits.readAheadBytes` as far as their
 * parents claim their sizes, beyond it `limits.readAheadBlocks` blocks. Throws DAG_INVALID,
 * DAG_LIMIT, CANCELLED and what `source` does.
 */
export function dagBlocks(
  source: BlockSource,
  cid: CID,
  options: WalkOptions = {},
): AsyncGenerator<DagBlock, void, void> {
  return stoppable(options.signal, (signal) =>
    new DagWalk(source, { ...options, signal }).blocks(cid),
  )
}

/** Blocks fetched behind one whose children come first: they wait until all below it is through. */
const ASIDE_BLOCKS = 8
const ASIDE_SHARE = 1 / 4

/** The links of one block, on the way from the root to where the walk stands. */
type Frame = {
  readonly children: Children
  next: number
  /** What was asked for, in order. */
  readonly ahead: Ahead[]
  /** How many of `ahead` likely have much below them. */
  branches: number
  /** Taken from the links and not asked for: there was no room. */
  waiting: Visit | undefined
}

class DagWalk {
  readonly #fetcher: AheadFetcher
  readonly #signal: AbortSignal
  readonly #expand: Expand
  readonly #seen: SeenBlocks | undefined
  readonly #frames: Frame[] = []
  readonly #near: Window
  readonly #aside: Window
  #links = 0
  #heldBytes = 0

  constructor(source: BlockSource, options: WalkOptions & { readonly signal: AbortSignal }) {
    const { signal, duplicates = false, expand = allLinks, headroom = 0 } = options
    const { readAheadBytes = limits.readAheadBytes } = options
    this.#fetcher = new AheadFetcher(source, { signal, headroom })
    this.#signal = signal
    this.#expand = expand
    this.#seen = duplicates ? undefined : new SeenBlocks()
    this.#near = new Window(limits.readAheadBlocks, readAheadBytes)
    this.#aside = new Window(ASIDE_BLOCKS, readAheadBytes * ASIDE_SHARE)
  }

  async *blocks(root: CID): AsyncGenerator<DagBlock, void, void> {
    this.#enter(root, new PackedLinks([root]))
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const arrived = await this.#fetcher.take(next)
      throwIfCancelled(this.#signal)
      const { cid } = next.visit
      const inline = inlineBlock(cid) !== undefined
      if (!inline && this.#seen?.add(cid) === false) this.#fetcher.give(arrived)
      else {
        this.#enter(cid, this.#expand(next.visit, arrived.bytes))
        this.#fill()
        if (!inline) yield { cid, ...arrived, waits: this.#waits() }
        this.#fetcher.give(arrived)
        throwIfCancelled(this.#signal)
      }
    }
  }

  /** The next block in order; undefined when all is through. When there was no room to ask for it before, it is asked for here. */
  #take(): Ahead | undefined {
    this.#fill()
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const next = frame.ahead.shift() ?? this.#force(frame)
      if (next !== undefined && isBranch(next.visit)) frame.branches--
      if (this.#isThrough(frame)) this.#leave()
      if (next !== undefined) return next
    }
    return undefined
  }

  #force(frame: Frame): Ahead | undefined {
    const visit = this.#peek(frame)
    if (visit === undefined) return undefined
    this.#ask(frame, visit, this.#near)
    return frame.ahead.shift()
  }

  #isThrough(frame: Frame): boolean {
    return frame.ahead.length === 0 && this.#peek(frame) === undefined
  }

  /** Asks for what comes next as far as there is room: here first, then behind what is to come here. */
  #fill(): void {
    for (let level = this.#frames.length - 1; level >= 0; level--) {
      const frame = this.#frames[level]
      if (frame === undefined) return
      const isTop = level === this.#frames.length - 1
      for (let visit = this.#peek(frame); visit !== undefined; visit = this.#peek(frame)) {
        const window = isTop && frame.branches === 0 ? this.#near : this.#aside
        if (!window.hasRoom(this.#fetcher.expected(visit))) return
        this.#ask(frame, visit, window)
      }
    }
  }

  #ask(frame: Frame, visit: Visit, window: Window): void {
    frame.waiting = undefined
    frame.ahead.push(this.#fetcher.start(visit, window))
    if (isBranch(visit)) frame.branches++
  }

  /** The next link nobody has asked for yet, past those that were visited. */
  #peek(frame: Frame): Visit | undefined {
    while (frame.waiting === undefined && frame.next < frame.children.length) {
      const visit = frame.children.at(frame.next++)
      if (!this.#isSeen(visit.cid)) frame.waiting = visit
    }
    return frame.waiting
  }

  #isSeen(cid: CID): boolean {
    return this.#seen !== undefined && inlineBlock(cid) === undefined && this.#seen.has(cid)
  }

  #enter(cid: CID, children: Children | undefined): void {
    if (children === undefined || children.length === 0) return
    this.#links += children.length
    this.#heldBytes += children.heldBytes
    if (this.#links > limits.maxWalkLinks || this.#heldBytes > limits.maxHeldNodeBytes)
      throw dagLimit(cid, 'too many links wait to be followed')
    this.#frames.push({ children, next: 0, ahead: [], branches: 0, waiting: undefined })
  }

  /** Before what is below its last link is entered: a chain of any length then takes no memory. */
  #leave(): void {
    const left = this.#frames.pop()
    if (left === undefined) return
    this.#links -= left.children.length
    this.#heldBytes -= left.children.heldBytes
  }

  #waits(): boolean {
    const next = this.#frames.at(-1)?.ahead[0]
    return next !== undefined && !next.here
  }
}

/** True for a block that likely has more below it than fits in a block. */
function isBranch({ cid, claimed = Number.POSITIVE_INFINITY }: Visit): boolean {
  return mayHaveLinks(cid) && claimed > limits.maxBlockBytes
}
