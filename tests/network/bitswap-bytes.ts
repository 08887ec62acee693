import type { CID } from 'multiformats/cid'

/** Bitswap 1.2.0 messages, written by hand after the specification: nothing of ours is used to lie to ours. */
export type WantBytes = {
  readonly cid: Uint8Array
  readonly have?: boolean
  readonly cancel?: boolean
  readonly sendDontHave?: boolean
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Uint8Array.from([...bytes, rest])
}

export function field(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.byteLength), bytes])
}

/** A message with its length before it. */
export function framed(message: Uint8Array): Uint8Array {
  return Buffer.concat([varint(message.byteLength), message])
}

export function wantlist(wants: readonly WantBytes[], full = false): Uint8Array {
  const entries = wants.map(({ cid, have = false, cancel = false, sendDontHave = true }) =>
    field(
      1,
      Buffer.concat([
        field(1, cid),
        Uint8Array.of(0x10, 1, 0x18, Number(cancel), 0x20, Number(have), 0x28, +sendDontHave),
      ]),
    ),
  )
  return field(1, Buffer.concat([...entries, Uint8Array.of(0x10, Number(full))]))
}

/** CID version 1, raw, sha2-256 of 32 bytes. */
export const RAW_PREFIX = Uint8Array.of(1, 0x55, 0x12, 0x20)

export function block(data: Uint8Array, prefix: Uint8Array = RAW_PREFIX): Uint8Array {
  return field(3, Buffer.concat([field(1, prefix), field(2, data)]))
}

export function presence(cid: CID, has: boolean): Uint8Array {
  return field(
    4,
    Buffer.concat([field(1, cid.bytes), has ? new Uint8Array(0) : Uint8Array.of(0x10, 1)]),
  )
}

/** The bytes of a raw CID of nothing that exists, different for each number. */
export function inventedCid(number: number): Uint8Array {
  const cid = Buffer.alloc(36, 7)
  cid.set(RAW_PREFIX)
  cid.writeUInt32BE(number, 8)
  return cid
}

export type Seen = {
  readonly wants: readonly { readonly cid: Uint8Array; readonly have: boolean }[]
  readonly cancels: readonly Uint8Array[]
  readonly blocks: readonly Uint8Array[]
  readonly presences: readonly { readonly cid: Uint8Array; readonly has: boolean }[]
}

/** What a message of an honest node says. */
export function read(message: Uint8Array): Seen {
  const entries = fields(message)
    .filter(([number]) => number === 1)
    .flatMap(([, list]) => fields(bytesOf(list)).filter(([number]) => number === 1))
    .map(([, entry]) => new Map(fields(bytesOf(entry))))
  const of = (number: number) =>
    fields(message)
      .filter(([at]) => at === number)
      .map(([, part]) => new Map(fields(bytesOf(part))))
  return {
    wants: entries
      .filter((entry) => entry.get(3) !== 1)
      .map((entry) => ({ cid: bytesOf(entry.get(1)), have: entry.get(4) === 1 })),
    cancels: entries.filter((entry) => entry.get(3) === 1).map((entry) => bytesOf(entry.get(1))),
    blocks: of(3).map((part) => bytesOf(part.get(2))),
    presences: of(4).map((part) => ({ cid: bytesOf(part.get(1)), has: part.get(2) !== 1 })),
  }
}

type Field = readonly [number: number, value: number | Uint8Array]

function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = []
  let at = 0
  const number = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.byteLength) {
    const tag = number()
    const value = number()
    if ((tag & 7) === 0) found.push([tag >> 3, value])
    else {
      found.push([tag >> 3, bytes.subarray(at, at + value)])
      at += value
    }
  }
  return found
}

function bytesOf(value: number | Uint8Array | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

/** Takes whole messages out of a stream as it comes. */
export class Unframed {
  #rest = Buffer.alloc(0)

  take(chunk: Uint8Array): Uint8Array[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const messages: Uint8Array[] = []
    for (;;) {
      const header = this.#rest.findIndex((byte) => byte < 0x80) + 1
      let length = 0
      for (let at = header - 1; at >= 0; at -= 1) {
        length = length * 0x80 + ((this.#rest[at] ?? 0) & 0x7f)
      }
      if (header === 0 || this.#rest.byteLength < header + length) return messages
      messages.push(this.#rest.subarray(header, header + length))
      this.#rest = this.#rest.subarray(header + length)
    }
  }
}
