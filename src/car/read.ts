import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { matches } from '../blocks/multihash.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { ByteReader } from '../files/byte-reader.ts'

export type CarBlock = { readonly cid: CID; readonly bytes: Uint8Array }

/** Gives memory for a block of so many bytes; what is in it is nobody's. */
export type AllocateBlock = (bytes: number) => Uint8Array

/** An archive whose header has been read. */
export type Car = {
  /** Each once. */
  readonly roots: readonly CID[]
  /** The blocks in their order, each verified against its CID. Iterate them once. */
  readonly blocks: AsyncIterable<CarBlock>
}

/** Bytes a CARv2 begins with, which give its version, and of the header behind them. */
const PRAGMA_BYTES = 11
const V2_HEADER_BYTES = 40
/** Bytes of a CID: a longest digest of 128 bytes and three numbers, with room. */
const MAX_CID_BYTES = 256
/** Bytes of an index for a byte of content: it names each block once, in at most 56 bytes, and blocks may be tiny. */
const INDEX_FACTOR = 2

/**
 * Opens a CAR, version 1 or 2 (ipld.io/specs/transport/car), as its bytes come. Each block comes in
 * memory of its own from `allocate`; besides it one chunk of the source is held. Throws CAR_INVALID with the
 * offset, in bytes, of what is wrong, UNSUPPORTED_CODEC for a hash nobody here can compute, and what
 * `source` throws; so does the iteration of its blocks.
 */
export async function openCar(
  source: AsyncIterable<Uint8Array>,
  allocate: AllocateBlock = (bytes) => new Uint8Array(bytes),
): Promise<Car> {
  const input = new CarInput(source, allocate)
  const first = await input.header()
  if (first.version === 1) return { roots: first.roots, blocks: sections(input) }
  const { end } = await skipToPayload(input)
  const inner = await input.header()
  if (inner.version !== 1 || input.offset > end)
    throw invalid(PRAGMA_BYTES, 'a CARv2 has no CARv1 in it')
  return { roots: inner.roots, blocks: sections(input, end) }
}

/** Where the CARv1 within a CARv2 ends (CARv2, Header). Reads up to where it begins. */
async function skipToPayload(input: CarInput): Promise<{ readonly end: number }> {
  const header = await input.exactly(V2_HEADER_BYTES, 'the header of the CARv2')
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const start = Number(view.getBigUint64(16, true))
  const end = start + Number(view.getBigUint64(24, true))
  if (start < input.offset || !Number.isSafeInteger(end)) {
    throw invalid(PRAGMA_BYTES, `the CARv2 says its data is at ${start} to ${end}`)
  }
  await input.skip(start - input.offset)
  return { end }
}

async function* sections(input: CarInput, end?: number): AsyncGenerator<CarBlock, void, void> {
  const start = input.offset
  try {
    while (end === undefined ? !(await input.atEnd()) : input.offset < end) {
      const block = await input.section()
      if (end !== undefined && input.offset > end) {
        throw invalid(end, 'a block goes on beyond the end the CARv2 gives its data')
      }
      yield block
    }
    if (end !== undefined)
      await input.drain((end - start) * INDEX_FACTOR + limits.maxCarHeaderBytes)
  } finally {
    await input.close()
  }
}

type Header = { readonly version: 1; readonly roots: readonly CID[] } | { readonly version: 2 }

/** Reads the parts of a CAR, and knows where it stands. */
class CarInput {
  readonly #reader: ByteReader
  readonly #allocate: AllocateBlock
  #offset = 0
  #peeked: number | undefined

  constructor(source: AsyncIterable<Uint8Array>, allocate: AllocateBlock) {
    this.#reader = new ByteReader(source)
    this.#allocate = allocate
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#peeked === undefined ? this.#offset : this.#offset - 1
  }

  async atEnd(): Promise<boolean> {
    if (this.#peeked !== undefined) return false
    this.#peeked = await this.#byte()
    return this.#peeked === undefined
  }

  async header(): Promise<Header> {
    const at = this.offset
    const length = await this.#length('the header')
    if (length > limits.maxCarHeaderBytes) {
      throw invalid(at, `its header says it has ${length} bytes; it may have 1 MiB`)
    }
    return parseHeader(at, await this.exactly(length, 'the header'))
  }

  /** A block with its length and its CID in front of it. */
  async section(): Promise<CarBlock> {
    const at = this.offset
    const length = await this.#length('a block')
    if (length === 0) throw invalid(at, 'a block has no bytes and no CID')
    if (length > limits.maxBlockBytes + MAX_CID_BYTES) {
      throw invalid(at, `a block says it has ${length} bytes; one may have ${limits.maxBlockBytes}`)
    }
    const head = await this.exactly(Math.min(length, MAX_CID_BYTES), 'a block')
    const [cid, start] = splitHead(at, head)
    const size = length - head.byteLength + start.byteLength
    if (size > limits.maxBlockBytes) throw invalid(at, `block ${cid} has ${size} bytes`)
    const bytes = this.#allocate(size)
    bytes.set(start)
    await this.#fill(bytes.subarray(start.byteLength), 'a block')
    if (!matches(cid, bytes)) throw invalid(at, `the bytes of block ${cid} hash to something else`)
    return { cid, bytes }
  }

  async #fill(bytes: Uint8Array, what: string): Promise<void> {
    const at = this.offset
    const filled = await this.#reader.into(bytes)
    this.#offset += filled
    if (filled < bytes.byteLength) throw invalid(at, `it ends in the middle of ${what}`)
  }

  async exactly(length: number, what: string): Promise<Uint8Array> {
    const at = this.offset
    const bytes = await this.#reader.upTo(length)
    this.#offset += bytes.byteLength
    if (bytes.byteLength === length) return bytes
    throw invalid(at, `it ends in the middle of ${what}`)
  }

  async skip(length: number): Promise<void> {
    const at = this.offset
    for (let left = length; left > 0; ) {
      const piece = await this.#reader.some(left)
      if (piece === undefined) throw invalid(at, 'it ends before its data')
      this.#offset += piece.byteLength
      left -= piece.byteLength
    }
  }

  /** Reads what follows, which nobody needs, to its end. */
  async drain(atMost: number): Promise<void> {
    const at = this.offset
    for (let seen = 0; ; ) {
      const piece = await this.#reader.some(limits.maxBlockBytes)
      if (piece === undefined) return
      this.#offset += piece.byteLength
      seen += piece.byteLength
      if (seen > atMost)
        throw invalid(at, 'what follows its blocks is too long for an index of them')
    }
  }

  close(): Promise<void> {
    return this.#reader.close()
  }

  /** An unsigned LEB128 number below 2^53, in as few bytes as it needs. */
  async #length(what: string): Promise<number> {
    const at = this.offset
    let value = 0
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.#peeked ?? (await this.#byte())
      this.#peeked = undefined
      if (byte === undefined) throw invalid(at, `it ends before ${what}`)
      value += (byte & 0x7f) * scale
      if (byte === 0 && scale > 1) break
      if (byte < 0x80 && Number.isSafeInteger(value)) return value
    }
    throw invalid(at, `the length of ${what} is no number`)
  }

  async #byte(): Promise<number | undefined> {
    const [byte] = (await this.#reader.some(1)) ?? []
    if (byte !== undefined) this.#offset += 1
    return byte
  }
}

function parseHeader(at: number, bytes: Uint8Array): Header {
  const { version, roots } = Object(decodeCbor(at, bytes))
  if (version === 2 && roots === undefined) return { version }
  if (version !== 1) throw invalid(at, 'its version is neither 1 nor 2')
  if (!Array.isArray(roots)) throw invalid(at, 'its header names no roots')
  if (roots.length > limits.maxCarRoots) {
    throw invalid(at, `it has ${roots.length} roots; up to ${limits.maxCarRoots} are taken`)
  }
  const cids = roots.map((root) => asCid(at, root))
  return { version, roots: [...new Map(cids.map((cid) => [`${cid}`, cid])).values()] }
}

function decodeCbor(at: number, bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    throw invalid(at, 'it does not begin with the header of a CAR', cause)
  }
}

function asCid(at: number, value: unknown): CID {
  const cid = CID.asCID(value)
  if (cid !== null) return cid
  throw invalid(at, 'one of its roots is not a CID')
}

/** The CID a section begins with, with memory of its own, and what of the block follows it. */
function splitHead(at: number, head: Uint8Array): readonly [CID, Uint8Array] {
  try {
    const { size } = CID.inspectBytes(head)
    return [CID.decode(head.slice(0, size)), head.subarray(size)]
  } catch (cause) {
    throw invalid(at, 'a block does not begin with a CID', cause)
  }
}

function invalid(offset: number, what: string, cause?: unknown): PrsmError {
  return new PrsmError('CAR_INVALID', `the CAR is not valid at byte ${offset}: ${what}`, {
    hint: 'get or make it again; the blocks before this point were taken, and nothing was rooted',
    details: { offset },
    cause,
  })
}
