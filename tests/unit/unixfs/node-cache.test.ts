import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import type { DagNode } from '../../../src/unixfs/dag-node.ts'
import { decodeNode } from '../../../src/unixfs/dag-node.ts'
import { NodeCache } from '../../../src/unixfs/node-cache.ts'
import { putFolder, putNode, putRaw, TYPE } from './hand-made.ts'
import { MemoryBlocks } from './memory-blocks.ts'

async function folder(name: string): Promise<DagNode> {
  const blocks = new MemoryBlocks()
  const leaf = await putRaw(blocks, Buffer.from(name))
  const cid = await putFolder(blocks, [{ name, cid: leaf }])
  return decodeNode(cid, await blocks.get(cid))
}

test('keeps the nodes last used, within its bytes', async () => {
  const nodes = await Promise.all(['a', 'b', 'c', 'd'].map(folder))
  const [a, b, c, d] = nodes
  if (a === undefined || b === undefined || c === undefined || d === undefined)
    throw new Error('four')
  const one = a.blockBytes + 40
  const cache = new NodeCache(3 * one)
  for (const node of [a, b, c]) cache.add(node)
  expect(cache.bytes).toBe(3 * one)
  expect(cache.get(a.cid)).toBe(a)
  cache.add(d)
  expect([a, b, c, d].map((node) => cache.get(node.cid))).toEqual([a, undefined, c, d])
  expect(cache.bytes).toBe(3 * one)
})

test('knows a node by its hash, whatever version its CID has', async () => {
  const node = await folder('a')
  const cache = new NodeCache()
  cache.add(node)
  cache.add(node)
  expect(cache.get(CID.createV0(node.cid.toV0().multihash))).toBe(node)
  expect(cache.bytes).toBe(node.blockBytes + 40)
})

test('does not keep leaves, nor what is larger than itself', async () => {
  const blocks = new MemoryBlocks()
  const raw = await putRaw(blocks, Buffer.from('x'))
  const file = await putNode(blocks, { type: TYPE.file, data: Buffer.from('x'), fileBytes: 1 })
  const cache = new NodeCache()
  for (const cid of [raw, file]) cache.add(decodeNode(cid, await blocks.get(cid)))
  expect(cache.bytes).toBe(0)
  const small = new NodeCache(10)
  small.add(await folder('a'))
  expect(small.bytes).toBe(0)
})
