import { CarReader } from '@ipld/car'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { type DagBlock, dagBlocks } from '../../../src/car/traverse.ts'
import { CAR_HEADROOM, carChunks, carHeader } from '../../../src/car/write.ts'
import { limits } from '../../../src/core/limits.ts'
import { openStore, rawCid, temporaryFolder } from '../../support/block-store.ts'
import { noise, sameBytes } from '../../support/content.ts'
import { putFile, putRaw } from '../unixfs/hand-made.ts'
import { MemoryBlocks } from '../unixfs/memory-blocks.ts'
import { putCbor } from './blocks.ts'

type Read = { readonly roots: readonly string[]; readonly cids: readonly string[] }

/** What the reference library finds in a CAR; each block is compared with where it came from. */
async function readCar(car: Uint8Array, bytesOf: (cid: CID) => Promise<Uint8Array>): Promise<Read> {
  const reader = await CarReader.fromBytes(car)
  const cids: string[] = []
  for await (const { cid, bytes } of reader.blocks()) {
    expect(sameBytes(bytes, await bytesOf(cid))).toBe(true)
    cids.push(cid.toString())
  }
  return { roots: (await reader.getRoots()).map(String), cids }
}

/** Copies: a chunk is the consumer's until it asks for the next one. */
async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const chunk of chunks) copies.push(Buffer.from(chunk))
  return Buffer.concat(copies)
}

describe('a CAR of blocks in memory', () => {
  test('is what the reference library reads, whatever the sizes', async () => {
    const blocks = new MemoryBlocks()
    const sizes = [0, 1, 127, 40_000, 65_500, 65_536, 300_000, 5, 1_048_576, 31]
    const leaves: { cid: CID; bytes: number }[] = []
    for (const [seed, bytes] of sizes.entries()) {
      leaves.push({ cid: await putRaw(blocks, noise(bytes, seed)), bytes })
    }
    const root = await putFile(blocks, leaves)
    for (const headroom of [0, CAR_HEADROOM]) {
      const car = await collect(carChunks([root], dagBlocks(blocks, root, { headroom })))
      const read = await readCar(car, (cid) => blocks.get(cid))
      expect(read.roots).toEqual([root.toString()])
      expect(read.cids).toEqual([root, ...leaves.map(({ cid }) => cid)].map(String))
    }
  })

  test('has the header of the specification, for no root and for many', async () => {
    const many = Array.from({ length: 3000 }, (_, seed) => rawCid(noise(8, seed)))
    for (const roots of [[], many.slice(0, 1), many]) {
      const reader = await CarReader.fromBytes(carHeader(roots))
      expect((await reader.getRoots()).map(String)).toEqual(roots.map(String))
      const car = await collect(carChunks(roots, nothing()))
      expect(sameBytes(car, carHeader(roots))).toBe(true)
    }
  })

  test('sends what is gathered when the next block is not here yet', async () => {
    const [first, second] = [noise(10, 1), noise(10, 2)]
    async function* blocks(): AsyncGenerator<DagBlock> {
      yield { cid: rawCid(first), bytes: first, waits: true }
      yield { cid: rawCid(second), bytes: second, waits: false }
    }
    const chunks: number[] = []
    for await (const chunk of carChunks([], blocks())) chunks.push(chunk.byteLength)
    expect(chunks).toEqual([carHeader([]).byteLength + 47, 47])
  })

  test('gathers small blocks: a thousand leave in a few chunks', async () => {
    const blocks = new MemoryBlocks()
    const links = await Promise.all(
      Array.from({ length: 1000 }, (_, seed) => putRaw(blocks, noise(100, seed))),
    )
    const root = await putCbor(blocks, links)
    let chunks = 0
    for await (const chunk of carChunks([root], dagBlocks(blocks, root))) {
      expect(chunk.byteLength).toBeLessThanOrEqual(65_536)
      chunks++
    }
    expect(chunks).toBeLessThan(20)
  })
})

async function* nothing(): AsyncGenerator<DagBlock> {}

describe('a CAR out of a real store', () => {
  test('has the same bytes from the disk, in buffers that are used again', async () => {
    await using folder = await temporaryFolder()
    await using open = await openStore({ folder: folder.path })
    const memory = new MemoryBlocks()
    const leaves: { cid: CID; bytes: number }[] = []
    for (let seed = 0; seed < 90; seed++) {
      const bytes = seed % 9 === 0 ? 1000 : 131_072 - seed
      leaves.push({ cid: await putRaw(memory, noise(bytes, seed)), bytes })
    }
    const root = await putFile(memory, leaves)
    await using lease = open.store.lease()
    for (const cid of [root, ...leaves.map((leaf) => leaf.cid)]) {
      await lease.put(cid, await memory.get(cid))
    }
    await lease.sync()
    const walk = dagBlocks(open.store, root, { headroom: CAR_HEADROOM })
    const car: Buffer[] = []
    const memoryUsed = new Set<ArrayBufferLike>()
    for await (const chunk of carChunks([root], walk)) {
      memoryUsed.add(chunk.buffer)
      car.push(Buffer.from(chunk))
    }
    const read = await readCar(Buffer.concat(car), (cid) => memory.get(cid))
    expect(read.cids).toEqual([root, ...leaves.map(({ cid }) => cid)].map(String))
    // 80 large blocks in as many buffers as are ahead, and one buffer for all that is small.
    expect(memoryUsed.size).toBeLessThan(2 * limits.readAheadBlocks)
  })
})
