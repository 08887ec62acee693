import { createHash } from 'node:crypto'
import { decodePrefix } from './wire.ts'

/** Hash functions of the blocks we take, by their multicodec codes. */
const HASHES: ReadonlyMap<number, string> = new Map([
  [0x12, 'sha256'],
  [0x13, 'sha512'],
])

/** By which wants are told apart: blocks have one name, whatever codec they are read with. */
export function keyOf(multihash: Uint8Array): string {
  return Buffer.from(multihash.buffer, multihash.byteOffset, multihash.byteLength).toString(
    'latin1',
  )
}

/** The multihash of a block, computed from its bytes; undefined for hashes that are not taken. */
export function hashOf(prefix: Uint8Array, data: Uint8Array): Uint8Array | undefined {
  const [, , code = 0, length = 0] = decodePrefix(prefix)
  const algorithm = HASHES.get(code)
  if (algorithm === undefined) return undefined
  const digest = createHash(algorithm).update(data).digest()
  return digest.length === length ? Buffer.concat([Uint8Array.of(code, length), digest]) : undefined
}

/** The multihash inside the bytes of a CID; undefined when they are none. */
export function multihashOf(cid: Uint8Array): Uint8Array | undefined {
  if (cid[0] === 0x12 && cid[1] === 0x20) return cid
  const numbers = decodePrefix(cid)
  return numbers[0] === 1 ? cid.subarray(1 + varintLength(numbers[1] ?? 0)) : undefined
}

function varintLength(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes += 1
  return bytes
}
