import type { CID } from 'multiformats/cid'
import type { BlockStore } from '../blocks/block-store.ts'
import type { Lease } from '../blocks/lease.ts'
import { type Car, openCar } from '../car/read.ts'
import { abortable } from '../core/abortable.ts'
import type { Caller } from '../core/caller.ts'
import type { ImportedRoot, ImportResult } from '../core/content.ts'
import { limits } from '../core/limits.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { CarSource, ImportOptions } from '../core/storage.ts'
import type { Book } from '../db/book.ts'
import { fromSource } from '../files/from-source.ts'
import { openArchive } from '../files/open-archive.ts'
import { commitRoots } from './roots.ts'

export type ImportParts = { readonly blocks: BlockStore; readonly book: Book }

export type ImportRequest = { readonly source: CarSource; readonly options: ImportOptions }

/**
 * THE import of a CAR: its blocks become durable, then those of its roots are rooted below which
 * nothing is missing. A crash or an error before leaves blocks that wait to be collected.
 */
export async function importCar(
  { blocks, book }: ImportParts,
  { source, options }: ImportRequest,
  caller: Caller,
): Promise<ImportResult> {
  const { signal, onProgress, pin = true } = options
  throwIfCancelled(signal)
  const archive = await openArchive(source, signal)
  const meter = new ProgressMeter(onProgress, archive.bytesTotal)
  const bytes = abortable(counted(archive.content, meter), signal)
  const car = await openCar(bytes)
  await using lease = blocks.lease()
  const stored = await storeBlocks(lease, car, archive.handedOver === true)
  await lease.sync()
  const found = await lookBelow(car.roots, (root) =>
    blocks.missingBelow(root, { lease, signal, atMost: limits.maxToldMissing }),
  )
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

/** A source may use its buffers again, unless it has handed them over: the store keeps what it is given. */
async function storeBlocks(lease: Lease, car: Car, handedOver: boolean) {
  let blocks = 0
  let bytes = 0
  for await (const { cid, bytes: block } of car.blocks) {
    await lease.put(cid, handedOver ? block : block.slice(), { hashed: true })
    blocks += 1
    bytes += block.byteLength
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
