import { isUtf8 } from 'node:buffer'
import type { CID } from 'multiformats/cid'
import { decodeCid } from '../core/cid.ts'
import { dagInvalid } from './dag-error.ts'

/**
 * Where the parts of all links stand in their block. Plain numbers: a hostile block of 2 MiB has a
 * quarter of a million links.
 */
export type LinkTable = {
  /** Of each link: start and end of its CID, start and end of its name (equal when it has none). */
  readonly spans: number[]
  /** Tsize of each: bytes of all blocks of the child, as the link claims; NaN when it claims nothing. */
  readonly dagBytes: number[]
}

const FIELDS = 4

/** What a link takes in memory besides its bytes in the block, with its place in a file. */
export const LINK_BYTES = 40

/**
 * The links of a dag-pb node, read in its block where they stand: a CID or a name is made only for
 * the link that is asked for, so that a folder of thousands is looked up without decoding it.
 */
export class Links {
  readonly length: number
  readonly #cid: CID
  readonly #block: Buffer
  readonly #spans: Uint32Array
  readonly #dagBytes: Float64Array

  constructor(cid: CID, block: Uint8Array, { spans, dagBytes }: LinkTable) {
    this.length = dagBytes.length
    this.#cid = cid
    this.#block = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
    this.#spans = Uint32Array.from(spans)
    this.#dagBytes = Float64Array.from(dagBytes)
  }

  /** The child's CID. Throws DAG_INVALID when the link has none. */
  cid(index: number): CID {
    const bytes = this.#block.subarray(this.#field(index, 0), this.#field(index, 1))
    try {
      return decodeCid(bytes)
    } catch (cause) {
      const fault = dagInvalid(this.#cid, `link ${index} has no CID`)
      fault.cause = cause
      throw fault
    }
  }

  /** The name as it stands (no byte order mark dropped), with U+FFFD where it is not UTF-8. */
  name(index: number, skip = 0): string {
    return this.#block.toString('utf8', this.#field(index, 2) + skip, this.#field(index, 3))
  }

  nameBytes(index: number): Buffer {
    return this.#block.subarray(this.#field(index, 2), this.#field(index, 3))
  }

  nameLength(index: number): number {
    return this.#field(index, 3) - this.#field(index, 2)
  }

  /** False for a name that is not UTF-8, which no string of ours can give back exactly. */
  nameIsText(index: number): boolean {
    return isUtf8(this.nameBytes(index))
  }

  /** What the link claims, or undefined when it claims nothing. */
  dagBytes(index: number): number | undefined {
    const claimed = this.#dagBytes[index]
    return claimed === undefined || Number.isNaN(claimed) ? undefined : claimed
  }

  /** The first link of exactly this name (UTF-8), or undefined. */
  find(name: Uint8Array): number | undefined {
    for (let index = 0; index < this.length; index++) {
      if (this.nameLength(index) !== name.byteLength) continue
      if (this.nameBytes(index).equals(name)) return index
    }
    return undefined
  }

  /** The sum of what all links claim. */
  sumDagBytes(): number {
    return this.#dagBytes.reduce((sum, claimed) => sum + (Number.isNaN(claimed) ? 0 : claimed), 0)
  }

  #field(index: number, field: number): number {
    const at = this.#spans[index * FIELDS + field]
    if (at === undefined) throw new RangeError(`link ${index} of ${this.length}`)
    return at
  }
}
