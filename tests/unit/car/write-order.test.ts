import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { type DagBlock, dagBlocks, type WalkOptions } from '../../../src/car/traverse.ts'
import { SeenBlocks } from '../../../src/car/traverse-seen.ts'
import { DAG_PB } from '../../../src/core/cid.ts'
import { limits } from '../../../src/core/limits.ts'
import { rawCid } from '../../support/block-store.ts'
import { noise } from '../../support/content.ts'
import { codeOf } from '../../support/failure.ts'
import { putBlock, putFile, putFolder, putNode, putRaw, TYPE } from '../unixfs/hand-made.ts'
import { all, MemoryBlocks, SilentBlocks } from '../unixfs/memory-blocks.ts'
import { inlineCid, inlinePb, putCbor, putJson } from './blocks.ts'

async function order(blocks: MemoryBlocks, cid: CID, options?: WalkOptions): Promise<string[]> {
  return (await all(dagBlocks(blocks, cid, options))).map((block) => block.cid.toString())
}

/** Depth first as a few lines of recursion have it: what the walk has to give. */
async function expected(blocks: MemoryBlocks, cid: CID): Promise<string[]> {
  const links = cid.code === DAG_PB ? dagPb.decode(await blocks.get(cid)).Links : []
  const below = await Promise.all(links.map(({ Hash }) => expected(blocks, Hash)))
  return [cid.toString(), ...below.flat()]
}

/** A folder of folders of files, with content that stands at several places. */
async function tree(blocks: MemoryBlocks): Promise<CID> {
  const folders: { name: string; cid: CID }[] = []
  for (let folder = 0; folder < 5; folder++) {
    const entries: { name: string; cid: CID }[] = []
    for (let file = 0; file < 12; file++) {
      const chunks = await Promise.all(
        [file, file + 1, folder].map(async (seed) => {
          const bytes = noise(500 + seed, seed)
          return { cid: await putRaw(blocks, bytes), bytes: bytes.byteLength }
        }),
      )
      const cid = file % 2 === 0 ? await putFile(blocks, chunks) : chunks[0]?.cid
      if (cid !== undefined) entries.push({ name: `f${String(file).padStart(2, '0')}`, cid })
    }
    folders.push({ name: `d${folder}`, cid: await putFolder(blocks, entries) })
  }
  return await putFolder(blocks, folders)
}

/** Blocks that come in another order than they were asked for. */
class ShuffledBlocks extends MemoryBlocks {
  #asked = 0
  running = 0
  most = 0

  protected override async fetch(cid: CID): Promise<Uint8Array> {
    this.running++
    this.most = Math.max(this.most, this.running)
    for (let turn = (this.#asked++ * 7) % 11; turn > 0; turn--) await new Promise(setImmediate)
    this.running--
    return await super.fetch(cid)
  }
}

describe('the order of a walk', () => {
  test('is depth first with duplicates, and the same without what was met', async () => {
    const blocks = new MemoryBlocks()
    const root = await tree(blocks)
    const twice = await expected(blocks, root)
    expect(await order(blocks, root, { duplicates: true })).toEqual(twice)
    expect(await order(blocks, root)).toEqual([...new Set(twice)])
    expect(twice.length).toBeGreaterThan(new Set(twice).size)
  })

  test('stands whatever the order the blocks come in, several on their way', async () => {
    const blocks = new ShuffledBlocks()
    const root = await tree(blocks)
    const twice = await expected(blocks, root)
    blocks.most = 0
    expect(await order(blocks, root, { duplicates: true })).toEqual(twice)
    expect(blocks.most).toBeGreaterThan(8)
    expect(blocks.most).toBeLessThanOrEqual(limits.readAheadBlocks + 8)
    expect(await order(blocks, root)).toEqual([...new Set(twice)])
  })

  test('is that of the bytes in DAG-CBOR and DAG-JSON, also for keys that look like numbers', async () => {
    const blocks = new MemoryBlocks()
    const leaf = async (seed: number) => await putRaw(blocks, noise(20, seed))
    const [a, b, c, d] = await Promise.all([1, 2, 3, 4].map(leaf))
    const cbor = await putCbor(blocks, { a, list: [b, { 10: c }], 10: d })
    // DAG-CBOR sorts keys by length first: a, 10, list.
    expect(await order(blocks, cbor)).toEqual([cbor, a, d, b, c].map(String))
    const json = await putJson(blocks, { z: a, '10': cbor, text: '{"/":"bafkqaaa"}' })
    expect(await order(blocks, json)).toEqual([json, cbor, a, d, b, c].map(String))
  })

  test('looks into an identity CID and does not tell it', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, noise(20, 1))
    const node = dagPb.encode({ Links: [{ Name: '', Hash: leaf, Tsize: 20 }] })
    const root = await putFolder(blocks, [
      { name: 'a', cid: inlinePb(node) },
      { name: 'b', cid: inlineCid(Buffer.from('carried')) },
    ])
    expect(await order(blocks, root)).toEqual([root, leaf].map(String))
    expect(await order(blocks, inlineCid(Buffer.from('x')))).toEqual([])
  })
})

describe('a hostile DAG', () => {
  test('of two links to the same below, forty deep, has forty-one blocks once', async () => {
    const blocks = new MemoryBlocks()
    let cid = await putRaw(blocks, noise(10, 1))
    for (let depth = 0; depth < 40; depth++) {
      cid = await putFolder(blocks, [
        { name: 'a', cid },
        { name: 'b', cid },
      ])
    }
    expect((await order(blocks, cid)).length).toBe(41)
    // With duplicates it would go on for 2^41 blocks: it is the reader who stops.
    let taken = 0
    blocks.gets.length = 0
    for await (const _ of dagBlocks(blocks, cid, { duplicates: true })) {
      if (++taken === 500) break
    }
    expect(blocks.gets.length).toBeLessThan(500 + 100)
  })

  test('of a chain of blocks holds none of it: it may be as deep as it likes', async () => {
    const blocks = new MemoryBlocks()
    let cid = await putCbor(blocks, 'end')
    for (let depth = 0; depth < 3000; depth++) cid = await putCbor(blocks, [cid])
    expect((await order(blocks, cid)).length).toBe(3001)
  })

  test('whose links would fill the memory is DAG_LIMIT', async () => {
    const blocks = new MemoryBlocks()
    let cid = await putRaw(blocks, noise(10, 1))
    const leaves = Array.from({ length: 25_000 }, (_, seed) => rawCid(noise(8, seed)))
    for (let depth = 0; depth < 24; depth++) cid = await putCbor(blocks, [cid, ...leaves])
    const work = (async () => {
      for await (const _ of dagBlocks(blocks, cid));
    })()
    expect(await codeOf(work)).toBe('DAG_LIMIT')
  }, 20_000)

  test('whose blocks are larger than it claims does not fill the memory twice', async () => {
    const blocks = new ShuffledBlocks()
    const bytes = 1024 * 1024
    const links = await Promise.all(
      Array.from({ length: 60 }, async (_, seed) => ({
        name: String(seed).padStart(2, '0'),
        cid: await putRaw(blocks, noise(bytes, seed)),
        dagBytes: 1,
      })),
    )
    const root = await putFolder(blocks, links)
    let taken = 0
    for await (const _ of dagBlocks(blocks, root)) {
      if (++taken === 40) blocks.most = 0
    }
    expect(taken).toBe(61)
    // Now each counts for as much as a block can have: four of 2 MiB are 8 MiB.
    expect(blocks.most).toBeLessThanOrEqual(4)
  })

  test.each([
    ['dag-pb that is none', Buffer.from('not a node'), 0x70],
    ['DAG-CBOR that ends early', Buffer.from('9b00000000ffffffff00', 'hex'), 0x71],
    ['DAG-CBOR nested a million deep and never closed', Buffer.alloc(1_000_000, 0x81), 0x71],
    ['DAG-CBOR with a tag that is no link', Buffer.from('c100', 'hex'), 0x71],
    ['DAG-CBOR with a link to nothing', Buffer.from('d82a4100', 'hex'), 0x71],
    ['DAG-JSON that is none', Buffer.from('{"a":'), 0x0129],
    ['DAG-JSON with a link to nothing', Buffer.from('{"/":"nothing"}'), 0x0129],
  ])('%s is DAG_INVALID', async (_name, bytes, codec) => {
    const blocks = new MemoryBlocks()
    const cid = await putBlock(blocks, bytes, { codec })
    expect(await codeOf(order(blocks, cid))).toBe('DAG_INVALID')
  })

  test('with an identity CID that is too large is DAG_LIMIT', async () => {
    const blocks = new MemoryBlocks()
    const root = await putFolder(blocks, [
      { name: 'a', cid: inlineCid(new Uint8Array(limits.maxIdentityBytes + 1)) },
    ])
    expect(await codeOf(order(blocks, root))).toBe('DAG_LIMIT')
  })
})

describe('the end of a walk', () => {
  test('a missing block is told where it stands, after those before it', async () => {
    const blocks = new MemoryBlocks()
    const [first, last] = [await putRaw(blocks, noise(9, 1)), rawCid(noise(9, 2))]
    const root = await putFolder(blocks, [
      { name: 'a', cid: first },
      { name: 'b', cid: last },
    ])
    const walk = dagBlocks(blocks, root)
    const read: string[] = []
    const work = (async () => {
      for await (const { cid } of walk) read.push(cid.toString())
    })()
    expect(await codeOf(work)).toBe('CONTENT_NOT_FOUND')
    expect(read).toEqual([root, first].map(String))
  })

  test('a reader that stops withdraws what is on its way', async () => {
    const blocks = new SilentBlocks()
    const links = await Promise.all([1, 2, 3].map((seed) => putRaw(blocks, noise(9, seed))))
    const root = await putCbor(blocks, links)
    blocks.answered.add(root.toString())
    const walk = dagBlocks(blocks, root)
    const first = await walk.next()
    expect(first.value?.waits).toBe(true)
    const next = walk.next()
    await walk.return()
    expect((await next).done).toBe(true)
    expect(blocks.aborted.toSorted()).toEqual(links.map(String).toSorted())
  })

  test('an abort ends it with CANCELLED', async () => {
    const blocks = new SilentBlocks()
    const root = await putRaw(blocks, noise(9, 1))
    const stop = new AbortController()
    const work = order(blocks, root, { signal: stop.signal })
    setImmediate(() => stop.abort())
    expect(await codeOf(work)).toBe('CANCELLED')
  })
})

describe('blocks that were met', () => {
  test('are known again, many of them; other codecs and hashes are not taken for them', () => {
    const seen = new SeenBlocks()
    const cids = Array.from({ length: 5000 }, (_, seed) => rawCid(noise(16, seed)))
    for (const cid of cids) expect(seen.add(cid)).toBe(true)
    for (const cid of cids) {
      expect(seen.add(cid)).toBe(false)
      expect(seen.has(CID.createV1(0x71, cid.multihash))).toBe(false)
    }
    expect(seen.has(rawCid(noise(16, 5000)))).toBe(false)
  })

  test('are bounded', () => {
    const seen = new SeenBlocks(3)
    for (let seed = 0; seed < 3; seed++) seen.add(rawCid(noise(16, seed)))
    expect(seen.add(rawCid(noise(16, 0)))).toBe(false)
    expect(() => seen.add(rawCid(noise(16, 9)))).toThrow(/more than 3 blocks/)
  })
})

test('a symbolic link and an unknown codec have nothing below them', async () => {
  const blocks = new MemoryBlocks()
  const link = await putNode(blocks, { type: TYPE.symlink, data: Buffer.from('a') })
  const other = await putBlock(blocks, noise(100, 3), { codec: 0x78 })
  const root = await putFolder(blocks, [
    { name: 'link', cid: link },
    { name: 'other', cid: other },
  ])
  const found: DagBlock[] = await all(dagBlocks(blocks, root))
  expect(found.map(({ cid }) => cid.toString())).toEqual([root, link, other].map(String))
})
