import type { CID } from 'multiformats/cid'
import type { Database } from '../db/database.ts'
import {
  type BlockRow,
  type BlockWrite,
  blockIndex,
  commitBlock,
  FILE,
  removeBlock,
  setMeta,
} from './block-index.ts'
import type { FileBlocks } from './file-blocks.ts'
import { commitWeight, type Pending } from './pending.ts'
import { checksums } from './segments.ts'
import { Slots } from './slots.ts'
import { toStorageError } from './storage-errors.ts'

/** Work of one transaction, in units of `commitWeight`: about 4 ms. */
const BATCH_WEIGHT = 400

export type IntakeInit = {
  readonly db: Database
  readonly files: FileBlocks | undefined
  readonly epoch: number
  /** Files written at the same time. */
  readonly writers: number
}

type FileContent = { readonly bytes: Uint8Array; readonly segments: Uint8Array }

/**
 * Takes blocks to the disk: a file is written and synced, its directory synced, then rows are
 * committed, hundreds in one queued function. A row never names a file that may not be there.
 */
export class Intake {
  readonly #db: Database
  readonly #files: FileBlocks | undefined
  readonly #epoch: number
  readonly #slots: Slots
  readonly #pending = new Map<string, Pending>()
  #ready: Pending[] = []
  #readyWeight = 0
  #unclean = -1

  constructor({ db, files, epoch, writers }: IntakeInit) {
    this.#db = db
    this.#files = files
    this.#epoch = epoch
    this.#slots = new Slots(writers)
  }

  find(key: string): Pending | undefined {
    return this.#pending.get(key)
  }

  /** Starts an entry's way to the disk. The caller has seen that no other has its key. */
  add(entry: Pending): void {
    this.#pending.set(entry.key, entry)
    const { bytes, content } = entry
    if (content === undefined && bytes !== undefined) {
      // While the bytes are still in the processor's cache: they have just been hashed.
      const segments = checksums(bytes)
      entry.written = this.#slots.run(() => this.#writeFile(entry, { bytes, segments }))
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
    this.#pending.set(entry.key, entry)
    try {
      await this.#db.write((writer) => removeBlock(writer, row))
      if (row.directory !== null) await this.#files?.remove(entry.cid, row.directory)
    } catch (error) {
      throw toStorageError(error, `the deletion of block ${entry.cid}`)
    } finally {
      this.#pending.delete(entry.key)
      entry.settle()
    }
  }

  /** Commits the rows of everything that is written. */
  flush(): void {
    while (this.#ready.length > 0) {
      const batch = this.#takeBatch()
      this.#commit(batch).then(
        () => this.#finish(batch),
        (error: unknown) => this.#undo(batch, error),
      )
    }
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

  async #writeFile(entry: Pending, { bytes, segments }: FileContent): Promise<void> {
    if (this.#files === undefined) throw new Error('a store in memory has no files')
    const directory = this.#files.allocate()
    entry.directory = directory
    const onWritten = () => {
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
    if (this.#readyWeight >= BATCH_WEIGHT) this.flush()
  }

  #takeBatch(): Pending[] {
    let weight = 0
    let count = 0
    for (const entry of this.#ready) {
      weight += commitWeight(entry)
      entry.taken = true
      count += 1
      if (weight >= BATCH_WEIGHT) break
    }
    this.#readyWeight = Math.max(0, this.#readyWeight - weight)
    const batch = this.#ready.slice(0, count)
    this.#ready = this.#ready.slice(count)
    return batch
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const directories = new Set(
      batch.map(({ directory }) => directory).filter((number) => number !== undefined),
    )
    await Promise.all([...directories].map((number) => this.#files?.syncDirectory(number)))
    const unclean = await this.#db.write((writer) => {
      for (const entry of batch) commitBlock(writer, toWrite(entry), this.#epoch)
      const lowest = this.#lowestUnclean(batch)
      if (lowest !== this.#unclean) setMeta(writer, 'unclean_directory', lowest)
      return lowest
    })
    this.#unclean = unclean
  }

  /** No directory below this one can have a file without a row. */
  #lowestUnclean(batch: readonly Pending[]): number {
    let lowest = this.#files?.currentDirectory ?? 0
    const own = new Set(batch)
    for (const entry of this.#pending.values()) {
      const { directory } = entry
      if (directory !== undefined && !own.has(entry)) lowest = Math.min(lowest, directory)
    }
    return lowest
  }

  #finish(batch: readonly Pending[]): void {
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
    entry.settle(error)
  }
}

function toWrite({ cid, content, links }: Pending): BlockWrite {
  if (content === undefined) throw new Error('a block is committed before it is written')
  return { multihash: cid.multihash.bytes, content, links }
}
