import { crc32 } from 'node:zlib'
import type { Part } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'

const SEGMENT = limits.segmentBytes

/** CRC-32 (zlib's) of each 64 KiB segment of a block, four little-endian bytes each. */
export function checksums(bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.byteLength / SEGMENT)
  const out = Buffer.allocUnsafeSlow(count * 4)
  for (let i = 0; i < count; i++) {
    out.writeUInt32LE(crc32(bytes.subarray(i * SEGMENT, (i + 1) * SEGMENT)), i * 4)
  }
  return out
}

/** The whole segments that cover `part` of a block of `size` bytes. */
export function cover(part: Part, size: number): Part {
  const offset = Math.floor(part.offset / SEGMENT) * SEGMENT
  const end = Math.min(size, Math.ceil((part.offset + part.length) / SEGMENT) * SEGMENT)
  return { offset, length: end - offset }
}

/** True when `bytes`, read at `offset` (a multiple of 64 KiB), agree with the block's checksums. */
export function segmentsMatch(bytes: Uint8Array, offset: number, sums: Uint8Array): boolean {
  const view = new DataView(sums.buffer, sums.byteOffset, sums.byteLength)
  const first = offset / SEGMENT
  const count = Math.ceil(bytes.byteLength / SEGMENT)
  if ((first + count) * 4 > sums.byteLength) return false
  for (let i = 0; i < count; i++) {
    const segment = bytes.subarray(i * SEGMENT, (i + 1) * SEGMENT)
    if (crc32(segment) !== view.getUint32((first + i) * 4, true)) return false
  }
  return true
}
