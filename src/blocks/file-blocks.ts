import { basename, join } from 'node:path'
import { FsBlockstore } from 'blockstore-fs'
import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { RAW } from '../core/cid.ts'
import { systemCode } from '../core/errors.ts'
import type { FilePort, OpenFile, Segments } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'
import { OpenFiles } from './open-files.ts'
import { Unlinks } from './unlinks.ts'

const EXTENSION = '.data'

export type FileBlocksInit = {
  /** The folder of the block files, absolute. */
  readonly path: string
  readonly files: FilePort
  /** The directory the index has for a block's file, or undefined. */
  readonly locate: (cid: CID) => number | undefined
  /** The last directory in use and how many files it has. */
  readonly last: { readonly directory: number; readonly count: number }
  /** Files that may stay open for the next reader. */
  readonly openFiles: number
  /** Bytes of the segments that checksums are made of. */
  readonly segmentBytes: number
}

/** `onWritten` is given the checksums of the segments. */
type WriteOptions = {
  readonly directory: number
  readonly onWritten: (segments: Uint8Array) => void
}

/**
 * Block files: `blocks/<directory>/<multihash in base32>.data`. Directories are numbered and filled in
 * order of allocation, 4,096 files each, so that one directory sync covers many new files. A file
 * counts only when a row of the index names it.
 */
export class FileBlocks extends FsBlockstore {
  /** The files that are read from. */
  readonly opened: OpenFiles
  readonly #files: FilePort
  readonly #segmentBytes: number
  #directory: number
  #count: number
  #debris = Number.POSITIVE_INFINITY
  readonly #unlinks = new Unlinks()
  readonly #made = new Map<number, Promise<void>>()

  constructor({ path, files, locate, last, openFiles, segmentBytes }: FileBlocksInit) {
    super(path, {
      shardingStrategy: {
        extension: EXTENSION,
        encode: (cid) => ({
          dir: directoryName(locate(cid) ?? this.#directory),
          file: fileName(cid),
        }),
        decode: decodeFileName,
      },
    })
    this.opened = new OpenFiles(files, openFiles)
    this.#files = files
    this.#segmentBytes = segmentBytes
    this.#directory = last.directory
    this.#count = last.count
  }

  /** The directory that is being filled. */
  get currentDirectory(): number {
    return this.#directory
  }

  /** No directory below this one has a file that could not be removed, or may be there again after a power cut. */
  get lowestDebris(): number {
    return Math.min(this.#debris, this.#unlinks.lowest)
  }

  pathOf(cid: CID, directory: number): string {
    return join(this.path, directoryName(directory), fileName(cid))
  }

  /** Picks the directory for one more file. */
  allocate(): number {
    if (this.#count >= limits.filesPerDirectory) {
      this.#directory += 1
      this.#count = 0
    }
    this.#count += 1
    return this.#directory
  }

  /**
   * Writes a block under its final name and syncs its bytes. What stood there without a row is
   * replaced. `onWritten` is called when the bytes can be read from the file, and are ours no more.
   */
  async write(cid: CID, bytes: Uint8Array, { directory, onWritten }: WriteOptions): Promise<void> {
    await this.#makeDirectory(directory)
    const path = this.pathOf(cid, directory)
    const file = await this.#create(path)
    try {
      await writeSynced(file, { bytes, segmentBytes: this.#segmentBytes, onWritten })
    } catch (error) {
      await this.remove(cid, directory).catch(() => {})
      throw error
    }
  }

  /** Bytes of a block's file, or undefined when there is none. */
  async sizeOf(cid: CID, directory: number): Promise<number | undefined> {
    try {
      return await this.#files.size(this.pathOf(cid, directory))
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async remove(cid: CID, directory: number): Promise<void> {
    try {
      const path = this.pathOf(cid, directory)
      await this.#unlinks.during(directory, () => this.#files.unlink(path))
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') this.#debris = Math.min(this.#debris, directory)
      throw error
    }
  }

  async syncDirectory(directory: number): Promise<void> {
    const path = join(this.path, directoryName(directory))
    await this.#unlinks.settle(directory, () => this.#files.syncDirectory(path))
  }

  /** What was removed is gone for good. */
  async syncRemovals(): Promise<void> {
    for (const directory of this.#unlinks.directories) await this.syncDirectory(directory)
  }

  /**
   * Removes files that no row names, from `directory` on: what a crash left between a write and its
   * commit. Returns how many. `named` says whether the index has the file where it stands. What is no
   * block file by its name is not ours, and stays.
   */
  async sweepDebris(
    directory: number,
    named: (cid: CID, directory: number) => boolean,
  ): Promise<number> {
    let removed = 0
    for (const name of await this.#files.list(this.path)) {
      const number = Number.parseInt(name, 10)
      if (directoryName(number) !== name || number < directory) continue
      for (const file of await this.#files.list(join(this.path, name))) {
        const cid = cidOf(file)
        if (cid === undefined || named(cid, number)) continue
        await this.#files.unlink(join(this.path, name, file))
        removed += 1
      }
    }
    return removed
  }

  async #create(path: string) {
    try {
      return await this.opened.open(path, 'wx')
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
      await this.#files.unlink(path)
      return this.opened.open(path, 'wx')
    }
  }

  #makeDirectory(directory: number): Promise<void> {
    const made = this.#made.get(directory)
    if (made !== undefined) return made
    const making = this.#make(directory)
    this.#made.set(directory, making)
    making.catch(() => this.#made.delete(directory))
    return making
  }

  async #make(directory: number): Promise<void> {
    await this.#files.mkdir(join(this.path, directoryName(directory)))
    await this.#files.syncDirectory(this.path)
  }
}

/** Closed in any case; a file that could not be closed is none to rely on. */
async function writeSynced(
  file: OpenFile,
  {
    bytes,
    segmentBytes,
    onWritten,
  }: Pick<WriteOptions, 'onWritten'> &
    Segments & {
      readonly bytes: Uint8Array
    },
): Promise<void> {
  try {
    onWritten(await file.writeSummed(bytes, { segmentBytes }))
    await file.datasync()
  } finally {
    await file.closeWritten()
  }
}

function directoryName(directory: number): string {
  return String(directory).padStart(7, '0')
}

function fileName(cid: CID): string {
  return `${base32upper.encode(cid.multihash.bytes)}${EXTENSION}`
}

/** The CID of a block file, undefined for any other name. */
function cidOf(name: string): CID | undefined {
  try {
    const cid = decodeFileName(name)
    return fileName(cid) === name ? cid : undefined
  } catch {
    return undefined
  }
}

/** The CID a file name stands for, with the raw codec: the name has only the multihash. */
function decodeFileName(path: string): CID {
  const name = basename(path).slice(0, -EXTENSION.length)
  return CID.createV1(RAW, Digest.decode(base32upper.decode(name)))
}
