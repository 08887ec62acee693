import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createStorageNode, type StorageNode } from '../../src/node/storage-node.ts'
import { noise } from '../support/content.ts'

const MIB = 1024 ** 2

async function openNode(options: { storage?: 'memory' } = {}) {
  const path = await mkdtemp(join(tmpdir(), 'prsm-collect-'))
  const node = await createStorageNode({ dataDir: path, ...options })
  return {
    node,
    path,
    [Symbol.asyncDispose]: async () => {
      await node.close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

const unpinned = { pin: false }

async function blockFiles(path: string): Promise<number> {
  const entries = await readdir(join(path, 'blocks'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

async function isThere(node: StorageNode, cid: string): Promise<boolean> {
  return node
    .download(cid, { offline: true })
    .bytes()
    .then(
      () => true,
      ({ code }) => {
        if (code !== 'CONTENT_NOT_FOUND') throw new Error(code)
        return false
      },
    )
}

test('what nothing keeps goes, what is pinned stays, and the room is given back', async () => {
  await using opened = await openNode()
  const { node, path } = opened
  const kept = [noise(3 * MIB, 1), noise(1000, 2), noise(200_000, 3)]
  const dead = [noise(3 * MIB, 11), noise(1000, 12), noise(200_000, 13)]
  const keptCids: string[] = []
  for (const bytes of kept) keptCids.push((await node.upload(bytes)).cid)
  const before = await node.status()
  const deadCids: string[] = []
  for (const bytes of dead) {
    const { cid, pinned } = await node.upload(bytes, unpinned)
    expect(pinned).toBe(false)
    deadCids.push(cid)
  }
  const dry = await node.collect({ dryRun: true })
  const result = await node.collect()
  expect(result).toMatchObject({ dryRun: false, blocks: dry.blocks, bytes: dry.bytes })
  for (const cid of keptCids) expect(await isThere(node, cid)).toBe(true)
  for (const cid of deadCids) expect(await isThere(node, cid)).toBe(false)
  const after = await node.status()
  expect([after.blocks, after.blockBytes]).toEqual([before.blocks, before.blockBytes])
  expect(await blockFiles(path)).toBe(4)
  expect((await node.collect()).blocks).toBe(0)
})

test('takes what is dead while other uploads are always under way', async () => {
  await using opened = await openNode()
  const { node } = opened
  const { cid } = await node.upload(noise(200_000, 21), unpinned)
  const busy = { now: true }
  const uploading = Array.from({ length: 3 }, async (_, first) => {
    for (let seed = 1000 * (first + 1); busy.now; seed += 1) await node.upload(noise(500, seed))
  })
  const { blocks } = await node.collect()
  busy.now = false
  await Promise.all(uploading)
  expect(blocks).toBe(1)
  expect(await isThere(node, cid)).toBe(false)
})

test('a node that closes ends it; what is kept is whole, and the next one takes the rest', async () => {
  await using opened = await openNode()
  const { node, path } = opened
  const { cid: kept } = await node.upload(noise(MIB, 31))
  for (let seed = 0; seed < 300; seed += 1) await node.upload(noise(70, 5000 + seed), unpinned)
  const collecting = node.collect().catch((error: unknown) => error)
  await node.close()
  const ended = await collecting
  await expect(node.collect()).rejects.toMatchObject({ code: 'NODE_CLOSED' })
  await using next = await createStorageNode({ dataDir: path })
  const { blocks } = await next.collect()
  const taken = ended instanceof Error ? 0 : (ended as { blocks: number }).blocks
  if (ended instanceof Error) expect(ended).toMatchObject({ code: 'NODE_CLOSED' })
  else expect(taken + blocks).toBe(300)
  expect((await next.download(kept).bytes()).byteLength).toBe(MIB)
  expect((await next.status()).blocks).toBe(1)
})
