import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { describe, expect, test } from 'vitest'
import type { GetOptions, Part } from '../../../src/core/block-source.ts'
import { RAW } from '../../../src/core/cid.ts'
import { BlockBuffers, newMemory } from '../../../src/unixfs/block-buffers.ts'
import { walkFolder } from '../../../src/unixfs/directory.ts'
import { NodeCache } from '../../../src/unixfs/node-cache.ts'
import { openFile, readFile, readLoaded } from '../../../src/unixfs/read.ts'
import { statNode } from '../../../src/unixfs/stat.ts'
import { noise } from './deterministic.ts'
import { putFile, putFolder, putNode, putRaw, TYPE } from './hand-made.ts'
import { collect, MemoryBlocks } from './memory-blocks.ts'

/** Gives its own memory to who brings none, and a copy to who does, as retrieval does. */
class SharedBlocks extends MemoryBlocks {
  /** Options of all reads of content. */
  readonly options: GetOptions[] = []

  override async get(cid: CID, options: GetOptions = {}): Promise<Uint8Array> {
    this.options.push(options)
    return given(await super.get(cid, options), options)
  }

  override async getPart(cid: CID, part: Part, options: GetOptions = {}): Promise<Uint8Array> {
    this.options.push(options)
    return given(await super.getPart(cid, part, options), options)
  }
}

function given(shared: Uint8Array, { allocate }: GetOptions): Uint8Array {
  if (allocate === undefined) return shared
  const own = allocate(shared.byteLength)
  own.set(shared)
  return own
}

/** A file with every kind of piece: bytes of nodes, leaves of both codecs, CIDs that carry theirs. */
async function putMixed(blocks: MemoryBlocks): Promise<CID> {
  const carried = CID.createV1(RAW, identity.digest(Buffer.from('carried ')))
  const padded = await putNode(blocks, {
    type: TYPE.file,
    data: Buffer.from('padded '),
    tail: Uint8Array.from([0x4a, 0x80, 0x20, ...new Uint8Array(4096)]),
  })
  const leaf = await putNode(blocks, { type: TYPE.file, data: Buffer.from('leaf ') })
  const raw = await putRaw(blocks, Buffer.from('raw '))
  const inner = await putFile(blocks, [{ cid: raw, bytes: 4 }], { data: Buffer.from('inner ') })
  return await putFile(
    blocks,
    [
      { cid: raw, bytes: 4 },
      { cid: leaf, bytes: 5 },
      { cid: padded, bytes: 7 },
      { cid: carried, bytes: 8 },
      { cid: inner, bytes: 10 },
    ],
    { data: Buffer.from('root ') },
  )
}

const MIXED = 'root raw leaf padded carried inner raw '

/** The text of all chunks, each of which is then overwritten. */
async function overwritten(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString()
    chunk.fill(0)
  }
  return text
}

describe('chunks that are the consumer’s own', () => {
  test.each([
    ['new memory', () => newMemory],
    ['buffers that go round', () => new BlockBuffers()],
  ])('in %s: what he writes to them nobody else reads', async (_what, memory) => {
    const blocks = new SharedBlocks()
    const mixed = await putMixed(blocks)
    const raw = await putRaw(blocks, Buffer.from(MIXED))
    const carried = CID.createV1(RAW, identity.digest(Buffer.from(MIXED)))
    const nodes = new NodeCache()
    const wanted = [mixed, raw, carried].flatMap((cid) => [
      { cid, range: {}, expected: MIXED },
      { cid, range: { offset: 2, length: 33 }, expected: MIXED.slice(2, 35) },
    ])
    for (const { cid, range, expected } of [...wanted, ...wanted]) {
      const read = readFile(blocks, cid, { nodes, buffers: memory(), ...range })
      expect(await overwritten(read)).toBe(expected)
    }
  })

  test('in a walk, too, also what was fetched ahead', async () => {
    const blocks = new SharedBlocks()
    const mixed = { cid: await putMixed(blocks), dagBytes: 10_000 }
    const raw = { cid: await putRaw(blocks, Buffer.from(MIXED)), dagBytes: 50 }
    const links = Array.from({ length: 80 }, (_, index) => ({
      name: `${index}`.padStart(2, '0'),
      ...(index % 2 === 0 ? mixed : raw),
    }))
    const cid = await putFolder(blocks, links)
    for await (const entry of walkFolder(blocks, cid, { buffers: newMemory })) {
      expect(entry.kind === 'file' && (await overwritten(entry.content))).toBe(MIXED)
    }
  })
})

test('a leaf that is larger than its content is not held by a chunk', async () => {
  const blocks = new SharedBlocks()
  const cid = await putMixed(blocks)
  for await (const chunk of readFile(blocks, cid)) {
    if (Buffer.from(chunk).toString() === 'padded ') expect(chunk.buffer.byteLength).toBe(7)
  }
})

describe('a large file', () => {
  test.each([
    [99, [true, true]],
    [100, [false, false]],
    [undefined, [false, false]],
  ])('of 100 bytes is read passing above %s', async (passingBytes, expected) => {
    const blocks = new SharedBlocks()
    const leaf = await putRaw(blocks, noise(50, 'a'))
    const cid = await putFile(blocks, [
      { cid: leaf, bytes: 50 },
      { cid: leaf, bytes: 50 },
    ])
    const options = passingBytes === undefined ? {} : { passingBytes }
    await collect(readFile(blocks, cid, { ...options, length: 70 }))
    const [root, ...leaves] = blocks.options.map(({ passing = false }) => passing)
    expect(root).toBe(false)
    expect(leaves).toEqual(expected)
  })
})

test('of a file that is one raw block, size and kind are known without reading it', async () => {
  const blocks = new SharedBlocks()
  const cid = await putRaw(blocks, Buffer.from('0123456789'))
  const file = await openFile(blocks, cid)
  expect(file).toMatchObject({ kind: 'block', bytes: 10 })
  expect(await statNode(blocks, cid)).toMatchObject({ kind: 'file', bytes: 10, codec: 'raw' })
  expect(blocks.gets).toEqual([])
  expect((await collect(readLoaded(blocks, file, { offset: 8 }))).toString()).toBe('89')
  expect(blocks.gets).toEqual([])
  expect(blocks.parts).toHaveLength(1)
  expect((await collect(readLoaded(blocks, file))).toString()).toBe('0123456789')
  expect(blocks.gets).toHaveLength(1)
})
