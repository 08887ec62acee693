/** What a peer is asked (Bitswap 1.2.0, `Message.Wantlist.Entry`). */
export type WantEntry = {
  readonly cid: Uint8Array
  /** Whether the block is wanted, or the word whether the peer has it. */
  readonly type: 'block' | 'have'
  readonly cancel: boolean
}

const VARINT = 0
const LENGTH_DELIMITED = 2

/** Field numbers of the Bitswap message (spec: bitswap-protocol, 1.2.0). */
const WANTLIST = 1
const ENTRIES = 1
const PRESENCES = 4
/** Its type is left out: `Have` is 0, the default. */
const PRESENCE_CID = 1
const ENTRY = { block: 1, priority: 2, cancel: 3, wantType: 4, sendDontHave: 5 } as const

/** A message that changes what we want: each entry asks for an answer also when the block is not there. */
export function encodeWants(entries: readonly WantEntry[]): Uint8Array {
  const list = entries.map((entry) => lengthDelimited(ENTRIES, encodeEntry(entry)))
  return lengthDelimited(WANTLIST, Buffer.concat(list))
}

/** A message that says of blocks that they are here. */
export function encodeHaves(cids: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    cids.map((cid) => lengthDelimited(PRESENCES, lengthDelimited(PRESENCE_CID, cid))),
  )
}

function encodeEntry({ cid, type, cancel }: WantEntry): Uint8Array {
  const fields = [lengthDelimited(ENTRY.block, cid), number(ENTRY.priority, 1)]
  if (cancel) return Buffer.concat([...fields, number(ENTRY.cancel, 1)])
  const wantType = number(ENTRY.wantType, type === 'have' ? 1 : 0)
  return Buffer.concat([...fields, wantType, number(ENTRY.sendDontHave, 1)])
}

/** `bytes` with their length before them, as messages stand in a stream. */
export function framed(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(bytes.byteLength), bytes])
}

/** The numbers a block's prefix is made of: CID version, codec, hash function, hash length. */
export function decodePrefix(prefix: Uint8Array): readonly number[] {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of prefix.subarray(0, 40)) {
    value += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte >= 0x80) continue
    numbers.push(value)
    value = 0
    scale = 1
  }
  return numbers
}

function lengthDelimited(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint((field << 3) | LENGTH_DELIMITED), varint(bytes.byteLength), bytes])
}

function number(field: number, value: number): Uint8Array {
  return Buffer.concat([varint((field << 3) | VARINT), varint(value)])
}

function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = value
  while (rest > 0x7f) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
  return Uint8Array.from(out)
}
