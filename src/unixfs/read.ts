import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { FileNode, RawNode } from './dag-node.ts'
import { asFile, contentBytes, type DagOptions, loadNode } from './dag-source.ts'
import { type ByteRange, FilePlan, type Place } from './file-plan.ts'
import { checkRange, rangeIn, readRawRange } from './raw-range.ts'
import { ReadAhead } from './read-ahead.ts'
import { stoppable } from './stoppable.ts'

export type ReadOptions = DagOptions & {
  /** First byte wanted; 0 without. At the file's end there is nothing, behind it is INVALID_RANGE. */
  readonly offset?: number
  /** Bytes wanted, clipped at the end of the file; all without. */
  readonly length?: number
  /** Bytes fetched ahead of the consumer. */
  readonly readAheadBytes?: number
}

/**
 * The content of a file. Blocks come as the source gave them, uncopied: they are not to be written
 * to. With `buffers` a chunk is the consumer's only until he asks for the next. Nothing is fetched
 * before the first `next()`, nor beyond the read-ahead that the consumer has made room for;
 * `return()` and the signal abort what is on its way. Throws NOT_A_FILE, INVALID_RANGE,
 * UNSUPPORTED_CODEC, DAG_INVALID, DAG_LIMIT, CANCELLED and what `source` does.
 */
export function readFile(
  source: BlockSource,
  cid: CID,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  return stoppable(options.signal, (signal) => readRange(source, cid, { ...options, signal }))
}

/** The same for a root that is loaded already. */
export function readLoaded(
  source: BlockSource,
  root: RawNode | FileNode,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  return stoppable(options.signal, (signal) => readRoot(source, root, { ...options, signal }))
}

/** The root of the file `cid`, for its size and for `readLoaded`. Throws NOT_A_FILE. */
export async function loadFile(
  source: BlockSource,
  cid: CID,
  options: DagOptions = {},
): Promise<RawNode | FileNode> {
  return asFile(await loadNode(source, cid, options))
}

/** Content bytes of the file `cid`. Throws NOT_A_FILE. */
export async function fileSize(
  source: BlockSource,
  cid: CID,
  options: DagOptions = {},
): Promise<number> {
  return contentBytes(await loadFile(source, cid, options))
}

type RangeOptions = ReadOptions & { readonly signal: AbortSignal }

async function* readRange(
  source: BlockSource,
  cid: CID,
  options: RangeOptions,
): AsyncGenerator<Uint8Array, void, void> {
  checkRange(options)
  if (cid.code === RAW) {
    const bytes = await readRawRange(source, cid, options)
    if (bytes.byteLength > 0) yield bytes
    return
  }
  yield* readRoot(source, await loadFile(source, cid, options), options)
}

async function* readRoot(
  source: BlockSource,
  root: RawNode | FileNode,
  options: RangeOptions,
): AsyncGenerator<Uint8Array, void, void> {
  checkRange(options)
  const range = rangeIn(contentBytes(root), options)
  if (range.start >= range.end) return
  if (root.kind === 'raw') yield root.data.subarray(range.start, range.end)
  else yield* readNode(source, { node: root, start: 0, depth: 0 }, { ...options, range })
}

type NodeOptions = RangeOptions & { readonly range: ByteRange }

/** The part of `range` that is in one node with all below it. */
async function* readNode(
  source: BlockSource,
  root: Place & { readonly node: FileNode },
  options: NodeOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const plan = new FilePlan(options.range)
  plan.enter(root.node, root)
  const maxBytes = options.readAheadBytes ?? limits.readAheadBytes
  const ahead = new ReadAhead(source, plan, { ...options, maxBytes })
  for (let next = ahead.take(); next !== undefined; next = ahead.take()) {
    const arrival = await next.arrival
    throwIfCancelled(options.signal)
    if (arrival === undefined) continue
    if ('bytes' in arrival) {
      yield arrival.bytes
      options.buffers?.give(arrival.bytes)
    } else
      yield* readNode(source, { ...arrival.subtree.child, node: arrival.subtree.node }, options)
    throwIfCancelled(options.signal)
  }
}
