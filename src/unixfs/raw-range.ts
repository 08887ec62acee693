import type { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import type { BlockSource } from '../core/block-source.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { type DagOptions, getLeaf, leafOptions } from './dag-source.ts'
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

/** A range of a file that is one raw block, whose size nobody has declared. */
export async function readRawRange(
  source: BlockSource,
  cid: CID,
  options: DagOptions & WantedRange,
): Promise<Uint8Array> {
  const part = await partOfBlock(source, cid, options)
  if (part !== undefined) return part
  const block = await getLeaf(source, cid, options)
  const { start, end } = rangeIn(block.byteLength, options)
  return start === 0 && end === block.byteLength ? block : block.subarray(start, end)
}

/** Undefined when all may be wanted, or when the block ends earlier: then its end has to be seen. */
async function partOfBlock(
  source: BlockSource,
  cid: CID,
  options: DagOptions & WantedRange,
): Promise<Uint8Array | undefined> {
  const { offset = 0, length = 0 } = options
  if (length === 0 || length >= limits.maxBlockBytes) return undefined
  if (cid.multihash.code === identity.code) return undefined
  try {
    return await source.getPart(cid, { offset, length }, leafOptions(options))
  } catch (error) {
    if (isPrsmError(error) && error.code === 'INVALID_RANGE') return undefined
    throw error
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
