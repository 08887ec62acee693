import * as fs from 'node:fs'
import type { FilePort, OpenFile, OpenFlags, Reading, Segments, Summed } from '../core/file-port.ts'
import { done, result } from './callbacks.ts'
import { SummingThreads } from './summing-threads.ts'

/** An operation about to run; `number` counts from 1. */
export type FileOperation = {
  readonly number: number
  readonly name: string
  readonly path: string
}

/** Sees each operation first. It fails the operation by throwing, returning an error or rejecting. */
export type BeforeOperation = (operation: FileOperation) => undefined | Error | Promise<void> | void

export type FilePortOptions = { readonly before?: BeforeOperation }

const NO_BYTES = new Uint8Array(0)

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

class Counter {
  operations = 0
  readonly #before: BeforeOperation | undefined

  constructor(before: BeforeOperation | undefined) {
    this.#before = before
  }

  /** Counts the operation; something to wait for only where somebody looks. */
  enter(name: string, path: string): Promise<void> | undefined {
    this.operations += 1
    return this.#before === undefined ? undefined : this.#ask(this.#before, name, path)
  }

  async #ask(before: BeforeOperation, name: string, path: string): Promise<void> {
    const refused = await before({ number: this.operations, name, path })
    if (refused instanceof Error) throw refused
  }
}

type DescriptorInit = {
  readonly descriptor: number
  readonly path: string
  readonly counter: Counter
  readonly threads: SummingThreads
}

class DescriptorFile implements OpenFile {
  readonly #descriptor: number
  readonly #path: string
  readonly #counter: Counter
  readonly #threads: SummingThreads

  constructor({ descriptor, path, counter, threads }: DescriptorInit) {
    this.#descriptor = descriptor
    this.#path = path
    this.#counter = counter
    this.#threads = threads
  }

  /** Not async: a range of a block is one read, and each promise more is felt there. */
  read(buffer: Uint8Array, position: number): Promise<number> {
    const entered = this.#counter.enter('read', this.#path)
    if (entered === undefined) return this.#readOnce(buffer, position)
    return entered.then(() => this.#readOnce(buffer, position))
  }

  #readOnce(buffer: Uint8Array, position: number): Promise<number> {
    return result<number>((callback) => {
      fs.read(this.#descriptor, buffer, 0, buffer.byteLength, position, callback)
    })
  }

  readSummed(reading: Reading): Promise<Summed> {
    const entered = this.#counter.enter('read', this.#path)
    if (entered === undefined) return readInThread(this.#threads, this.#descriptor, reading)
    return entered.then(() => readInThread(this.#threads, this.#descriptor, reading))
  }

  async writeSummed(bytes: Uint8Array, { segmentBytes }: Segments): Promise<Uint8Array> {
    await this.#counter.enter('write', this.#path)
    const where = { file: this.#descriptor, position: 0, bytes: ownMemory(bytes) }
    const around = { before: 0, after: 0 }
    const { sum } = await this.#threads.run({ kind: 'write', ...where, segmentBytes, ...around })
    return Buffer.from(sum, 'latin1')
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await this.#counter.enter('write', this.#path)
    for (let written = 0; written < bytes.byteLength; ) {
      written += await this.#writeOnce(bytes, written, position + written)
    }
  }

  #writeOnce(bytes: Uint8Array, offset: number, position: number): Promise<number> {
    return result<number>((callback) => {
      const length = bytes.byteLength - offset
      fs.write(this.#descriptor, bytes, offset, length, position, callback)
    })
  }

  async datasync(): Promise<void> {
    await this.#counter.enter('datasync', this.#path)
    await done((callback) => fs.fdatasync(this.#descriptor, callback))
  }

  async size(): Promise<number> {
    await this.#counter.enter('size', this.#path)
    return (await result<fs.Stats>((callback) => fs.fstat(this.#descriptor, callback))).size
  }

  async close(): Promise<void> {
    await this.#counter.enter('close', this.#path)
    await done((callback) => fs.close(this.#descriptor, callback))
  }

  async closeWritten(): Promise<void> {
    await this.#counter.enter('close', this.#path)
    fs.closeSync(this.#descriptor)
  }
}

async function readInThread(
  threads: SummingThreads,
  file: number | string,
  { buffer, position, sum, before = 0, after = 0 }: Reading,
): Promise<Summed> {
  const segmentBytes = sum === 'sha256' ? 0 : sum.segmentBytes
  const where = { file, position, bytes: buffer, before, after }
  const { bytes = NO_BYTES, ...done } = await threads.run({ kind: 'read', ...where, segmentBytes })
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), sum: done.sum }
}

/** A view of larger memory takes all of that to the thread, unless it is shared. */
function ownMemory(bytes: Uint8Array): Uint8Array {
  const isWhole = bytes.byteLength === bytes.buffer.byteLength
  return isWhole || bytes.buffer instanceof SharedArrayBuffer ? bytes : Uint8Array.from(bytes)
}

class NodeFilePort implements FilePort {
  readonly #counter: Counter
  readonly #threads = new SummingThreads()

  constructor(before: BeforeOperation | undefined) {
    this.#counter = new Counter(before)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]()
  }

  get operations(): number {
    return this.#counter.operations
  }

  async open(path: string, flags: OpenFlags): Promise<OpenFile> {
    await this.#counter.enter('open', path)
    const descriptor = await result<number>((callback) => fs.open(path, flags, FILE_MODE, callback))
    return new DescriptorFile({
      ...{ descriptor, path },
      counter: this.#counter,
      threads: this.#threads,
    })
  }

  async readSummed(path: string, reading: Reading): Promise<Summed> {
    await this.#counter.enter('open', path)
    try {
      await this.#counter.enter('read', path)
      return await readInThread(this.#threads, path, reading)
    } finally {
      await this.#counter.enter('close', path)
    }
  }

  async mkdir(path: string): Promise<boolean> {
    await this.#counter.enter('mkdir', path)
    return new Promise((resolve, reject) => {
      fs.mkdir(path, DIRECTORY_MODE, (error) => {
        if (error === null) resolve(true)
        else if (error.code === 'EEXIST') resolve(false)
        else reject(error)
      })
    })
  }

  async unlink(path: string): Promise<void> {
    await this.#counter.enter('unlink', path)
    await done((callback) => fs.unlink(path, callback))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#counter.enter('rename', from)
    await done((callback) => fs.rename(from, to, callback))
  }

  async list(path: string): Promise<string[]> {
    await this.#counter.enter('list', path)
    return result<string[]>((callback) => fs.readdir(path, callback))
  }

  async size(path: string): Promise<number> {
    await this.#counter.enter('size', path)
    return (await result<fs.Stats>((callback) => fs.stat(path, callback))).size
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#counter.enter('syncDirectory', path)
    const descriptor = await result<number>((callback) => fs.open(path, 'r', callback))
    try {
      await done((callback) => fs.fsync(descriptor, callback))
    } finally {
      await done((callback) => fs.close(descriptor, callback))
    }
  }
}

/** The port over node:fs. `before` is how a test delays, fails or kills at a chosen operation. */
export function createFilePort(options: FilePortOptions = {}): FilePort {
  return new NodeFilePort(options.before)
}
