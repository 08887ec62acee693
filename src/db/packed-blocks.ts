import { type BlockWrite, FILE, INLINE, type Link } from './store-blocks.ts'

/**
 * Blocks on their way to another thread: numbers in a list, all bytes in one piece of shared memory. Passed
 * one by one they would be thousands of objects to copy, and each a message's share of a larger buffer.
 */
export type PackedBlocks = { readonly numbers: Float64Array; readonly bytes: SharedArrayBuffer }

/** What a block has that is stored already. */
const STORED = 0

/** Packs blocks; what was packed before may be written over: its memory is used again. */
export class BlockPacker {
  #bytes = new Uint8Array(new SharedArrayBuffer(0))
  #filled = 0
  #numbers: number[] = []

  pack(writes: readonly BlockWrite[]): PackedBlocks {
    this.#filled = 0
    this.#numbers = []
    this.#reserve(writes)
    for (const write of writes) this.#add(write)
    const packed = { numbers: Float64Array.from(this.#numbers), bytes: this.#bytes.buffer }
    this.#numbers = []
    return packed
  }

  #reserve(writes: readonly BlockWrite[]): void {
    let total = 0
    for (const write of writes) total += bytesOf(write)
    if (total <= this.#bytes.byteLength) return
    this.#bytes = new Uint8Array(new SharedArrayBuffer(total))
  }

  #add({ multihash, content, links }: BlockWrite): void {
    this.#addBytes(multihash)
    this.#addContent(content)
    this.#numbers.push(links.size)
    for (const [codec, targets] of links) {
      this.#numbers.push(codec, targets.length)
      for (const target of targets) this.#addLink(target)
    }
  }

  #addContent(content: BlockWrite['content']): void {
    if (content.place === 'stored') {
      this.#numbers.push(STORED)
    } else if (content.place === INLINE) {
      this.#numbers.push(INLINE)
      this.#addBytes(content.bytes)
    } else {
      this.#numbers.push(FILE, content.size, content.directory)
      this.#addBytes(content.segments)
    }
  }

  #addLink({ code, multihash }: Link): void {
    this.#numbers.push(code)
    this.#addBytes(multihash.bytes)
  }

  #addBytes(bytes: Uint8Array): void {
    this.#numbers.push(bytes.byteLength)
    this.#bytes.set(bytes, this.#filled)
    this.#filled += bytes.byteLength
  }
}

/** What `BlockPacker` packed, one by one; their bytes are views of its memory. */
export function* unpackBlocks({ numbers, bytes }: PackedBlocks): Generator<BlockWrite, void> {
  const packed = new Unpacker(numbers, bytes)
  while (!packed.ended) yield packed.block()
}

class Unpacker {
  readonly #numbers: Float64Array
  readonly #bytes: SharedArrayBuffer
  #next = 0
  #at = 0

  constructor(numbers: Float64Array, bytes: SharedArrayBuffer) {
    this.#numbers = numbers
    this.#bytes = bytes
  }

  get ended(): boolean {
    return this.#next === this.#numbers.length
  }

  block(): BlockWrite {
    return { multihash: this.#takeBytes(), content: this.#content(), links: this.#links() }
  }

  #content(): BlockWrite['content'] {
    const place = this.#number()
    if (place === STORED) return { place: 'stored' }
    if (place === INLINE) return { place: INLINE, bytes: this.#takeBytes() }
    const size = this.#number()
    const directory = this.#number()
    return { place: FILE, size, directory, segments: this.#takeBytes() }
  }

  #links(): BlockWrite['links'] {
    const codecs = this.#number()
    if (codecs === 0) return NO_LINKS
    const links = new Map<number, readonly Link[]>()
    for (let count = 0; count < codecs; count += 1) {
      const codec = this.#number()
      links.set(
        codec,
        Array.from({ length: this.#number() }, () => this.#link()),
      )
    }
    return links
  }

  #link(): Link {
    return { code: this.#number(), multihash: { bytes: this.#takeBytes() } }
  }

  #number(): number {
    const number = this.#numbers[this.#next]
    if (number === undefined) throw new RangeError('packed blocks end too early')
    this.#next += 1
    return number
  }

  #takeBytes(): Uint8Array {
    const length = this.#number()
    const bytes = new Uint8Array(this.#bytes, this.#at, length)
    this.#at += length
    return bytes
  }
}

const NO_LINKS: BlockWrite['links'] = new Map()

function bytesOf({ multihash, content, links }: BlockWrite): number {
  let total = multihash.byteLength
  if (content.place === INLINE) total += content.bytes.byteLength
  if (content.place === FILE) total += content.segments.byteLength
  for (const targets of links.values()) {
    for (const { multihash } of targets) total += multihash.bytes.byteLength
  }
  return total
}
