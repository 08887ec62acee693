import { join } from 'node:path'
import type {
  FilePort,
  OpenFile,
  OpenFlags,
  Reading,
  Segments,
  Summed,
} from '../../../src/core/file-port.ts'
import { createFilePort, type FileOperation } from '../../../src/files/file-port.ts'
import { createStorageNode, PrsmError, type StorageNode } from '../../../src/index.ts'
import { Random } from './random.ts'
import type { RunRecord } from './records.ts'
import { inFolder, type RunId, type RunOptions, Violation } from './runs.ts'
import { verify } from './verify.ts'
import { inTime, runWorkload } from './workload.ts'

const ROUNDS = 5
/** What a disk says when it fails. */
const CODES = ['EIO', 'ENOSPC', 'short write'] as const
const FOR_GOOD = Number.POSITIVE_INFINITY

/** A disk that fails from one operation of the file port on, for a while. */
type Fault = {
  readonly code: (typeof CODES)[number]
  /** Operation numbers. */
  readonly from: number
  readonly until: number
  happened: boolean
  /** The first operation that failed. */
  what: string
}

/**
 * A node whose disk fails at step N: each operation gives an error of ours or goes on, the node closes,
 * and a plain node finds all that was acknowledged.
 */
export async function faultRun(id: RunId, { folder }: RunOptions): Promise<void> {
  const random = new Random(id.seed, id.step)
  const lasts = random.pick([1, 1, 3, 20, FOR_GOOD])
  const fault = {
    code: random.pick(CODES),
    from: id.step,
    until: id.step + lasts,
    happened: false,
    what: '',
  }
  const dataDir = join(folder, 'data')
  await inFolder(folder, async () => {
    try {
      const records = await live(dataDir, { seed: id.seed, fault })
      await verify(dataDir, records)
    } catch (cause) {
      throw new Violation('fault', id, { what: `${fault.code} × ${lasts}: ${fault.what}`, cause })
    }
  })
}

type LiveInit = { readonly seed: number; readonly fault: Fault }

async function live(dataDir: string, { seed, fault }: LiveInit): Promise<readonly RunRecord[]> {
  const records: RunRecord[] = []
  const node = await openOrFail(dataDir, fault)
  if (node === undefined) return records
  const random = new Random(seed)
  await runWorkload(node, {
    random,
    life: '0',
    tell: (record) => records.push(record),
    goesOn: (round) => round < ROUNDS,
    mayFail: () => fault.happened,
  })
  await inTime(node.close(), 'close')
  return records
}

async function openOrFail(dataDir: string, fault: Fault): Promise<StorageNode | undefined> {
  try {
    return await inTime(createStorageNode({ dataDir }, { files: faultyPort(fault) }), 'opening')
  } catch (error) {
    const isOurs = error instanceof PrsmError && error.code !== 'INTERNAL'
    if (isOurs && fault.happened) return undefined
    throw error
  }
}

function faultyPort(fault: Fault): FilePort {
  const isDue = (number: number) => number >= fault.from && number < fault.until
  const before = ({ number, name, path }: FileOperation) => {
    if (!isDue(number) || fault.code === 'short write') return undefined
    fault.happened = true
    if (number === fault.from) fault.what = `${name} ${path}`
    return failure(fault.code, name)
  }
  const files = createFilePort({ before })
  const isShort = () => fault.code === 'short write' && isDue(files.operations + 1)
  const open = files.open.bind(files)
  return Object.assign(files, {
    open: async (path: string, flags: OpenFlags) =>
      new ShortFile(await open(path, flags), { isShort, fault }),
  })
}

function failure(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: ${name}`), { code })
}

type ShortInit = { readonly isShort: () => boolean; readonly fault: Fault }

/** A file whose writes end in the middle, because the disk is full. */
class ShortFile implements OpenFile {
  readonly #file: OpenFile
  readonly #init: ShortInit

  constructor(file: OpenFile, init: ShortInit) {
    this.#file = file
    this.#init = init
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.read(buffer, position)
  }

  readSummed(reading: Reading): Promise<Summed> {
    return this.#file.readSummed(reading)
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#init.isShort()) await this.#writeHalf(bytes, position)
    await this.#file.write(bytes, position)
  }

  async writeSummed(bytes: Uint8Array, segments: Segments): Promise<Uint8Array> {
    if (this.#init.isShort()) await this.#writeHalf(bytes, 0)
    return await this.#file.writeSummed(bytes, segments)
  }

  async #writeHalf(bytes: Uint8Array, position: number): Promise<never> {
    this.#init.fault.happened = true
    await this.#file.write(bytes.subarray(0, bytes.byteLength >> 1), position)
    throw failure('ENOSPC', 'write')
  }

  datasync(): Promise<void> {
    return this.#file.datasync()
  }

  size(): Promise<number> {
    return this.#file.size()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  closeWritten(): Promise<void> {
    return this.#file.closeWritten()
  }
}
