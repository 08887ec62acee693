import type { CID } from 'multiformats/cid'
import { dagInvalid } from './dag-error.ts'

/** Wire types of protobuf (encoding guide, "Message structure"). */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

/** Reads the fields of one protobuf message in the block of `cid`. Faults are DAG_INVALID. */
export class ProtobufReader {
  readonly bytes: Uint8Array
  readonly #cid: CID
  readonly #end: number
  #at: number

  constructor(cid: CID, bytes: Uint8Array, start = 0, end = bytes.byteLength) {
    this.#cid = cid
    this.bytes = bytes
    this.#at = start
    this.#end = end
  }

  get more(): boolean {
    return this.#at < this.#end
  }

  /** An unsigned number; over 2^53 - 1 (also a negative one) it is a fault. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let length = 1; length <= 10; length++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return this.#safe(value)
      scale *= 128
    }
    throw this.fault('has a number of more than ten bytes')
  }

  /** The start of a length-delimited field; the reader goes on behind it. */
  span(): { readonly start: number; readonly end: number } {
    const length = this.varint()
    const start = this.#at
    const end = start + length
    if (end > this.#end) throw this.fault('ends in the middle of a field')
    this.#at = end
    return { start, end }
  }

  /** Passes over a field nobody asked for. */
  skip(wireType: number): void {
    if (wireType === VARINT) this.#skipVarint()
    else if (wireType === BYTES) this.span()
    else if (wireType === FIXED64) this.#advance(8)
    else if (wireType === FIXED32) this.#advance(4)
    else throw this.fault(`has a field of wire type ${wireType}`)
  }

  /** A reader of a part of the same block. */
  within({ start, end }: { readonly start: number; readonly end: number }): ProtobufReader {
    return new ProtobufReader(this.#cid, this.bytes, start, end)
  }

  fault(why: string): Error {
    return dagInvalid(this.#cid, `the block ${why}`)
  }

  #safe(value: number): number {
    if (value <= Number.MAX_SAFE_INTEGER) return value
    throw this.fault('has a number that is negative or over 2^53')
  }

  #byte(): number {
    const byte = this.bytes[this.#at]
    if (byte === undefined || this.#at >= this.#end)
      throw this.fault('ends in the middle of a field')
    this.#at++
    return byte
  }

  /** Times before 1970 are ten bytes long and no fault. */
  #skipVarint(): void {
    for (let length = 1; length <= 10; length++) if (this.#byte() < 0x80) return
    throw this.fault('has a number of more than ten bytes')
  }

  #advance(count: number): void {
    this.#at += count
    if (this.#at > this.#end) throw this.fault('ends in the middle of a field')
  }
}
