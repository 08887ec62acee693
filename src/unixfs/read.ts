import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { FileNode, RawNode } from './dag-node.ts'
import { asChunk, asFile, blockBytes, type DagOptions, loadNode } from './dag-source.ts'
import { type ByteRange, FilePlan, type Place } from './file-plan.ts'
import { checkRange, rangeIn, readBlockRange } from './raw-range.ts'
import { ReadAhead, type ReadAheadOptions } from './read-ahead.ts'
import { stoppable } from './stoppable.ts'

export type ReadOptions = DagOptions & {
  /** First byte wanted; 0 without. At the file's end there is nothing, behind it is INVALID_RANGE. */
  readonly offset?: number
  /** Bytes wanted, clipped at the end of the file; all without. */
  readonly length?: number
  /** Bytes fetched ahead of the consumer. */
  readonly readAheadBytes?: number
}

/** A file that is one raw block, of which nothing but its size is known. */
export type BlockFile = { readonly kind: 'block'; readonly cid: CID; readonly bytes: number }

/** A file whose size is known. */
export type OpenFile = BlockFile | FileNode

/**
 * The content of a file. Without `buffers` its chunks may be shared with others and are not to be
 * written to; with them each is in memory of theirs. Nothing is fetched before the first `next()`,
 * nor beyond the read-ahead that the consumer has made room for; `return()` and the signal abort what
 * is on its way. Throws NOT_A_FILE, INVALID_RANGE, UNSUPPORTED_CODEC, DAG_INVALID, DAG_LIMIT,
 * CANCELLED and what `source` does.
 */
export function readFile(
  source: BlockSource,
  cid: CID,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  return readOpened(async (signal) => {
    const file = await openFile(source, cid, { ...options, signal })
    return { source, file }
  }, options)
}

/** The same for a file that is open, or whose one block is loaded already. */
export function readLoaded(
  source: BlockSource,
  file: OpenFile | RawNode,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  return readOpened(async () => ({ source, file }), options)
}

/** A file, and where its blocks come from; disposed, where it can be, when the reader has ended. */
export type Opened = {
  readonly source: BlockSource
  readonly file: OpenFile | RawNode
} & Partial<AsyncDisposable>

/** The same for a file that `open` finds when the first chunk is asked for. */
export function readOpened(
  open: (signal: AbortSignal) => Promise<Opened>,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  return stoppable(options.signal, (signal) => chunks(open, { ...options, signal }), {
    takesAll: true,
  })
}

/** The file `cid` with its size, for `readLoaded`: of a raw block nothing is read. Throws NOT_A_FILE. */
export async function openFile(
  source: BlockSource,
  cid: CID,
  options: DagOptions = {},
): Promise<OpenFile> {
  if (cid.code === RAW) return { kind: 'block', cid, bytes: await blockBytes(source, cid, options) }
  const node = asFile(await loadNode(source, cid, options))
  return node.kind === 'raw' ? { kind: 'block', cid, bytes: node.data.byteLength } : node
}

type RangeOptions = ReadOptions & { readonly signal: AbortSignal }

async function* chunks(
  open: (signal: AbortSignal) => Promise<Opened>,
  options: RangeOptions,
): AsyncGenerator<Uint8Array, void, void> {
  checkRange(options)
  const opened = await open(options.signal)
  try {
    const { source, file } = opened
    const bytes = file.kind === 'raw' ? file.data.byteLength : file.bytes
    const range = rangeIn(bytes, options)
    if (range.start >= range.end) return
    const passing = bytes > (options.passingBytes ?? Number.POSITIVE_INFINITY)
    switch (file.kind) {
      case 'raw':
        yield asChunk(file.data.subarray(range.start, range.end), options)
        return
      case 'block':
        yield await readBlockRange(source, file, { ...options, ...range, passing })
        return
      case 'file': {
        const leaves = new Leaves(source, file, { ...options, range, passing })
        for (let leaf = await leaves.next(); leaf !== undefined; leaf = await leaves.next()) {
          yield leaf
          throwIfCancelled(options.signal)
          options.buffers?.give(leaf)
        }
      }
    }
  } finally {
    await opened[Symbol.asyncDispose]?.()
  }
}

type LeavesOptions = RangeOptions & { readonly range: ByteRange; readonly passing: boolean }

/** The part of a range that is in a node with all below it, in order. */
class Leaves {
  readonly #options: LeavesOptions
  readonly #ahead: (node: FileNode, place: Place) => ReadAhead
  /** A subtree is met where a leaf was likely: it is read before what stands behind it. */
  readonly #nested: ReadAhead[]

  constructor(source: BlockSource, root: FileNode, options: LeavesOptions) {
    const { range, readAheadBytes: maxBytes = limits.readAheadBytes } = options
    const aheadOptions = { ...options, maxBytes }
    this.#options = options
    this.#ahead = (node, place) => readAhead(source, { node, place, range }, aheadOptions)
    this.#nested = [this.#ahead(root, { start: 0, depth: 0 })]
  }

  /** Undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    for (let top = this.#nested.at(-1); top !== undefined; top = this.#nested.at(-1)) {
      const next = top.take()
      if (next === undefined) {
        this.#nested.pop()
        continue
      }
      const arrival = await next.arrival
      throwIfCancelled(this.#options.signal)
      if (arrival === undefined) continue
      if ('bytes' in arrival) return arrival.bytes
      this.#nested.push(this.#ahead(arrival.subtree.node, arrival.subtree.child))
    }
    return undefined
  }
}

function readAhead(
  source: BlockSource,
  { node, place, range }: { node: FileNode; place: Place; range: ByteRange },
  options: ReadAheadOptions,
): ReadAhead {
  const plan = new FilePlan(range)
  plan.enter(node, place)
  return new ReadAhead(source, plan, options)
}
