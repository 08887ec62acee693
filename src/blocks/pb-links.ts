import type { CID } from 'multiformats/cid'
import { decodeCid } from '../core/cid.ts'

/** The keys of a node's fields: number and wire type (ipld.io/specs/codecs/dag-pb/spec, Serial Format). */
const DATA = 0x0a
const LINK = 0x12
/** The keys of a link's fields, in the order they have to stand in. */
const HASH = 0x0a
const NAME = 0x12
const TSIZE = 0x18

/** A number of 64 bits takes no more. */
const MAX_VARINT_BYTES = 10

/**
 * The links of a dag-pb block in the order they stand in, of exactly the blocks `@ipld/dag-pb` decodes:
 * before or after the data, but not on both sides of it. Names and sizes are passed over. The CIDs are
 * views of the block; multiformats copies them from shared memory, which an import gives to its next
 * block before the links of this one are stored. Throws SyntaxError, or what `CID.decode` does.
 */
export function pbLinks(block: Uint8Array): readonly CID[] {
  const reader = new PbReader(block)
  const links: CID[] = []
  let hasData = false
  let linksBeforeData = false
  while (reader.more) {
    const key = reader.key()
    if (key === LINK && !linksBeforeData) links.push(linkIn(reader.message()))
    else if (key === DATA && !hasData) {
      reader.skip()
      hasData = true
      linksBeforeData = links.length > 0
    } else throw new SyntaxError(`a field of key ${key} is not allowed there`)
  }
  return links
}

/** The CID of a link. A name and a size may follow it, each once. */
function linkIn(reader: PbReader): CID {
  if (!reader.more || reader.key() !== HASH)
    throw new SyntaxError('a link does not begin with a CID')
  const cid = decodeCid(reader.bytes())
  for (let last = HASH; reader.more; ) {
    const key = reader.key()
    if (key === NAME && last < NAME) reader.skip()
    else if (key === TSIZE && last < TSIZE) reader.varint()
    else throw new SyntaxError(`a field of key ${key} is not allowed there in a link`)
    last = key
  }
  return cid
}

class PbReader {
  readonly #block: Uint8Array
  readonly #end: number
  #at: number

  constructor(block: Uint8Array, start = 0, end = block.byteLength) {
    this.#block = block
    this.#at = start
    this.#end = end
  }

  get more(): boolean {
    return this.#at < this.#end
  }

  /** The key of a field. Only its low 32 bits count, as in the library. */
  key(): number {
    return this.varint() | 0
  }

  /** An unsigned number, which may be longer than it needs to be. Over 2^53 it is about right. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let length = 1; length <= MAX_VARINT_BYTES; length++) {
      const byte = this.#byte()
      // The low bytes first: what rounding does to large numbers depends on it, and keys may be large.
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    throw new SyntaxError('a number has more than ten bytes')
  }

  /** Passes over a length and as many bytes; tells where they begin. */
  skip(): number {
    const length = this.varint()
    const start = this.#at
    if (start + length > this.#end) throw new SyntaxError('it ends in the middle of a field')
    this.#at = start + length
    return start
  }

  /** A plain view, also of a Buffer's bytes. */
  bytes(): Uint8Array {
    const start = this.skip()
    const { buffer, byteOffset } = this.#block
    return new Uint8Array(buffer, byteOffset + start, this.#at - start)
  }

  /** A reader of a part of the same block. */
  message(): PbReader {
    const start = this.skip()
    return new PbReader(this.#block, start, this.#at)
  }

  #byte(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined || this.#at >= this.#end)
      throw new SyntaxError('it ends in the middle of a number')
    this.#at++
    return byte
  }
}
