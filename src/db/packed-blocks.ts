import { type BlockWrite, FILE, INLINE, type Link } from './block-rows.ts'

/**
 * Blocks on their way to another thread: numbers in a list, all bytes in one piece of shared memory. Passed
 * one by one they would be thousands of objects to copy, and each a message's share of a larger buffer.
 */
export type PackedBlocks = { readonly numbers: Float64Array; readonly bytes: SharedArrayBuffer }

/** What a block has that is stored already. */
const STORED = 0

/** Packs blocks, into memory that was given back where that is large enough. */
export class BlockPacker {
  readonly #free: SharedArrayBuffer[] = []
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

  /** Takes back what a batch had, which nobody reads any more. A batch that failed may keep it. */
  release({ bytes }: PackedBlocks): void {
    this.#free.push(bytes)
  }

  #reserve(writes: readonly BlockWrite[]): void {
    let total = 0
    for (const write of writes) total += bytesOf(write)
    const free = this.#free.pop()
    const fits = free !== undefined && free.byteLength >= total
    this.#bytes = new Uint8Array(fits ? free : new SharedArrayBuffer(total))
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

/**
 * Blocks of `blocks.db` without links that have as many bytes each: `count` times a multihash of
 * `RUN_MULTIHASH_BYTES` and `size` bytes, in `packed`.
 */
export type Run = { readonly count: number; readonly size: number; readonly packed: Uint8Array }

export const RUN_MULTIHASH_BYTES = 34

/** Some of the blocks, one by one; where they are a run, that too. */
export type Part = { readonly run: Run | undefined; readonly blocks: () => Iterable<BlockWrite> }

/** Fewer are not worth statements of their own. */
const FEWEST_IN_RUN = 16

/** What `BlockPacker` packed, in its order: runs, and what comes between. Bytes are views of its memory. */
export function* unpackParts({ numbers, bytes }: PackedBlocks): Generator<Part, void> {
  const packed = new Unpacker(numbers, bytes)
  while (!packed.ended) {
    const run = packed.run()
    yield run === undefined ? between(packed) : { run, blocks: packed.skip(run) }
  }
}

function between(packed: Unpacker): Part {
  const blocks: BlockWrite[] = []
  while (!packed.ended && packed.run() === undefined) blocks.push(packed.block())
  return { run: undefined, blocks: () => blocks }
}

class Unpacker {
  readonly #numbers: Float64Array
  readonly #bytes: SharedArrayBuffer
  #next: number
  #at: number

  constructor(numbers: Float64Array, bytes: SharedArrayBuffer, next = 0, at = 0) {
    this.#numbers = numbers
    this.#bytes = bytes
    this.#next = next
    this.#at = at
  }

  get ended(): boolean {
    return this.#next === this.#numbers.length
  }

  /** The run that begins here, if one does. */
  run(): Run | undefined {
    const size = this.#numbers[this.#next + 2] ?? 0
    let count = 0
    while (this.#isInRun(this.#next + count * RUN_NUMBERS, size)) count += 1
    if (count < FEWEST_IN_RUN) return undefined
    const length = count * (RUN_MULTIHASH_BYTES + size)
    return { count, size, packed: new Uint8Array(this.#bytes, this.#at, length) }
  }

  /** As `#add` packs such a block: two lengths, its place between them, and no links. */
  #isInRun(at: number, size: number): boolean {
    return (
      this.#numbers[at] === RUN_MULTIHASH_BYTES &&
      this.#numbers[at + 1] === INLINE &&
      this.#numbers[at + 2] === size &&
      this.#numbers[at + 3] === 0
    )
  }

  /** Goes on behind a run, and gives its blocks. */
  skip({ count, packed }: Run): () => Iterable<BlockWrite> {
    const blocks = () => new Unpacker(this.#numbers, this.#bytes, next, at).#take(count)
    const [next, at] = [this.#next, this.#at]
    this.#next += count * RUN_NUMBERS
    this.#at += packed.byteLength
    return blocks
  }

  *#take(count: number): Generator<BlockWrite, void> {
    for (let taken = 0; taken < count; taken += 1) yield this.block()
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

const RUN_NUMBERS = 4

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
