import { dirname } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { GetOptions, LocalBlocks, Part } from '../core/block-source.ts'
import { RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'
import { throwIfCancelled } from '../core/signal.ts'
import { ABSENT, type BlockRow, FILE, INLINE } from '../db/block-rows.ts'
import type { Database } from '../db/database.ts'
import { setMeta, type Tally } from '../db/store-blocks.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { blockIndex } from './block-index.ts'
import { BlockReader } from './block-reader.ts'
import { Collecting } from './collecting.ts'
import { DagWalk, type DagWalkInit } from './dag-walk.ts'
import { Damage } from './damage.ts'
import { descriptorLimit } from './descriptor-limit.ts'
import { FileBlocks } from './file-blocks.ts'
import { Generations } from './generations.ts'
import { type Hold, Holds } from './holds.ts'
import { IndexReader } from './index-reader.ts'
import { Intake } from './intake.ts'
import { KeyFilter, type KeyFilterInit } from './key-filter.ts'
import { type Admission, Lease } from './lease.ts'
import { linksOf } from './links.ts'
import { keyOf } from './multihash.ts'
import { Pending } from './pending.ts'
import type { Quota } from './quota.ts'
import { toStorageError } from './storage-errors.ts'

export type BlockStoreInit = {
  readonly db: Database
  /** The folder of the block files, absolute; null keeps every block in the database (memory). */
  readonly path: string | null
  readonly files: FilePort
  /** Bytes up to which a block stays in the database: the figure of the store's format stamp. */
  readonly inlineBytes?: number
  /** Bytes of a checksummed segment of a block file: of the stamp, too. */
  readonly segmentBytes?: number
  /** Files written at the same time. Default 2: a host app's thread pool has four threads. */
  readonly writers?: number
  /** The room there is. Default: what the disk gives. */
  readonly quota?: Quota | undefined
  readonly metrics?: BlockMetrics
  /** Called when a block that was not here is durable. Has to be quick; what it throws is dropped. */
  readonly onStored?: (cid: CID) => void
  /** Block files that may stay open for the next reader. Default: `limits.openBlockFiles`, or a quarter of what the process may have. */
  readonly openFiles?: number
  /** When the keys of all blocks are kept in memory, and how many at first. Default: of `limits`. */
  readonly keyFilter?: Pick<KeyFilterInit, 'misses' | 'keys'>
}

export type WalkOptions = Omit<DagWalkInit, 'db' | 'relink'> & { readonly lease: Lease }

export type MissingOptions = WalkOptions & { readonly atMost: number }

/** What the store counts; of a part of a block its segments. */
type BlockMetrics = Pick<
  Metrics,
  'blocksWritten' | 'blockBytesWritten' | 'blocksRead' | 'blockBytesRead'
>

/** Opens the store: reads where it stands and removes what a crash left unnamed. Throws STORAGE_IO, STORAGE_FULL, STORE_CORRUPT. */
export async function openBlockStore(init: BlockStoreInit): Promise<BlockStore> {
  const { db, path, files, segmentBytes = limits.segmentBytes } = init
  if (path === null) return new BlockStore(init, undefined)
  const blocks = new FileBlocks({
    path,
    files,
    locate: (cid) => blockIndex.find(db.reader, cid.multihash.bytes)?.directory ?? undefined,
    last: blockIndex.lastDirectory(db.reader),
    openFiles: init.openFiles ?? Math.min(limits.openBlockFiles, Math.floor(descriptorLimit() / 4)),
    segmentBytes,
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
  /** None of a store in memory: no other thread could fill it. */
  readonly #keys: KeyFilter | undefined
  readonly #damage: Damage
  readonly #index: IndexReader
  readonly #reader: BlockReader
  readonly #metrics: BlockMetrics | undefined
  readonly #onStored: ((cid: CID) => void) | undefined
  readonly #inlineBytes: number
  readonly #generations: Generations
  readonly #quota: Quota | undefined
  readonly #holds = new Holds()
  #closed = false

  constructor(init: BlockStoreInit, files: FileBlocks | undefined) {
    const { db, metrics, writers = 2, segmentBytes = limits.segmentBytes } = init
    this.#db = db
    this.#files = files
    this.#metrics = metrics
    this.#onStored = init.onStored
    this.#quota = init.quota
    this.#generations = new Generations(blockIndex.meta(db.reader, 'epoch'))
    this.#inlineBytes =
      files === undefined ? limits.maxBlockBytes : (init.inlineBytes ?? limits.inlineBlockBytes)
    const generations = this.#generations
    const onStored = (stored: readonly Pending[]) => this.#stored(stored)
    const intake = new Intake({ db, files, generations, writers, onStored })
    const damage = new Damage(db)
    this.#intake = intake
    const pending = () => intake.keys()
    this.#keys = files && new KeyFilter({ ...init.keyFilter, db, pending })
    this.#damage = damage
    this.#index = new IndexReader(db.reader)
    const index = this.#index
    this.#reader = new BlockReader({ files, intake, damage, metrics, index, segmentBytes })
  }

  /** A scope for writing: its blocks are durable after `sync()`, and no collection takes them before. */
  lease(): Lease {
    if (this.#closed) throw new PrsmError('NODE_CLOSED', 'the node is closed')
    const store = {
      admit: (cid: CID, bytes: Uint8Array) => this.#admit(cid, bytes),
      flush: () => this.#intake.flush(),
    }
    const reservation = this.#quota?.open()
    return new Lease(store, { generation: this.#generations.enter(), reservation })
  }

  /** Keeps the DAG below `cid`, as far as it is stored, from collections until it is disposed. */
  hold(cid: CID): Hold {
    return this.#holds.hold(cid)
  }

  /**
   * Begins a collection: nothing put, met or held from here on is taken. What is to live is marked by
   * the caller, then the rest may be swept. One at a time.
   */
  async collecting(signal?: AbortSignal): Promise<Collecting & AsyncDisposable> {
    const relink = async (cid: CID) => {
      await using lease = this.lease()
      await this.#relink(cid, lease)
    }
    const floor = await this.#generations.begin(limits.collectionPatienceMs, signal)
    throwIfCancelled(signal)
    const epoch = this.#generations.current
    // Behind whatever is being stored as of the epoch before: what comes now has a higher id than the bound.
    await this.#db.write((writer) => setMeta(writer, 'epoch', epoch))
    const bound = await this.#db.ask('idBound', null)
    const collecting = new Collecting({
      ...{ db: this.#db, intake: this.#intake, floor, bound, relink, signal },
    })
    const listening = this.#holds.listen(collecting)
    await collecting.begin()
    return Object.assign(collecting, {
      [Symbol.asyncDispose]: async () => {
        listening[Symbol.dispose]()
        await collecting.end()
      },
    })
  }

  /** Blocks stored, their bytes together, and what their files take on the disk. */
  totals(): Tally {
    return blockIndex.totals(this.#db.reader)
  }

  has(cid: CID): boolean {
    return this.#reader.has(cid)
  }

  size(cid: CID, options?: GetOptions): Promise<number> {
    return this.#reader.size(cid, options)
  }

  get(cid: CID, options?: GetOptions): Promise<Uint8Array> {
    return this.#reader.get(cid, options)
  }

  getPart(cid: CID, part: Part, options?: GetOptions): Promise<Uint8Array> {
    return this.#reader.getPart(cid, part, options)
  }

  /**
   * The first blocks of a DAG that are not stored, at most `atMost`; none when it is whole. What `lease`
   * put has to be synced. Throws CANCELLED.
   */
  missingBelow(root: CID, { lease, atMost, ...options }: MissingOptions): Promise<readonly CID[]> {
    return this.walk(root, { lease, ...options }).missing(atMost)
  }

  /** A walk over what is stored of a DAG, that finds what is missing. What `lease` put has to be synced. */
  walk(root: CID, { lease, ...options }: WalkOptions): DagWalk {
    const relink = (cid: CID) => this.#relink(cid, lease)
    return new DagWalk(root, { db: this.#db.reader, relink, ...options })
  }

  /**
   * Resolves when all that the index tells by now is durable: some of it may be committed by others and
   * not synced yet. Who relies on what a walk found waits for it. Rejects as a write does.
   */
  async settled(): Promise<void> {
    await this.#db.write(() => {})
  }

  /** Gives the room of what was taken away back to the disk. */
  async giveBack(): Promise<void> {
    await this.#intake.settleRemovals()
    await this.#db.vacuum()
  }

  async #relink(cid: CID, lease: Lease): Promise<void> {
    await lease.put(cid, await this.get(cid), { hashed: true })
    await lease.sync()
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
    const removed = this.#intake.remove(new Pending({ cid, key, size: 0, deleting: true }), row)
    this.#files?.opened.forget(key)
    await removed
  }

  /** Most blocks are new: they need no waiting. */
  #admit(cid: CID, bytes: Uint8Array): Admission | Promise<Admission> {
    const put = { cid, key: keyOf(cid), bytes, links: cid.code === RAW ? [] : linksOf(cid, bytes) }
    if (this.#intake.find(put.key) !== undefined) return this.#admitLater(put)
    const row = this.#find(put)
    return row === undefined ? this.#store(put, row) : this.#admitLater(put, row)
  }

  async #admitLater(put: Put, known?: BlockRow): Promise<Admission> {
    for (let row = known; ; row = undefined) {
      const pending = this.#intake.find(put.key)
      const admission =
        pending === undefined
          ? await this.#meet(put, row ?? this.#find(put))
          : this.#join(pending, put)
      if (admission !== undefined) return admission
      await pending?.durable.catch(() => {})
    }
  }

  /** What the index has of a block. After a failed sync it has rows that may not be on the disk: nothing may rely on them. */
  #find({ cid, key }: Put): BlockRow | undefined {
    if (this.#db.failure !== undefined) throw this.#db.failure
    if (this.#keys?.mayHave(key) === false) return undefined
    const row = this.#index.row(cid.multihash.bytes)
    if (row === undefined) this.#keys?.missed()
    return row
  }

  /** Undefined when the block changed hands while its file was looked at. */
  async #meet(put: Put, row: BlockRow | undefined): Promise<Admission | undefined> {
    const stands = row !== undefined && (await this.#stands(put.cid, row))
    if (this.#intake.find(put.key) !== undefined || this.#moved(put.cid, row)) return undefined
    return stands ? { pending: this.#refresh(put, row), fresh: false } : this.#store(put, row)
  }

  /** Waits for what is on its way, reads too. The database is closed by who opened it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#keys?.[Symbol.asyncDispose]()
    await this.#intake.drain()
    await this.#reader[Symbol.asyncDispose]()
  }

  #store({ cid, key, bytes, links }: Put, row: BlockRow | undefined): Admission {
    if (row !== undefined) this.#damage.mend(row.id)
    const inline = bytes.byteLength <= this.#inlineBytes
    const content = inline ? ({ place: INLINE, bytes } as const) : undefined
    const replaces = row?.directory ?? undefined
    const pending = new Pending({ cid, key, size: bytes.byteLength, bytes, content, replaces })
    if (cid.code !== RAW) pending.addLinks(cid.code, links)
    this.#keys?.added(key)
    this.#intake.add(pending)
    this.#files?.opened.forget(key)
    return { pending, fresh: true }
  }

  /**
   * Adds a put to an entry that is under way, unless its row is being committed without these links, or
   * was written in an epoch that is over: a collection that began since may take it.
   */
  #join(pending: Pending, { cid, links }: Put): Admission | undefined {
    const { deleting, epoch = this.#generations.current } = pending
    if (deleting || epoch < this.#generations.current) return undefined
    const known = cid.code === RAW || pending.links.has(cid.code)
    if (!known && pending.taken) return undefined
    if (!known) pending.addLinks(cid.code, links)
    return { pending, fresh: false }
  }

  #stored(stored: readonly Pending[]): void {
    let bytes = 0
    for (const { size } of stored) bytes += size
    this.#metrics?.blocksWritten.inc(stored.length)
    this.#metrics?.blockBytesWritten.inc(bytes)
    if (this.#onStored === undefined) return
    for (const { cid } of stored) {
      try {
        this.#onStored(cid)
      } catch {
        // The block is stored, whatever becomes of the news.
      }
    }
  }

  /** A stored block whose row has to change: a new generation, or links under another codec. */
  #refresh({ cid, key, links }: Put, row: BlockRow): Pending | undefined {
    const linked = cid.code === RAW || blockIndex.hasLinks(this.#db.reader, row.id, cid.code)
    if (linked && row.epoch === this.#generations.current) return undefined
    const pending = new Pending({ cid, key, size: row.size, content: { place: 'stored' } })
    if (!linked) pending.addLinks(cid.code, links)
    this.#intake.add(pending)
    return pending
  }

  /** True when a row's block can be relied on: a file is there with its length, nothing found it damaged. */
  async #stands(cid: CID, row: BlockRow): Promise<boolean> {
    if (row.place === ABSENT || this.#damage.has(row.id)) return false
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
}

type Put = {
  readonly cid: CID
  readonly key: string
  readonly bytes: Uint8Array
  readonly links: readonly CID[]
}
