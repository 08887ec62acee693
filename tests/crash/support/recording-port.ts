import type {
  FilePort,
  OpenFile,
  OpenFlags,
  Reading,
  Segments,
  Summed,
} from '../../../src/core/file-port.ts'
import type { DiskModel, Extent, PortFile } from './disk-model.ts'

export type RecordingInit = {
  /** Does the work. Its own syncs are left out: the model says what is on the disk. */
  readonly files: FilePort
  readonly disk: DiskModel
  /** True for a call that shall do nothing, though it says it has synced. */
  readonly leftOut: (path: string) => boolean
  /** Called before each sync. What it throws fails the sync. */
  readonly onSync: (name: 'datasync' | 'syncDirectory', path: string) => void
}

/** A file port that tells the model of a disk what is written, made, taken away and synced. */
export function recordingPort(init: RecordingInit): FilePort {
  return new RecordingPort(init)
}

class RecordingPort implements FilePort {
  readonly #init: RecordingInit

  constructor(init: RecordingInit) {
    this.#init = init
  }

  get operations(): number {
    return this.#init.files.operations
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init.files[Symbol.asyncDispose]()
  }

  async open(path: string, flags: OpenFlags): Promise<OpenFile> {
    const { files, disk } = this.#init
    const file = await files.open(path, flags)
    const makes = flags === 'wx' || flags === 'w'
    const recorded = makes ? disk.created(path) : undefined
    return new RecordingFile({ ...this.#init, file, path, recorded })
  }

  readSummed(path: string, reading: Reading): Promise<Summed> {
    return this.#init.files.readSummed(path, reading)
  }

  mkdir(path: string): Promise<boolean> {
    return this.#init.files.mkdir(path)
  }

  async unlink(path: string): Promise<void> {
    await this.#init.files.unlink(path)
    this.#init.disk.removed(path)
  }

  async rename(from: string, to: string): Promise<void> {
    const { files, disk } = this.#init
    const file = disk.find(from)
    await files.rename(from, to)
    disk.renamed(file, from, to)
  }

  list(path: string): Promise<string[]> {
    return this.#init.files.list(path)
  }

  size(path: string): Promise<number> {
    return this.#init.files.size(path)
  }

  async syncDirectory(path: string): Promise<void> {
    const { disk, leftOut, onSync } = this.#init
    if (leftOut(path)) return
    onSync('syncDirectory', path)
    const synced = disk.beginDirectorySync(path)
    await nextTurn()
    synced()
  }
}

type FileInit = RecordingInit & {
  readonly file: OpenFile
  readonly path: string
  readonly recorded: PortFile | undefined
}

class RecordingFile implements OpenFile {
  readonly #init: FileInit

  constructor(init: FileInit) {
    this.#init = init
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#init.file.read(buffer, position)
  }

  readSummed(reading: Reading): Promise<Summed> {
    return this.#init.file.readSummed(reading)
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const written = this.#beginWrite(bytes, position)
    await this.#init.file.write(bytes, position)
    written()
  }

  async writeSummed(bytes: Uint8Array, segments: Segments): Promise<Uint8Array> {
    const written = this.#beginWrite(bytes, 0)
    const sums = await this.#init.file.writeSummed(bytes, segments)
    written()
    return sums
  }

  #beginWrite({ byteLength }: Uint8Array, start: number): () => void {
    const extent: Extent = { start, end: start + byteLength, done: false }
    this.#init.recorded?.unsynced.add(extent)
    return () => {
      extent.done = true
    }
  }

  async datasync(): Promise<void> {
    const { disk, path, leftOut, onSync } = this.#init
    if (leftOut(path)) return
    onSync('datasync', path)
    const synced = disk.beginSync(path)
    await nextTurn()
    synced()
  }

  size(): Promise<number> {
    return this.#init.file.size()
  }

  close(): Promise<void> {
    return this.#init.file.close()
  }

  closeWritten(): Promise<void> {
    return this.#init.file.closeWritten()
  }
}

/** A sync takes its time: other things happen between its begin and its end. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
