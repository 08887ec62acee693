import { murmur3128 } from '@multiformats/murmur3'

/** Bytes of a name's hash that place it in a HAMT: the first half of murmur3-x64-128. */
export const NAME_HASH_BYTES = 8

/** The hash that places a name (UTF-8) in a HAMT, most significant byte first. */
export function nameHash(name: Uint8Array): Uint8Array {
  const digest = murmur3128.encode(name)
  // The hasher's type allows a promise; this one computes in place, and a promise a name is too slow.
  if (digest instanceof Promise) throw new TypeError('murmur3 no longer hashes at once')
  return digest.subarray(0, NAME_HASH_BYTES)
}

/**
 * The `width` bits of a hash that choose the place at `level` (0 is the root), or undefined when
 * the hash has no more.
 */
export function slotAt(hash: Uint8Array, level: number, width: number): number | undefined {
  const first = level * width
  if (first + width > hash.byteLength * 8) return undefined
  let slot = 0
  for (let bit = first; bit < first + width; bit++) {
    const byte = hash[bit >> 3] ?? 0
    slot = slot * 2 + ((byte >> (7 - (bit & 7))) & 1)
  }
  return slot
}
