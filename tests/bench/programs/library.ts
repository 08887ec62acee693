import { randomFillSync } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import {
  createStorageNode,
  type DownloadOptions,
  type FolderEntry,
  type StorageNode,
} from '../../../src/index.ts'
import { POOL_THREADS } from '../environment.ts'
import { bystandersDuring, type Watched } from './bystanders.ts'
import { type Load, load } from './load.ts'
import { loopDelayDuring } from './loop-delay.ts'
import { type RangesAsked, readRanges } from './ranges.ts'
import { serve } from './serve.ts'

/* Our node as a library, alone in its process. */

const WARM_UP_BYTES = 33_554_432

let node: StorageNode
let prepared: readonly Uint8Array[] = []

export type OpenOptions = {
  readonly dataDir: string
  /** Uploads at once. */
  readonly concurrency?: number
  /** Of blocks kept in memory for the next reader. */
  readonly cacheBytes?: number
}

export type SmallFiles = { readonly count: number; readonly bytes: number }

const methods = {
  /** Gives the milliseconds it took. */
  async open(options: OpenOptions) {
    const begun = performance.now()
    node = await createStorageNode(nodeOptions(options))
    return performance.now() - begun
  },

  async close(_: Record<string, never>) {
    await node.close()
  },

  async listPins(_: Record<string, never>) {
    const begun = performance.now()
    let count = 0
    for await (const _pin of node.pins()) count += 1
    return { ms: performance.now() - begun, count }
  },

  /** Loads what is loaded with the first file, and starts the threads: the start of Kubo's command does not count either. */
  async warmUp(_: Record<string, never>) {
    const { cid } = await node.upload(randomFillSync(new Uint8Array(WARM_UP_BYTES)))
    await read(cid, { reuseBuffers: true })
  },

  async importFile({ path }: { readonly path: string }) {
    return await importFile(path)
  },

  async listFolder({ cid }: { readonly cid: string }) {
    const begun = performance.now()
    let count = 0
    for await (const _ of node.ls(cid)) count += 1
    return { ms: performance.now() - begun, count }
  },

  async readFile({ cid }: { readonly cid: string }) {
    const begun = performance.now()
    const bytes = await read(cid, { reuseBuffers: true })
    return { ms: performance.now() - begun, bytes }
  },

  async readFileIntoNewMemory({ cid }: { readonly cid: string }) {
    const begun = performance.now()
    await read(cid)
    return performance.now() - begun
  },

  ranges(asked: RangesAsked) {
    return readRanges(asked, (offset, length) =>
      read(asked.cid, { offset, length, reuseBuffers: true }),
    )
  },

  async prepareSmallFiles({ count, bytes }: SmallFiles) {
    const all = randomFillSync(new Uint8Array(count * bytes))
    prepared = Array.from({ length: count }, (_, index) =>
      all.subarray(index * bytes, (index + 1) * bytes),
    )
  },

  /** Adds them, `atOnce` at a time, or as many as `forMs` allow. */
  async addSmallFiles({ atOnce, forMs }: { readonly atOnce: number; readonly forMs: number }) {
    const waiting = prepared.entries()
    const begun = performance.now()
    let count = 0
    const addOnAndOn = async (): Promise<void> => {
      for (const [index, content] of waiting) {
        await node.upload(content, { filename: `file-${index}` })
        count += 1
        if (performance.now() - begun > forMs) return
      }
    }
    await Promise.all(Array.from({ length: atOnce }, addOnAndOn))
    return { ms: performance.now() - begun, count }
  },

  /** Contents that differ, each caller's its own. */
  async uploadOnAndOn({ bytes, ...asked }: Load & { readonly bytes: number }) {
    const contents = Array.from({ length: asked.connections }, () =>
      randomFillSync(new Uint8Array(bytes)),
    )
    return await load(asked, async (caller) => {
      const content = contents[caller]
      if (content === undefined) return
      randomFillSync(content, 0, 16)
      await node.upload(content, { filename: 'upload' })
    })
  },

  /** Content that nothing keeps. */
  async addDeadFiles(files: SmallFiles) {
    await node.upload({ entries: randomEntries(files) }, { pin: false, filename: 'dead' })
  },

  async importWhileCollecting({ path }: { readonly path: string }) {
    // Begins a new epoch: what is dead is older than the import, or it would be spared with it.
    await node.collect({ dryRun: true })
    const both = () => Promise.all([importFile(path), collect()])
    const { result, delay } = await loopDelayDuring(both)
    const [imported, collected] = result
    return { imported, collected, delay }
  },

  /** How long reads and uploads wait when nothing else goes on. */
  async watchQuiet({ forMs, ...watched }: Watched & { readonly forMs: number }) {
    const { reads, uploads } = await bystandersDuring(node, watched, () => delay(forMs))
    return { reads, uploads }
  },

  /** A collection, with reads and uploads that go on meanwhile. */
  async collectWatched(watched: Watched) {
    const { result, delay } = await loopDelayDuring(() => bystandersDuring(node, watched, collect))
    return { ...result.result, reads: result.reads, uploads: result.uploads, delay }
  },
}

function nodeOptions({ dataDir, ...more }: OpenOptions) {
  return { dataDir, maxFileBytes: 0, poolThreads: POOL_THREADS, ...more }
}

/** Small files that differ, as the entries of one folder. */
async function* randomEntries({ count, bytes }: SmallFiles): AsyncGenerator<FolderEntry> {
  for (let number = 0; number < count; number += 1) {
    const content = [randomFillSync(new Uint8Array(bytes))]
    yield { kind: 'file', path: `file-${number}`, size: bytes, content: Readable.from(content) }
  }
}

async function importFile(path: string) {
  const begun = performance.now()
  const { cid, sha256 } = await node.upload({ path })
  return { ms: performance.now() - begun, cid, sha256 }
}

async function collect() {
  const begun = performance.now()
  const { blocks } = await node.collect()
  return { ms: performance.now() - begun, blocks }
}

async function read(
  cid: string,
  part: Pick<DownloadOptions, 'offset' | 'length' | 'reuseBuffers'> = {},
): Promise<number> {
  let bytes = 0
  for await (const chunk of node.download(cid, part)) bytes += chunk.byteLength
  return bytes
}

export type LibraryMethods = typeof methods

serve(methods)
