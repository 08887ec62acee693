import { CID } from 'multiformats/cid'

const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const SIMPLE = 7
/** The tag of a link (ipld.io/specs/codecs/dag-cbor/spec, Links). */
const LINK = 42

/**
 * The links of a DAG-CBOR block in the order they stand in (RFC 8949, 3; tag 42 as DAG-CBOR has it). It
 * reads one item after the other without making values of them: neither depth nor a length that is
 * claimed costs memory. Throws SyntaxError for what is not well formed.
 */
export function cborLinks(block: Uint8Array): readonly CID[] {
  const reader = new CborReader(block)
  const links: CID[] = []
  for (let left = 1; left > 0; left--) {
    const { major, value } = reader.head()
    if (major === BYTES || major === TEXT) reader.bytes(value)
    else if (major === ARRAY) left += value
    else if (major === MAP) left += 2 * value
    else if (major === TAG) links.push(linkAt(reader, value))
  }
  if (!reader.atEnd) throw new SyntaxError('bytes follow its value')
  return links
}

/** A byte string: a zero, for the identity multibase, and the bytes of the CID. */
function linkAt(reader: CborReader, tag: number): CID {
  if (tag !== LINK) throw new SyntaxError(`tag ${tag} is not allowed`)
  const { major, value } = reader.head()
  if (major !== BYTES) throw new SyntaxError('a link is not a byte string')
  const bytes = reader.bytes(value)
  if (bytes[0] !== 0) throw new SyntaxError('a link does not begin with a zero')
  return CID.decode(bytes.slice(1))
}

class CborReader {
  readonly #block: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(block: Uint8Array) {
    this.#block = block
    this.#view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  }

  get atEnd(): boolean {
    return this.#at === this.#block.byteLength
  }

  /** The head of an item. A float's bits come as a value nobody looks at. */
  head(): { readonly major: number; readonly value: number } {
    const first = this.bytes(1)[0] ?? 0
    const major = first >> 5
    const short = first & 0x1f
    if (short < 24) return { major, value: short }
    if (short > 27) throw new SyntaxError('an item has no definite length')
    const value = this.#number(2 ** (short - 24))
    // A number may be as large as it likes; a length may not.
    if (value > Number.MAX_SAFE_INTEGER && major > 1 && major !== SIMPLE)
      throw new SyntaxError('a length is over 2^53')
    return { major, value }
  }

  bytes(count: number): Uint8Array {
    const start = this.#at
    if (start + count > this.#block.byteLength)
      throw new SyntaxError('it ends in the middle of an item')
    this.#at += count
    return this.#block.subarray(start, this.#at)
  }

  #number(count: number): number {
    const at = this.#at
    this.bytes(count)
    if (count === 1) return this.#view.getUint8(at)
    if (count === 2) return this.#view.getUint16(at)
    if (count === 4) return this.#view.getUint32(at)
    return Number(this.#view.getBigUint64(at))
  }
}
