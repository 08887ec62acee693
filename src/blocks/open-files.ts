import { systemCode } from '../core/errors.ts'
import type { FilePort, OpenFile, OpenFlags, Reading, Summed } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'

/** Where a file block is, as its row says. */
export type FilePlace = {
  readonly size: number
  readonly directory: number
  readonly segments: Uint8Array
}

/** A block's file that is open for reading, or will be at the first read. */
export class BlockFile {
  readonly key: string
  readonly path: string
  readonly place: FilePlace
  /** True while the next reader may use it; false: it is opened for each read of its own, and the last of those who have it open closes it. */
  kept: boolean
  /** True when the block was taken away, or is being stored anew, since this was looked up: its file may be another. */
  stale = false
  readers = 0
  file: OpenFile | undefined
  opening: Promise<OpenFile> | undefined

  constructor(init: Pick<BlockFile, 'key' | 'path' | 'place' | 'kept'>) {
    this.key = init.key
    this.path = init.path
    this.place = init.place
    this.kept = init.kept
  }
}

type NewBlockFile = Pick<BlockFile, 'key' | 'path' | 'place'>

/**
 * The files that blocks are read from. Those of which parts are read stay open, the last used ones up
 * to a bound, each with what its row says: a range of a hot block is then one read, without look-up,
 * open and close. A file with readers is never closed. Who changes a row forgets its file first, and
 * holds the block's key in the intake until the change is done, so that nobody keeps it meanwhile.
 */
export class OpenFiles implements AsyncDisposable {
  readonly #files: FilePort
  readonly #kept = new Map<string, BlockFile>()
  readonly #closing = new Set<Promise<void>>()
  /** Reads that open their file themselves, by the key of its block: when they do so, it may be another. */
  readonly #once = new Map<string, Set<BlockFile>>()
  /** Called at the end of a read or of an open: who found no descriptor, and who closes the store. */
  #waiting: (() => void)[] = []
  #most: number
  /** Files open for reading, and opens that the system has not answered. */
  #open = 0
  #asking = 0
  #reading = 0
  #closed = false

  constructor(files: FilePort, most: number) {
    this.#files = files
    this.#most = most
  }

  /** The kept file of a block, if there is one; it is then the last used. */
  find(key: string): BlockFile | undefined {
    const found = this.#kept.get(key)
    if (found === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, found)
    return found
  }

  /** A file for those who read this block now and later. */
  keep(init: NewBlockFile): BlockFile {
    const block = new BlockFile({ ...init, kept: !this.#closed })
    if (!block.kept) return block
    this.#kept.set(block.key, block)
    if (this.#kept.size > this.#most) this.#dropOldest(1)
    return block
  }

  /** A file for one reader, who reads all of it: nothing of it is left for the next. */
  once(init: NewBlockFile): BlockFile {
    return new BlockFile({ ...init, kept: false })
  }

  /** Reads as `OpenFile.readSummed` does. */
  async readSummed(block: BlockFile, reading: Reading): Promise<Summed> {
    block.readers += 1
    this.#reading += 1
    try {
      if (!block.kept) return await this.#readOnce(block, reading)
      const file = block.file ?? (await this.#opened(block))
      return await file.readSummed(reading)
    } finally {
      block.readers -= 1
      this.#reading -= 1
      if (!block.kept) this.#closeIdle(block)
      this.#wake()
    }
  }

  /** A read that opens its file itself. Its memory may be lost with the first try. */
  async #readOnce(block: BlockFile, reading: Reading): Promise<Summed> {
    const { byteLength } = reading.buffer
    const { path } = block
    using _ = this.#enter(block)
    for (let buffer = reading.buffer; ; ) {
      const read = await this.#ask(() => this.#files.readSummed(path, { ...reading, buffer }))
      if (read !== undefined) return read
      if (buffer.buffer.detached) buffer = new Uint8Array(byteLength)
    }
  }

  /** The block changes: the next reader opens its file anew, and who reads it now looks again where it is wrong. */
  forget(key: string): void {
    for (const block of this.#once.get(key) ?? []) block.stale = true
    const kept = this.#kept.get(key)
    if (kept !== undefined) kept.stale = true
    this.letGo(key)
  }

  /** The next reader opens the block's file anew: it is damaged. */
  letGo(key: string): void {
    const block = this.#kept.get(key)
    if (block !== undefined) this.#drop(block)
  }

  /** Opens a file to read a block, or to write one. Where there is no descriptor left, some of ours are given up. */
  async open(path: string, flags: OpenFlags): Promise<OpenFile> {
    for (;;) {
      const file = await this.#ask(() => this.#files.open(path, flags))
      if (file === undefined) continue
      if (flags === 'r') this.#open += 1
      return file
    }
  }

  /** Closes all that nobody reads, and the others when they have been read. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#dropOldest(this.#kept.size)
    while (this.#reading > 0) await this.#nextEnd()
    await Promise.all(this.#closing)
  }

  #enter(block: BlockFile): Disposable {
    const { key } = block
    const blocks = this.#once.get(key) ?? new Set()
    this.#once.set(key, blocks.add(block))
    return {
      [Symbol.dispose]: () => {
        blocks.delete(block)
        if (blocks.size === 0) this.#once.delete(key)
      },
    }
  }

  #opened(block: BlockFile): Promise<OpenFile> {
    block.opening ??= this.#openFor(block)
    return block.opening
  }

  async #openFor(block: BlockFile): Promise<OpenFile> {
    try {
      block.file = await this.open(block.path, 'r')
      return block.file
    } catch (error) {
      this.#drop(block)
      throw error
    }
  }

  /** What `ask` gives, which opens a file; undefined when there was no descriptor and it makes sense to ask again. */
  async #ask<T>(ask: () => Promise<T>): Promise<T | undefined> {
    this.#asking += 1
    try {
      const given = await ask()
      this.#answered()
      return given
    } catch (error) {
      if (!isOutOfDescriptors(error)) {
        this.#answered()
        throw error
      }
      this.#asking -= 1
      if (await this.#makeRoom()) return undefined
      // Those who waited for this answer look for themselves.
      this.#wake()
      throw error
    }
  }

  #answered(): void {
    this.#asking -= 1
    this.#wake()
  }

  /** False when there is nothing to wait for: nobody reads, nothing is idle, nobody else asks. */
  async #makeRoom(): Promise<boolean> {
    const idle = [...this.#kept.values()].filter(({ readers }) => readers === 0)
    for (const block of idle.slice(0, Math.ceil(idle.length / 2))) this.#drop(block)
    this.#most = Math.max(limits.fewestOpenBlockFiles, Math.min(this.#most, this.#kept.size))
    if (this.#closing.size > 0) await Promise.race(this.#closing)
    else if (this.#open > 0 || this.#asking > 0) await this.#nextEnd()
    else return false
    return true
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  #dropOldest(count: number): void {
    let left = count
    for (const block of this.#kept.values()) {
      if (left === 0) return
      this.#drop(block)
      left -= 1
    }
  }

  #drop(block: BlockFile): void {
    block.kept = false
    if (this.#kept.get(block.key) === block) this.#kept.delete(block.key)
    this.#closeIdle(block)
  }

  #closeIdle(block: BlockFile): void {
    const { file, readers } = block
    if (file === undefined || readers > 0) return
    block.file = undefined
    block.opening = undefined
    this.#open -= 1
    // What was read is verified: nothing depends on how a file that was only read is closed.
    const closing = file
      .close()
      .catch(() => {})
      .then(() => {
        this.#closing.delete(closing)
      })
    this.#closing.add(closing)
  }
}

function isOutOfDescriptors(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'EMFILE' || code === 'ENFILE'
}
