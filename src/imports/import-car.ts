import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { Lease } from '../blocks/lease.ts'
import { type AllocateBlock, type Car, openCar } from '../car/read.ts'
import { abortable } from '../core/abortable.ts'
import type { Caller } from '../core/caller.ts'
import type { ImportedRoot, ImportResult } from '../core/content.ts'
import { limits } from '../core/limits.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { CarSource, ImportOptions } from '../core/storage.ts'
import type { Book } from '../db/book.ts'
import { fromSource } from '../files/from-source.ts'
import { openFileSource } from '../files/source.ts'
import { ChunkPool, type FreeChunks } from '../unixfs/chunk-pool.ts'
import { CHUNK_BYTES } from '../unixfs/profile.ts'
import { commitRoots } from './roots.ts'

export type ImportParts = {
  readonly blocks: BlockStore
  readonly book: Book
  /** Of all uploads and imports of the node. */
  readonly freeChunks: FreeChunks
}

export type ImportRequest = { readonly source: CarSource; readonly options: ImportOptions }

/**
 * THE import of a CAR: its blocks become durable, then those of its roots are rooted below which
 * nothing is missing. A crash or an error before leaves blocks that wait to be collected.
 */
export async function importCar(
  { blocks, book, freeChunks }: ImportParts,
  { source, options }: ImportRequest,
  caller: Caller,
): Promise<ImportResult> {
  const { signal, onProgress, pin = true } = options
  throwIfCancelled(signal)
  // Disposed last: when the lease has ended, nothing is written any more.
  using pool = new ChunkPool(freeChunks)
  const archive = await openFileSource(source)
  const meter = new ProgressMeter(onProgress, archive.bytesTotal)
  const bytes = abortable(counted(archive.content, meter), signal)
  const car = await openCar(bytes, allocateFrom(pool))
  await using lease = blocks.lease()
  const stored = await storeBlocks(lease, car, pool)
  await lease.sync()
  const found = await lookBelow(car.roots, (root) =>
    blocks.missingBelow(root, { lease, signal, atMost: limits.maxToldMissing }),
  )
  await blocks.settled()
  meter.finish()
  throwIfCancelled(signal)
  const whole = pin ? found.filter(({ complete }) => complete).map(({ cid }) => cid) : []
  const rooted = await commitRoots(book, { whole, all: found.map(({ cid }) => cid) }, caller)
  const roots = found.map((root) => ({ ...root, pinned: rooted.has(root.cid) }))
  const { newBytes, reusedBytes } = lease
  return { roots, ...stored, newBytes, reusedBytes, durationMs: meter.elapsedMs }
}

async function* counted(
  content: AsyncIterable<Uint8Array>,
  meter: ProgressMeter,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of fromSource(content)) {
    yield piece
    meter.add(piece.byteLength)
  }
}

/** Large blocks take turns in a few buffers: a new megabyte for each is more than the collector keeps up with. */
function allocateFrom(pool: ChunkPool): AllocateBlock {
  return (bytes) => {
    if (bytes < CHUNK_BYTES / 4 || bytes > CHUNK_BYTES) return new Uint8Array(bytes)
    const chunk = pool.take()
    pool.hold(chunk, 1)
    return chunk.subarray(0, bytes)
  }
}

async function storeBlocks(lease: Lease, car: Car, pool: ChunkPool) {
  let blocks = 0
  let bytes = 0
  for await (const { cid, bytes: block } of car.blocks) {
    blocks += 1
    bytes += block.byteLength
    await lease.put(cid, block, { hashed: true, released: () => pool.release(block) })
  }
  return { blocks, bytes }
}

async function lookBelow(
  roots: readonly CID[],
  missingBelow: (root: CID) => Promise<readonly CID[]>,
): Promise<readonly Omit<ImportedRoot, 'pinned'>[]> {
  const found = []
  for (const root of roots) {
    const missing = (await missingBelow(root)).map(String)
    found.push({ cid: root.toString(), complete: missing.length === 0, missing })
  }
  return found
}
