import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { dagBlocks } from '../../../src/car/traverse.ts'
import { type EntityBytes, entityLinks, rangeOf } from '../../../src/car/traverse-entity.ts'
import { resolveWay, traceWay } from '../../../src/car/traverse-path.ts'
import { readFile } from '../../../src/unixfs/read.ts'
import { noise } from '../../support/content.ts'
import { codeOf } from '../../support/failure.ts'
import { putBlock, putFile, putFolder, putNode, putRaw, TYPE } from '../unixfs/hand-made.ts'
import { all, collect, MemoryBlocks } from '../unixfs/memory-blocks.ts'
import { putCbor, putJson } from './blocks.ts'

async function entity(blocks: MemoryBlocks, cid: CID, bytes?: EntityBytes): Promise<string[]> {
  const walk = dagBlocks(blocks, cid, { expand: entityLinks(bytes) })
  return (await all(walk)).map((block) => block.cid.toString())
}

/** A file of three levels: chunks of 100 bytes, two a node, some bytes in the inner nodes themselves. */
async function file(blocks: MemoryBlocks): Promise<{ cid: CID; bytes: number }> {
  const nodes: { cid: CID; bytes: number }[] = []
  for (let node = 0; node < 4; node++) {
    const own = noise(10, 100 + node)
    const chunks: { cid: CID; bytes: number }[] = []
    for (let chunk = 0; chunk < 2; chunk++) {
      chunks.push({ cid: await putRaw(blocks, noise(100, node * 2 + chunk)), bytes: 100 })
    }
    nodes.push({ cid: await putFile(blocks, chunks, { data: own }), bytes: 210 })
  }
  return { cid: await putFile(blocks, nodes), bytes: 840 }
}

describe('an entity with bytes', () => {
  test('is what a reader of those bytes needs and nothing more, for every range', async () => {
    const blocks = new MemoryBlocks()
    const { cid, bytes } = await file(blocks)
    const whole = await collect(readFile(blocks, cid))
    for (let from = 0; from < bytes; from += 35) {
      for (const to of [from, from + 1, from + 99, from + 300, undefined]) {
        const found = await entity(blocks, cid, { from, to })
        const part = new MemoryBlocks()
        for (const [key, block] of blocks.blocks) part.blocks.set(key, block)
        const range = rangeOf({ from, to }, bytes)
        const length = range.end - range.start
        const read = await collect(readFile(part, cid, { offset: from, length }))
        expect(read.equals(whole.subarray(range.start, range.end))).toBe(true)
        const needed = [...part.gets, ...part.parts.map((each) => each.cid)]
        // A node's own bytes may be all that is wanted of it: then it is there without its children.
        expect(new Set(found)).toEqual(new Set(needed))
      }
    }
  })

  test('counts from the end what is negative, and takes nothing that is outside', () => {
    expect(rangeOf({ from: -5, to: undefined }, 10)).toEqual({ start: 5, end: 10 })
    expect(rangeOf({ from: -99, to: -3 }, 10)).toEqual({ start: 0, end: 8 })
    expect(rangeOf({ from: 0, to: 99 }, 10)).toEqual({ start: 0, end: 10 })
    expect(rangeOf({ from: 2, to: -3 }, 10)).toEqual({ start: 2, end: 8 })
    const outside = rangeOf({ from: 20, to: 30 }, 10)
    expect(outside.end - outside.start).toBe(0)
  })

  test('outside of the file is its root alone', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await file(blocks)
    expect(await entity(blocks, cid, { from: 9999, to: undefined })).toEqual([cid.toString()])
  })

  test('of a file that lies about a child is DAG_INVALID, of one that is too deep DAG_LIMIT', async () => {
    const blocks = new MemoryBlocks()
    const raw = await putRaw(blocks, noise(100, 1))
    const range = { from: 0, to: undefined }
    const lying = await putFile(blocks, [{ cid: raw, bytes: 2 ** 40 }])
    expect(await codeOf(entity(blocks, lying, range))).toBe('DAG_INVALID')
    const sum = await putFile(blocks, [{ cid: raw, bytes: 100 }], { fileBytes: 7 })
    expect(await codeOf(entity(blocks, sum, range))).toBe('DAG_INVALID')
    let deep = raw
    for (let depth = 0; depth < 200; depth++)
      deep = await putFile(blocks, [{ cid: deep, bytes: 100 }])
    expect(await codeOf(entity(blocks, deep, range))).toBe('DAG_LIMIT')
  })

  test('passes over what a child of another codec would be', async () => {
    const blocks = new MemoryBlocks()
    const other = await putCbor(blocks, { a: 1 })
    const root = await putFile(blocks, [{ cid: other, bytes: 4 }])
    const range = { from: 0, to: undefined }
    expect(await codeOf(entity(blocks, root, range))).toBe('UNSUPPORTED_CODEC')
  })
})

describe('an entity', () => {
  test('that is a folder, a link, a document or no UnixFS is its block alone', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, noise(9, 1))
    const links = [{ name: 'a', cid: leaf }]
    const folder = await putFolder(blocks, links)
    const symlink = await putNode(blocks, { type: TYPE.symlink, data: Buffer.from('a') })
    const document = await putCbor(blocks, { leaf })
    for (const cid of [folder, symlink, document, leaf]) {
      expect(await entity(blocks, cid)).toEqual([cid.toString()])
    }
  })

  test('that is a file has all its blocks', async () => {
    const blocks = new MemoryBlocks()
    const { cid } = await file(blocks)
    expect((await entity(blocks, cid)).length).toBe(1 + 4 + 8)
  })
})

describe('a path', () => {
  test('leads through folders, maps and lists, and is told with the blocks that show it', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, noise(9, 1))
    const inner = await putFolder(blocks, [{ name: 'file', cid: leaf }])
    const json = await putJson(blocks, { at: [0, { folder: inner }] })
    const cbor = await putCbor(blocks, { map: { json } })
    const root = await putFolder(blocks, [{ name: 'document', cid: cbor }])
    const path = ['document', 'map', 'json', 'at', '1', 'folder', 'file']
    const way = await traceWay(blocks, { root, path })
    expect(way.cid.equals(leaf)).toBe(true)
    expect(way.rest).toEqual([])
    expect(way.blocks.map(String)).toEqual([root, cbor, json, inner].map(String))
    expect(way.roots.map(String)).toEqual(
      [root, cbor, cbor, json, json, json, inner, leaf].map(String),
    )
  })

  test('that ends inside a document says where', async () => {
    const blocks = new MemoryBlocks()
    const cbor = await putCbor(blocks, { a: { b: 7 } })
    const root = await putFolder(blocks, [{ name: 'document', cid: cbor }])
    const way = await traceWay(blocks, { root, path: ['document', 'a', 'b'] })
    expect(way.cid.equals(cbor)).toBe(true)
    expect(way.rest).toEqual(['a', 'b'])
    expect(way.blocks.map(String)).toEqual([root.toString()])
  })

  test.each([
    [['map', 'nothing'], 'PATH_NOT_FOUND'],
    [['list', '2'], 'PATH_NOT_FOUND'],
    [['list', '-1'], 'PATH_NOT_FOUND'],
    [['list', 'length'], 'PATH_NOT_FOUND'],
    [['map', '__proto__'], 'PATH_NOT_FOUND'],
    [['map', 'constructor'], 'PATH_NOT_FOUND'],
    [['map', 'text', '0'], 'PATH_NOT_FOUND'],
    [['leaf', 'name'], 'NOT_A_DIRECTORY'],
  ])('%j is %s', async (path, code) => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, noise(9, 1))
    const root = await putCbor(blocks, { map: { text: 'abc' }, list: [1, 2], leaf })
    expect(await codeOf(resolveWay(blocks, { root, path }))).toBe(code)
  })

  test('into what is nested too deep to be read is DAG_INVALID', async () => {
    const blocks = new MemoryBlocks()
    const root = await putCbor(blocks, [1])
    const deep = Buffer.concat([Buffer.alloc(500_000, 0x81), Buffer.from([0])])
    const cid = await putBlock(blocks, deep, { codec: 0x71 })
    expect(await codeOf(resolveWay(blocks, { root: cid, path: ['0', '0'] }))).toBe('DAG_INVALID')
    expect((await resolveWay(blocks, { root, path: ['0'] })).rest).toEqual(['0'])
    // A walk over its links reads it all the same: it makes no values.
    expect(await entity(blocks, cid)).toEqual([cid.toString()])
    expect((await all(dagBlocks(blocks, cid))).length).toBe(1)
  })
})
