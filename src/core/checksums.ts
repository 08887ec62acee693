import { crc32 } from 'node:zlib'
import { limits } from './limits.ts'

const SEGMENT = limits.segmentBytes

/** CRC-32 (zlib's) of each 64 KiB segment of some bytes, four little-endian bytes each. */
export function checksums(bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.byteLength / SEGMENT)
  const out = Buffer.allocUnsafeSlow(count * 4)
  for (let i = 0; i < count; i++) {
    out.writeUInt32LE(crc32(bytes.subarray(i * SEGMENT, (i + 1) * SEGMENT)), i * 4)
  }
  return out
}
