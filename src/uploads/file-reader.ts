import type { CID } from 'multiformats/cid'
import { RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { ProgressMeter } from '../core/progress-meter.ts'
import { fromSource } from '../files/from-source.ts'
import type { ChunkPool } from '../unixfs/chunk-pool.ts'
import { chunksOf } from '../unixfs/chunks.ts'
import { CHUNK_BYTES } from '../unixfs/profile.ts'
import { createDigest, type Digest } from './digest.ts'
import type { Hasher } from './hasher.ts'

/** Bytes from which a file is worth the hashing thread. */
const LARGE_BYTES = 8 * CHUNK_BYTES

/** Chunks given to the hashing thread and not yet hashed. */
const UNHASHED_CHUNKS = 4

export type FileReaderInit = {
  readonly meter: ProgressMeter
  readonly signal: AbortSignal | undefined
  /** Bytes of one file; 0 = no limit. */
  readonly maxFileBytes: number
  readonly pool: ChunkPool
  readonly hasher: Hasher
}

export type FileToRead = {
  /** For messages. */
  readonly name: string
  readonly bytesTotal?: number
  /** The pieces are not written to once they are given: they need no copy. */
  readonly handedOver?: boolean
  readonly content: AsyncIterable<Uint8Array>
}

/**
 * A file's bytes on their way in: in chunks of 1 MiB, counted, held to the limit, hashed. Each chunk
 * is the pool's, and free again when it is hashed and the store has released it. Throws
 * UPLOAD_TOO_LARGE as soon as it is known.
 */
export class FileReader implements AsyncIterable<Uint8Array>, Disposable {
  readonly #file: FileToRead
  readonly #init: FileReaderInit
  readonly #unhashed = new Set<Promise<void>>()
  #first: Uint8Array | undefined
  #digest: Digest | undefined
  #bytes = 0

  constructor(file: FileToRead, init: FileReaderInit) {
    this.#file = file
    this.#init = init
    if (file.bytesTotal !== undefined) this.#checkSize(file.bytesTotal)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { handedOver = false, bytesTotal: expectedBytes = 0 } = this.#file
    const { signal, pool } = this.#init
    const options = {
      handedOver,
      expectedBytes,
      allocateChunk: pool.take,
      discardChunk: pool.discard,
      ...(signal && { signal }),
    }
    for await (const chunk of chunksOf(this.#counted(), options)) {
      pool.hold(chunk, 2)
      this.#hash(chunk)
      yield chunk
      if (this.#unhashed.size > UNHASHED_CHUNKS) await Promise.race(this.#unhashed)
    }
  }

  /** Hex. Of a file that is one raw block, the CID has it already. */
  async sha256(cid?: CID): Promise<string> {
    if (cid?.code === RAW) return Buffer.from(cid.multihash.digest).toString('hex')
    return (this.#digest ?? this.#startDigest()).hex()
  }

  [Symbol.dispose](): void {
    this.#digest?.[Symbol.dispose]()
  }

  async *#counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of fromSource(this.#file.content)) {
      this.#bytes += piece.byteLength
      this.#checkSize(this.#bytes)
      this.#init.meter.add(piece.byteLength)
      yield piece
    }
  }

  /** The first chunk waits for a second one: a file of one chunk is hashed once, for its CID. */
  #hash(chunk: Uint8Array): void {
    if (this.#digest === undefined && this.#first === undefined) this.#first = chunk
    else this.#update(this.#digest ?? this.#startDigest(), chunk)
  }

  #startDigest(): Digest {
    const large = (this.#file.bytesTotal ?? 0) >= LARGE_BYTES
    this.#digest = large ? this.#init.hasher.begin() : createDigest()
    if (this.#first !== undefined) this.#update(this.#digest, this.#first)
    this.#first = undefined
    return this.#digest
  }

  /** A digest that fails says so again when its result is asked for. */
  #update(digest: Digest, chunk: Uint8Array): void {
    const hashing = digest
      .update(chunk)
      .catch(() => {})
      .then(() => {
        this.#unhashed.delete(hashing)
        this.#init.pool.release(chunk)
      })
    this.#unhashed.add(hashing)
  }

  #checkSize(bytes: number): void {
    const { maxFileBytes } = this.#init
    if (maxFileBytes === 0 || bytes <= maxFileBytes) return
    throw new PrsmError(
      'UPLOAD_TOO_LARGE',
      `${this.#file.name} is larger than ${maxFileBytes} bytes`,
      {
        hint: 'raise PRSM_MAX_FILE_SIZE (0 = no limit but the disk)',
        details: { maxFileBytes },
      },
    )
  }
}
