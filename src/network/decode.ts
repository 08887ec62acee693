import type { BitswapMessage, BitswapWant } from './bitswap-message.ts'

/** Wants, blocks and presences of one message: of 2 MiB, the longest that Kubo sends, with wants alone. */
const MAX_PARTS = 65_536

/** Field numbers of the Bitswap message (spec: bitswap-protocol, 1.2.0). */
const MESSAGE = { wantlist: 1, block: 3, presence: 4 } as const

type Value = number | Uint8Array
type Parts = { left: number }

/**
 * Reads a message of a peer. What it gives are views of `bytes`. Throws RangeError for what is no
 * message, and for one of so many parts that its objects would take a hundred times its bytes.
 */
export function decodeMessage(bytes: Uint8Array): BitswapMessage {
  const parts: Parts = { left: MAX_PARTS }
  const wants: BitswapWant[] = []
  const blocks: BitswapMessage['blocks'][number][] = []
  const blockPresences: BitswapMessage['blockPresences'][number][] = []
  let full = false
  eachField(bytes, parts, (field, value) => {
    if (typeof value === 'number') return
    if (field === MESSAGE.wantlist) full = readWantlist(value, parts, wants) || full
    else if (field === MESSAGE.block) blocks.push(readBlock(value, parts))
    else if (field === MESSAGE.presence) blockPresences.push(readPresence(value, parts))
  })
  return { wantlist: { entries: wants, full }, blocks, blockPresences }
}

/** Adds the wants of a list to `wants`, and tells whether it is the full one. */
function readWantlist(bytes: Uint8Array, parts: Parts, wants: BitswapWant[]): boolean {
  let full = false
  eachField(bytes, parts, (field, value) => {
    if (field === 1 && typeof value !== 'number') wants.push(readWant(value, parts))
    else if (field === 2) full = value === 1
  })
  return full
}

function readWant(bytes: Uint8Array, parts: Parts): BitswapWant {
  const [cid, priority, cancel, wantType, sendDontHave] = fieldsOf(bytes, parts)
  return {
    cid: bytesOf(cid),
    priority: typeof priority === 'number' ? priority : 0,
    cancel: cancel === 1,
    wantType: wantType === 1 ? 'WantHave' : 'WantBlock',
    sendDontHave: sendDontHave === 1,
  }
}

function readBlock(bytes: Uint8Array, parts: Parts): BitswapMessage['blocks'][number] {
  const [prefix, data] = fieldsOf(bytes, parts)
  return { prefix: bytesOf(prefix), data: bytesOf(data) }
}

function readPresence(bytes: Uint8Array, parts: Parts): BitswapMessage['blockPresences'][number] {
  const [cid, type] = fieldsOf(bytes, parts)
  return { cid: bytesOf(cid), has: type === undefined || type === 0 }
}

const NOTHING = new Uint8Array(0)

function bytesOf(value: Value | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : NOTHING
}

/** The first five fields of a part, by their numbers less one. */
function fieldsOf(bytes: Uint8Array, parts: Parts): readonly (Value | undefined)[] {
  if (parts.left-- <= 0) throw new RangeError('a message of too many parts')
  const fields: (Value | undefined)[] = []
  eachField(bytes, parts, (field, value) => {
    if (field >= 1 && field <= 5) fields[field - 1] = value
  })
  return fields
}

/** Calls `onField` for each field that is a number or bytes; passes over those of a fixed size. */
function eachField(
  bytes: Uint8Array,
  parts: Parts,
  onField: (field: number, value: Value) => void,
): void {
  const cursor = { at: 0 }
  // A field that comes more often than any message needs it is a way to make work, too.
  for (let fields = 0; cursor.at < bytes.byteLength; fields += 1) {
    if (fields > MAX_PARTS || parts.left < 0) throw new RangeError('a message of too many parts')
    const tag = readVarint(bytes, cursor)
    const value = readValue(bytes, cursor, tag & 7)
    if (value !== undefined) onField(Math.floor(tag / 8), value)
  }
}

/** Bytes of the wire types that say nothing here: 64 and 32 bits. */
const FIXED: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [5, 4],
])

function readValue(bytes: Uint8Array, cursor: { at: number }, wireType: number): Value | undefined {
  if (wireType === 0) return readVarint(bytes, cursor)
  const length = wireType === 2 ? readVarint(bytes, cursor) : FIXED.get(wireType)
  const start = cursor.at
  if (length === undefined || length > bytes.byteLength - start) {
    throw new RangeError('a field that is none')
  }
  cursor.at += length
  return wireType === 2 ? bytes.subarray(start, cursor.at) : undefined
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let value = 0
  let scale = 1
  for (let read = 0; read < 10; read += 1) {
    const byte = bytes[cursor.at]
    if (byte === undefined) break
    cursor.at += 1
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 0x80
  }
  throw new RangeError('a number that does not end')
}
