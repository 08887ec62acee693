import type { CID } from 'multiformats/cid'
import { limits } from '../core/limits.ts'
import { type BlockRow, type BlockWrite, FILE, type MetaKey } from '../db/block-rows.ts'
import type { Connection, Database } from '../db/database.ts'
import { KnownIds } from '../db/known-ids.ts'
import { BlockPacker, type PackedBlocks } from '../db/packed-blocks.ts'
import { setMeta, storeBlocks } from '../db/store-blocks.ts'
import type { DeadRow } from '../db/sweep-queries.ts'
import { blockIndex, removeBlock } from './block-index.ts'
import type { FileBlocks } from './file-blocks.ts'
import type { Generations } from './generations.ts'
import { cidOfKey } from './multihash.ts'
import { commitWeight, Pending } from './pending.ts'
import { Slots } from './slots.ts'
import { toStorageError } from './storage-errors.ts'

/** No directory has this number. */
const UNKNOWN = -1

export type IntakeInit = {
  readonly db: Database
  readonly files: FileBlocks | undefined
  readonly generations: Pick<Generations, 'current'>
  /** Files written at the same time. */
  readonly writers: number
  /** Blocks that were not here before are durable, and nobody has been told yet. */
  readonly onStored: (stored: readonly Pending[]) => void
}

/**
 * Takes blocks to the disk: a file is written and synced, its directory synced, then rows are
 * committed, hundreds in one queued function. A row never names a file that may not be there.
 */
export class Intake {
  readonly #db: Database
  readonly #files: FileBlocks | undefined
  readonly #generations: IntakeInit['generations']
  readonly #slots: Slots
  readonly #onStored: IntakeInit['onStored']
  readonly #pending = new Map<string, Pending>()
  #ready: Pending[] = []
  #readyWeight = 0
  /** Those among them that are in memory until they are stored, and their bytes. */
  #readySmall = 0
  #readyBytes = 0
  /** Batches that are being committed. */
  #committing = 0
  #flushAsked = false
  readonly #ids = new KnownIds()
  readonly #packer = new BlockPacker()
  /** As the index has it. */
  #unclean = UNKNOWN
  /** Batches whose turn with the thread has come so far. */
  #asides = 0

  constructor({ db, files, generations, writers, onStored }: IntakeInit) {
    this.#db = db
    this.#files = files
    this.#generations = generations
    this.#slots = new Slots(writers)
    this.#onStored = onStored
  }

  find(key: string): Pending | undefined {
    return this.#pending.get(key)
  }

  /** Of all that is under way. */
  keys(): Iterable<string> {
    return this.#pending.keys()
  }

  /** Starts an entry's way to the disk. The caller has seen that no other has its key. */
  add(entry: Pending): void {
    this.#pending.set(entry.key, entry)
    const { bytes, content } = entry
    if (content === undefined && bytes !== undefined) {
      entry.written = this.#slots.run(() => this.#writeFile(entry, bytes))
      entry.written.then(
        () => this.#enqueue(entry),
        (error: unknown) => this.#fail(entry, error),
      )
    } else {
      this.#enqueue(entry)
    }
  }

  /** Takes a block away: row, commit, sync, then its file, while its key is held against puts. */
  async remove(entry: Pending, row: BlockRow): Promise<void> {
    entry.directory = row.directory ?? undefined
    this.#pending.set(entry.key, entry)
    try {
      await this.#write((writer) => removeBlock(writer, row))
      if (row.directory !== null) await this.#files?.remove(entry.cid, row.directory)
    } catch (error) {
      throw toStorageError(error, `the deletion of block ${entry.cid}`)
    } finally {
      this.#pending.delete(entry.key)
      entry.settle()
    }
  }

  /**
   * Takes blocks away, as `remove` does, that a job finds dead when its turn comes. Those that are on
   * their way are left alone. `job` gives what it took; the files of that are gone afterwards.
   */
  async removeAll(
    rows: readonly DeadRow[],
    job: (writer: Connection, rows: readonly DeadRow[]) => readonly DeadRow[],
  ): Promise<readonly DeadRow[]> {
    const dying = rows.filter(({ key }) => !this.#pending.has(key))
    // One for all of them: the million of a large collection would be as many pieces of memory.
    const entry = new Pending({ key: '', size: 0, deleting: true })
    entry.directory = lowestDirectory(dying)
    for (const { key } of dying) this.#pending.set(key, entry)
    try {
      const taken = await this.#write((writer) => job(writer, dying))
      await Promise.all(taken.filter(hasFile).map((row) => this.#removeDead(row)))
      return taken
    } finally {
      for (const { key } of dying) this.#pending.delete(key)
      entry.settle()
    }
  }

  /** A file that cannot be removed is without a row: debris, which the next put of the block replaces. */
  async #removeDead({ key, directory }: DeadFile): Promise<void> {
    this.#files?.opened.forget(key)
    await this.#files?.remove(cidOfKey(key), directory).catch(() => {})
  }

  /** What was removed is gone for good, and the next start need not look for it. */
  async settleRemovals(): Promise<void> {
    try {
      await this.#files?.syncRemovals()
    } catch (error) {
      throw toStorageError(error, 'the removal of block files')
    }
    await this.#write(() => {})
  }

  /**
   * Commits the rows of everything that is written: now, or as soon as the commit that is under way has
   * ended. What is asked for meanwhile is one commit then, and not a small one each.
   */
  flush(): void {
    this.#flushAsked = this.#committing > 0
    if (this.#flushAsked) return
    while (this.#ready.length > 0) this.#commitBatch()
  }

  /** Many blocks that come at once are stored by another thread: it would be more than half of this one's work. */
  #commitBatch(): void {
    const { storeBatchWeight, storeAsideWeight } = limits
    const aside = this.#readyWeight > storeBatchWeight && this.#canStoreAside()
    const batch = this.#takeBatch(aside ? storeAsideWeight : storeBatchWeight)
    this.#committing += 1
    this.#commit(batch, aside)
      .then(
        () => this.#finish(batch),
        (error: unknown) => this.#undo(batch, error),
      )
      .finally(() => {
        this.#committing -= 1
        if (this.#flushAsked) this.flush()
      })
  }

  /** Resolves when nothing is on its way any more, however it ended. */
  async drain(): Promise<void> {
    while (this.#pending.size > 0) {
      const entries = [...this.#pending.values()]
      await Promise.allSettled(entries.map(({ written }) => written))
      this.flush()
      await Promise.allSettled(entries.map(({ durable }) => durable))
    }
  }

  async #writeFile(entry: Pending, bytes: Uint8Array): Promise<void> {
    if (this.#files === undefined) throw new Error('a store in memory has no files')
    const directory = this.#files.allocate()
    entry.directory = directory
    const onWritten = (segments: Uint8Array) => {
      entry.content = { place: FILE, size: entry.size, directory, segments }
      entry.bytes = undefined
      entry.setCopied()
    }
    try {
      await this.#files.write(entry.cid, bytes, { directory, onWritten })
    } catch (error) {
      throw toStorageError(error, `the file of block ${entry.cid}`)
    }
  }

  #enqueue(entry: Pending): void {
    this.#ready.push(entry)
    this.#readyWeight += commitWeight(entry)
    this.#countSmall(entry, 1)
    const { storeBatchWeight, storeAsideWeight, storeAsideBytes } = limits
    if (this.#readyWeight < storeBatchWeight) return
    const gathers =
      this.#readyWeight < storeAsideWeight &&
      this.#readyBytes < storeAsideBytes &&
      this.#canStoreAside()
    if (!gathers) this.#commitBatch()
  }

  /** Rows of files alone are few, however large what they belong to: no thread is started for them. */
  #canStoreAside(): boolean {
    return this.#db.canStoreAside({ start: this.#readySmall >= limits.storeAsideBlocks })
  }

  #countSmall({ inFile, bytes }: Pending, by: 1 | -1): void {
    if (inFile || bytes === undefined) return
    this.#readySmall += by
    this.#readyBytes += by * bytes.byteLength
  }

  #takeBatch(most: number): Pending[] {
    let weight = 0
    let count = 0
    for (const entry of this.#ready) {
      weight += commitWeight(entry)
      this.#countSmall(entry, -1)
      entry.taken = true
      count += 1
      if (weight >= most) break
    }
    this.#readyWeight = Math.max(0, this.#readyWeight - weight)
    const batch = this.#ready.slice(0, count)
    this.#ready = this.#ready.slice(count)
    return batch
  }

  async #commit(batch: readonly Pending[], aside: boolean): Promise<void> {
    const directories = new Set(
      batch.map(({ directory }) => directory).filter((number) => number !== undefined),
    )
    await Promise.all([...directories].map((number) => this.#files?.syncDirectory(number)))
    if (aside) return this.#storeAside(batch)
    await this.#write((writer) => {
      const epoch = this.#enterEpoch(batch)
      this.#ids.enter(epoch)
      storeBlocks(writer, batch.map(toWrite), { epoch, ids: this.#ids })
    }, batch)
  }

  /** Of which epoch the rows of a batch are whose turn has come: a put that joins one has to know it. */
  #enterEpoch(batch: readonly Pending[]): number {
    const epoch = this.#generations.current
    for (const entry of batch) entry.epoch = epoch
    return epoch
  }

  /** Until it is committed nobody knows what the index has of the directories. */
  async #storeAside(batch: readonly Pending[]): Promise<void> {
    let unclean = UNKNOWN
    let turn = 0
    let packed: PackedBlocks | undefined
    const begin = () => {
      turn = ++this.#asides
      unclean = this.#lowestUnclean(batch)
      const meta: [MetaKey, number][] = []
      if (unclean !== this.#unclean) meta.push(['unclean_directory', unclean])
      this.#unclean = UNKNOWN
      packed = this.#packer.pack(batch.map(toWrite))
      return { epoch: this.#enterEpoch(batch), blocks: packed, meta }
    }
    const onCommitted = () => {
      if (packed !== undefined) this.#packer.release(packed)
      // The thread may have the next one by now, which will write another.
      if (turn === this.#asides) this.#unclean = unclean
    }
    await this.#db.storeAside(begin, onCommitted)
  }

  /** A write, with where the next start has to look for files without a row. `batch` has its rows with it. */
  async #write<T>(job: (writer: Connection) => T, batch: readonly Pending[] = []): Promise<T> {
    try {
      const done = await this.#db.write((writer) => ({ value: this.#inJob(writer, job, batch) }))
      return done.value
    } catch (error) {
      this.#forget()
      throw error
    }
  }

  /** Undone, a job must leave nothing behind: the next one of the same transaction comes at once. */
  #inJob<T>(writer: Connection, job: (writer: Connection) => T, batch: readonly Pending[]): T {
    try {
      const value = job(writer)
      const unclean = this.#lowestUnclean(batch)
      if (unclean !== this.#unclean) setMeta(writer, 'unclean_directory', unclean)
      // Now, not when it is synced: the next job compares with it.
      this.#unclean = unclean
      return value
    } catch (error) {
      this.#forget()
      throw error
    }
  }

  #forget(): void {
    this.#unclean = UNKNOWN
    this.#ids.forget()
  }

  /** No directory below this one can have a file without a row. */
  #lowestUnclean(batch: readonly Pending[]): number {
    const { currentDirectory = 0, lowestDebris = 0 } = this.#files ?? {}
    let lowest = Math.min(currentDirectory, lowestDebris)
    const own = new Set(batch)
    for (const entry of this.#pending.values()) {
      // What it replaces is removed after its sync: until then any commit may be the last.
      const { directory = lowest, replaces = lowest } = entry
      lowest = Math.min(lowest, replaces)
      if (!own.has(entry)) lowest = Math.min(lowest, directory)
    }
    return lowest
  }

  #finish(batch: readonly Pending[]): void {
    this.#onStored(batch.filter(isFresh))
    for (const entry of batch) {
      this.#pending.delete(entry.key)
      entry.settle()
      this.#removeReplaced(entry)
    }
  }

  /**
   * The commit failed: the files it would have named are removed while nobody else can put them. After
   * a failed sync the rows may be there all the same: then their files stay.
   */
  async #undo(batch: readonly Pending[], error: unknown): Promise<void> {
    await Promise.all(batch.map((entry) => this.#removeFile(entry)))
    for (const entry of batch) this.#fail(entry, toStorageError(error, 'the index of blocks'))
  }

  async #removeFile(entry: Pending): Promise<void> {
    const { cid, directory } = entry
    if (directory === undefined || this.#isNamed(cid, directory)) return
    await this.#files?.remove(cid, directory).catch(() => {})
  }

  /** Nobody knows when the index cannot be read: then nothing is removed. */
  #isNamed(cid: CID, directory: number): boolean {
    try {
      return blockIndex.find(this.#db.reader, cid.multihash.bytes)?.directory === directory
    } catch {
      return true
    }
  }

  #removeReplaced({ cid, replaces, directory }: Pending): void {
    if (replaces === undefined || replaces === directory) return
    this.#files?.remove(cid, replaces).catch(() => {})
  }

  #fail(entry: Pending, error: unknown): void {
    this.#pending.delete(entry.key)
    entry.setCopied()
    entry.settle({ error })
  }
}

type DeadFile = DeadRow & { readonly directory: number }

function hasFile(row: DeadRow): row is DeadFile {
  return row.directory !== null
}

function lowestDirectory(rows: readonly DeadRow[]): number | undefined {
  let lowest: number | undefined
  for (const { directory } of rows) {
    if (directory !== null) lowest = Math.min(lowest ?? directory, directory)
  }
  return lowest
}

/** A block that was put, and not the row of one that is there. */
function isFresh({ content }: Pending): boolean {
  return content?.place !== 'stored'
}

function toWrite({ cid, content, links }: Pending): BlockWrite {
  if (content === undefined) throw new Error('a block is committed before it is written')
  return { multihash: cid.multihash.bytes, content, links }
}
