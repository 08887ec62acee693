import type { CID } from 'multiformats/cid'
import type { Lease } from '../../../src/blocks/lease.ts'
import { LOCAL } from '../../../src/core/caller.ts'
import { RAW } from '../../../src/core/cid.ts'
import { assemble, type Parts } from '../../../src/node/assemble.ts'
import { keepForGood } from '../../../src/pins/rows.ts'
import { BlockWriter } from '../../../src/unixfs/block-writer.ts'
import { POOL_THREADS } from '../environment.ts'
import { importLeaves, importNewLeaves, type LeafImport } from './leaf-importer.ts'
import { numberedBlock, numberedCid } from './numbered-blocks.ts'
import { serve } from './serve.ts'

/* The parts of our node, for what the library has no door for. */

let parts: Parts

const SAMPLE = 20_000
const WARM_UP_LEAVES = 8192
/** Pins of one write. */
const PINS = 1000

const methods = {
  async open({ dataDir }: { readonly dataDir: string }) {
    // No reserve: the bench looks for room itself, and what is measured here is no upload.
    parts = await assemble({ dataDir, poolThreads: POOL_THREADS, storageReserveBytes: 0 })
  },

  async close(_: Record<string, never>) {
    await parts[Symbol.asyncDispose]()
  },

  /**
   * Loads what is loaded with the first file, starts the threads and begins the -wal: the start of Kubo's
   * command does not count either.
   */
  async warmUp({ leafBytes }: { readonly leafBytes: number }) {
    await using lease = parts.blocks.lease()
    await importNewLeaves(lease, { leaves: WARM_UP_LEAVES, leafBytes })
    await lease.sync()
  },

  /** A file, durable when it is told. */
  async importLeaves(file: LeafImport) {
    const begun = performance.now()
    await using lease = parts.blocks.lease()
    const { cid, leaves } = await importLeaves(lease, file)
    await lease.sync()
    return { ms: performance.now() - begun, cid: cid.toString(), leaves }
  },

  /** As an upload's end does. */
  async keep({ cid }: { readonly cid: string }) {
    await keepAll([cid])
  },

  async fill({ count }: { readonly count: number }) {
    const begun = performance.now()
    await using lease = parts.blocks.lease()
    await putNumbered(lease, count)
    await lease.sync()
    return performance.now() - begun
  },

  /** Keeps the first of them. */
  async keepNumbered({ count }: { readonly count: number }) {
    for (let from = 0; from < count; from += PINS) {
      const length = Math.min(PINS, count - from)
      await keepAll(Array.from({ length }, (_, at) => numberedCid(from + at).toString()))
    }
  },

  /** Asks for as many blocks that are there as for others, among `count`. */
  async has({ count, forMs }: { readonly count: number; readonly forMs: number }) {
    const cids = Array.from({ length: SAMPLE }, () => {
      const number = Math.floor(Math.random() * count)
      return [numberedCid(number), numberedCid(count + number)] as const
    })
    const begun = performance.now()
    let asked = 0
    while (performance.now() - begun < forMs) {
      for (const [there, missing] of cids) {
        if (!parts.blocks.has(there)) throw new Error(`${there} is missing`)
        if (parts.blocks.has(missing)) throw new Error(`${missing} was never put`)
      }
      asked += 2 * cids.length
    }
    return { ms: performance.now() - begun, count: asked }
  },

  async list(_: Record<string, never>) {
    const begun = performance.now()
    let count = 0
    for (const _cid of parts.blocks.list()) count += 1
    return { ms: performance.now() - begun, count }
  },
}

async function keepAll(cids: readonly string[]): Promise<void> {
  await parts.book.database.write((writer) => {
    for (const cid of cids) keepForGood(writer, cid, LOCAL)
  })
}

async function putNumbered(lease: Lease, count: number): Promise<void> {
  const put = (cid: CID, bytes: Uint8Array) => lease.put(cid, bytes, { hashed: true })
  const writer = new BlockWriter({ put })
  try {
    for (let number = 0; number < count; number += 1) {
      await writer.room()
      writer.write(RAW, numberedBlock(number))
    }
    await writer.settle()
  } finally {
    await writer.idle()
  }
}

export type StoreMethods = typeof methods

serve(methods)
