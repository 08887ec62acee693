import type { BlockStore } from '../blocks/block-store.ts'
import type { Quota } from '../blocks/quota.ts'
import type { RepoStat } from '../core/content.ts'
import type { Book } from '../db/book.ts'
import type { BookTotals } from '../db/sweep-queries.ts'
import type { StoreFigures } from '../telemetry/node-metrics.ts'

export type StatParts = {
  readonly blocks: Pick<BlockStore, 'totals'>
  readonly book: Book
  /** Null in memory. */
  readonly quota: Quota | null
}

/** What the store takes, and what it spares. */
export async function repoStat(parts: StatParts): Promise<RepoStat> {
  const { pins: _, ...stat } = await storeFigures(parts)
  return stat
}

/** The same with the number of pins, for the metrics. */
export async function storeFigures({ blocks, book, quota }: StatParts): Promise<StoreFigures> {
  const { bytes: logicalBytes, pins } = await bookTotals(book)
  const { blocks: count, bytes: storedBytes } = blocks.totals()
  const maxBytes = quota?.maxBytes ?? Number.POSITIVE_INFINITY
  return {
    logicalBytes,
    blocks: count,
    storedBytes,
    savedBytes: Math.max(0, logicalBytes - storedBytes),
    physicalBytes: quota?.usedBytes ?? 0,
    reservedBytes: quota?.reservedBytes ?? 0,
    maxBytes: Number.isFinite(maxBytes) ? maxBytes : null,
    pins,
  }
}

/** It goes through all uploads and pins: not on this thread, where there is another. */
export function bookTotals({ database }: Book): Promise<BookTotals> {
  return database.ask('totals', { now: Date.now() })
}
