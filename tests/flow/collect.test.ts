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
