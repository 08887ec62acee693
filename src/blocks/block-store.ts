import { dirname } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { GetOptions, LocalBlocks, Part } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import { PrsmError, systemCode } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import type { Database } from '../db/database.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { ABSENT, type BlockRow, blockIndex, FILE, INLINE, recordDamage } from './block-index.ts'
import { FileBlocks } from './file-blocks.ts'
import { Intake } from './intake.ts'
import { type Admission, Lease } from './lease.ts'
import { linksOf } from './links.ts'
import { inlineBlock, keyOf, matches } from './multihash.ts'
import { createPending, type Pending } from './pending.ts'
import { cover, segmentsMatch } from './segments.ts'
import { toStorageError } from './storage-errors.ts'

export type BlockStoreInit = {
  readonly db: Database
  /** The folder of the block files, absolute; null keeps every block in the database (memory). */
  readonly path: string | null
  readonly files: FilePort
  /** Bytes up to which a block stays in the database: the figure of the store's format stamp. */
  readonly inlineBytes?: number
  /** Files written at the same time. Default 2: a host app's thread pool has four threads. */
  readonly writers?: number
  readonly metrics?: BlockMetrics
}

/** What the store counts; of a part of a block its segments. */
type BlockMetrics = Pick<
  Metrics,
  'blocksWritten' | 'blockBytesWritten' | 'blocksRead' | 'blockBytesRead'
>

/** Opens the store: reads where it stands and removes what a crash left unnamed. Throws STORAGE_IO, STORAGE_FULL, STORE_CORRUPT. */
export async function openBlockStore(init: BlockStoreInit): Promise<BlockStore> {
  const { db, path, files } = init
  if (path === null) return new BlockStore(init, undefined)
  const blocks = new FileBlocks({
    path,
    files,
    locate: (cid) => blockIndex.find(db.reader, cid.multihash.bytes)?.directory ?? undefined,
    last: blockIndex.lastDirectory(db.reader),
  })
  try {
    await blocks.open()
    await files.syncDirectory(dirname(path))
    await blocks.sweepDebris(
      blockIndex.meta(db.reader, 'unclean_directory'),
      (cid, directory) => blockIndex.find(db.reader, cid.multihash.bytes)?.directory === directory,
    )
  } catch (error) {
    throw toStorageError(error, `the block files in ${path}`)
  }
  return new BlockStore(init, blocks)
}

/**
 * Blocks by their multihash, durable and checked. What is put is stored under a lease; what is read
 * is verified, whole blocks against their CID, parts against the checksums of their segments.
 */
export class BlockStore implements LocalBlocks, AsyncDisposable {
  readonly #db: Database
  readonly #files: FileBlocks | undefined
  readonly #intake: Intake
  readonly #metrics: BlockMetrics | undefined
  readonly #inlineBytes: number
  readonly #epoch: number
  /** Rows that a read found damaged and whose mark is not in the index yet. */
  readonly #suspects = new Set<number>()
  #closed = false
  #reading = 0
  #idle: (() => void) | undefined

  constructor(init: BlockStoreInit, files: FileBlocks | undefined) {
    this.#db = init.db
    this.#files = files
    this.#metrics = init.metrics
    this.#epoch = blockIndex.meta(init.db.reader, 'epoch')
    this.#inlineBytes =
      files === undefined ? limits.maxBlockBytes : (init.inlineBytes ?? limits.inlineBlockBytes)
    this.#intake = new Intake({
      db: init.db,
      files,
      epoch: this.#epoch,
      writers: init.writers ?? 2,
    })
  }

  /** A scope for writing: its blocks are durable after `sync()`, and no collection takes them before. */
  lease(): Lease {
    if (this.#closed) throw new PrsmError('NODE_CLOSED', 'the node is closed')
    return new Lease({
      admit: (cid, bytes) => this.#admit(cid, bytes),
      flush: () => this.#intake.flush(),
    })
  }

  /** Blocks stored and their bytes together. */
  totals(): { readonly blocks: number; readonly bytes: number } {
    const { reader } = this.#db
    return { blocks: blockIndex.meta(reader, 'blocks'), bytes: blockIndex.meta(reader, 'bytes') }
  }

  has(cid: CID): boolean {
    if (inlineBlock(cid) !== undefined || this.#intake.find(keyOf(cid)) !== undefined) return true
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    return row !== undefined && row.place !== ABSENT
  }

  async size(cid: CID): Promise<number> {
    const held = inlineBlock(cid)?.byteLength ?? this.#intake.find(keyOf(cid))?.size
    if (held !== undefined) return held
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    if (row !== undefined && row.place !== ABSENT) return row.size
    throw notStored(cid)
  }

  async get(cid: CID, options: GetOptions = {}): Promise<Uint8Array> {
    throwIfCancelled(options.signal)
    const held = inlineBlock(cid) ?? this.#heldBytes(cid)
    if (held !== undefined) return held
    const place = this.#locate(cid)
    const bytes =
      'bytes' in place
        ? place.bytes
        : await this.#readFile(cid, place, { ...options, offset: 0, length: place.size })
    if (!matches(cid, bytes)) throw this.#damaged(cid, 'its bytes do not hash to its CID')
    this.#countRead(bytes)
    return bytes
  }

  async getPart(cid: CID, part: Part, options: GetOptions = {}): Promise<Uint8Array> {
    throwIfCancelled(options.signal)
    const held = inlineBlock(cid) ?? this.#heldBytes(cid)
    if (held !== undefined) return slice(cid, held, part)
    const place = this.#locate(cid)
    if ('bytes' in place) return slice(cid, await this.get(cid), part)
    assertInside(cid, place.size, part)
    const covering = cover(part, place.size)
    const bytes = await this.#readFile(cid, place, { ...options, ...covering })
    if (!segmentsMatch(bytes, covering.offset, place.segments)) {
      throw this.#damaged(cid, 'a segment does not agree with its checksum')
    }
    this.#countRead(bytes)
    const start = part.offset - covering.offset
    return bytes.subarray(start, start + part.length)
  }

  /** CIDs of all stored blocks, with the raw codec: the index knows multihashes. */
  *list(): Generator<CID> {
    let after = 0
    for (;;) {
      const rows = blockIndex.page(this.#db.reader, after, 1000)
      if (rows.length === 0) return
      for (const { id, multihash } of rows) {
        yield CID.createV1(RAW, Digest.decode(multihash))
        after = id
      }
    }
  }

  /** Takes a block away; one that is not there is no error. No flow of content calls this. */
  async delete(cid: CID): Promise<void> {
    const key = keyOf(cid)
    for (;;) {
      const pending = this.#intake.find(key)
      if (pending === undefined) break
      this.#intake.flush()
      await pending.durable.catch(() => {})
    }
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    if (row === undefined || row.place === ABSENT) return
    await this.#intake.remove(createPending({ cid, key, size: 0, deleting: true }), row)
  }

  async #admit(cid: CID, bytes: Uint8Array): Promise<Admission> {
    const put = { cid, bytes, links: cid.code === RAW ? [] : linksOf(cid, bytes) }
    for (;;) {
      const pending = this.#intake.find(keyOf(cid))
      const admission = pending === undefined ? await this.#meet(put) : join(pending, put)
      if (admission !== undefined) return admission
      await pending?.durable.catch(() => {})
    }
  }

  /** What the index has of a block; undefined when it changed hands while its file was looked at. */
  async #meet(put: Put): Promise<Admission | undefined> {
    // After a failed sync rows are seen that may not be on the disk: nothing may rely on them.
    if (this.#db.failure !== undefined) throw this.#db.failure
    const { cid } = put
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    const stands = row !== undefined && (await this.#stands(cid, row))
    if (this.#intake.find(keyOf(cid)) !== undefined || this.#moved(cid, row)) return undefined
    if (stands) return { pending: this.#refresh(put, row), fresh: false }
    return { pending: this.#store(put, row), fresh: true }
  }

  /** Waits for what is on its way, reads too. The database is closed by who opened it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#intake.drain()
    if (this.#reading === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
    })
  }

  #store({ cid, bytes, links }: Put, row: BlockRow | undefined): Pending {
    if (row !== undefined) this.#suspects.delete(row.id)
    const inline = bytes.byteLength <= this.#inlineBytes
    const pending = createPending({
      cid,
      key: keyOf(cid),
      size: bytes.byteLength,
      bytes,
      ...(inline ? { content: { place: INLINE, bytes } } : {}),
      replaces: row?.directory ?? undefined,
    })
    if (cid.code !== RAW) pending.links.set(cid.code, links)
    this.#intake.add(pending)
    pending.durable.then(
      () => this.#countWritten(pending.size),
      () => {},
    )
    return pending
  }

  #countWritten(bytes: number): void {
    this.#metrics?.blocksWritten.inc()
    this.#metrics?.blockBytesWritten.inc(bytes)
  }

  #countRead({ byteLength }: Uint8Array): void {
    this.#metrics?.blocksRead.inc()
    this.#metrics?.blockBytesRead.inc(byteLength)
  }

  /** A stored block whose row has to change: a new generation, or links under another codec. */
  #refresh({ cid, links }: Put, row: BlockRow): Pending | undefined {
    const linked = cid.code === RAW || blockIndex.hasLinks(this.#db.reader, row.id, cid.code)
    if (linked && row.epoch === this.#epoch) return undefined
    const pending = createPending({
      cid,
      key: keyOf(cid),
      size: row.size,
      content: { place: 'stored' },
    })
    if (!linked) pending.links.set(cid.code, links)
    this.#intake.add(pending)
    return pending
  }

  /** True when a row's block can be relied on: a file is there with its length, nothing found it damaged. */
  async #stands(cid: CID, row: BlockRow): Promise<boolean> {
    if (row.place === ABSENT || this.#suspects.has(row.id)) return false
    if (blockIndex.isDamaged(this.#db.reader, row.id)) return false
    if (row.place !== FILE || row.directory === null) return true
    try {
      return (await this.#files?.sizeOf(cid, row.directory)) === row.size
    } catch (error) {
      throw toStorageError(error, `the file of block ${cid}`)
    }
  }

  /** True when a block was taken away, or stored elsewhere, while its file was looked at. */
  #moved(cid: CID, row: BlockRow | undefined): boolean {
    if (row === undefined || row.place !== FILE) return false
    const now = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    return now?.place !== row.place || now.directory !== row.directory
  }

  /** A copy: the writer uses his buffer again when the block is on the disk. */
  #heldBytes(cid: CID): Uint8Array | undefined {
    const bytes = this.#intake.find(keyOf(cid))?.bytes
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }

  #locate(cid: CID): Located {
    const content = this.#intake.find(keyOf(cid))?.content
    if (content?.place === FILE) return content
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    if (row === undefined || row.place === ABSENT) {
      throw notStored(cid)
    }
    if (row.place === FILE && row.directory !== null && row.segments !== null) {
      return { size: row.size, directory: row.directory, segments: row.segments }
    }
    const bytes = blockIndex.inlineBytes(this.#db.reader, row.id)
    if (bytes === undefined) throw this.#damaged(cid, 'its bytes are missing from the index')
    return { bytes }
  }

  async #readFile(cid: CID, place: FilePlace, part: Part & GetOptions): Promise<Uint8Array> {
    if (this.#files === undefined) throw new Error('a store in memory has no files')
    this.#reading += 1
    try {
      const path = this.#files.pathOf(cid, place.directory)
      const { allocate = Buffer.allocUnsafeSlow } = part
      const bytes = await this.#files.read(path, part.offset, allocate(part.length))
      if (bytes.byteLength === part.length) return bytes
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw toStorageError(error, `the file of block ${cid}`)
      throw this.#damaged(cid, 'its file is missing', error)
    } finally {
      this.#reading -= 1
      if (this.#reading === 0) this.#idle?.()
    }
    throw this.#damaged(cid, 'its file is too short')
  }

  /** Remembers the damage, so that the next put writes the block anew; a read never gives it out. */
  #damaged(cid: CID, what: string, cause?: unknown): PrsmError {
    const row = blockIndex.find(this.#db.reader, cid.multihash.bytes)
    if (row !== undefined) {
      this.#suspects.add(row.id)
      this.#db
        .write((writer) => recordDamage(writer, row.id))
        .then(() => this.#suspects.delete(row.id))
        .catch(() => {})
    }
    return new PrsmError('BLOCK_CORRUPT', `block ${cid} is damaged: ${what}`, {
      cause,
      hint: 'store the content again (`prsm add`): the block is then written anew',
      details: { cid: cid.toString() },
    })
  }
}

type FilePlace = {
  readonly size: number
  readonly directory: number
  readonly segments: Uint8Array
}
type Located = FilePlace | { readonly bytes: Uint8Array }

type Put = { readonly cid: CID; readonly bytes: Uint8Array; readonly links: readonly CID[] }

/** Adds a put to an entry that is under way, unless its row is being committed without these links. */
function join(pending: Pending, { cid, links }: Put): Admission | undefined {
  if (pending.deleting) return undefined
  const known = cid.code === RAW || pending.links.has(cid.code)
  if (!known && pending.taken) return undefined
  if (!known) pending.links.set(cid.code, links)
  return { pending, fresh: false }
}

function notStored(cid: CID): PrsmError {
  return new PrsmError('CONTENT_NOT_FOUND', `block ${cid} is not stored here`)
}

function slice(cid: CID, bytes: Uint8Array, part: Part): Uint8Array {
  assertInside(cid, bytes.byteLength, part)
  return bytes.subarray(part.offset, part.offset + part.length)
}

function assertInside(cid: CID, size: number, { offset, length }: Part): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return
  throw new PrsmError('INVALID_RANGE', `block ${cid} has ${size} bytes, not ${offset}+${length}`)
}
