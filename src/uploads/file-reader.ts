import type { CID } from 'multiformats/cid'
import { RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { ProgressMeter } from '../core/progress-meter.ts'
import { chunksOf } from '../unixfs/chunks.ts'
import { createDigest, type Digest } from './digest.ts'

export type FileReaderInit = {
  readonly meter: ProgressMeter
  readonly signal: AbortSignal | undefined
  /** Bytes of one file; 0 = no limit. */
  readonly maxFileBytes: number
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
 * A file's bytes on their way in: in chunks of 1 MiB, counted, held to the limit, hashed. Throws
 * UPLOAD_TOO_LARGE as soon as it is known.
 */
export class FileReader implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #file: FileToRead
  readonly #init: FileReaderInit
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
    const { signal } = this.#init
    const options = { handedOver, expectedBytes, ...(signal && { signal }) }
    for await (const chunk of chunksOf(this.#counted(), options)) {
      await this.#hash(chunk)
      yield chunk
    }
  }

  /** Hex. Of a file that is one raw block, the CID has it already. */
  async sha256(cid?: CID): Promise<string> {
    if (cid?.code === RAW) return Buffer.from(cid.multihash.digest).toString('hex')
    if (this.#digest === undefined) return this.#startDigest().hex()
    return this.#digest.hex()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#digest?.[Symbol.asyncDispose]()
  }

  async *#counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#file.content) {
      this.#bytes += piece.byteLength
      this.#checkSize(this.#bytes)
      this.#init.meter.add(piece.byteLength)
      yield piece
    }
  }

  /** The first chunk waits for a second one: a file of one chunk is hashed once, for its CID. */
  async #hash(chunk: Uint8Array): Promise<void> {
    if (this.#digest === undefined && this.#first === undefined) this.#first = chunk
    else await (this.#digest ?? this.#startDigest()).update(chunk)
  }

  #startDigest(): Digest {
    this.#digest = createDigest()
    if (this.#first !== undefined) this.#digest.update(this.#first)
    this.#first = undefined
    return this.#digest
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
