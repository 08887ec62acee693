import type { RepoStat } from '../core/content.ts'
import { uploadTotals } from '../uploads/totals.ts'
import type { Parts } from './assemble.ts'

/** What the store takes, and what it spares. */
export function repoStat({
  blocks,
  book,
  quota,
}: Pick<Parts, 'blocks' | 'book' | 'quota'>): RepoStat {
  const { blocks: count, bytes: storedBytes } = blocks.totals()
  const { bytes: logicalBytes } = uploadTotals(book)
  const maxBytes = quota?.maxBytes ?? Number.POSITIVE_INFINITY
  return {
    logicalBytes,
    blocks: count,
    storedBytes,
    savedBytes: Math.max(0, logicalBytes - storedBytes),
    physicalBytes: quota?.usedBytes ?? 0,
    reservedBytes: quota?.reservedBytes ?? 0,
    maxBytes: Number.isFinite(maxBytes) ? maxBytes : null,
  }
}
