import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { describe, expect, test } from 'vitest'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { decodeNode } from '../../../src/unixfs/dag-node.ts'
import { openFile, readFile } from '../../../src/unixfs/read.ts'
import {
  type Message,
  putBlock,
  putFile,
  putFolder,
  putNode,
  putRaw,
  TYPE,
  unixfsData,
  varint,
} from './hand-made.ts'
import { all, collect, failure, MemoryBlocks } from './memory-blocks.ts'

const text = Buffer.from('0123456789')

/** Reads it all and tells the code it ended with, and what came before. */
async function reading(blocks: MemoryBlocks, cid: CID) {
  const chunks: Uint8Array[] = []
  const error = await failure(
    (async () => {
      for await (const chunk of readFile(blocks, cid)) chunks.push(chunk)
    })(),
  )
  return { code: error.code, bytes: Buffer.concat(chunks).toString() }
}

describe('what is no file', () => {
  test.each<[string, Message, string]>([
    ['a directory', { type: TYPE.directory }, 'NOT_A_FILE'],
    ['a symbolic link', { type: TYPE.symlink, data: text }, 'NOT_A_FILE'],
    ['a shard', { type: TYPE.shard, hashType: 0x22, fanout: 256 }, 'NOT_A_FILE'],
    ['metadata', { type: TYPE.metadata }, 'DAG_INVALID'],
    ['an unknown type', { type: 9 }, 'DAG_INVALID'],
    ['no type', { data: text }, 'DAG_INVALID'],
  ])('%s', async (_what, message, code) => {
    const blocks = new MemoryBlocks()
    const cid = await putNode(blocks, message)
    expect((await reading(blocks, cid)).code).toBe(code)
    expect((await failure(openFile(blocks, cid))).code).toBe(code)
    const parent = await putFile(blocks, [{ cid, bytes: 10 }])
    expect((await reading(blocks, parent)).code).toBe(code)
  })

  test('another codec, as a root and as a child', async () => {
    const blocks = new MemoryBlocks()
    const cbor = await putBlock(blocks, text, { codec: 0x71 })
    expect((await reading(blocks, cbor)).code).toBe('UNSUPPORTED_CODEC')
    const parent = await putFile(blocks, [{ cid: cbor, bytes: 10 }])
    expect((await reading(blocks, parent)).code).toBe('UNSUPPORTED_CODEC')
  })

  test('a CID that carries too much', async () => {
    const cid = CID.createV1(RAW, identity.digest(new Uint8Array(limits.maxIdentityBytes + 1)))
    expect((await reading(new MemoryBlocks(), cid)).code).toBe('DAG_LIMIT')
  })
})

describe('sizes that lie', () => {
  async function twoLeaves(lies: Message) {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, text)
    const cid = await putFile(
      blocks,
      [
        { cid: leaf, bytes: 10 },
        { cid: leaf, bytes: 10 },
      ],
      lies,
    )
    return await reading(blocks, cid)
  }

  test.each<[string, Message, string]>([
    ['fewer sizes than children', { blockSizes: [10], fileBytes: 10 }, ''],
    ['more sizes than children', { blockSizes: [10, 10, 0] }, ''],
    ['a file larger than its parts', { fileBytes: 21 }, ''],
    ['a file smaller than its parts', { fileBytes: 19 }, ''],
    ['a negative size', { blockSizes: [10, -1n], fileBytes: 9 }, ''],
    ['a size over 2^53', { blockSizes: [10, 2n ** 53n], fileBytes: 2n ** 53n + 10n }, ''],
    ['a sum over 2^53', { blockSizes: [2n ** 53n - 1n, 2n ** 53n - 1n], fileBytes: 5 }, ''],
    ['a second child larger than it is', { blockSizes: [10, 11], fileBytes: 21 }, '0123456789'],
    ['a second child smaller than it is', { blockSizes: [10, 9], fileBytes: 19 }, '0123456789'],
  ])('%s', async (_what, lies, before) => {
    expect(await twoLeaves(lies)).toEqual({ code: 'DAG_INVALID', bytes: before })
  })

  test('of a dag-pb leaf, and of a node with children', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putNode(blocks, { type: TYPE.file, data: text, fileBytes: 10 })
    const inner = await putFile(blocks, [{ cid: leaf, bytes: 10 }])
    for (const cid of [leaf, inner]) {
      for (const bytes of [9, 11, limits.maxBlockBytes + 1]) {
        const parent = await putFile(blocks, [
          { cid: leaf, bytes: 10 },
          { cid, bytes },
        ])
        expect(await reading(blocks, parent)).toEqual({ code: 'DAG_INVALID', bytes: '0123456789' })
      }
    }
  })

  test('of a raw leaf of which a part is asked that it does not have', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, text)
    const cid = await putFile(blocks, [{ cid: leaf, bytes: 20 }])
    expect((await failure(collect(readFile(blocks, cid, { offset: 15, length: 2 })))).code).toBe(
      'DAG_INVALID',
    )
  })
})

describe('bombs', () => {
  test('children of no bytes are not visited, however many they are', async () => {
    const blocks = new MemoryBlocks()
    let cid = await putNode(blocks, { type: TYPE.file })
    for (let level = 0; level < 40; level++) {
      cid = await putFile(
        blocks,
        Array.from({ length: 50 }, () => ({ cid, bytes: 0 })),
      )
    }
    expect(await collect(readFile(blocks, cid))).toEqual(Buffer.alloc(0))
    expect(blocks.gets.length).toBe(1)
  })

  test('a file of 2^50 bytes out of 40 blocks gives its first byte and any other at once', async () => {
    const blocks = new MemoryBlocks()
    let child = { cid: await putRaw(blocks, Buffer.alloc(1024, 7)), bytes: 1024 }
    for (let level = 0; level < 40; level++) {
      child = { cid: await putFile(blocks, [child, child]), bytes: child.bytes * 2 }
    }
    for (const offset of [0, 2 ** 49 + 5, 2 ** 50 - 3]) {
      const read = await collect(readFile(blocks, child.cid, { offset, length: 3 }))
      expect([...read]).toEqual([7, 7, 7])
    }
    expect(blocks.gets.length + blocks.parts.length).toBeLessThan(3 * 42 + 3)
  })

  test.each([
    [limits.maxDagDepth, undefined],
    [limits.maxDagDepth + 1, 'DAG_LIMIT'],
  ])('%i nodes above a leaf', async (depth, code) => {
    const blocks = new MemoryBlocks()
    let cid = await putRaw(blocks, text)
    for (let level = 0; level <= depth; level++) cid = await putFile(blocks, [{ cid, bytes: 10 }])
    const read = collect(readFile(blocks, cid))
    if (code === undefined) expect((await read).equals(text)).toBe(true)
    else expect((await failure(read)).code).toBe(code)
  })

  test('the same above a large file, where nodes are opened ahead', async () => {
    const blocks = new MemoryBlocks()
    let child = { cid: await putRaw(blocks, text), bytes: 10 }
    for (let level = 0; level < 20; level++) {
      child = { cid: await putFile(blocks, [child, child]), bytes: child.bytes * 2 }
    }
    for (let level = 0; level < limits.maxDagDepth; level++) {
      child = { ...child, cid: await putFile(blocks, [child]) }
    }
    expect((await reading(blocks, child.cid)).code).toBe('DAG_LIMIT')
  })

  test('nodes that are large and deep are not all held', async () => {
    const blocks = new MemoryBlocks()
    const padding = new Uint8Array(1_900_000)
    let child = { cid: await putRaw(blocks, text), bytes: 10 }
    for (let level = 0; level < 30; level++) {
      const bytes = padding.byteLength + 2 * child.bytes
      const cid = await putFile(blocks, [child, child], { data: padding })
      child = { cid, bytes }
    }
    const wanted = { offset: child.bytes - 5, length: 5 }
    expect((await failure(collect(readFile(blocks, child.cid, wanted)))).code).toBe('DAG_LIMIT')
  })
})

describe('blocks that are no dag-pb', () => {
  const link = [0x0a, 36, ...CID.createV1(RAW, identity.digest(new Uint8Array(32))).bytes]
  const data = [0x0a, 2, 8, 2]

  test.each<[string, number[]]>([
    ['no bytes', []],
    ['no data', [0x12, link.length, ...link]],
    ['data twice', [...data, ...data]],
    [
      'links on both sides of the data',
      [0x12, link.length, ...link, ...data, 0x12, link.length, ...link],
    ],
    ['an unknown field', [...data, 0x1a, 0]],
    ['a field that is cut off', [0x0a, 5, 8, 2]],
    ['a number that is cut off', [0x0a, 0x80]],
    ['a number without an end', [0x0a, ...Array.from({ length: 11 }, () => 0xff)]],
    ['a number as data', [8, 2]],
    ['a link without a hash', [...data, 0x12, 2, 0x12, 0]],
    ['an empty link', [...data, 0x12, 0]],
    ['a link with two names', [...data, 0x12, link.length + 4, ...link, 0x12, 0, 0x12, 0]],
    [
      'a link with its name after its size',
      [...data, 0x12, link.length + 4, ...link, 0x18, 0, 0x12, 0],
    ],
    [
      'a link with a negative size',
      [...data, 0x12, link.length + 11, ...link, 0x18, ...varint(-1n)],
    ],
    ['UnixFS data that is cut off', [0x0a, 4, 8, 2, 0x12, 9]],
    ['UnixFS data of another type', [0x0a, 4, 8, 2, 0x10, 9]],
    ['a UnixFS type of another type', [0x0a, 3, 0x0a, 1, 2]],
    ['a UnixFS field of an unknown wire type', [0x0a, 4, 8, 2, 0x4f, 9]],
    ['a UnixFS field of four bytes that has two', [0x0a, 5, 8, 2, 0x4d, 9, 9]],
  ])('%s', async (_what, bytes) => {
    const blocks = new MemoryBlocks()
    const cid = await putBlock(blocks, Uint8Array.from(bytes))
    expect((await reading(blocks, cid)).code).toBe('DAG_INVALID')
  })

  test('a link to what is no CID', async () => {
    const blocks = new MemoryBlocks()
    const bytes = [0x12, 6, 0x0a, 4, 9, 9, 9, 9, 0x0a, 6, 8, 2, 0x18, 1, 0x20, 1]
    const cid = await putBlock(blocks, Uint8Array.from(bytes))
    expect((await reading(blocks, cid)).code).toBe('DAG_INVALID')
  })

  test('any bytes decode or are DAG_INVALID', () => {
    const cid = CID.createV1(DAG_PB, identity.digest(new Uint8Array(0)))
    const honest = unixfsData({ type: TYPE.file, data: text, fileBytes: 20, blockSizes: [10] })
    const mutated = fc
      .tuple(fc.nat(honest.byteLength - 1), fc.nat(255))
      .map(([at, value]) => Uint8Array.from([0x0a, honest.byteLength, ...honest.with(at, value)]))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated), (bytes) => {
        try {
          expect(decodeNode(cid, bytes).cid).toBe(cid)
        } catch (error) {
          expect(error).toBeInstanceOf(PrsmError)
          expect(error).toHaveProperty('code', 'DAG_INVALID')
        }
      }),
      { numRuns: 3000 },
    )
  })
})

test('an error names the CID it is about', async () => {
  const blocks = new MemoryBlocks()
  const cid = await putFolder(blocks, [])
  const error = await failure(all(readFile(blocks, cid)))
  expect(error.message).toContain(cid.toString())
  expect(error.details['cid']).toBe(cid.toString())
})
