import type { CID } from 'multiformats/cid'
import { isDocument } from '../blocks/document-links.ts'
import { DAG_PB, decodeCid } from '../core/cid.ts'
import { decodeDagPb } from '../unixfs/dag-pb.ts'
import { documentLinks } from './traverse-document.ts'

/** Where a block stands in a file or a HAMT. `start` and `bytes` count content bytes. */
export type Place = { readonly depth: number; readonly start: number; readonly bytes: number }

/** A block to be visited. */
export type Visit = {
  readonly cid: CID
  /** Bytes of the block with all below it, as its parent claims (Tsize); undefined when it claims nothing. */
  readonly claimed?: number | undefined
  readonly place?: Place | undefined
}

/** The blocks below another one, in their order. */
export interface Children {
  readonly length: number
  /** What they take in memory, about. */
  readonly heldBytes: number
  at(index: number): Visit
}

/**
 * Says which blocks come next below the one that was visited. The bytes are its own only while it
 * runs. Throws DAG_INVALID and DAG_LIMIT.
 */
export type Expand = (visit: Visit, block: Uint8Array) => Children | undefined

/** What a link takes besides the bytes of its CID: where it ends, and what its parent says of it. */
const LINK_BYTES = 28

export type PackedInit = {
  /** Of each link: bytes it claims, NaN when it claims nothing. */
  readonly claims?: readonly number[]
  readonly places?: readonly Place[]
}

/** Links in little memory: an object for each of a million would be a third of a gigabyte. */
export class PackedLinks implements Children {
  readonly length: number
  readonly heldBytes: number
  readonly #cids: Buffer
  readonly #ends: Uint32Array
  readonly #claims: Float64Array | undefined
  readonly #starts: Float64Array | undefined
  readonly #bytes: Float64Array | undefined
  readonly #depth: number

  constructor(cids: readonly CID[], { claims, places }: PackedInit = {}) {
    this.length = cids.length
    this.#cids = Buffer.concat(cids.map((cid) => cid.bytes))
    this.#ends = new Uint32Array(cids.length)
    let end = 0
    for (const [index, cid] of cids.entries()) {
      end += cid.bytes.byteLength
      this.#ends[index] = end
    }
    this.#claims = claims && Float64Array.from(claims)
    this.#starts = places && Float64Array.from(places, ({ start }) => start)
    this.#bytes = places && Float64Array.from(places, ({ bytes }) => bytes)
    this.#depth = places?.[0]?.depth ?? 0
    this.heldBytes = end + this.length * LINK_BYTES
  }

  at(index: number): Visit {
    const start = index === 0 ? 0 : this.#ends[index - 1]
    const cid = decodeCid(this.#cids.subarray(start, this.#ends[index]))
    // Some writers put 0 where they do not know: then it is nothing, too.
    return { cid, claimed: this.#claims?.[index] || undefined, place: this.#placeOf(index) }
  }

  #placeOf(index: number): Place | undefined {
    const start = this.#starts?.[index]
    const bytes = this.#bytes?.[index]
    if (start === undefined || bytes === undefined) return undefined
    return { depth: this.#depth, start, bytes }
  }
}

/** True for a block that may have links: of dag-pb, dag-cbor or dag-json. */
export function mayHaveLinks(cid: CID): boolean {
  return cid.code === DAG_PB || isDocument(cid)
}

/** Every link of a block, whatever it means; of a codec that is not known here none. */
export const allLinks: Expand = ({ cid }, block) => {
  if (cid.code === DAG_PB) return pbLinks(cid, block)
  return isDocument(cid) ? new PackedLinks(documentLinks(cid, block)) : undefined
}

function pbLinks(cid: CID, block: Uint8Array): Children | undefined {
  const { links } = decodeDagPb(cid, block)
  if (links.length === 0) return undefined
  const indexes = Array.from({ length: links.length }, (_, index) => index)
  return new PackedLinks(
    indexes.map((index) => links.cid(index)),
    { claims: indexes.map((index) => links.dagBytes(index) ?? Number.NaN) },
  )
}
