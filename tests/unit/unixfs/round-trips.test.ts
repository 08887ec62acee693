import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { listEntries, walkFolder } from '../../../src/unixfs/directory.ts'
import { readFile } from '../../../src/unixfs/read.ts'
import { noise } from './deterministic.ts'
import { putFile, putFolder, putNode, putRaw, TYPE } from './hand-made.ts'
import { all, collect } from './memory-blocks.ts'
import { SlowBlocks } from './slow-blocks.ts'

const KIB = 1024
const MIB = 1024 * KIB

type Shape = { readonly leaves: number; readonly leafBytes: number; readonly width: number }

/** A balanced file of `leaves` raw blocks, `width` links a node. */
async function putTree(blocks: SlowBlocks, { leaves, leafBytes, width }: Shape): Promise<CID> {
  const content = noise(leafBytes, 'a leaf')
  const leaf = { cid: await putRaw(blocks, content), bytes: leafBytes }
  let level = Array.from({ length: leaves }, () => leaf)
  do {
    const above: { cid: CID; bytes: number }[] = []
    for (let at = 0; at < level.length; at += width) {
      const children = level.slice(at, at + width)
      const bytes = children.reduce((sum, child) => sum + child.bytes, 0)
      above.push({ cid: await putFile(blocks, children), bytes })
    }
    level = above
  } while (level.length > 1)
  return level[0]?.cid ?? leaf.cid
}

/** Reads all there is in a folder, as a download of it does. */
async function readFolder(blocks: SlowBlocks, cid: CID): Promise<number> {
  let bytes = 0
  for await (const entry of walkFolder(blocks, cid)) {
    if (entry.kind === 'file') bytes += (await collect(entry.content)).byteLength
  }
  return bytes
}

describe('a file', () => {
  test.each<[string, Shape, number]>([
    ['64 MiB in blocks of 1 MiB', { leaves: 64, leafBytes: MIB, width: 1024 }, 9],
    ['64 MiB in blocks of 256 KiB', { leaves: 256, leafBytes: 256 * KIB, width: 174 }, 12],
    ['64 MiB in blocks of 32 KiB', { leaves: 2048, leafBytes: 32 * KIB, width: 174 }, 40],
    ['4 MiB in blocks of 1 KiB', { leaves: 4096, leafBytes: KIB, width: 174 }, 80],
  ])('of %s takes a round trip for many blocks', async (_what, shape, most) => {
    const blocks = new SlowBlocks()
    const cid = await putTree(blocks, shape)
    const read = await collect(readFile(blocks, cid))
    expect(read.byteLength).toBe(shape.leaves * shape.leafBytes)
    expect(blocks.roundTrips).toBeLessThanOrEqual(most)
  })
})

describe('a folder of 1,000 small files', () => {
  const putLeaf: Record<string, (blocks: SlowBlocks, content: Buffer) => Promise<CID>> = {
    'raw blocks': (blocks, content) => putRaw(blocks, content),
    nodes: (blocks, data) => putNode(blocks, { type: TYPE.file, data, fileBytes: data.byteLength }),
    'a root and a leaf': async (blocks, content) =>
      await putFile(blocks, [{ cid: await putRaw(blocks, content), bytes: content.byteLength }]),
  }

  test.each(Object.keys(putLeaf))('of %s is read and listed in some round trips', async (kind) => {
    const blocks = new SlowBlocks()
    const links = await Promise.all(
      Array.from({ length: 1000 }, async (_, index) => {
        const content = noise(1000, `${index}`)
        const cid = (await putLeaf[kind]?.(blocks, content)) ?? (await putRaw(blocks, content))
        return { name: `${index}`.padStart(4, '0'), cid, dagBytes: 1100 }
      }),
    )
    const cid = await putFolder(blocks, links)
    expect(await readFolder(blocks, cid)).toBe(1_000_000)
    expect(blocks.roundTrips).toBeLessThanOrEqual(100)
    blocks.roundTrips = 0
    expect(await all(listEntries(blocks, cid))).toHaveLength(1000)
    expect(blocks.roundTrips).toBeLessThanOrEqual(34)
  })

  test('in 100 folders takes a round trip or two a folder', async () => {
    const blocks = new SlowBlocks()
    const folder = async (index: number) => {
      const files = Array.from({ length: 10 }, async (_, file) => {
        const cid = await putRaw(blocks, noise(1000, `${index}/${file}`))
        return { name: `${file}`, cid, dagBytes: 1000 }
      })
      const cid = await putFolder(blocks, await Promise.all(files))
      return { name: `${index}`.padStart(2, '0'), cid, dagBytes: 11_000 }
    }
    const cid = await putFolder(
      blocks,
      await Promise.all(Array.from({ length: 100 }, (_, index) => folder(index))),
    )
    expect(await readFolder(blocks, cid)).toBe(1_000_000)
    expect(blocks.roundTrips).toBeLessThanOrEqual(120)
  })
})

test('content that failed ahead fails where it is read, and not before', async () => {
  const blocks = new SlowBlocks()
  const links = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const leaf = await putRaw(blocks, noise(500, `${index}`))
      const cid = await putFile(blocks, [{ cid: leaf, bytes: 500 }])
      if (index === 15) blocks.blocks.delete(Buffer.from(leaf.multihash.bytes).toString('hex'))
      return { name: `${index}`.padStart(2, '0'), cid, dagBytes: 700 }
    }),
  )
  const cid = await putFolder(blocks, links)
  let read = 0
  const reading = async () => {
    for await (const entry of walkFolder(blocks, cid)) {
      if (entry.kind === 'file') await collect(entry.content)
      read += 1
    }
  }
  await expect(reading()).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
  expect(read).toBe(15)
})
