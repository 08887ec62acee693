import type { CID } from 'multiformats/cid'
import type { Part } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'

/** Shared bytes as they are, or copied into a buffer the caller gives. */
export function handOut(
  shared: Uint8Array,
  allocate: ((bytes: number) => Uint8Array) | undefined,
): Uint8Array {
  if (allocate === undefined) return shared
  const own = allocate(shared.byteLength)
  own.set(shared)
  return own
}

/** The bytes `part` of a block. Throws INVALID_RANGE when the block is shorter. */
export function cut(cid: CID, block: Uint8Array, { offset, length }: Part): Uint8Array {
  if (offset >= 0 && length >= 0 && offset + length <= block.byteLength) {
    return block.subarray(offset, offset + length)
  }
  const bytes = block.byteLength
  throw new PrsmError('INVALID_RANGE', `block ${cid} has ${bytes} bytes, not ${offset}+${length}`)
}
