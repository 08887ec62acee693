import type { CID } from 'multiformats/cid'
import type { GetOptions, LocalBlocks, Part } from '../core/block-source.ts'
import { PrsmError, systemCode } from '../core/errors.ts'
import type { Reading, Summed } from '../core/file-port.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { FILE } from '../db/block-rows.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Damage } from './damage.ts'
import type { FileBlocks } from './file-blocks.ts'
import type { IndexReader } from './index-reader.ts'
import type { Intake } from './intake.ts'
import { inlineBlock, isDigest, isSha256, keyOf, matches } from './multihash.ts'
import type { BlockFile, FilePlace } from './open-files.ts'
import { cover, segmentsMatch } from './segments.ts'
import { toStorageError } from './storage-errors.ts'

export type BlockReaderInit = {
  readonly index: IndexReader
  /** Undefined: every block is in the database. */
  readonly files: FileBlocks | undefined
  /** What is on its way to the disk is read from there. */
  readonly intake: Pick<Intake, 'find'>
  readonly damage: Damage
  /** Bytes of the segments that files have checksums of. */
  readonly segmentBytes: number
  /** Of a part of a block its segments are counted. */
  readonly metrics: Pick<Metrics, 'blocksRead' | 'blockBytesRead'> | undefined
}

type Allocate = (bytes: number) => Uint8Array

/** A block by its CID and its key, which is made once. */
type Wanted = { readonly cid: CID; readonly key: string }

/** Bytes in memory. What is lent is the buffer of a writer, who uses it again: it has to be copied. */
type Held = { readonly bytes: Uint8Array; readonly lent: boolean }

/**
 * Reads blocks, and checks all that comes from the disk: whole blocks against their CID, parts
 * against the checksums of their segments.
 */
export class BlockReader implements LocalBlocks, AsyncDisposable {
  readonly #index: IndexReader
  readonly #files: FileBlocks | undefined
  readonly #intake: Pick<Intake, 'find'>
  readonly #damage: Damage
  readonly #segmentBytes: number
  readonly #metrics: BlockReaderInit['metrics']

  constructor({ index, files, intake, damage, segmentBytes, metrics }: BlockReaderInit) {
    this.#index = index
    this.#files = files
    this.#intake = intake
    this.#damage = damage
    this.#segmentBytes = segmentBytes
    this.#metrics = metrics
  }

  has(cid: CID): boolean {
    return this.#sizeOf(cid) !== undefined
  }

  async size(cid: CID, { signal }: GetOptions = {}): Promise<number> {
    throwIfCancelled(signal)
    const size = this.#sizeOf(cid)
    if (size === undefined) throw notStored(cid)
    return size
  }

  async get(cid: CID, { signal, allocate }: GetOptions = {}): Promise<Uint8Array> {
    throwIfCancelled(signal)
    const wanted = { cid, key: keyOf(cid) }
    for (;;) {
      const held = this.#held(wanted)
      if (held !== undefined) return answer(held, allocate)
      const found = this.#find(wanted, false)
      if (found instanceof Uint8Array) {
        return answer({ bytes: this.#whole(cid, found), lent: false }, allocate)
      }
      const buffer = memory((allocate ?? newBuffer)(found.place.size))
      const read = await this.#read(wanted, found, { sum: 'sha256', buffer, position: 0 })
      const bytes = read && this.#wholeRead(wanted, found, read)
      if (bytes !== undefined) return bytes
    }
  }

  async getPart(cid: CID, part: Part, { signal, allocate }: GetOptions = {}): Promise<Uint8Array> {
    throwIfCancelled(signal)
    const wanted = { cid, key: keyOf(cid) }
    for (;;) {
      const held = this.#held(wanted)
      if (held !== undefined) return answer(partOf(cid, held, part), allocate)
      const found = this.#find(wanted, true)
      if (found instanceof Uint8Array) {
        const whole = { bytes: this.#whole(cid, found), lent: false }
        return answer(partOf(cid, whole, part), allocate)
      }
      assertInside(cid, found.place.size, part)
      const bytes = await this.#readPart(wanted, found, { part, allocate: allocate ?? newBuffer })
      if (bytes !== undefined) return bytes
    }
  }

  /** Waits for the reads under way, and closes all files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files?.opened[Symbol.asyncDispose]()
  }

  /** Undefined when the block is not stored. Until it is gone, one that is being deleted is. */
  #sizeOf(cid: CID): number | undefined {
    const carried = inlineBlock(cid)
    if (carried !== undefined) return carried.byteLength
    const pending = this.#intake.find(keyOf(cid))
    if (pending !== undefined && !pending.deleting) return pending.size
    return this.#index.size(cid.multihash.bytes)
  }

  /** What needs no check: a block that its CID carries, or that is on its way to the disk. */
  #held({ cid, key }: Wanted): Held | undefined {
    const carried = inlineBlock(cid)
    if (carried !== undefined) return { bytes: carried, lent: false }
    const bytes = this.#intake.find(key)?.bytes
    return bytes === undefined ? undefined : { bytes, lent: true }
  }

  /** The bytes of a block in the database, not checked yet, or the file of one that has its own. */
  #find(wanted: Wanted, keep: boolean): Uint8Array | BlockFile {
    const pending = this.#intake.find(wanted.key)
    if (pending?.content?.place === FILE) return this.#open(wanted, pending.content, false)
    // While a row changes, or may, nobody keeps what it said before.
    const settled = pending === undefined || pending.content?.place === 'stored'
    const open = settled ? this.#files?.opened.find(wanted.key) : undefined
    if (open !== undefined) return open
    const found = this.#index.find(wanted.cid.multihash.bytes)
    if (found === undefined) throw notStored(wanted.cid)
    if ('place' in found) return this.#open(wanted, found.place, keep && settled)
    if (found.bytes !== null) return found.bytes
    throw this.#damaged(wanted, 'its bytes are missing from the index')
  }

  #open({ cid, key }: Wanted, place: FilePlace, keep: boolean): BlockFile {
    if (this.#files === undefined) throw new Error('a store in memory has no files')
    const { opened } = this.#files
    const file = { key, place, path: this.#files.pathOf(cid, place.directory) }
    return keep ? opened.keep(file) : opened.once(file)
  }

  /** `bytes`, when they are all of the block. */
  #whole(cid: CID, bytes: Uint8Array): Uint8Array {
    if (!matches(cid, bytes)) {
      throw this.#damaged({ cid, key: keyOf(cid) }, 'its bytes do not hash to its CID')
    }
    this.#countRead(bytes.byteLength)
    return bytes
  }

  /** The bytes of a file whose SHA-256 is known, when they are all of the block. Undefined as of `#read`. */
  #wholeRead(wanted: Wanted, file: BlockFile, { bytes, sum }: Summed): Uint8Array | undefined {
    const { cid } = wanted
    if (!(isSha256(cid) ? isDigest(cid, sum) : matches(cid, bytes))) {
      if (file.stale) return undefined
      throw this.#damaged(wanted, 'its bytes do not hash to its CID')
    }
    this.#countRead(bytes.byteLength)
    return bytes
  }

  /**
   * All segments that the part touches are read and checked, and what of them was not asked for is
   * dropped where they are read. Undefined as of `#read`.
   */
  async #readPart(
    wanted: Wanted,
    file: BlockFile,
    { part, allocate }: { readonly part: Part; readonly allocate: Allocate },
  ): Promise<Uint8Array | undefined> {
    const segmentBytes = this.#segmentBytes
    const { offset, length } = cover(part, file.place.size, segmentBytes)
    const before = part.offset - offset
    const after = length - before - part.length
    const read = await this.#read(wanted, file, {
      ...{ sum: { segmentBytes }, position: part.offset, before, after },
      buffer: memory(allocate(part.length)),
    })
    if (read === undefined) return undefined
    if (!segmentsMatch(read.sum, offset / segmentBytes, file.place.segments)) {
      if (file.stale) return undefined
      throw this.#damaged(wanted, 'a segment does not agree with its checksum')
    }
    this.#countRead(length)
    return read.bytes
  }

  /**
   * Fills `buffer`. Undefined when it has to be looked up again: the block was taken away, or stored anew,
   * and what is wrong with what was read says nothing of the block.
   */
  async #read(wanted: Wanted, file: BlockFile, reading: Reading): Promise<Summed | undefined> {
    const wantedBytes = reading.buffer.byteLength
    try {
      const read = await this.#files?.opened.readSummed(file, reading)
      if (read?.bytes.byteLength === wantedBytes) return read
    } catch (error) {
      const what = `the file of block ${wanted.cid}`
      if (systemCode(error) !== 'ENOENT') throw toStorageError(error, what)
      if (file.stale || this.#moved(wanted, file.place)) return undefined
      throw this.#damaged(wanted, 'its file is missing', error)
    }
    if (file.stale) return undefined
    throw this.#damaged(wanted, 'its file is too short')
  }

  /** True when the block was taken away, or is being stored anew, since its place was looked up. */
  #moved({ cid, key }: Wanted, { directory }: FilePlace): boolean {
    const pending = this.#intake.find(key)
    if (pending?.bytes !== undefined) return true
    if (pending?.content?.place === FILE) return pending.content.directory !== directory
    const found = this.#index.find(cid.multihash.bytes)
    return found === undefined || !('place' in found) || found.place.directory !== directory
  }

  #damaged({ cid, key }: Wanted, what: string, cause?: unknown): PrsmError {
    this.#files?.opened.letGo(key)
    return this.#damage.found(cid, what, cause)
  }

  #countRead(bytes: number): void {
    this.#metrics?.blocksRead.inc()
    this.#metrics?.blockBytesRead.inc(bytes)
  }
}

/** What a read fills is moved to another thread and back: it is an allocator's to give, and nobody else's. */
function memory(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  return buffer as Uint8Array<ArrayBuffer>
}

/** New memory of its own, not a part of Node's pool: what is given out may be kept for long. */
function newBuffer(bytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(bytes)
}

/** What was in memory: in the asker's buffer, else as it is unless it was lent. */
function answer({ bytes, lent }: Held, allocate: Allocate | undefined): Uint8Array {
  if (allocate === undefined && !lent) return bytes
  const own = (allocate ?? newBuffer)(bytes.byteLength)
  own.set(bytes)
  return own
}

function partOf(cid: CID, { bytes, lent }: Held, part: Part): Held {
  assertInside(cid, bytes.byteLength, part)
  return { bytes: bytes.subarray(part.offset, part.offset + part.length), lent }
}

function assertInside(cid: CID, size: number, { offset, length }: Part): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return
  throw new PrsmError('INVALID_RANGE', `block ${cid} has ${size} bytes, not ${offset}+${length}`)
}

function notStored(cid: CID): PrsmError {
  return new PrsmError('CONTENT_NOT_FOUND', `block ${cid} is not stored here`)
}
