import type { Part } from '../core/block-source.ts'

const CHECKSUM_BYTES = 4

/** The whole segments that cover `part` of a block of `size` bytes. */
export function cover(part: Part, size: number, segmentBytes: number): Part {
  const offset = Math.floor(part.offset / segmentBytes) * segmentBytes
  const end = Math.ceil((part.offset + part.length) / segmentBytes) * segmentBytes
  return { offset, length: Math.min(size, end) - offset }
}

/** True when the checksums of what was read from the segment `first` on, as latin1 text, are those of the block. */
export function segmentsMatch(sum: string, first: number, sums: Uint8Array): boolean {
  const start = first * CHECKSUM_BYTES
  const all = Buffer.from(sums.buffer, sums.byteOffset, sums.byteLength)
  return all.toString('latin1', start, start + sum.length) === sum
}
