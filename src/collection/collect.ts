import type { BlockStore } from '../blocks/block-store.ts'
import type { Collecting } from '../blocks/collecting.ts'
import { parseCid } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { CollectionResult, CollectOptions } from '../core/pins.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { Book } from '../db/book.ts'
import type { SweepOutput } from '../db/sweep-queries.ts'
import { dropExpired } from '../pins/rows.ts'

export type CollectParts = { readonly blocks: BlockStore; readonly book: Book }

/**
 * THE collection: what no root, lease or reader keeps goes, while all else goes on. One at a time. A
 * crash or an abort in the middle of it leaves a whole store with some of that gone; nothing is
 * resumed.
 */
export async function collect(
  { blocks, book }: CollectParts,
  { dryRun = false, free, signal }: CollectOptions,
): Promise<CollectionResult> {
  throwIfCancelled(signal)
  const bytes = checkFree(free)
  const startedAt = performance.now()
  const expiredPins = dryRun ? 0 : await dropExpired(book)
  await using collecting = await blocks.collecting(signal)
  await markRoots(collecting, book)
  // A pin that was taken away is gone for good before its blocks are.
  await book.database.write(() => {})
  const taken = await collecting.sweep({ bytes, dryRun })
  if (!dryRun) await blocks.giveBack()
  const { blocks: count } = taken
  return {
    dryRun,
    blocks: count,
    bytes: taken.bytes,
    expiredPins,
    durationMs: performance.now() - startedAt,
  }
}

async function markRoots(collecting: Collecting, book: Book): Promise<void> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: SweepOutput<'roots'> = await book.database.ask('roots', { after })
    for (const cid of page.carried) collecting.joined(parseCid(cid))
    collecting.mark(page.roots)
    await collecting.caughtUp()
    after = page.after
  }
}

function checkFree(free: number | undefined): number {
  if (free === undefined) return Number.POSITIVE_INFINITY
  if (Number.isSafeInteger(free) && free > 0) return free
  throw new PrsmError('INVALID_INPUT', `${free} bytes cannot be freed`, {
    hint: 'give a whole number of bytes above 0',
  })
}
