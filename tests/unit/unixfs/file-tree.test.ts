import { importFile as theirs } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { DAG_PB } from '../../../src/core/cid.ts'
import { BlockWriter } from '../../../src/unixfs/block-writer.ts'
import { writeTree } from '../../../src/unixfs/file-writer.ts'
import { noise } from './deterministic.ts'
import { MemoryBlocks } from './memory-blocks.ts'

const LEAF_BYTES = 3

async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += LEAF_BYTES)
    yield bytes.subarray(at, at + LEAF_BYTES)
}

/** The importer with all that is its own: chunks, leaves, layout. */
async function byTheImporter(bytes: Uint8Array) {
  const blocks = new Map<string, Uint8Array>()
  const put = async (cid: CID, block: Uint8Array) => {
    blocks.set(`${cid}`, block)
    return cid
  }
  const { cid, size } = await theirs({ content: bytes }, { put } as never, {
    profile: 'unixfs-v1-2025',
    chunker: fixedSize({ chunkSize: LEAF_BYTES }),
    layout: balanced({ maxChildrenPerNode: 1024 }),
  })
  return { cid: `${cid}`, dagBytes: Number(size), blocks }
}

test.each([
  ...[LEAF_BYTES + 1, 2 * LEAF_BYTES, 5 * LEAF_BYTES - 1],
  ...[1023, 1024, 1025].map((leaves) => leaves * LEAF_BYTES),
  ...[1024 * LEAF_BYTES + 1, 2048 * LEAF_BYTES, 2049 * LEAF_BYTES - 2],
])('the tree over %d bytes is the one the importer makes by itself', async (size) => {
  const bytes = noise(size, 'file-tree')
  const blocks = new MemoryBlocks()
  const writer = new BlockWriter(blocks)
  const { cid, bytes: told, dagBytes } = await writeTree(writer, cut(bytes))
  await writer.settle()
  const expected = await byTheImporter(bytes)
  expect({ cid: `${cid}`, bytes: told, dagBytes }).toEqual({
    ...{ cid: expected.cid, bytes: size, dagBytes: expected.dagBytes },
  })
  expect(blocks.blocks.size).toBe(expected.blocks.size)
})

test('chunks are closed when a node above them cannot be stored', async () => {
  let closed = false
  async function* chunks() {
    try {
      yield* cut(noise(3000 * LEAF_BYTES, 'refused'))
    } finally {
      closed = true
    }
  }
  const refuse = new Error('no room for nodes')
  const writer = new BlockWriter({
    put: (cid) => (cid.code === DAG_PB ? Promise.reject(refuse) : undefined),
  })
  await expect(writeTree(writer, chunks())).rejects.toBe(refuse)
  await writer.idle()
  expect(closed).toBe(true)
})
