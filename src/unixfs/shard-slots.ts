import type { CID } from 'multiformats/cid'
import { dagInvalid } from './dag-error.ts'
import type { Links } from './links.ts'

/** What boxo, the reference, takes at most. */
const MAX_FANOUT = 1024

/**
 * Checks a HAMT shard and says at which place each of its links stands: the prefix of its name, in
 * upper-case hex of as many digits as the last place has. Places ascend and are exactly the set
 * bits of the bitfield, a big-endian number without leading zero bytes. Throws DAG_INVALID.
 */
export function shardSlots(
  cid: CID,
  links: Links,
  { fanout, bitfield }: { readonly fanout: number; readonly bitfield: Uint8Array },
): Uint16Array {
  if (!isFanout(fanout)) throw dagInvalid(cid, `the shard has a fanout of ${fanout}`)
  if (bitfield.byteLength * 8 > fanout)
    throw dagInvalid(cid, 'the bitfield is wider than the shard')
  const digits = prefixDigits(fanout)
  const slots = new Uint16Array(links.length)
  let last = -1
  for (let index = 0; index < links.length; index++) {
    const slot = prefixOf(links.nameBytes(index), digits)
    if (slot === undefined || slot <= last || !isSet(bitfield, slot)) {
      throw dagInvalid(cid, `link ${index} of the shard is at a wrong place`)
    }
    slots[index] = slot
    last = slot
  }
  if (countBits(bitfield) !== links.length) {
    throw dagInvalid(cid, 'the bitfield of the shard names places without a link')
  }
  return slots
}

/** Hex digits of a place in a shard of `fanout`. */
export function prefixDigits(fanout: number): number {
  return (fanout - 1).toString(16).length
}

/** A power of two that fills bytes. */
function isFanout(fanout: number): boolean {
  return fanout >= 8 && fanout <= MAX_FANOUT && Number.isInteger(Math.log2(fanout))
}

function prefixOf(name: Uint8Array, digits: number): number | undefined {
  if (name.byteLength < digits) return undefined
  let slot = 0
  for (let index = 0; index < digits; index++) {
    const digit = hexDigit(name[index] ?? 0)
    if (digit === undefined) return undefined
    slot = slot * 16 + digit
  }
  return slot
}

/** The value of an ASCII byte that is one of 0-9 and A-F. */
function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x41 + 10
  return undefined
}

function isSet(bitfield: Uint8Array, slot: number): boolean {
  const byte = bitfield[bitfield.byteLength - 1 - (slot >> 3)] ?? 0
  return (byte & (1 << (slot & 7))) !== 0
}

function countBits(bitfield: Uint8Array): number {
  let count = 0
  for (const byte of bitfield) for (let rest = byte; rest > 0; rest &= rest - 1) count++
  return count
}
