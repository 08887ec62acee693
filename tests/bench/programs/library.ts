import { randomFillSync } from 'node:crypto'
import { createStorageNode, type DownloadOptions, type StorageNode } from '../../../src/index.ts'
import { POOL_THREADS } from '../environment.ts'
import { type RangesAsked, readRanges } from './ranges.ts'
import { serve } from './serve.ts'

/* Our node as a library, alone in its process. */

let node: StorageNode
let prepared: readonly Uint8Array[] = []

export type OpenOptions = {
  readonly dataDir: string
  /** Uploads at once. */
  readonly concurrency?: number
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

  async importFile({ path }: { readonly path: string }) {
    const begun = performance.now()
    const { cid, sha256 } = await node.upload({ path })
    return { ms: performance.now() - begun, cid, sha256 }
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
    return readRanges(asked, (offset, length) => read(asked.cid, { offset, length }))
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
}

function nodeOptions({ dataDir, ...more }: OpenOptions) {
  return { dataDir, maxFileBytes: 0, poolThreads: POOL_THREADS, ...more }
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
