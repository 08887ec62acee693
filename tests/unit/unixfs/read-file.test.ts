import fc from 'fast-check'
import { type ImporterOptions, importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, flat, trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { describe, expect, test } from 'vitest'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import { importFile } from '../../../src/unixfs/import.ts'
import { NodeCache } from '../../../src/unixfs/node-cache.ts'
import { CHUNK_BYTES } from '../../../src/unixfs/profile.ts'
import { openFile, readFile } from '../../../src/unixfs/read.ts'
import { noise } from './deterministic.ts'
import { putBlock, putFile, putNode, putRaw, TYPE, unixfsData } from './hand-made.ts'
import { all, collect, failure, MemoryBlocks, pieces } from './memory-blocks.ts'
import { refuseUnhandledRejections } from './unhandled.ts'

refuseUnhandledRejections()

const content = noise(40 * CHUNK_BYTES, 'read-file')

async function importWith(
  blocks: MemoryBlocks,
  bytes: Uint8Array,
  options: ImporterOptions,
): Promise<CID> {
  const store = {
    async put(cid: CID, block: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
      if (!(block instanceof Uint8Array)) throw new TypeError('the importer puts whole blocks')
      await blocks.put(cid, block)
      return cid
    },
  }
  const made = await all(importer([{ content: bytes }], store, { ...options }))
  const [file] = made
  if (file === undefined) throw new Error('nothing was imported')
  return file.cid
}

/** Layouts other programs write: deep, trickle, dag-pb leaves of both types, version 0. */
const shapes = fc.record({
  chunkSize: fc.integer({ min: 1, max: 300 }),
  layout: fc.oneof(
    fc.integer({ min: 2, max: 5 }).map((maxChildrenPerNode) => balanced({ maxChildrenPerNode })),
    fc
      .integer({ min: 2, max: 4 })
      .map((maxChildrenPerNode) => trickle({ maxChildrenPerNode, layerRepeat: 2 })),
    fc.constant(flat()),
  ),
  leaves: fc.constantFrom<ImporterOptions>(
    { rawLeaves: true },
    { rawLeaves: false, cidVersion: 0 },
    { rawLeaves: false, leafType: 'raw' },
    { rawLeaves: false, reduceSingleLeafToSelf: false },
  ),
})

describe('what was put in comes out', () => {
  test('of any shape, whole and in ranges, with any read-ahead, with and without a cache', async () => {
    const ranges = fc.array(fc.tuple(fc.nat(1200), fc.nat(1200)), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1000),
        shapes,
        ranges,
        fc.constantFrom(0, 1, 100, 8_000_000),
        async (size, shape, wanted, readAheadBytes) => {
          const blocks = new MemoryBlocks()
          const bytes = content.subarray(0, size)
          const cid = await importWith(blocks, bytes, {
            ...shape.leaves,
            chunker: fixedSize({ chunkSize: shape.chunkSize }),
            layout: shape.layout,
          })
          expect((await collect(readFile(blocks, cid, { readAheadBytes }))).equals(bytes)).toBe(
            true,
          )
          expect((await openFile(blocks, cid)).bytes).toBe(size)
          const nodes = new NodeCache()
          for (const [offset, length] of wanted.filter(([from]) => from <= size)) {
            const read = await collect(
              readFile(blocks, cid, { offset, length, readAheadBytes, nodes }),
            )
            expect(read.equals(bytes.subarray(offset, offset + length))).toBe(true)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  test('of the profile, in ranges around the chunks', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content))
    const edge = fc
      .integer({ min: 0, max: 40 })
      .chain((chunk) =>
        fc.integer({ min: -3, max: 3 }).map((more) => Math.max(0, chunk * CHUNK_BYTES + more)),
      )
    await fc.assert(
      fc.asyncProperty(edge, edge, async (one, other) => {
        const [start, end] = [Math.min(one, other, content.byteLength), Math.max(one, other)]
        const read = await collect(readFile(blocks, cid, { offset: start, length: end - start }))
        expect(read.equals(content.subarray(start, end))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('with the bytes of a node before those of its children', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, Buffer.from('child'))
    const inner = await putFile(blocks, [{ cid: leaf, bytes: 5 }], { data: Buffer.from('inner ') })
    const cid = await putFile(
      blocks,
      [
        { cid: inner, bytes: 11 },
        { cid: leaf, bytes: 5 },
      ],
      { data: Buffer.from('root ') },
    )
    const whole = 'root inner childchild'
    expect((await collect(readFile(blocks, cid))).toString()).toBe(whole)
    for (let offset = 0; offset <= whole.length; offset++) {
      for (let length = 0; length <= whole.length; length++) {
        const read = await collect(readFile(blocks, cid, { offset, length }))
        expect(read.toString()).toBe(whole.slice(offset, offset + length))
      }
    }
  })

  test('of UnixFS raw nodes, packed sizes, no declared size, and fields of later times', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putNode(blocks, { type: TYPE.raw, data: Buffer.from('raw'), fileBytes: 3 })
    // mode, a time before 1970, and a field nobody knows.
    const tail = Uint8Array.of(
      0x38,
      0xa4,
      3,
      0x42,
      11,
      8,
      ...Array.from({ length: 9 }, () => 0xff),
      1,
      0x4a,
      1,
      0,
    )
    const cid = await putNode(
      blocks,
      { type: TYPE.file, tail: Uint8Array.of(0x22, 2, 3, 3, ...tail) },
      [{ cid: leaf }, { cid: leaf }],
    )
    expect((await collect(readFile(blocks, cid))).toString()).toBe('rawraw')
  })

  test('of CIDs that carry their bytes, without asking for them', async () => {
    const blocks = new MemoryBlocks()
    const text = Buffer.from('inside the CID')
    const raw = CID.createV1(RAW, identity.digest(text))
    const node = CID.createV1(DAG_PB, identity.digest(Uint8Array.of(0x0a, 5, 8, 2, 0x12, 1, 0x21)))
    const cid = await putFile(blocks, [
      { cid: raw, bytes: 14 },
      { cid: node, bytes: 1 },
    ])
    expect((await collect(readFile(blocks, cid))).toString()).toBe('inside the CID!')
    expect((await collect(readFile(blocks, cid, { offset: 7, length: 3 }))).toString()).toBe('the')
    expect((await collect(readFile(blocks, raw, { offset: 7, length: 3 }))).toString()).toBe('the')
    expect(new Set(blocks.gets)).toEqual(new Set([cid.toString()]))
    expect(blocks.parts).toEqual([])
  })

  test('of a CID of version 0', async () => {
    const blocks = new MemoryBlocks()
    const bytes = Uint8Array.of(0x0a, 7, 8, 2, 0x12, 3, 0x61, 0x62, 0x63)
    const cid = await putBlock(blocks, bytes, { version: 0 })
    expect(cid.toString()).toMatch(/^Qm/)
    expect((await collect(readFile(blocks, cid))).toString()).toBe('abc')
  })
})

describe('fetches what it needs', () => {
  test('a whole raw leaf comes as the source gave it, uncopied', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content.subarray(0, 3 * CHUNK_BYTES)))
    const chunks = await all(readFile(blocks, cid))
    expect(chunks.every((chunk) => [...blocks.blocks.values()].includes(chunk))).toBe(true)
    expect(blocks.parts).toEqual([])
  })

  test('a range asks for parts of its first and last leaf and no leaf outside', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content))
    blocks.gets.length = 0
    await collect(readFile(blocks, cid, { offset: 5 * CHUNK_BYTES - 10, length: CHUNK_BYTES + 30 }))
    expect(blocks.gets.length).toBe(2)
    expect(blocks.parts.map(({ offset, length }) => [offset, length])).toEqual([
      [CHUNK_BYTES - 10, 10],
      [0, 20],
    ])
  })

  test('nodes outside the range are not visited', async () => {
    const blocks = new MemoryBlocks()
    const options = {
      chunker: fixedSize({ chunkSize: 10 }),
      layout: balanced({ maxChildrenPerNode: 2 }),
      rawLeaves: true,
    }
    const cid = await importWith(blocks, content.subarray(0, 640), options)
    blocks.gets.length = 0
    await collect(readFile(blocks, cid, { offset: 630 }))
    expect(blocks.gets.length).toBe(7)
  })

  test('with a cache, a range in a file of 1,024 blocks asks for its leaf alone', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await importFile(blocks, pieces(content))
    const nodes = new NodeCache()
    await collect(readFile(blocks, cid, { offset: 0, length: 10, nodes }))
    blocks.gets.length = 0
    blocks.parts.length = 0
    await collect(readFile(blocks, cid, { offset: 20 * CHUNK_BYTES, length: 10, nodes }))
    expect([blocks.gets.length, blocks.parts.length]).toEqual([0, 1])
  })

  test('a part of a file that is one raw block', async () => {
    const blocks = new MemoryBlocks()
    const cid = await putRaw(blocks, Buffer.from('0123456789'))
    expect((await collect(readFile(blocks, cid, { offset: 3, length: 4 }))).toString()).toBe('3456')
    expect(blocks.gets).toEqual([])
    expect((await collect(readFile(blocks, cid, { offset: 8, length: 100 }))).toString()).toBe('89')
    expect((await collect(readFile(blocks, cid, { offset: 10 }))).byteLength).toBe(0)
    expect((await collect(readFile(blocks, cid, { offset: 4, length: 0 }))).byteLength).toBe(0)
  })
})

describe('refuses a range', () => {
  test.each([
    [{ offset: -1 }],
    [{ offset: 0.5 }],
    [{ length: -1 }],
    [{ length: Number.POSITIVE_INFINITY }],
    [{ offset: Number.NaN }],
    [{ offset: 2 ** 53 }],
    [{ offset: 11 }],
    [{ offset: 11, length: 1 }],
  ])('%j', async (range) => {
    const blocks = new MemoryBlocks()
    const raw = await putRaw(blocks, Buffer.from('0123456789'))
    const file = await putFile(blocks, [{ cid: raw, bytes: 10 }])
    expect((await failure(collect(readFile(blocks, raw, range)))).code).toBe('INVALID_RANGE')
    expect((await failure(collect(readFile(blocks, file, range)))).code).toBe('INVALID_RANGE')
  })
})

test('an error of the source is told where it stands, after the chunks before it', async () => {
  const blocks = new MemoryBlocks()
  const { cid } = await importFile(blocks, pieces(content.subarray(0, 5 * CHUNK_BYTES)))
  const fourth = await importFile(
    new MemoryBlocks(),
    pieces(content.subarray(3 * CHUNK_BYTES, 4 * CHUNK_BYTES)),
  )
  blocks.blocks.delete(Buffer.from(fourth.cid.multihash.bytes).toString('hex'))
  let chunks = 0
  const reading = async () => {
    for await (const _ of readFile(blocks, cid)) chunks++
  }
  expect((await failure(reading())).code).toBe('CONTENT_NOT_FOUND')
  expect(chunks).toBe(3)
})

test('a node whose data says nothing but its type is an empty file', async () => {
  const blocks = new MemoryBlocks()
  const cid = await putBlock(blocks, Uint8Array.from([0x0a, 2, ...unixfsData({ type: TYPE.file })]))
  expect(await collect(readFile(blocks, cid))).toEqual(Buffer.alloc(0))
  expect((await openFile(blocks, cid)).bytes).toBe(0)
})
