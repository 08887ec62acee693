import * as dagCbor from '@ipld/dag-cbor'
import { varint } from 'multiformats'
import type { CID } from 'multiformats/cid'
import type { DagBlock } from './traverse.ts'

/** Blocks smaller than this leave together: each by itself would be a write of its own. */
const GATHER_BYTES = 64 * 1024
/** A larger block with room before it leaves as it is, uncopied. */
const UNCOPIED_BYTES = 32 * 1024

/** Bytes before a block that its length and its CID take at most: `headroom` of `dagBlocks`. */
export const CAR_HEADROOM = 256

/** The header of a CAR (ipld.io/specs/transport/car/carv1, Header). */
export function carHeader(roots: readonly CID[]): Uint8Array {
  const header = dagCbor.encode({ roots: [...roots], version: 1 })
  const bytes = new Uint8Array(varint.encodingLength(header.byteLength) + header.byteLength)
  bytes.set(header, bytes.byteLength - header.byteLength)
  varint.encodeTo(header.byteLength, bytes)
  return bytes
}

/**
 * A CAR (version 1) of these blocks, as they come. Each chunk is the consumer's until he asks for the
 * next. What is gathered leaves when the next block is not here yet. Throws what `blocks` throws.
 */
export async function* carChunks(
  roots: readonly CID[],
  blocks: AsyncIterable<DagBlock>,
): AsyncGenerator<Uint8Array, void, void> {
  const gather = new Gather()
  const header = carHeader(roots)
  if (header.byteLength > GATHER_BYTES) yield header
  else gather.add(header)
  for await (const block of blocks) {
    const prefix = prefixBytes(block)
    const framed = inRoom(block, prefix)
    if (!gather.fits(prefix + block.bytes.byteLength) || framed !== undefined) {
      yield* gather.flush()
    }
    if (framed !== undefined) yield framed
    else if (gather.fits(prefix + block.bytes.byteLength)) gather.addFrame(block, prefix)
    else {
      gather.addPrefix(block, prefix)
      yield* gather.flush()
      yield block.bytes
    }
    if (block.waits) yield* gather.flush()
  }
  yield* gather.flush()
}

/** Bytes of what stands before a block: the length of CID and block, and the CID. */
function prefixBytes({ cid, bytes }: DagBlock): number {
  return varint.encodingLength(cid.bytes.byteLength + bytes.byteLength) + cid.bytes.byteLength
}

/** A large block with its prefix written into the room before it; undefined when that is not there. */
function inRoom(block: DagBlock, prefix: number): Uint8Array | undefined {
  const { room, bytes } = block
  if (room === undefined || bytes.byteLength < UNCOPIED_BYTES) return undefined
  const start = room.byteLength - bytes.byteLength - prefix
  if (start < 0) return undefined
  writePrefix(room, start, block)
  return room.subarray(start)
}

function writePrefix(into: Uint8Array, offset: number, { cid, bytes }: DagBlock): void {
  const length = cid.bytes.byteLength + bytes.byteLength
  varint.encodeTo(length, into, offset)
  into.set(cid.bytes, offset + varint.encodingLength(length))
}

/** Memory that small blocks are gathered in, used again when its bytes have left. */
class Gather {
  readonly #bytes = Buffer.allocUnsafeSlow(GATHER_BYTES)
  #used = 0

  fits(bytes: number): boolean {
    return this.#used + bytes <= GATHER_BYTES
  }

  add(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#used)
    this.#used += bytes.byteLength
  }

  addPrefix(block: DagBlock, prefix: number): void {
    writePrefix(this.#bytes, this.#used, block)
    this.#used += prefix
  }

  addFrame(block: DagBlock, prefix: number): void {
    this.addPrefix(block, prefix)
    this.add(block.bytes)
  }

  /** Gives what is in it, once. It is empty when the consumer asks on. */
  *flush(): Generator<Uint8Array, void, void> {
    if (this.#used === 0) return
    yield this.#bytes.subarray(0, this.#used)
    this.#used = 0
  }
}
