import type { Part } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'

const SEGMENT = limits.segmentBytes
const CHECKSUM_BYTES = 4

/** The whole segments that cover `part` of a block of `size` bytes. */
export function cover(part: Part, size: number): Part {
  const offset = Math.floor(part.offset / SEGMENT) * SEGMENT
  const end = Math.min(size, Math.ceil((part.offset + part.length) / SEGMENT) * SEGMENT)
  return { offset, length: end - offset }
}

/** True when the checksums of what was read at `offset` (a multiple of 64 KiB), as latin1 text, are those of the block. */
export function segmentsMatch(sum: string, offset: number, sums: Uint8Array): boolean {
  const start = (offset / SEGMENT) * CHECKSUM_BYTES
  const all = Buffer.from(sums.buffer, sums.byteOffset, sums.byteLength)
  return all.toString('latin1', start, start + sum.length) === sum
}
