import { crc32 } from 'node:zlib'

/** CRC-32 (zlib's) of each segment, of so many bytes, of some bytes: four little-endian bytes each. */
export function checksums(bytes: Uint8Array, segmentBytes: number): Uint8Array {
  const count = Math.ceil(bytes.byteLength / segmentBytes)
  const out = Buffer.allocUnsafeSlow(count * 4)
  for (let i = 0; i < count; i++) {
    out.writeUInt32LE(crc32(bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes)), i * 4)
  }
  return out
}
