import type { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import type { BlockSource } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import { asChunk, getLeaf, type LeafOptions, leafOptions } from './dag-source.ts'
import type { ByteRange } from './file-plan.ts'

/** What of a file is wanted: `offset` (0 without) and `length` (all without), in bytes. */
export type WantedRange = { readonly offset?: number; readonly length?: number }

/** Throws INVALID_RANGE for anything but whole numbers from 0 up. */
export function checkRange({ offset = 0, length = 0 }: WantedRange): void {
  if (isCount(offset) && isCount(length)) return
  throw new PrsmError('INVALID_RANGE', `not a range of bytes: offset ${offset}, length ${length}`)
}

/** The bytes wanted of a file of `size`. Throws INVALID_RANGE when they would begin behind its end. */
export function rangeIn(size: number, { offset = 0, length = size }: WantedRange): ByteRange {
  if (offset <= size) return { start: offset, end: Math.min(size, offset + length) }
  throw new PrsmError('INVALID_RANGE', `the file ends at byte ${size}, before byte ${offset}`, {
    details: { size, offset },
  })
}

/** A range, not empty, of a file that is one raw block: the whole of it, or the part alone. */
export async function readBlockRange(
  source: BlockSource,
  { cid, bytes }: { readonly cid: CID; readonly bytes: number },
  { start, end, ...options }: LeafOptions & ByteRange,
): Promise<Uint8Array> {
  if (start === 0 && end === bytes) return await getLeaf(source, cid, options)
  if (cid.multihash.code === identity.code) {
    return asChunk(cid.multihash.digest.subarray(start, end), options)
  }
  return await source.getPart(cid, { offset: start, length: end - start }, leafOptions(options))
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
