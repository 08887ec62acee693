import { createHash, randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import type { BlockSource } from '../../../src/core/block-source.ts'
import { BlockBuffers, type ChunkMemory } from '../../../src/unixfs/block-buffers.ts'
import { importFile } from '../../../src/unixfs/import.ts'
import { readFile } from '../../../src/unixfs/read.ts'
import { openStore, temporaryFolder } from '../../support/block-store.ts'

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

it('reads a whole file right with a handful of buffers', async () => {
  await using folder = await temporaryFolder()
  await using open = await openStore({ folder: folder.path })
  const content = randomBytes(40 * 1024 * 1024 + 12_345)
  await using lease = open.store.lease()
  const { cid } = await importFile(lease, once(content))
  await lease.sync()
  const buffers = new BlockBuffers()
  const given = new Set<ArrayBufferLike>()
  let made = 0
  // What was given back is taken again: the rest is new.
  const memory: ChunkMemory = {
    take: (bytes) => {
      const buffer = buffers.take(bytes)
      if (!given.delete(buffer.buffer)) made += 1
      return buffer
    },
    give: (chunk) => {
      given.add(chunk.buffer)
      buffers.give(chunk)
    },
  }
  const hash = createHash('sha256')
  for await (const chunk of readFile(open.store, cid, { buffers: memory })) hash.update(chunk)
  expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
  expect(made).toBeLessThan(16)
})

it('reads ranges right, whatever stood in the buffer before', async () => {
  await using folder = await temporaryFolder()
  await using open = await openStore({ folder: folder.path })
  const content = randomBytes(5 * 1024 * 1024)
  await using lease = open.store.lease()
  const { cid } = await importFile(lease, once(content))
  await lease.sync()
  const buffers = new BlockBuffers()
  const source: BlockSource = open.store
  for (const [offset, length] of [
    [0, 3_000_000],
    [1_048_570, 20],
    [70_000, 2_500_000],
    [5_242_800, 80],
  ] as const) {
    const parts: Buffer[] = []
    for await (const chunk of readFile(source, cid, { offset, length, buffers })) {
      parts.push(Buffer.from(chunk))
    }
    expect(Buffer.compare(Buffer.concat(parts), content.subarray(offset, offset + length))).toBe(0)
  }
})

it('keeps no more than one reader reads ahead', () => {
  const buffers = new BlockBuffers()
  const many = Array.from({ length: 20 }, () => buffers.take(1024 * 1024))
  for (const buffer of many) buffers.give(buffer)
  const again = Array.from({ length: 20 }, () => buffers.take(1024 * 1024))
  const known = new Set(many.map(({ buffer }) => buffer))
  expect(again.filter(({ buffer }) => known.has(buffer))).toHaveLength(8)
})
