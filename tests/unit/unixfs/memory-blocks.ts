import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { BlockSource, GetOptions, Part } from '../../../src/core/block-source.ts'
import { PrsmError } from '../../../src/core/errors.ts'
import type { PutBlock } from '../../../src/unixfs/import.ts'

/**
 * Blocks in a map. It checks the hash of what is put, keeps what it gets as it gets it, and notes
 * what is asked of it.
 */
export class MemoryBlocks implements PutBlock, BlockSource {
  readonly blocks = new Map<string, Uint8Array>()
  /** CIDs of whole blocks and of parts, as they were asked for. */
  readonly gets: string[] = []
  readonly parts: { cid: string; offset: number; length: number }[] = []

  put(cid: CID, bytes: Uint8Array): Promise<void> {
    const digest = createHash('sha256').update(bytes).digest()
    if (cid.multihash.code !== sha256.code || !digest.equals(cid.multihash.digest)) {
      return Promise.reject(new Error(`${cid} is not the hash of its bytes`))
    }
    this.blocks.set(key(cid), bytes)
    return Promise.resolve()
  }

  get(cid: CID, options?: GetOptions): Promise<Uint8Array> {
    this.gets.push(cid.toString())
    return this.fetch(cid, options)
  }

  async getPart(cid: CID, part: Part, options?: GetOptions): Promise<Uint8Array> {
    this.parts.push({ cid: cid.toString(), ...part })
    const block = await this.fetch(cid, options)
    if (part.offset + part.length > block.byteLength) {
      throw new PrsmError('INVALID_RANGE', `${cid} has ${block.byteLength} bytes`)
    }
    return block.subarray(part.offset, part.offset + part.length)
  }

  /** Asks for nothing: the map knows. */
  async size(cid: CID, options?: GetOptions): Promise<number> {
    const known = this.blocks.get(key(cid))
    return known?.byteLength ?? (await this.fetch(cid, options)).byteLength
  }

  /** Where a block comes from; a subclass may be slow or refuse. */
  protected async fetch(cid: CID, options?: GetOptions): Promise<Uint8Array> {
    await Promise.resolve()
    options?.signal?.throwIfAborted()
    const block = this.blocks.get(key(cid))
    if (block === undefined) throw new PrsmError('CONTENT_NOT_FOUND', `${cid} is not here`)
    return block
  }
}

/** Blocks that never come: what was asked for stays open until its signal aborts. */
export class SilentBlocks extends MemoryBlocks {
  readonly aborted: string[] = []
  /** CIDs that do come. */
  readonly answered = new Set<string>()

  protected override async fetch(cid: CID, options?: GetOptions): Promise<Uint8Array> {
    if (this.answered.has(cid.toString())) return super.fetch(cid, options)
    return await new Promise((_resolve, reject) => {
      options?.signal?.addEventListener('abort', () => {
        this.aborted.push(cid.toString())
        reject(options.signal?.reason)
      })
    })
  }
}

function key(cid: CID): string {
  return Buffer.from(cid.multihash.bytes).toString('hex')
}

/** `bytes` in pieces of `pieceBytes`. */
export async function* pieces(bytes: Uint8Array, pieceBytes = 65_536): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    yield bytes.subarray(at, at + pieceBytes)
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

/** The `code` a promise or a generator's end rejects with, and its message and details. */
export async function failure(work: Promise<unknown>): Promise<PrsmError> {
  try {
    await work
  } catch (error) {
    if (error instanceof PrsmError) return error
    throw error
  }
  throw new Error('it did not fail')
}
